#include "tests/talk_peer.h"
#include "base/mem.h"

struct talk_peer {
    struct list link;
    struct talk_run *run;
    str host;
    int port;
    struct address at;
    struct net_listener *listener;
    int connections;
    struct list sessions;
};

/* One connection, with the blocks that follow each other on it. */
struct session {
    struct list link;
    struct talk_peer *peer;
    struct talk_block *block; /* the next one; of an "any" block a copy */
    struct talk_actor actor;
    int nth;
    bool connected;
};

/* ---- who listens ---- */

static struct talk_peer *peer_at(struct talk_run *run, str host, int port)
{
    LIST_EACH(&run->peers, node)
    {
        struct talk_peer *p = LIST_OF(node, struct talk_peer, link);
        if (str_eq(p->host, host) && p->port == port)
            return p;
    }
    return NULL;
}

int talk_peer_connections(struct talk_run *run, str host)
{
    int count = -1;
    LIST_EACH(&run->peers, node)
    {
        struct talk_peer *p = LIST_OF(node, struct talk_peer, link);
        if (str_eq(p->host, host))
            count = (count < 0 ? 0 : count) + p->connections;
    }
    return count;
}

/* ---- one connection ---- */

static bool wait_reached(struct session *s, struct talk_block *b)
{
    struct talk_run *run = s->peer->run;
    while (!b->reached && !talk_run_over(run))
        if (gate_wait(&run->something, DEADLINE_NEVER))
            return false;
    return !talk_run_over(run);
}

static void run_session(void *arg)
{
    struct session *s = arg;
    struct talk_run *run = s->peer->run;
    bool first = true;
    for (struct talk_block *b = s->block; b; b = b->next) {
        bool go = first || b->any || wait_reached(s, b);
        bool ok = go && talk_actor_perform(&s->actor, b->first);
        b->done = true;
        gate_wake_all(&run->something);
        if (!ok)
            break;
        first = false;
    }
    /* The connection stays open until the scenario ends, unless a script closes it. */
}

static struct session *add_session(struct talk_peer *p, struct talk_block *b, int nth)
{
    struct session *s = ARENA_NEW(p->run->arena, struct session);
    s->peer = p;
    s->block = b;
    s->nth = nth;
    s->actor.run = p->run;
    s->actor.peer = true;
    s->actor.name = arena_printf(p->run->arena, "%.*s#%d", STR_ARG(p->host), nth);
    list_add_last(&p->sessions, &s->link);
    return s;
}

static struct session *session_for(struct talk_peer *p, int nth)
{
    LIST_EACH(&p->sessions, node)
    {
        struct session *s = LIST_OF(node, struct session, link);
        if (s->nth == nth)
            return s;
    }
    for (struct talk_item *i = p->run->script->first; i; i = i->next)
        if (i->word == TALK_ITEM_BLOCK && i->block->peer && i->block->any &&
            i->block->port == p->port && str_eq(i->block->name, p->host))
            return add_session(p, i->block, nth);
    return NULL;
}

static void accept_all(void *arg)
{
    struct talk_peer *p = arg;
    struct talk_run *run = p->run;
    for (;;) {
        struct net_conn *conn;
        if (net_accept(p->listener, &conn, DEADLINE_NEVER))
            return;
        struct session *s = session_for(p, ++p->connections);
        if (s == NULL) {
            net_close(conn);
            talk_run_note(run, p->host, "==", S("a connection that no block serves"));
            if (!run->crashed_ever)
                talk_run_fail(run, run->script->path, 1,
                              "connection %d to %.*s came, but no block serves it", p->connections,
                              STR_ARG(p->host));
            continue;
        }
        talk_run_note(run, s->actor.name, "==", S("connection"));
        s->actor.conn = conn;
        s->connected = true;
        fiber_spawn(&run->fibers, "peer", run_session, s);
        gate_wake_all(&run->something);
    }
}

/* ---- all of them ---- */

static bool listen_at(struct talk_run *run, str host, int port, str file, int line)
{
    if (peer_at(run, host, port))
        return true;
    struct talk_peer *p = ARENA_NEW(run->arena, struct talk_peer);
    *p = (struct talk_peer){.run = run, .host = host, .port = port};
    list_init(&p->sessions);
    err e = world_host(&run->world, host, &p->at);
    if (port && !run->real)
        p->at.port = (uint16_t)port;
    if (e == NULL)
        e = net_listen(&p->at, &p->listener);
    if (e) {
        char why[512];
        err_describe(e, why, sizeof why);
        talk_run_fail(run, file, line, "%.*s cannot listen: %s", STR_ARG(host), why);
        return false;
    }
    list_add_last(&run->peers, &p->link);
    fiber_spawn(&run->fibers, "listen", accept_all, p);
    return true;
}

/* "not-sent HOST" and "sessions HOST N" need somebody who counts. */
static bool listen_for_fact(struct talk_run *run, const struct talk_item *i)
{
    str rest = i->text;
    str word = talk_script_word(&rest);
    if (!str_eq(word, S("not-sent")) && !str_eq(word, S("sessions")))
        return true;
    str host = talk_script_word(&rest);
    return talk_peer_connections(run, host) >= 0 || listen_at(run, host, 0, i->file, i->line);
}

static bool open_block(struct talk_run *run, struct talk_block *b)
{
    if (!listen_at(run, b->name, b->port, b->file, b->line))
        return false;
    struct talk_peer *p = peer_at(run, b->name, b->port);
    bool known = b->any;
    LIST_EACH(&p->sessions, node)
    known = known || LIST_OF(node, struct session, link)->nth == b->nth;
    if (!known)
        add_session(p, b, b->nth);
    return true;
}

bool talk_peer_open_all(struct talk_run *run)
{
    for (struct talk_item *i = run->script->first; i; i = i->next)
        if (i->word == TALK_ITEM_BLOCK && i->block->peer && !open_block(run, i->block))
            return false;
    for (struct talk_item *i = run->script->first; i; i = i->next)
        if (i->word == TALK_ITEM_THEN && !listen_for_fact(run, i))
            return false;
    return true;
}

void talk_peer_close_all(struct talk_run *run)
{
    LIST_EACH(&run->peers, node)
    {
        struct talk_peer *p = LIST_OF(node, struct talk_peer, link);
        LIST_EACH(&p->sessions, s)
        talk_actor_close(&LIST_OF(s, struct session, link)->actor);
        net_listener_close(p->listener);
        p->listener = NULL;
    }
}

void talk_peer_reach(struct talk_run *run, struct talk_block *b)
{
    b->reached = true;
    gate_wake_all(&run->something);
}

static bool is_connected(struct talk_run *run, const struct talk_block *b)
{
    struct talk_peer *p = peer_at(run, b->name, b->port);
    LIST_EACH(&p->sessions, node)
    {
        struct session *s = LIST_OF(node, struct session, link);
        if (s->nth == b->nth)
            return s->connected;
    }
    return false;
}

bool talk_peer_wait(struct talk_run *run, struct talk_block *b)
{
    deadline by = deadline_after(talk_run_await_ms(run));
    while (!b->any && !is_connected(run, b) && !talk_run_over(run)) {
        err e = gate_wait(&run->something, by);
        if (e && e->kind == ERR_CANCELED)
            return false;
        if (e) {
            talk_run_fail(run, b->file, b->line,
                          "connection %d to %.*s awaited\n    but there were %d", b->nth,
                          STR_ARG(b->name), talk_peer_connections(run, b->name));
            return false;
        }
    }
    while (!b->any && !b->done && !talk_run_over(run))
        if (gate_wait(&run->something, DEADLINE_NEVER)) /* each of its steps has its deadline */
            return false;
    return !talk_run_over(run);
}
