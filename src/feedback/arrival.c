#include "feedback/arrival.h"
#include "feedback/own.h"
#include <assert.h>

static_assert(OUTCOME_NOTICE_ARENA_BYTES + 2 * FEEDBACK_ARRIVAL_BYTES_MAX <=
                  FEEDBACK_WORK_ARENA_BYTES,
              "a notice, read");

struct arriving {
    bool by_path;
    struct feedback_path path;
    str sender, content;
    bool to_loops; /* it came to an address of feedback loops */
    struct feedback_arrival result;
};

bool feedback_arrival_is_complaints(const struct config *c, str address)
{
    for (size_t i = 0; i < c->bounces.complaint_count; i++)
        if (str_eq_nocase(c->bounces.complaints[i], address))
            return true;
    return false;
}

/* ---- what it says ----------------------------------------------------------------------- */

static bool is_same(str a, str b)
{
    char chars[2][FEEDBACK_LIST_ADDRESS_CHARS];
    str folded[2];
    return feedback_list_fold(a, chars[0], &folded[0]) &&
           feedback_list_fold(b, chars[1], &folded[1]) && str_eq(folded[0], folded[1]);
}

/* What is said of the one that it is about: by name, or when it tells of one alone (a forwarder has
 * changed the address). */
static const struct outcome_notice_rcpt *find_rcpt(const struct outcome_notice *n, str recipient)
{
    for (size_t i = 0; i < n->rcpt_count; i++)
        if (is_same(n->rcpts[i].address, recipient))
            return &n->rcpts[i];
    return n->rcpt_count == 1 && n->left_out == 0 ? &n->rcpts[0] : NULL;
}

static void read_notice(struct feedback_work *w, struct arriving *a)
{
    struct outcome_notice n;
    outcome_notice_read(a->content, w->arena, &n);
    a->result.kind = n.kind;
    a->result.feedback_type = n.feedback_type;
    const struct outcome_notice_rcpt *r =
        a->result.matched ? find_rcpt(&n, a->result.row.recipient) : NULL;
    if (r == NULL)
        return;
    bool told = n.kind == NOTICE_FAILED || n.kind == NOTICE_DELAYED;
    if (told && r->kind != NOTICE_NONE)
        a->result.kind = r->kind; /* others may have fared worse */
    a->result.outcome = r->outcome;
    a->result.said = r->said.len ? r->said : r->reply.text;
}

/* ---- what follows ----------------------------------------------------------------------- */

static err count(struct feedback *f, const struct feedback_arrival *r, enum feedback_count kind)
{
    return feedback_list_count(f->list, &r->row.flow, kind, clock_real_ms());
}

static err act_on_failure(struct feedback *f, const struct feedback_arrival *r,
                          struct feedback_entry *e)
{
    enum feedback_note_kind what = feedback_note_of(&r->outcome);
    TRY(count(f, r, what == FEEDBACK_NOTE_HARD ? FEEDBACK_COUNT_HARD : FEEDBACK_COUNT_SOFT));
    if (what == FEEDBACK_NOTE_HARD)
        return feedback_suppress(f, e, r->row.queue_id, r->row.flow.campaign);
    return what == FEEDBACK_NOTE_STRIKE
               ? feedback_strike(f, e, r->row.queue_id, r->row.flow.campaign)
               : NULL;
}

/* However often one mail is complained of, it tells of one unhappy recipient: else whoever got one
 * could step an address of ours back as often as they like (attack 101). */
static err tell_complaint(struct feedback *f, const struct feedback_sent_row *row)
{
    const struct feedback_options *o = &f->options;
    bool first = false;
    TRY(feedback_sent_complain(f->sent, row->queue_id, row->rcpt, &first));
    if (first && o->complained)
        o->complained(o->complained_arg, &row->way);
    return NULL;
}

/* A mailbox that is gone is gone for all streams of the tenant, and who complained wants none of
 * them; who unsubscribes leaves the one stream. */
static err act(struct feedback *f, const struct feedback_arrival *r)
{
    struct feedback_entry e = {.address = r->row.recipient,
                               .tenant = r->row.flow.tenant,
                               .reason = FEEDBACK_HARD_BOUNCE,
                               .since_ms = clock_real_ms(),
                               .source = r->said};
    switch (r->kind) {
    case NOTICE_FAILED:
        return act_on_failure(f, r, &e);
    case NOTICE_COMPLAINT:
        e.reason = FEEDBACK_COMPLAINT;
        e.source = r->feedback_type.len ? r->feedback_type : S("feedback report");
        TRY(tell_complaint(f, &r->row));
        TRY(count(f, r, FEEDBACK_COUNT_COMPLAINTS));
        return feedback_suppress(f, &e, r->row.queue_id, r->row.flow.campaign);
    case NOTICE_UNSUBSCRIBE:
        e.reason = FEEDBACK_UNSUBSCRIBE;
        e.stream = r->row.flow.stream;
        e.source = S("asked by mail");
        TRY(count(f, r, FEEDBACK_COUNT_UNSUBSCRIBES));
        return feedback_suppress(f, &e, r->row.queue_id, r->row.flow.campaign);
    case NOTICE_AUTO_REPLY:
        return count(f, r, FEEDBACK_COUNT_AUTO_REPLIES);
    default:
        return NULL;
    }
}

/* The same form also says "not spam" (RFC 6430) and reports what failed DMARC (RFC 6591). */
static bool is_harmless(str feedback_type)
{
    return str_eq_nocase(feedback_type, S("not-spam")) ||
           str_eq_nocase(feedback_type, S("auth-failure")) ||
           str_eq_nocase(feedback_type, S("dmarc"));
}

static err find_row(struct feedback_work *w, struct arriving *a)
{
    struct feedback *f = w->feedback;
    const struct config *c = f->options.config(f->options.config_arg);
    if (!a->by_path)
        a->by_path = feedback_path_find(f, c, a->content, &a->path);
    config_close(c);
    if (!a->by_path)
        return NULL;
    TRY(feedback_write_pending(f)); /* the bounce may be faster than we */
    return feedback_sent_find(f->sent, str_of(a->path.queue_id), a->path.rcpt, w->arena,
                              &a->result.row, &a->result.matched);
}

/* So that it can be told which loops work. */
static err hear(struct feedback *f, const struct arriving *a)
{
    size_t at = str_find_last(a->sender, '@');
    if (!a->to_loops || a->result.kind != NOTICE_COMPLAINT || at == STR_NONE)
        return NULL;
    return feedback_list_heard(f->list, str_from(a->sender, at + 1), a->result.matched,
                               clock_real_ms());
}

static err run_arrival(struct feedback_work *w)
{
    struct feedback *f = w->feedback;
    struct arriving *a = w->more;
    TRY(find_row(w, a));
    read_notice(w, a);
    bool acts = a->result.matched &&
                !(a->result.kind == NOTICE_COMPLAINT && is_harmless(a->result.feedback_type));
    pthread_mutex_lock(&f->writing); /* else it would be a part of another's transaction */
    err e = hear(f, a);
    if (e == NULL && acts)
        e = act(f, &a->result);
    pthread_mutex_unlock(&f->writing);
    return e;
}

static void copy_result(const struct feedback_arrival *from, struct arena *arena,
                        struct feedback_arrival *to)
{
    *to = *from;
    str *texts[] = {&to->row.queue_id,
                    &to->row.recipient,
                    &to->row.sender,
                    &to->row.flow.tenant,
                    &to->row.flow.stream,
                    &to->row.flow.campaign,
                    &to->said,
                    &to->feedback_type,
                    &to->row.way.egress,
                    &to->row.way.site,
                    &to->row.way.provider};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_str(arena, *texts[i]);
}

err feedback_arrival_take(struct feedback *f, const struct feedback_arriving *what,
                          struct arena *arena, struct feedback_arrival *ret_arrival, deadline until)
{
    CLEANUP(feedback_work_cleanup)
    struct feedback_work *w = feedback_work_new(f, run_arrival);
    struct arriving *a = ARENA_NEW(w->arena, struct arriving);
    a->by_path = what->path != NULL;
    a->to_loops = what->path == NULL;
    if (what->path)
        a->path = *what->path;
    a->sender = arena_str(w->arena, what->sender);
    a->content = arena_str(w->arena, str_slice(what->content, 0, FEEDBACK_ARRIVAL_BYTES_MAX));
    w->more = a;
    TRY(feedback_work_do(&w, until));
    copy_result(&a->result, arena, ret_arrival);
    return NULL;
}
