/* Attack 213: nobody is surprised by a certificate of his own that has expired. */
#include "config/text_test.h"
#include "inbound/certificate.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

struct watch {
    int told, expired;
};

static void listen_to(void *arg, const struct event *e)
{
    struct watch *w = arg;
    w->told += e->kind == EVENT_CERTIFICATE_LATE;
    w->expired += str_contains(e->reason, S("expired on"));
}

static struct inbound_view *open_view(const struct config *c)
{
    struct inbound_view *view = NULL;
    CHECK_DONE(tls_make_certificate(S("mx.example"), "/tls.crt", "/tls.key"), "certificate");
    CHECK_DONE(inbound_view_open(c, S("/tls.crt"), S("/tls.key"), &view), "view");
    return view;
}

static void sleep_days(int days)
{
    for (int i = 0; i < days; i++)
        CHECK_DONE(fiber_sleep(deadline_after(INBOUND_CERTIFICATE_AGAIN_MS)), "a day");
}

static void years(void *arg)
{
    struct watch w = {0};
    struct event_sink sink = {listen_to, &w};
    struct inbound in;
    struct group watching;
    (void)arg;
    struct sim_fs *fs = sim_fs_open();
    sim_fs_use(fs);
    struct config *config = config_text_test(S("hostname: mx.example\n"));
    inbound_init(&in, open_view(config));
    in.events = &sink;
    group_init(&watching);
    fiber_spawn(&watching, "certificates", inbound_certificate_run, &in);
    sleep_days(TLS_CERTIFICATE_DAYS - 8);
    CHECK(w.told == 0, "it is long");
    sleep_days(4);
    CHECK(w.told >= 3 && w.told <= 4 && w.expired == 0, "once a day in the last week");
    sleep_days(5);
    CHECK(w.expired >= 1, "and after it");
    int told = w.told;
    CHECK_DONE(file_remove("/tls.crt"), "old");
    CHECK_DONE(file_remove("/tls.key"), "old");
    inbound_view_replace(&in, open_view(config));
    sleep_days(3);
    CHECK(w.told == told, "a reload with a new one, and all is well");
    group_close(&watching);
    inbound_release(&in);
    config_close(config);
    sim_fs_use(NULL);
    sim_fs_close(fs);
}

TEST(inbound_certificate) { sim_run(1, years, NULL); }
