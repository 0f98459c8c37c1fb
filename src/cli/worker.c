#include "cli/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/net_epoll.h"
#include "runtime/sim.h"
#include <string.h>

enum {
    RECOVER_MS = 60 * 1000, /* the reports: then mail flows without */
    REFRESH_MS = 60 * 60 * 1000,
};

static void report(struct worker *w, struct service_report *r, err e)
{
    *r = (struct service_report){.failed = e != NULL};
    if (e) {
        r->kind = e->kind;
        r->number = err_number(e);
        err_words(e, r->words, sizeof r->words);
    }
    chan_send(w->service->reports, &r->item);
}

/* ---- listeners -------------------------------------------------------------------------- */

static struct worker_listener *find_listener(struct worker *w, const struct address *asked)
{
    for (size_t i = 0; i < w->listener_count; i++)
        if (address_eq(&w->listeners[i].asked, asked))
            return &w->listeners[i];
    return NULL;
}

/* Would our own sockets be found in the way of this one? */
static bool overlaps_ours(struct worker *w, const struct config *c, const struct address *at)
{
    const struct config *now = service_config(w->service);
    bool overlaps = config_overlaps(c, at) || config_overlaps(now, at);
    config_close(now);
    return overlaps;
}

static err open_listener(struct worker *w, const struct config *c, size_t i,
                         struct net_listener **ret_listener)
{
    const struct service_options *o = &w->service->options;
    const struct address *at = &c->listeners[i].address;
    size_t place = i * (size_t)w->service->worker_count + (size_t)w->index;
    if (o->listen_fds && place < o->listen_fd_count && o->listen_fds[place] >= 0) {
        TRY(net_listen_on(o->listen_fds[place], ret_listener));
        o->listen_fds[place] = -1;
        return NULL;
    }
    if (w->index == 0 && !sim_active() && !overlaps_ours(w, c, at))
        TRY(net_epoll_probe(at));
    return net_listen(at, ret_listener);
}

static void abandon_listeners(struct worker *w)
{
    for (size_t i = 0; i < w->next_count; i++)
        if (find_listener(w, &w->next[i].asked) == NULL)
            net_listener_close(w->next[i].inbound.net);
    w->next_count = 0;
}

/* All that the configuration names, in w->next: those that we have, and new ones. */
static err prepare_listeners(struct worker *w, const struct config *c)
{
    ASSERT(w->next_count == 0);
    for (size_t i = 0; i < c->listener_count && i < SERVICE_LISTENERS_MAX; i++) {
        struct worker_listener *l = &w->next[i];
        *l = (struct worker_listener){
            .inbound = {.in = &w->service->inbound, .index = i, .sessions = &w->sessions},
            .asked = c->listeners[i].address,
        };
        struct worker_listener *have = find_listener(w, &l->asked);
        if (have)
            l->inbound.net = have->inbound.net;
        else
            TRY(open_listener(w, c, i, &l->inbound.net));
        w->next_count++;
    }
    return NULL;
}

static bool is_prepared(const struct worker *w, const struct address *asked)
{
    for (size_t i = 0; i < w->next_count; i++)
        if (address_eq(&w->next[i].asked, asked))
            return true;
    return false;
}

/* From here on we listen where it was prepared, and nowhere else. Sockets that stay keep what has
 * arrived at them meanwhile. */
static void switch_listeners(struct worker *w)
{
    group_close(&w->accepting);
    group_init(&w->accepting);
    for (size_t i = 0; i < w->listener_count; i++)
        if (!is_prepared(w, &w->listeners[i].asked))
            net_listener_close(w->listeners[i].inbound.net);
    memcpy(w->listeners, w->next, w->next_count * sizeof *w->next);
    w->listener_count = w->next_count;
    w->next_count = 0;
    for (size_t i = 0; i < w->listener_count; i++) {
        struct inbound_listener *l = &w->listeners[i].inbound;
        w->addresses[i] = net_listener_address(l->net);
        fiber_spawn(&w->accepting, "listener", inbound_listener_run, l);
    }
}

static void close_listeners(struct worker *w)
{
    abandon_listeners(w);
    switch_listeners(w);
}

static err open_listeners(struct worker *w)
{
    const struct config *c = service_config(w->service);
    err e = prepare_listeners(w, c);
    config_close(c);
    if (e == NULL)
        switch_listeners(w);
    return e;
}

/* ---- a worker's life -------------------------------------------------------------------- */

/* MTA-STS policies are fetched again before their time is over (RFC 8461 section 10.2). */
static void refresh_policies(void *arg)
{
    struct worker *w = arg;
    err e = NULL;
    while (e == NULL) {
        e = fiber_sleep(deadline_after(REFRESH_MS));
        if (e == NULL)
            e = tlspolicy_sts_refresh(w->policies, deadline_after(REFRESH_MS));
        if (e && e->kind != ERR_CANCELED) {
            log_err(e, "MTA-STS policies");
            e = NULL;
        }
        err_forget();
    }
}

static err open_policies(struct worker *w)
{
    struct service *s = w->service;
    struct tlspolicy_sts_options o = {
        {s->resolver, s->web, false},
        s->state.policies
    };
    const struct config *c = service_config(s);
    bool wanted = s->web && c->outbound.mta_sts;
    config_close(c);
    if (!wanted)
        return NULL;
    TRY(tlspolicy_sts_open(&o, &w->policies));
    fiber_spawn(&w->administration, "policies", refresh_policies, w);
    return NULL;
}

static void open_way_out(struct worker *w)
{
    struct service *s = w->service;
    w->begun_with = service_config(s);
    struct outbound_connect_options ask = {
        .hello = w->begun_with->hostname,
        .timeouts = &w->begun_with->timeouts,
        .tls = s->tls_client,
        .keeper = s->keeper,
    };
    struct outbound_options out = {
        .config = service_config,
        .config_arg = s,
        .queue = s->queue,
        .schedule = w->schedule,
        .resolver = s->resolver,
        .sts = w->policies,
        .keeper = s->keeper,
        .tls = s->tls_client,
        .events = &s->events,
        .tls_reports = s->tls_reports,
        .mx_port = s->options.mx_port,
        .own = w->addresses,
        .own_count = &w->listener_count,
        .egress_health = s->egress_health,
        .transcripts = s->transcripts,
        .port25 = s->port25,
        .shaper = s->shaper,
        .crew = s->crew,
        .feedback = s->feedback,
    };
    if (w->index == 0)
        fiber_spawn(&w->administration, "shaper", shaper_run, s->shaper);
    outbound_ask_open(&ask, s->resolver, &w->asker);
    outbound_start(&out, &w->outbound);
}

/* The operator's socket, on the first worker. */
static err open_admin(struct worker *w)
{
    struct service *s = w->service;
    if (w->index != 0 || s->options.admin_stop == NULL)
        return NULL;
    struct cli_admin_actions actions = {
        .queue = s->queue,
        .transcripts = s->state.transcripts,
        .config = service_config,
        .config_arg = s,
        .why = {s->shaper, s->port25},
        .events = &s->events,
        .egress_health = s->egress_health,
        .feedback = s->feedback,
        .reload = s->options.admin_reload,
        .stop = s->options.admin_stop,
        .arg = s->options.admin_arg,
        .keep = s->keep,
        .shaper = s->shaper,
    };
    TRY(cli_admin_open(w->begun_with->admin_socket, &actions, &w->admin));
    fiber_spawn(&w->administration, "admin", cli_admin_run, w->admin);
    return NULL;
}

/* One fiber each for the server's reports and for what comes back, on the first worker. */
static void open_reports(struct worker *w)
{
    if (w->index != 0)
        return;
    inbound_report_recover(w->service->inbound_reports, deadline_after(RECOVER_MS));
    fiber_spawn(&w->administration, "reports", inbound_report_run, w->service->inbound_reports);
    fiber_spawn(&w->administration, "feedback", feedback_run, w->service->feedback);
    fiber_spawn(&w->administration, "certificates", inbound_certificate_run, &w->service->inbound);
    fiber_spawn(&w->administration, "TLS reports", outbound_tlsrpt_run, w->service->tls_reports);
}

/* One fiber looks after our addresses, another once at port 25, a third counts; on the first
 * worker. */
static void open_watches(struct worker *w)
{
    if (w->index != 0)
        return;
    fiber_spawn(&w->administration, "egress", outbound_egress_watch_run, &w->service->egress_watch);
    if (w->service->metrics_file[0])
        fiber_spawn(&w->administration, "metrics", cli_metrics_run, &w->service->metrics);
    fiber_spawn(&w->administration, "port 25 at start", outbound_port25_look_run,
                &w->service->port25_look);
}

static err open_parts(struct worker *w)
{
    queue_attach(w->service->queue, w->index, &w->schedule);
    TRY(open_listeners(w));
    open_reports(w); /* before the first delivery */
    TRY(open_policies(w));
    open_way_out(w);
    open_watches(w);
    return open_admin(w);
}

static void close_parts(struct worker *w)
{
    close_listeners(w);
    group_close(&w->administration);
    cli_admin_close(w->admin);
    w->admin = NULL;
    group_close(&w->sessions);
    outbound_stop(w->outbound, w->service->grace_ms);
    outbound_ask_close(w->asker);
    tlspolicy_sts_close(w->policies);
    w->policies = NULL;
    config_close(w->begun_with);
    schedule_close(w->schedule);
    w->asker = NULL;
    w->begun_with = NULL;
    w->schedule = NULL;
    w->outbound = NULL;
}

static err await_order(struct worker *w, enum worker_order *ret_order)
{
    while (w->order == WORKER_GO_ON)
        TRY(gate_wait(&w->orders, DEADLINE_NEVER));
    *ret_order = w->order;
    w->order = WORKER_GO_ON;
    return NULL;
}

static void obey(struct worker *w)
{
    enum worker_order order = WORKER_GO_ON;
    while (await_order(w, &order) == NULL && order != WORKER_STOP) {
        err e = NULL;
        if (order == WORKER_PREPARE)
            e = prepare_listeners(w, w->service->next);
        else if (order == WORKER_SWITCH)
            switch_listeners(w);
        else
            abandon_listeners(w);
        report(w, &w->report, e);
        err_forget();
    }
}

static void live(void *arg)
{
    struct worker *w = arg;
    w->loop = loop_current();
    gate_init(&w->orders);
    group_init(&w->sessions);
    group_init(&w->administration);
    group_init(&w->accepting);
    err e = open_parts(w);
    report(w, &w->report, e);
    if (e == NULL)
        obey(w);
    close_parts(w);
    err_forget();
    report(w, &w->ended, NULL);
}

void worker_run(void *arg)
{
    struct worker *w = arg;
    if (loop_current()) {
        live(w);
        return;
    }
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "worker", live, w);
    loop_close(loop);
}
