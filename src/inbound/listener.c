#include "inbound/listener.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbound/session.h"

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

void inbound_listener_run(void *arg)
{
    struct inbound_listener *l = arg;
    /* After a reload the same index may mean another listener, with another role: until this one
     * is opened anew, what it accepts is judged by the configuration that it was opened with. */
    struct inbound_view *view = inbound_view_hold(l->in);
    while (!fiber_canceled()) {
        struct net_conn *conn;
        err e = net_accept(l->net, &conn, DEADLINE_NEVER);
        if (e == NULL) {
            struct arrival *a = MEM_NEW(struct arrival);
            *a = (struct arrival){l->in, inbound_view_again(view), conn, l->index};
            fiber_spawn(l->sessions, "session", serve, a);
        } else if (e->kind != ERR_CANCELED) {
            log_err(e, "listener %zu pauses", l->index);
            if (fiber_sleep(deadline_after(INBOUND_LISTENER_PAUSE_MS)))
                break; /* canceled */
        }
        err_forget();
    }
    inbound_view_close(view);
}
