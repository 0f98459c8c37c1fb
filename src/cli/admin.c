#include "cli/admin.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/admin_request.h"
#include "cli/cli.h"
#include "cli/warmup_view.h"
#include "outbound/route.h"
#include "outbound/transcript.h"
#include "outbound/transcript_store.h"
#include "runtime/thread.h"
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

/* What is in the way of mail that is due. */
static void add_wait(const struct cli_admin *a, const struct queue_admin_item *l, json_t *line)
{
    struct shaper_wait wait;
    if (l->taken || l->state.due_ms > clock_real_ms() || a->actions.config == NULL)
        return;
    const struct config *c = a->actions.config(a->actions.config_arg);
    if (outbound_why_waits(&a->actions.why, c, l->destination, &wait)) {
        json_object_set_new(line, "holds", cli_json_str(str_of(wait.reason)));
        json_object_set_new(line, "holds_until_ms", json_integer((json_int_t)wait.until_ms));
    }
    config_close(c);
}

static bool say_listed(void *arg, const struct queue_admin_item *l)
{
    struct listing *listing = arg;
    listing->count++;
    json_t *line = json_pack(
        "{ss,so,so,ss,so,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,so}", "id", l->id.text, "destination",
        cli_json_str(l->destination), "sender", cli_json_str(l->sender), "state", state_name(l),
        "rcpts", rcpts_json(l), "size", (json_int_t)l->size, "accepted_ms",
        (json_int_t)l->accepted_ms, "due_ms", (json_int_t)l->state.due_ms, "first_ms",
        (json_int_t)l->state.first_ms, "last_ms", (json_int_t)l->state.last_ms, "attempts",
        (json_int_t)l->state.attempts, "priority", (json_int_t)l->state.priority, "not_before_ms",
        (json_int_t)l->not_before_ms, "expires_ms", (json_int_t)l->expires_ms, "by_ms",
        (json_int_t)l->by_ms, "reply", cli_json_str(reason_of(listing->session->admin, l)));
    add_wait(listing->session->admin, l, line);
    listing->failed = say(listing->session, line);
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
        "{sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sI,sb}", "messages", (json_int_t)q.messages,
        "deliveries", (json_int_t)q.deliveries, "held", (json_int_t)q.held, "bytes",
        (json_int_t)q.bytes, "oldest_ms", (json_int_t)q.oldest_ms, "damaged", (json_int_t)q.damaged,
        "batches", (json_int_t)q.batches, "sync_errors", (json_int_t)q.sync_errors, "segments",
        (json_int_t)q.segments, "log_bytes", (json_int_t)q.log_bytes, "live_bytes",
        (json_int_t)q.live_bytes, "free_bytes", (json_int_t)q.free_bytes, "fibers",
        (json_int_t)fiber_count(), "transcript_bytes", (json_int_t)outbound_transcript_memory(),
        "stopped", queue_stopped(a->queue));
    TRY(say(s, line));
    return say_done(s, 1);
}

static err say_egress(struct session *s, str name)
{
    struct outbound_egress_state state =
        outbound_egress_health_get(s->admin->actions.egress_health, name);
    return say(s,
               json_pack("{so,ss,sb,sI,sI,so}", "name", cli_json_str(name), "standing",
                         outbound_egress_health_name(state.standing), "out", state.out, "since_ms",
                         (json_int_t)state.since_ms, "checked_ms", (json_int_t)state.checked_ms,
                         "reason", cli_json_str(str_of(state.reason))));
}

static err run_egress(struct session *s)
{
    const struct cli_admin_actions *a = &s->admin->actions;
    if (a->config == NULL)
        return say_error(s, err_new(ERR_CONFIG, "this server has no configuration to show"));
    const struct config *c = a->config(a->config_arg);
    size_t count = c->egress_count;
    err e = NULL;
    for (size_t i = 0; i < count && e == NULL; i++)
        e = say_egress(s, c->egress[i].name);
    config_close(c);
    TRY(e);
    return say_done(s, count);
}

/* ---- transcripts ------------------------------------------------------------------------ */

enum { FOUND_BYTES_MAX = 4 << 20 }; /* in one answer; the latest are left out */

/* Looked for in a job, which owns its memory. */
struct looking {
    char folder[OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS];
    queue_id id;
    json_t *found;
    size_t bytes;
    bool failed;
    char why[200];
};

static bool note_found(void *arg, const struct outbound_transcript_record *r)
{
    struct looking *l = arg;
    l->bytes += r->text.len;
    if (l->bytes > FOUND_BYTES_MAX)
        return false;
    json_array_append_new(l->found,
                          json_pack("{ss,sI,sI,so}", "id", r->id.text, "attempt",
                                    (json_int_t)r->attempt, "time_ms", (json_int_t)r->time_ms,
                                    "transcript", cli_json_str(r->text)));
    return true;
}

static void look(void *job)
{
    struct looking *l = job;
    size_t count;
    err e = outbound_transcript_store_find(l->folder, &l->id, note_found, l, &count);
    l->failed = e != NULL;
    if (e)
        err_words(e, l->why, sizeof l->why);
    err_forget();
}

static void release_looking(void *job)
{
    struct looking *l = job;
    json_decref(l->found);
    mem_free(l);
}

static err say_transcripts(struct session *s, str id, size_t *count, deadline until)
{
    struct looking *l = MEM_NEW(struct looking);
    str_to_chars(id, l->id.text, sizeof l->id.text);
    str_to_chars(str_of(s->admin->actions.transcripts), l->folder, sizeof l->folder);
    l->found = json_array();
    TRY(job_run(look, l, release_looking, until));
    err e = l->failed ? err_new(ERR_SYSTEM, "%s", l->why) : NULL;
    for (size_t i = 0; e == NULL && i < json_array_size(l->found); i++, ++*count)
        e = say(s, json_incref(json_array_get(l->found, i)));
    release_looking(l);
    return e;
}

static err run_transcript(struct session *s, const struct cli_admin_request *r, deadline until)
{
    size_t count = 0;
    if (s->admin->actions.transcripts == NULL)
        return say_error(s, err_new(ERR_CONFIG, "this server keeps no transcripts"));
    for (size_t i = 0; i < r->id_count; i++) {
        err e = say_transcripts(s, r->ids[i], &count, until);
        if (e)
            return net_broken(s->conn) ? e : say_error(s, e);
    }
    return say_done(s, count);
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

static err run_stop(struct session *s)
{
    const struct cli_admin_actions *a = &s->admin->actions;
    if (a->stop == NULL)
        return say_error(s, err_new(ERR_CONFIG, "this server cannot be stopped from here"));
    a->stop(a->arg);
    return say_done(s, 1);
}

/* ---- warm-up ---------------------------------------------------------------------------- */

struct warming {
    const struct cli_admin_request *request;
    json_t *list;
    size_t count;
    bool failed;
    char words[300];
};

static void look_at_warmup(struct warmup *w, void *arg)
{
    struct warming *g = arg;
    g->list = cli_warmup_view_list(w, clock_real_ms(), g->request->egress, g->request->site);
}

static err run_warmup(struct session *s, const struct cli_admin_request *r)
{
    struct warming g = {.request = r};
    if (s->admin->actions.keep == NULL)
        return say_done(s, 0);
    shaping_keep_with(s->admin->actions.keep, look_at_warmup, &g);
    size_t count = json_array_size(g.list);
    err e = NULL;
    for (size_t i = 0; i < count && e == NULL; i++)
        e = say(s, json_incref(json_array_get(g.list, i)));
    json_decref(g.list);
    return e ? e : say_done(s, count);
}

static void change_warmup(struct warmup *w, void *arg)
{
    struct warming *g = arg;
    const struct cli_admin_request *r = g->request;
    err e = warmup_set(w, clock_real_ms(), r->egress, r->site, r->change, r->value, &g->count);
    g->failed = e != NULL;
    if (e)
        err_words(e, g->words, sizeof g->words);
}

static err run_warmup_set(struct session *s, const struct cli_admin_request *r)
{
    struct warming g = {.request = r};
    if (s->admin->actions.keep)
        shaping_keep_with(s->admin->actions.keep, change_warmup, &g);
    return g.failed ? say_error(s, err_new(ERR_CONFIG, "%s", g.words)) : say_done(s, g.count);
}

static err run_request(struct session *s, const struct cli_admin_request *r)
{
    deadline until = deadline_after(WORK_MS);
    switch (r->verb) {
    case CLI_ADMIN_LS:
        return run_ls(s, r, until);
    case CLI_ADMIN_STATS:
        return run_stats(s);
    case CLI_ADMIN_EGRESS:
        return run_egress(s);
    case CLI_ADMIN_TRANSCRIPT:
        return run_transcript(s, r, until);
    case CLI_ADMIN_RELOAD:
        return run_reload(s);
    case CLI_ADMIN_STOP:
        return run_stop(s);
    case CLI_ADMIN_WARMUP:
        return run_warmup(s, r);
    case CLI_ADMIN_WARMUP_SET:
        return run_warmup_set(s, r);
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
