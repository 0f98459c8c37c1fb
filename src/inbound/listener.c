#include "inbound/listener.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbound/session.h"

struct arrival {
    struct inbound *in;
    struct net_conn *conn;
    size_t listener;
};

static void serve(void *arg)
{
    struct arrival a = *(struct arrival *)arg;
    mem_free(arg);
    inbound_session_run(a.in, a.conn, a.listener);
}

void inbound_listener_run(void *arg)
{
    struct inbound_listener *l = arg;
    while (!fiber_canceled()) {
        struct net_conn *conn;
        err e = net_accept(l->net, &conn, DEADLINE_NEVER);
        if (e == NULL) {
            struct arrival *a = MEM_NEW(struct arrival);
            *a = (struct arrival){l->in, conn, l->index};
            fiber_spawn(l->sessions, "session", serve, a);
        } else if (e->kind == ERR_SYSTEM) {
            log_err(e, "listener %zu pauses", l->index);
            e = fiber_sleep(deadline_after(INBOUND_LISTENER_PAUSE_MS));
        }
        err_forget();
    }
}
