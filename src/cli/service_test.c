/* The whole server in real threads over real sockets: starts that fail, reloads and a stop under
 * load. What it shows besides its checks is seen by the sanitizers. */
#include "base/mem.h"
#include "cli/bench_send.h"
#include "cli/bench_sink.h"
#include "cli/service.h"
#include "config/text_test.h"
#include "queue/queue.h"
#include "runtime/net_epoll.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    WORKERS = 4,
    CONNECTIONS = 8,
    RELOADS = 12,
    TEXT_BYTES = 2048,
    STOP_MS_MAX = 20 * 1000,
};

/* ---- a place ------------------------------------------------------------------------------ */

struct place {
    char folder[64], sink[96];
    uint16_t ports[4];
};

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at)
{
    (void)facts, (void)type, (void)at;
    return remove(path);
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "a free port");
    getsockname(fd, (struct sockaddr *)&at, &len);
    close(fd);
    return ntohs(at.sin_port);
}

static void open_place(struct place *p)
{
    *p = (struct place){.folder = "/tmp/smtptool-service-XXXXXX"};
    CHECK(mkdtemp(p->folder) != NULL, "folder");
    snprintf(p->sink, sizeof p->sink, "%s/sink", p->folder);
    for (size_t i = 0; i < ARRAY_LEN(p->ports); i++)
        p->ports[i] = free_port();
}

static void close_place(struct place *p) { nftw(p->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static struct config *configure(const struct place *p, const char *listeners, const char *more)
{
    char text[TEXT_BYTES];
    int length = snprintf(text, sizeof text,
                          "hostname: mail.test\n"
                          "state: %s/state\n"
                          "events: { to: none }\n"
                          "dns: { servers: [ 127.0.0.1 ], validate: no }\n"
                          "limits: { per_address: 1000, connect_rate_per_minute: 1000000,\n"
                          "          messages_per_connection: 0 }\n"
                          "routes: [ { to: \"*\", via: [ \"lmtp+unix://%s\" ] } ]\n"
                          "%s"
                          "listeners:\n%s",
                          p->folder, p->sink, more, listeners);
    CHECK(length > 0 && (size_t)length < sizeof text, "it fits");
    return config_text_test(str_of(text));
}

static struct service_options options_of(const struct config *c)
{
    return (struct service_options){.config = c, .workers = WORKERS, .segment_bytes = 1 << 20};
}

/* ---- starts that fail --------------------------------------------------------------------- */

static void check_refused(const struct config *c, const char *label, int number, const char *words)
{
    struct service_options o = options_of(c);
    struct service *s = NULL;
    char text[512];
    err e = service_start(&o, &s);
    CHECK(e != NULL, label);
    if (e == NULL) {
        service_stop(s, 0);
        return;
    }
    err_describe(e, text, sizeof text);
    CHECK(err_number(e) == number, text);
    CHECK(strstr(text, words) != NULL, text);
    CHECK(number == 0 || strstr(strstr(text, strerror(number)) + 1, ": N") == NULL, text);
    err_forget();
}

static void refuse_a_busy_port(struct place *p)
{
    char listeners[TEXT_BYTES];
    struct address at;
    char text[64];
    int busy = -1;
    snprintf(text, sizeof text, "127.0.0.1:%u", p->ports[1]);
    CHECK_DONE(address_parse(str_of(text), 0, &at), text);
    CHECK_DONE(net_epoll_bind(&at, &busy), "somebody else, who shares his port");
    snprintf(listeners, sizeof listeners,
             "  - { address: \"127.0.0.1:%u\", role: relay }\n"
             "  - { address: \"127.0.0.1:%u\", role: relay }\n",
             p->ports[0], p->ports[1]);
    struct config *c = configure(p, listeners, "");
    check_refused(c, "a busy port", EADDRINUSE, "listen on 127.0.0.1:");
    close(busy);
    struct service_options o = options_of(c);
    struct service *s = NULL, *second = NULL;
    CHECK_DONE(service_start(&o, &s), "nothing was left of the one that failed");
    if (s) {
        CHECK(service_start(&o, &second) != NULL, "attack 201: a second one on the same state");
        service_stop(s, 0);
    }
    err_forget();
    config_close(c);
}

static void refuse_a_bad_certificate(struct place *p)
{
    char listeners[TEXT_BYTES], path[128], tls[400];
    snprintf(path, sizeof path, "%s/junk", p->folder);
    FILE *f = fopen(path, "w");
    fputs("junk\n", f);
    fclose(f);
    snprintf(tls, sizeof tls, "tls: { certificate: %s, key: %s }\n", path, path);
    snprintf(listeners, sizeof listeners, "  - { address: \"127.0.0.1:%u\", role: mx }\n",
             p->ports[0]);
    struct config *c = configure(p, listeners, tls);
    check_refused(c, "a bad certificate", 0, path);
    config_close(c);
}

static void refuse_a_bad_spool(struct place *p)
{
    char listeners[TEXT_BYTES], path[128];
    struct place other = *p;
    snprintf(path, sizeof path, "%s/state/spool", p->folder);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    FILE *f = fopen(path, "w");
    fclose(f);
    snprintf(listeners, sizeof listeners, "  - { address: \"127.0.0.1:%u\", role: relay }\n",
             p->ports[0]);
    struct config *c = configure(&other, listeners, "");
    check_refused(c, "a spool that is no folder", 0, "spool is not a folder");
    config_close(c);
}

TEST(service_start_fails_cleanly)
{
    struct place p;
    open_place(&p);
    refuse_a_busy_port(&p);
    refuse_a_bad_certificate(&p);
    refuse_a_bad_spool(&p);
    close_place(&p);
}

/* ---- under load --------------------------------------------------------------------------- */

struct load {
    struct bench_sink_options sink;
    struct bench_send_options send;
    struct bench_plan plan;
    struct bench_tally *sent, *took;
    struct thread *sinking, *sending;
};

static void run_sink(void *arg)
{
    struct load *l = arg;
    CHECK_DONE(bench_sink_run(&l->sink, l->took), "sink");
}

static void run_send(void *arg)
{
    struct load *l = arg;
    bench_send_run(&l->plan, &l->send, l->sent);
}

static void start_load(struct load *l, const struct place *p, int64_t duration_ms)
{
    char url[64];
    *l = (struct load){
        .sink = {.at.family = ADDRESS_UNIX,  .lmtp = true, .quiet = true, .workers = 1},
        .send = {.connections = CONNECTIONS,
                 .workers = 1,
                 .duration_ms = duration_ms,
                 .per_connection = 20                                                 },
        .sent = MEM_NEW(struct bench_tally),
        .took = MEM_NEW(struct bench_tally),
    };
    snprintf(l->sink.at.path, sizeof l->sink.at.path, "%s", p->sink);
    snprintf(url, sizeof url, "smtp://127.0.0.1:%u", p->ports[0]);
    struct bench_plan_options plan = {.server = url, .timeout_ms = 10000, .message_bytes = 2000};
    CHECK_DONE(bench_plan_open(&plan, &l->plan), url);
    l->sinking = thread_start("sink", run_sink, l);
    for (int i = 0; i < 500 && access(p->sink, F_OK) != 0; i++)
        usleep(10000);
    l->sending = thread_start("load", run_send, l);
}

static void end_load(struct load *l)
{
    raise(SIGTERM); /* nothing else ends the sink */
    thread_join(l->sinking);
    bench_plan_release(&l->plan);
    mem_free(l->sent);
    mem_free(l->took);
}

/* What the configuration of reload number n listens on: the load's port always does, the others
 * come, go and change their roles. */
static struct config *configuration(const struct place *p, int n)
{
    static const char *const roles[] = {"relay", "mx", "submission"};
    char listeners[TEXT_BYTES];
    int used = 0;
    for (int i = 0; i < 3; i++) {
        if (i > 0 && (n + i) % 3 == 0)
            continue;
        used += snprintf(listeners + used, sizeof listeners - (size_t)used,
                         "  - { address: \"127.0.0.1:%u\", role: %s }\n", p->ports[i],
                         i == 0 ? "relay" : roles[(n + i) % 3]);
    }
    return configure(p, listeners, "");
}

/* One that must be refused, and leave all as it is: its second port is somebody else's. */
static void reload_in_vain(struct service *s, struct place *p, const struct address *busy)
{
    char listeners[TEXT_BYTES];
    snprintf(listeners, sizeof listeners,
             "  - { address: \"127.0.0.1:%u\", role: mx }\n"
             "  - { address: \"127.0.0.1:%u\", role: relay }\n",
             p->ports[2], busy->port);
    struct config *c = configure(p, listeners, "");
    err e = service_reload(s, c, NULL, 0);
    CHECK(e && err_number(e) == EADDRINUSE, "a port that is in use refuses the reload");
    CHECK(service_listener_address(s, 0).port == p->ports[0], "the old listener is in force");
    config_close(c);
    err_forget();
}

static void reload_often(struct service *s, struct place *p)
{
    char text[64];
    struct address at;
    int busy = -1;
    snprintf(text, sizeof text, "127.0.0.1:%u", p->ports[3]);
    CHECK_DONE(address_parse(str_of(text), 0, &at), text);
    CHECK_DONE(net_epoll_bind(&at, &busy), "busy");
    for (int n = 0; n < RELOADS; n++) {
        struct config *c = configuration(p, n);
        CHECK_DONE(service_reload(s, c, NULL, 0), "reload");
        config_close(c);
        if (n % 4 == 1)
            reload_in_vain(s, p, &at);
        usleep(50000);
    }
    close(busy);
}

TEST(service_reloads_lose_no_connection)
{
    struct place p;
    struct load l;
    struct service *s = NULL;
    open_place(&p);
    struct config *c = configuration(&p, 0);
    struct service_options o = options_of(c);
    CHECK_DONE(service_start(&o, &s), "start");
    config_close(c);
    if (s == NULL)
        return;
    start_load(&l, &p, 1500);
    reload_often(s, &p);
    thread_join(l.sending);
    CHECK(l.sent->messages > 20, "the load was one");
    CHECK(l.sent->lost == 0, "every connection was served");
    CHECK(l.sent->refused == 0, "nothing was refused");
    for (size_t i = 0; i < l.sent->fault_count; i++)
        CHECK(false, l.sent->faults[i].text);
    service_stop(s, STOP_MS_MAX);
    end_load(&l);
    close_place(&p);
}

/* Attack 199: what was acknowledged is there after a stop in the middle of it. */
static void count_what_is_left(const struct config *c)
{
    struct service_options o = options_of(c);
    struct service *s = NULL;
    CHECK_DONE(service_start(&o, &s), "start again");
    if (s == NULL)
        return;
    struct queue_stats stats;
    for (int i = 0; i < 1000; i++) {
        queue_stats(service_queue(s), &stats);
        if (stats.deliveries == 0)
            break;
        usleep(10000);
    }
    CHECK(stats.deliveries == 0, "all that was left is delivered");
    service_stop(s, STOP_MS_MAX);
}

TEST(service_stops_under_load)
{
    struct place p;
    struct load l;
    struct service *s = NULL;
    open_place(&p);
    struct config *c = configuration(&p, 0);
    struct service_options o = options_of(c);
    CHECK_DONE(service_start(&o, &s), "start");
    if (s == NULL)
        return;
    start_load(&l, &p, 1500);
    usleep(700000);
    deadline until = deadline_after(STOP_MS_MAX);
    service_stop(s, STOP_MS_MAX / 2);
    CHECK(!deadline_passed(until), "it stops in time");
    thread_join(l.sending);
    CHECK(l.sent->messages > 20, "the load was one");
    for (size_t i = 0; i < l.sent->fault_count; i++)
        CHECK(l.sent->faults[i].code == 0 || l.sent->faults[i].code == 421, l.sent->faults[i].text);
    count_what_is_left(c);
    uint64_t sent = l.sent->messages;
    raise(SIGTERM);
    thread_join(l.sinking);
    CHECK(l.took->messages >= sent, "attack 199: nothing acknowledged is lost");
    bench_plan_release(&l.plan);
    mem_free(l.sent);
    mem_free(l.took);
    config_close(c);
    close_place(&p);
}
