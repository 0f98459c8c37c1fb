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

static err open_parts(struct worker *w)
{
    struct service *s = w->service;
    queue_attach(s->queue, w->index, &w->schedule);
    return open_listeners(w);
}

static void close_parts(struct worker *w)
{
    close_listeners(w);
    group_close(&w->sessions);
    schedule_close(w->schedule);
    w->schedule = NULL;
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
