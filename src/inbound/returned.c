#include "inbound/returned.h"
#include "base/log.h"
#include "feedback/arrival.h"
#include "outbound/route.h"
#include "outcome/class.h"

enum { ARENA_BYTES = 1 << 20 };

/* ---- recipients ------------------------------------------------------------------------- */

void inbound_returned_stranger(struct inbound_session *s, str domain)
{
    int64_t count = 0, now = clock_real_ms();
    int64_t alert = s->view->config->bounces.alert_per_hour;
    if (!feedback_strangers_bounce(s->in->strangers, domain, alert, now, &count))
        return;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES);
    struct event e = {.kind = EVENT_BACKSCATTER,
                      .destination = domain,
                      .count = count,
                      .reason = feedback_strangers_words(s->in->strangers, domain, now, arena)};
    event_emit(s->in->events, &e);
    log_warn("%.*s: %.*s", STR_ARG(domain), STR_ARG(e.reason));
}

static void tell_ignored(struct inbound_session *s, str recipient, const char *why)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_FEEDBACK_IGNORED, &facts);
    e.sender = s->envelope.sender;
    e.recipient = recipient;
    e.reason = str_of(why);
    event_emit(s->in->events, &e);
}

/* One answer for all of them: it is nobody's business which it was. */
static enum inbound_returned refuse_path(struct inbound_session *s, str address,
                                         enum outcome_verp_result result, struct smtp_answer *a)
{
    static const char *const why[] = {
        [VERP_FORGED] = "the return path is forged",
        [VERP_EXPIRED] = "the return path has expired",
        [VERP_UNKNOWN_KEY] = "the return path is signed with a key that we do not have",
    };
    tell_ignored(s, address, why[result]);
    if (result == VERP_FORGED)
        inbound_returned_stranger(s, s->view->config->bounces.domain);
    smtp_answer_set(a, 550, "5.1.1", "No such return path here");
    return INBOUND_RETURNED_REFUSE;
}

enum inbound_returned inbound_returned_rcpt(struct inbound_session *s, str address,
                                            struct smtp_answer *a)
{
    const struct config *c = s->view->config;
    struct feedback_path path = {0};
    enum outcome_verp_result r = feedback_path_read(s->in->feedback, c, address, &path);
    bool complaints = s->in->feedback && feedback_arrival_is_complaints(c, address);
    if (r != VERP_NONE && r != VERP_GOOD)
        return refuse_path(s, address, r, a);
    bool ours = r == VERP_GOOD || complaints;
    if (!ours && !s->returning)
        return INBOUND_RETURNED_NOT;
    if (s->envelope.rcpt_count > 0) {
        smtp_answer_set(a, 452, "4.5.3", "A return path is a transaction of its own");
        return INBOUND_RETURNED_REFUSE;
    }
    s->returning = true;
    s->by_path = r == VERP_GOOD;
    s->path = path;
    return INBOUND_RETURNED_TAKE;
}

/* ---- content ---------------------------------------------------------------------------- */

static enum event_kind kind_of(const struct feedback_arrival *r)
{
    if (r->kind == NOTICE_COMPLAINT)
        return EVENT_COMPLAINT_RECEIVED;
    if (r->kind == NOTICE_UNSUBSCRIBE)
        return EVENT_UNSUBSCRIBE_RECEIVED;
    return r->kind == NOTICE_AUTO_REPLY || r->kind == NOTICE_NONE ? EVENT_AUTO_REPLY
                                                                  : EVENT_BOUNCE_RECEIVED;
}

static void tell(struct inbound_session *s, const struct feedback_arrival *r)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, kind_of(r), &facts);
    e.queue_id = r->row.queue_id;
    e.sender = r->row.sender;
    e.recipient = r->row.recipient;
    e.tenant = r->row.flow.tenant;
    e.stream = r->row.flow.stream;
    e.campaign = r->row.flow.campaign;
    e.egress = r->row.way.egress;
    e.text = r->said;
    e.reason = str_of(outcome_notice_kind_name(r->kind));
    if (e.kind == EVENT_BOUNCE_RECEIVED) {
        e.class = str_of(outcome_class_of(r->outcome.class)->name);
        e.hardness = r->outcome.hard ? S("hard") : S("soft");
        e.advice = str_of(outcome_class_advice(r->outcome.advice));
    }
    event_emit(s->in->events, &e);
}

/* A person's answer or a bounce goes to who sent the message, as it would have without us between.
 * A complaint does not: it is somebody else's mail in full, and it has been acted on. */
static bool goes_on(struct inbound_session *s, const struct feedback_arrival *r)
{
    const struct config *c = s->view->config;
    if (!r->matched || r->row.sender.len == 0 || !c->bounces.forward || !s->by_path ||
        r->kind == NOTICE_COMPLAINT || r->kind == NOTICE_UNSUBSCRIBE)
        return false;
    struct arena *arena = s->smtp.mail_arena;
    struct envelope_rcpt *to = &s->envelope.rcpts[0];
    to->address = arena_str(arena, r->row.sender);
    to->destination = outbound_route_destination(c, to->address, NULL, arena);
    to->orcpt = (str){0};
    to->notify = NOTIFY_NEVER;
    return true;
}

static err read_and_act(struct inbound_session *s, struct arena *arena,
                        struct feedback_arrival *ret, deadline until)
{
    struct buf front;
    buf_init(&front, FEEDBACK_ARRIVAL_BYTES_MAX);
    err e = inbound_intake_front(s->intake, &front, until);
    struct feedback_arriving what = {s->by_path ? &s->path : NULL, s->envelope.sender,
                                     buf_str(&front)};
    if (e == NULL)
        e = feedback_arrival_take(s->in->feedback, &what, arena, ret, until);
    buf_release(&front);
    return e;
}

/* Anybody may write to an address of feedback loops, and each mail is held in memory while it is
 * read. *ret_busy: there are too many now. */
static err arrive(struct inbound_session *s, struct arena *arena, struct feedback_arrival *ret,
                  bool *ret_busy, deadline until)
{
    err e = NULL;
    *ret_busy = atomic_fetch_add(&s->in->returning, 1) >= INBOUND_RETURNED_AT_ONCE_MAX;
    if (!*ret_busy)
        e = read_and_act(s, arena, ret, until);
    atomic_fetch_sub(&s->in->returning, 1);
    return e;
}

err inbound_returned_done(struct inbound_session *s, struct smtp_answer *a, bool *ret_keep,
                          deadline until)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES);
    struct feedback_arrival r = {0};
    bool busy = false;
    *ret_keep = false;
    TRY(arrive(s, arena, &r, &busy, until));
    if (busy) {
        smtp_answer_set(a, 451, "4.3.2", "Too many bounces at once, try again later");
        return NULL;
    }
    if (r.matched)
        tell(s, &r);
    else
        tell_ignored(s, s->envelope.rcpts[0].address,
                     s->by_path ? "nothing is known that left under this return path"
                                : "no return path of ours stands in it");
    *ret_keep = goes_on(s, &r);
    if (!*ret_keep)
        smtp_answer_set(a, 250, "2.0.0", "Noted");
    return NULL;
}
