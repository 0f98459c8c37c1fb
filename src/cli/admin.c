#include "cli/admin.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/admin_request.h"
#include "cli/cli.h"
#include "outbound/route.h"
#include <stdlib.h>
#include <unistd.h>

enum {
    REQUEST_ARENA_BYTES = 1 << 20,
    TOLD_BYTES_MAX = 256 << 10, /* what a reload has to say */
    WORK_MS = 600 * 1000,       /* for one request: a queue of a million messages */
    PAUSE_MS = 100,             /* when no descriptor is left */
    REST_MS = 1,                /* after so many that were turned away */
    REST_AFTER = 64,
};

struct cli_admin {
    struct cli_admin_actions actions;
    struct net_listener *listener;
    struct group sessions;
    size_t open;
    struct address at;
};

struct session {
    struct cli_admin *admin;
    struct net_conn *conn;
    struct arena *arena; /* of one request */
};

/* ---- answering -------------------------------------------------------------------------- */

/* One line; takes the object over. */
static err say(struct session *s, json_t *object)
{
    deadline until = deadline_after(s->admin->actions.patience_ms);
    char *line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    ASSERT(line != NULL);
    err e = net_write(s->conn, str_of(line), until);
    if (e == NULL)
        e = net_write(s->conn, S("\n"), until);
    mem_free(line);
    return e;
}

static err say_error(struct session *s, err why)
{
    char text[600];
    cli_describe(why, text, sizeof text);
    return say(s, json_pack("{so}", "error", cli_json_str(str_of(text))));
}

static err say_done(struct session *s, size_t count)
{
    return say(s, json_pack("{sI}", "done", (json_int_t)count));
}

/* ---- listing ---------------------------------------------------------------------------- */

struct listing {
    struct session *session;
    size_t count;
    err failed;
};

static const char *state_name(const struct queue_admin_item *l)
{
    if (l->damaged)
        return "damaged";
    if (l->state.flags & QUEUE_HELD)
        return "held";
    return l->taken ? "trying" : "waiting";
}

static json_t *rcpts_json(const struct queue_admin_item *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->rcpt_count; i++)
        json_array_append_new(list, cli_json_str(l->rcpts[i].rcpt->address));
    return list;
}

/* Why it waits, when the last reply cannot tell. */
static str reason_of(const struct cli_admin *a, const struct queue_admin_item *l)
{
    bool none = false;
    if (l->reply.len == 0 && a->actions.config) {
        const struct config *c = a->actions.config(a->actions.config_arg);
        none = outbound_route_none(c, l->destination);
        config_close(c);
    }
    return none ? S("no route: the configuration names no way for mail to elsewhere (routes:)")
                : l->reply;
}

static bool say_listed(void *arg, const struct queue_admin_item *l)
{
    struct listing *listing = arg;
    listing->count++;
    listing->failed = say(
        listing->session,
        json_pack("{ss,so,so,ss,so,sI,sI,sI,sI,sI,sI,so}", "id", l->id.text, "destination",
                  cli_json_str(l->destination), "sender", cli_json_str(l->sender), "state",
                  state_name(l), "rcpts", rcpts_json(l), "size", (json_int_t)l->size, "accepted_ms",
                  (json_int_t)l->accepted_ms, "due_ms", (json_int_t)l->state.due_ms, "first_ms",
                  (json_int_t)l->state.first_ms, "last_ms", (json_int_t)l->state.last_ms,
                  "attempts", (json_int_t)l->state.attempts, "reply",
                  cli_json_str(reason_of(listing->session->admin, l))));
    return listing->failed == NULL;
}

static struct queue_admin_filter filter_of(const struct cli_admin_request *r, size_t id)
{
    return (struct queue_admin_filter){
        .destination = r->to,
        .sender = r->from,
        .rcpt = r->rcpt,
        .held = r->held || r->verb == CLI_ADMIN_RELEASE, /* what is not held needs no release */
        .id = id < r->id_count ? r->ids[id] : (str){0},
    };
}

static err run_ls(struct session *s, const struct cli_admin_request *r, deadline until)
{
    struct listing listing = {.session = s};
    for (size_t i = 0; i == 0 || i < r->id_count; i++) {
        struct queue_admin_filter filter = filter_of(r, i);
        err e = queue_admin_list(s->admin->actions.queue, &filter, say_listed, &listing, until);
        TRY(listing.failed); /* the peer is gone */
        if (e)
            return say_error(s, e);
    }
    return say_done(s, listing.count);
}

/* ---- changing --------------------------------------------------------------------------- */

struct affected {
    queue_id *ids;
    size_t count, cap;
};

static bool note_affected(void *arg, const struct queue_admin_item *l)
{
    struct affected *a = arg;
    bool again = a->count && str_eq(str_of(a->ids[a->count - 1].text), str_of(l->id.text));
    if (again || a->count == CLI_ADMIN_IDS_MAX)
        return true;
    if (a->count == a->cap) {
        a->cap = a->cap ? a->cap * 2 : 64;
        a->ids = mem_resize(a->ids, a->cap * sizeof *a->ids);
    }
    a->ids[a->count++] = l->id;
    return true;
}

static void tell_affected(const struct session *s, enum cli_admin_verb verb,
                          const struct affected *a)
{
    static const enum event_kind kinds[CLI_ADMIN_VERBS] = {
        [CLI_ADMIN_HOLD] = EVENT_HOLD,
        [CLI_ADMIN_RELEASE] = EVENT_RELEASE,
        [CLI_ADMIN_RM] = EVENT_REMOVED,
    };
    for (size_t i = 0; verb != CLI_ADMIN_RETRY && i < a->count; i++) {
        struct event e = {.kind = kinds[verb], .queue_id = str_of(a->ids[i].text)};
        event_emit(s->admin->actions.events, &e);
    }
}

static err change(struct session *s, const struct cli_admin_request *r, size_t id, size_t *count,
                  deadline until)
{
    static const enum queue_admin_verb changes[CLI_ADMIN_VERBS] = {
        [CLI_ADMIN_HOLD] = QUEUE_HOLD,
        [CLI_ADMIN_RELEASE] = QUEUE_RELEASE,
        [CLI_ADMIN_RETRY] = QUEUE_RETRY,
        [CLI_ADMIN_RM] = QUEUE_REMOVE,
    };
    struct queue *queue = s->admin->actions.queue;
    struct queue_admin_filter filter = filter_of(r, id);
    struct affected affected = {0};
    size_t changed = 0;
    err e = NULL;
    if (s->admin->actions.events)
        e = queue_admin_list(queue, &filter, note_affected, &affected, until);
    if (e == NULL)
        e = queue_admin_change(queue, &filter, changes[r->verb], &changed, until);
    if (e == NULL && changed > 0)
        tell_affected(s, r->verb, &affected);
    mem_free(affected.ids);
    *count += changed;
    return e;
}

static err run_change(struct session *s, const struct cli_admin_request *r, deadline until)
{
    size_t count = 0;
    for (size_t i = 0; i == 0 || i < r->id_count; i++) {
        err e = change(s, r, i, &count, until);
        if (e)
            return say_error(s, e);
    }
    return say_done(s, count);
}

/* ---- the rest --------------------------------------------------------------------------- */

static err run_stats(struct session *s)
{
    const struct cli_admin_actions *a = &s->admin->actions;
    struct queue_stats q;
    queue_stats(a->queue, &q);
    json_t *line = json_pack(
        "{sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sb}", "messages", (json_int_t)q.messages,
        "deliveries", (json_int_t)q.deliveries, "held", (json_int_t)q.held, "bytes",
        (json_int_t)q.bytes, "oldest_ms", (json_int_t)q.oldest_ms, "damaged", (json_int_t)q.damaged,
        "batches", (json_int_t)q.batches, "sync_errors", (json_int_t)q.sync_errors, "segments",
        (json_int_t)q.segments, "log_bytes", (json_int_t)q.log_bytes, "live_bytes",
        (json_int_t)q.live_bytes, "free_bytes", (json_int_t)q.free_bytes, "fibers",
        (json_int_t)fiber_count(), "stopped", queue_stopped(a->queue));
    TRY(say(s, line));
    return say_done(s, 1);
}

static err run_reload(struct session *s)
{
    const struct cli_admin_actions *a = &s->admin->actions;
    struct buf told;
    if (a->reload == NULL)
        return say_error(s, err_new(ERR_CONFIG, "this server cannot reload"));
    buf_init(&told, TOLD_BYTES_MAX);
    err e = a->reload(a->arg, &told);
    err sent = told.len ? say(s, json_pack("{so}", "told", cli_json_str(buf_str(&told)))) : NULL;
    buf_release(&told);
    TRY(sent);
    return e ? say_error(s, e) : say_done(s, 1);
}

static err run_suppress(struct session *s, deadline until)
{
    struct feedback *f = s->admin->actions.feedback;
    err e = f ? feedback_refresh(f, until) : err_new(ERR_CONFIG, "this server has no such list");
    return e ? say_error(s, e) : say_done(s, 1);
}

static err run_stop(struct session *s)
{
    const struct cli_admin_actions *a = &s->admin->actions;
    if (a->stop == NULL)
        return say_error(s, err_new(ERR_CONFIG, "this server cannot be stopped from here"));
    a->stop(a->arg);
    return say_done(s, 1);
}

static err run_request(struct session *s, const struct cli_admin_request *r)
{
    deadline until = deadline_after(WORK_MS);
    switch (r->verb) {
    case CLI_ADMIN_LS:
        return run_ls(s, r, until);
    case CLI_ADMIN_STATS:
        return run_stats(s);
    case CLI_ADMIN_RELOAD:
        return run_reload(s);
    case CLI_ADMIN_STOP:
        return run_stop(s);
    case CLI_ADMIN_SUPPRESS:
        return run_suppress(s, until);
    default:
        return run_change(s, r, until);
    }
}

/* ---- a connection ----------------------------------------------------------------------- */

static bool may_ask(const struct net_conn *conn)
{
    uint32_t uid;
    return net_peer_user(conn, &uid) && (uid == 0 || uid == geteuid());
}

/* A whole request is in the input; its JSON is *ret_json until it is consumed. */
static err read_request(struct session *s, str *ret_json)
{
    deadline until = deadline_after(s->admin->actions.patience_ms);
    size_t size = 0;
    for (;;) {
        str input = net_input(s->conn);
        const unsigned char *b = (const unsigned char *)input.ptr;
        if (input.len >= 4)
            size = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        if (size > CLI_ADMIN_REQUEST_BYTES_MAX - 4)
            return err_new(ERR_PROTOCOL, "a request of %zu bytes", size);
        if (input.len >= 4 && input.len >= size + 4) {
            *ret_json = str_slice(input, 4, size);
            return NULL;
        }
        TRY(net_fill(s->conn, until));
    }
}

static err converse(struct session *s)
{
    struct cli_admin_request request;
    str json;
    TRY(read_request(s, &json));
    err e = cli_admin_request_parse(json, s->arena, &request);
    net_consume(s->conn, json.len + 4);
    if (e)
        TRY(say_error(s, e));
    else
        TRY(run_request(s, &request));
    arena_reset(s->arena);
    return net_flush(s->conn, deadline_after(s->admin->actions.patience_ms));
}

static void run_session(void *arg)
{
    struct session *s = arg;
    err e = NULL;
    while (e == NULL) {
        e = converse(s);
        err_forget();
    }
    net_close(s->conn);
    arena_close(s->arena);
    s->admin->open--;
    mem_free(s);
}

static void start_session(struct cli_admin *a, struct net_conn *conn)
{
    struct session *s = MEM_NEW(struct session);
    s->admin = a;
    s->conn = conn;
    s->arena = arena_open(REQUEST_ARENA_BYTES);
    a->open++;
    fiber_spawn(&a->sessions, "admin", run_session, s);
}

/* ---- the socket ------------------------------------------------------------------------- */

err cli_admin_open(str path, const struct cli_admin_actions *actions, struct cli_admin **ret_admin)
{
    struct address at = {.family = ADDRESS_UNIX};
    if (path.len == 0 || !str_to_chars(path, at.path, sizeof at.path))
        return err_new(ERR_CONFIG, "admin_socket: a socket's path has at most %zu bytes",
                       sizeof at.path - 1);
    struct net_listener *listener;
    TRY(net_listen(&at, &listener));
    struct cli_admin *a = MEM_NEW(struct cli_admin);
    a->actions = *actions;
    a->listener = listener;
    a->at = at;
    if (a->actions.patience_ms == 0)
        a->actions.patience_ms = CLI_ADMIN_PATIENCE_MS;
    group_init(&a->sessions);
    *ret_admin = a;
    return NULL;
}

/* False: turned away. */
static bool take_connection(struct cli_admin *a, struct net_conn *conn)
{
    if (!may_ask(conn)) {
        log_warn("admin socket: a peer of another user was turned away");
        net_close(conn);
        return false;
    }
    if (a->open == CLI_ADMIN_CONNECTIONS_MAX) {
        net_close(conn);
        return false;
    }
    start_session(a, conn);
    return true;
}

void cli_admin_run(void *admin)
{
    struct cli_admin *a = admin;
    size_t refused = 0;
    for (;;) {
        struct net_conn *conn;
        err e = net_accept(a->listener, &conn, DEADLINE_NEVER);
        if (e && e->kind == ERR_CANCELED)
            break;
        if (e) { /* EMFILE: it passes */
            e = fiber_sleep(deadline_after(PAUSE_MS));
        } else if (!take_connection(a, conn) && ++refused % REST_AFTER == 0) {
            e = fiber_sleep(deadline_after(REST_MS)); /* mail goes first */
        }
        if (e)
            break;
        err_forget();
    }
    group_close(&a->sessions);
}

void cli_admin_close(struct cli_admin *a)
{
    if (a == NULL)
        return;
    net_listener_close(a->listener);
    unlink(a->at.path);
    mem_free(a);
}
