/* Attack 95: no descriptor is left. */
#include "base/log.h"
#include "config/text_test.h"
#include "inbound/listener.h"
#include "runtime/fault.h"
#include "runtime/sim.h"
#include "tests/test.h"
#include <errno.h>

static int pauses_told;

static void count_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level;
    pauses_told += str_contains(line, S("listener 0 pauses"));
}

static void run_for_minutes(void *arg)
{
    struct inbound_view *view = NULL;
    struct inbound in;
    struct inbound_listener l = {.in = &in};
    struct group accepting, sessions;
    CHECK_DONE(inbound_view_open(arg, (str){0}, (str){0}, &view), "view");
    inbound_init(&in, view);
    CHECK_DONE(net_listen(&((const struct config *)arg)->listeners[0].address, &l.net), "listen");
    group_init(&accepting);
    group_init(&sessions);
    l.sessions = &sessions;
    fault_arm("listener.accept", FAULT_FAIL, EMFILE, 1, true);
    fault_count(true);
    fiber_spawn(&accepting, "listener", inbound_listener_run, &l);
    CHECK_DONE(fiber_sleep(deadline_after(150 * 1000)), "sleep");
    int tries = fault_hits("listener.accept");
    CHECK(tries > 700, "attack 95: it goes on trying");
    CHECK(tries < 800, "attack 95: with pauses");
    group_close(&accepting);
    group_close(&sessions);
    net_listener_close(l.net);
    inbound_release(&in);
    fault_clear();
}

TEST(inbound_listener_pauses)
{
    struct config *config =
        config_text_test(S("listeners: [{ address: \"127.0.0.1:2526\", role: relay }]\n"));
    pauses_told = 0;
    log_set_sink(count_line, NULL);
    sim_run(3, run_for_minutes, config);
    log_set_sink(NULL, NULL);
    CHECK(pauses_told == 3, "attack 95: told at once, then once a minute");
    config_close(config);
}
