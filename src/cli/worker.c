#include "cli/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include <stdio.h>

static void report(struct worker *w, err e)
{
    struct service_report *r = &w->report;
    *r = (struct service_report){.failed = e != NULL};
    if (e) {
        r->kind = e->kind;
        r->number = err_number(e);
        err_describe(e, r->text, sizeof r->text);
    }
    chan_send(w->service->reports, &r->item);
}

/* ---- listeners -------------------------------------------------------------------------- */

static err open_listener(struct worker *w, const struct config *c, size_t i,
                         struct net_listener **ret_listener)
{
    const struct service_options *o = &w->service->options;
    size_t place = i * (size_t)w->service->worker_count + (size_t)w->index;
    if (o->listen_fds && place < o->listen_fd_count)
        return net_listen_on(o->listen_fds[place], ret_listener);
    return net_listen(&c->listeners[i].address, ret_listener);
}

static void close_listeners(struct worker *w)
{
    group_close(&w->accepting);
    for (size_t i = 0; i < w->listener_count; i++)
        net_listener_close(w->listeners[i].net);
    w->listener_count = 0;
}

static err open_listeners(struct worker *w)
{
    const struct config *c = service_config(w->service);
    err e = NULL;
    group_init(&w->accepting);
    for (size_t i = 0; i < c->listener_count && i < SERVICE_LISTENERS_MAX && e == NULL; i++) {
        struct inbound_listener *l = &w->listeners[i];
        *l = (struct inbound_listener){
            .in = &w->service->inbound, .index = i, .sessions = &w->sessions};
        e = open_listener(w, c, i, &l->net);
        if (e)
            break;
        w->addresses[i] = net_listener_address(l->net);
        w->listener_count++;
        fiber_spawn(&w->accepting, "listener", inbound_listener_run, l);
    }
    config_close(c);
    return e;
}

/* ---- a worker's life -------------------------------------------------------------------- */

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
        .keeper = s->keeper,
        .tls = s->tls_client,
        .events = &s->events,
        .mx_port = s->options.mx_port,
        .own = w->addresses,
        .own_count = w->listener_count,
    };
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
        .config = service_config,
        .config_arg = s,
        .events = &s->events,
        .reload = s->options.admin_reload,
        .stop = s->options.admin_stop,
        .arg = s->options.admin_arg,
    };
    TRY(cli_admin_open(w->begun_with->admin_socket, &actions, &w->admin));
    fiber_spawn(&w->administration, "admin", cli_admin_run, w->admin);
    return NULL;
}

static err open_parts(struct worker *w)
{
    queue_attach(w->service->queue, w->index, &w->schedule);
    TRY(open_listeners(w));
    open_way_out(w);
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
    config_close(w->begun_with);
    schedule_close(w->schedule);
    w->asker = NULL;
    w->begun_with = NULL;
    w->schedule = NULL;
    w->outbound = NULL;
}

static void obey(struct worker *w)
{
    for (;;) {
        while (w->order == WORKER_GO_ON)
            if (gate_wait(&w->orders, DEADLINE_NEVER))
                return;
        enum worker_order order = w->order;
        w->order = WORKER_GO_ON;
        if (order == WORKER_STOP)
            return;
        close_listeners(w);
        report(w, open_listeners(w));
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
    report(w, e);
    if (e == NULL)
        obey(w);
    close_parts(w);
    err_forget();
    report(w, NULL);
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
