#include "inbound/listener.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbound/session.h"
#include "runtime/fault.h"

struct arrival {
    struct inbound *in;
    struct inbound_view *view; /* held */
    struct net_conn *conn;
    size_t listener;
};

static void serve(void *arg)
{
    struct arrival a = *(struct arrival *)arg;
    mem_free(arg);
    inbound_session_run(a.in, a.view, a.conn, a.listener);
    inbound_view_close(a.view);
}

struct pauses { /* since the log was told */
    int count;
    int64_t told_ms; /* 0: never */
};

/* Pauses may be five a second for hours: the first is told, then the sum once a minute. */
static void tell_pause(struct pauses *p, size_t listener, err e)
{
    int64_t now = clock_steady_ms();
    p->count++;
    if (p->told_ms != 0 && now - p->told_ms < INBOUND_LISTENER_TELL_MS)
        return;
    log_err(e, "listener %zu pauses (%d of these)", listener, p->count);
    *p = (struct pauses){.told_ms = now};
}

static err accept_one(struct inbound_listener *l, struct net_conn **ret_conn)
{
    TRY(fault_point("listener.accept"));
    return net_accept(l->net, ret_conn, DEADLINE_NEVER);
}

void inbound_listener_run(void *arg)
{
    struct inbound_listener *l = arg;
    struct pauses pauses = {0};
    /* After a reload the same index may mean another listener, with another role: until this one
     * is opened anew, what it accepts is judged by the configuration that it was opened with. */
    struct inbound_view *view = inbound_view_hold(l->in);
    while (!fiber_canceled()) {
        struct net_conn *conn;
        err e = accept_one(l, &conn);
        if (e == NULL) {
            struct arrival *a = MEM_NEW(struct arrival);
            *a = (struct arrival){l->in, inbound_view_again(view), conn, l->index};
            fiber_spawn(l->sessions, "session", serve, a);
        } else if (e->kind != ERR_CANCELED) {
            tell_pause(&pauses, l->index, e);
            if (fiber_sleep(deadline_after(INBOUND_LISTENER_PAUSE_MS)))
                break; /* canceled */
        }
        err_forget();
    }
    inbound_view_close(view);
}
