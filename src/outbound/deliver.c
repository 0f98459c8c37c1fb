#include "outbound/deliver.h"
#include "base/log.h"
#include "base/table.h"
#include "feedback/feedback.h"
#include "outbound/judge.h"
#include "outbound/tlsrpt.h"

enum { PIECE_BYTES = 64 << 10 };

/* ---- the content ------------------------------------------------------------------------- */

struct body {
    struct queue_message *message;
    struct arena *arena;
    char *piece; /* for what is not in memory; made when needed */
};

static err read_body(void *arg, uint64_t offset, str *ret_piece, deadline until)
{
    struct body *b = arg;
    struct queue_message *m = b->message;
    if (offset < m->prefix.len) {
        *ret_piece = str_from(m->prefix, (size_t)offset);
        return NULL;
    }
    offset -= m->prefix.len;
    if (m->in_memory) {
        *ret_piece = str_from(m->content, (size_t)offset);
        return NULL;
    }
    if (b->piece == NULL)
        b->piece = arena_alloc(b->arena, PIECE_BYTES);
    size_t got = 0;
    TRY(queue_message_read(m, offset, b->piece, PIECE_BYTES, &got, until));
    *ret_piece = (str){b->piece, got};
    return NULL;
}

/* ---- events ------------------------------------------------------------------------------ */

static struct event event_of(const struct outbound_bounce *b, enum event_kind kind)
{
    const struct queue_message *m = b->message;
    const struct envelope *env = m->envelope;
    return (struct event){.kind = kind,
                          .time_ms = b->now_ms,
                          .queue_id = str_of(m->id.text),
                          .message_id = env->message_id,
                          .sender = env->sender,
                          .destination = env->rcpts[0].destination,
                          .tenant = env->flow.tenant,
                          .stream = env->flow.stream,
                          .campaign = env->flow.campaign,
                          .attempt = (int64_t)m->state.attempts + 1};
}

static const struct outbound_verdict *refusal_of(const struct outbound_deliver *d, size_t i)
{
    return d->refused ? d->refused[i] : NULL;
}

static bool all_refused(const struct outbound_deliver *d, const struct outbound_bounce *b)
{
    size_t i = 0, count = b->message->envelope->rcpt_count;
    while (i < count && refusal_of(d, i))
        i++;
    return i == count;
}

static void tell_attempt(const struct outbound_deliver *d, const struct outbound_bounce *b)
{
    struct outbound_route route;
    outbound_route_find(d->config, b->message->envelope->rcpts[0].address, &route);
    if (route.kind == OUTBOUND_ROUTE_NONE || all_refused(d, b)) /* it is only looked at */
        return;
    struct event e = event_of(b, EVENT_ATTEMPT);
    e.count = (int64_t)b->message->envelope->rcpt_count;
    e.size = (int64_t)b->mail->size;
    event_emit(d->options->events, &e);
}

static void add_outcome(const struct outcome *o, struct event *e)
{
    e->class = str_of(outcome_class_of(o->class)->name);
    e->hardness = o->hard ? S("hard") : S("soft");
    e->advice = str_of(outcome_class_advice(o->advice));
}

/* ---- what it teaches --------------------------------------------------------------------- */

/* A refusal by a mailbox store of our own is for its operator to see, not for a list. */
static void learn(const struct outbound_deliver *d, const struct outbound_bounce *b, size_t i,
                  const struct outcome *outcome)
{
    const struct outbound_offer_rcpt *r = &b->rcpts[i];
    bool done = b->fates[i] == OUTBOUND_BOUNCE_DONE, next_door = r->peer && r->peer->lmtp;
    if (next_door || (!done && (b->fates[i] != OUTBOUND_BOUNCE_FAILED || outcome == NULL)))
        return;
    struct feedback_learned l = {
        .envelope = b->message->envelope,
        .queue_id = str_of(b->message->id.text),
        .recipient = b->message->envelope->rcpts[i].address,
        .rcpt = b->message->rcpt_indexes[i],
        .fate = done ? FEEDBACK_ARRIVED : FEEDBACK_FAILED,
        .answered = r->verdict.reply.code > 0,
        .text = outbound_verdict_text(&r->verdict, d->arena),
    };
    if (outcome)
        l.outcome = *outcome;
    feedback_learn(d->options->feedback, &l);
}

/* Once for each author: it is the same with every mail of theirs. */
static void tell_from(const struct outbound_deliver *d, const struct outbound_bounce *b,
                      const struct outbound_attempt_from *from)
{
    if (from->account == NULL ||
        !outbound_from_told_first(d->told, from->account->name, from->found.from))
        return;
    struct event e = event_of(b, EVENT_FROM_DIFFERS);
    e.reason = from->found.text;
    e.disposition = str_of(from->found.act == FROM_POLICY_WARN      ? "none"
                           : from->found.act == FROM_POLICY_REWRITE ? "rewrite"
                                                                    : "refuse");
    log_warn("%.*s", STR_ARG(from->found.text));
    event_emit(d->options->events, &e);
}

static void tell_rcpt(const struct outbound_deliver *d, const struct outbound_bounce *b, size_t i)
{
    static const enum event_kind kinds[] = {
        [OUTBOUND_BOUNCE_WAITS] = EVENT_DEFERRED,
        [OUTBOUND_BOUNCE_DONE] = EVENT_DELIVERED,
        [OUTBOUND_BOUNCE_FAILED] = EVENT_BOUNCED,
        [OUTBOUND_BOUNCE_EXPIRED] = EVENT_EXPIRED,
    };
    const struct outbound_offer_rcpt *r = &b->rcpts[i];
    const struct envelope *env = b->message->envelope;
    struct event e = event_of(b, kinds[b->fates[i]]);
    e.recipient = env->rcpts[i].address;
    e.code = r->verdict.reply.code;
    e.enhanced = r->verdict.reply.enhanced;
    e.text = r->verdict.reply.text;
    e.status = str_of(r->verdict.status);
    e.reason = r->verdict.reason;
    e.delay_ms = b->now_ms - env->accepted_at_ms;
    if (r->peer) {
        e.remote_host = r->peer->host;
        e.remote_ip = r->peer->ip;
        e.egress = r->peer->egress;
        e.local_ip = r->peer->local_ip;
        e.tls_version = r->peer->tls_version;
        e.tls_cipher = r->peer->tls_cipher;
    }
    bool suppressed = refusal_of(d, i) != NULL;
    const struct outcome *outcome = suppressed ? NULL : b->outcomes[i];
    if (outcome)
        add_outcome(outcome, &e);
    if (suppressed && b->fates[i] == OUTBOUND_BOUNCE_FAILED) {
        e.kind = EVENT_SUPPRESSED;
        e.class = S("suppressed");
    }
    if (b->fates[i] == OUTBOUND_BOUNCE_WAITS)
        e.next_due_ms = b->settlement.due_ms;
    event_emit(d->options->events, &e);
    if (!suppressed)
        learn(d, b, i, outcome);
}

static void tell_delayed(const struct outbound_deliver *d, const struct outbound_bounce *b)
{
    const struct envelope *env = b->message->envelope;
    for (size_t i = 0; i < env->rcpt_count; i++) {
        if (b->fates[i] != OUTBOUND_BOUNCE_WAITS ||
            !message_dsn_wanted(env, &env->rcpts[i], DSN_DELAYED))
            continue;
        struct event e = event_of(b, EVENT_DELAYED);
        e.recipient = env->rcpts[i].address;
        event_emit(d->options->events, &e);
    }
}

static void tell_all(const struct outbound_deliver *d, const struct outbound_bounce *b, bool kept)
{
    const struct envelope *env = b->message->envelope;
    for (size_t i = 0; i < env->rcpt_count; i++)
        tell_rcpt(d, b, i);
    if (b->delay_told && kept)
        tell_delayed(d, b);
    if (b->settlement.dsn_count > 0 && kept) {
        struct event e = event_of(b, EVENT_DSN_SENT);
        e.recipient = env->sender;
        event_emit(d->options->events, &e);
    }
    if (b->dsn_dropped) {
        struct event e = event_of(b, EVENT_DSN_DROPPED);
        e.reason = str_of(b->dsn_dropped);
        event_emit(d->options->events, &e);
    }
}

/* ---- one delivery ------------------------------------------------------------------------ */

/* What was said, when it was to no avail for some recipient. */
static void keep_transcript(struct outbound_deliver *d, const struct outbound_bounce *b)
{
    if (d->book == NULL || d->book->text.len == 0)
        return;
    bool failed = false;
    for (size_t i = 0; i < b->message->envelope->rcpt_count; i++)
        failed = failed || b->fates[i] != OUTBOUND_BOUNCE_DONE;
    if (failed)
        outbound_transcript_store_add(d->options->transcripts,
                                      &(struct outbound_transcript_record){
                                          .id = b->message->id,
                                          .attempt = (int64_t)b->message->state.attempts + 1,
                                          .time_ms = b->now_ms,
                                          .text = buf_str(&d->book->text),
                                      });
}

static void settle(struct outbound_deliver *d, struct outbound_bounce *b,
                   struct queue_delivery *delivery)
{
    deadline until = deadline_after(OUTBOUND_QUEUE_MS);
    b->now_ms = clock_real_ms();
    outbound_bounce_decide(b, until);
    if (!b->tried) /* no attempt: looked at again soon, and never given up for it */
        b->settlement.due_ms = b->now_ms + OUTBOUND_NO_ROUTE_MS;
    err e = queue_settle(d->options->queue, &delivery, &b->settlement, until);
    if (e && e->kind != ERR_CANCELED)
        log_err(e, "queue: what became of %s is not kept yet", b->message->id.text);
    keep_transcript(d, b);
    tell_all(d, b, e == NULL);
    err_forget();
}

/* Nothing was learned that is worth a record: the first time it is, so that `queue why` can tell.
 */
static bool is_known_already(const struct outbound_bounce *b)
{
    const struct queue_message *m = b->message;
    for (size_t i = 0; i < m->envelope->rcpt_count; i++)
        if (b->rcpts[i].decided && (b->rcpts[i].verdict.action == OUTBOUND_DONE ||
                                    b->rcpts[i].verdict.action == OUTBOUND_FAIL))
            return false;
    return !b->tried && m->state.due_ms > m->envelope->accepted_at_ms;
}

static void note_result(struct outbound_deliver *d, const struct outbound_bounce *b)
{
    d->tried = b->tried;
    for (size_t i = 0; i < b->message->envelope->rcpt_count; i++)
        d->login_refused = d->login_refused || (b->rcpts[i].decided &&
                                                b->rcpts[i].verdict.action == OUTBOUND_PAUSE_ROUTE);
}

/* We are being closed in the middle of it: what has no verdict waits. */
static void cut_off(struct outbound_attempt *a)
{
    struct outbound_verdict v =
        outbound_verdict_of_ours(OUTBOUND_DEFER, "4.3.2", S("this server is stopping"));
    for (size_t i = 0; i < a->mail->envelope->rcpt_count; i++)
        if (!a->rcpts[i].decided)
            outbound_offer_set(&a->rcpts[i], &v, a->rcpts[i].peer);
}

/* Once more, for an entry may have come since the message did. Not what others wrote and we pass
 * on, nor what we have to say ourselves. */
static bool is_looked_up(const struct outbound_deliver *d, const struct envelope *env)
{
    return d->config->suppression.on && d->options->feedback && env->origin != ORIGIN_MX &&
           env->origin != ORIGIN_DSN;
}

static err look_up(struct outbound_deliver *d, const struct envelope *env, size_t i,
                   const struct outbound_verdict **ret_refusal)
{
    struct feedback_entry entry;
    bool found = false;
    err e = feedback_check(d->options->feedback, env->rcpts[i].address, &env->flow, d->arena,
                           &entry, &found, deadline_after(OUTBOUND_QUEUE_MS));
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e == NULL && !found)
        return NULL;
    struct outbound_verdict *v = ARENA_NEW(d->arena, struct outbound_verdict);
    if (e)
        *v = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.3.0",
                                      S("the suppression list cannot be read now"));
    else
        *v = outbound_verdict_of_ours(
            OUTBOUND_FAIL, "5.7.1",
            arena_printf(d->arena, "it is on the suppression list: %.*s%s%.*s",
                         STR_ARG(feedback_entry_words(&entry, d->arena)),
                         entry.source.len ? ": " : "", STR_ARG(entry.source)));
    *ret_refusal = v;
    return NULL;
}

static err look_up_all(struct outbound_deliver *d, const struct envelope *env)
{
    if (!is_looked_up(d, env))
        return NULL;
    d->refused = ARENA_ARRAY(d->arena, const struct outbound_verdict *, env->rcpt_count);
    for (size_t i = 0; i < env->rcpt_count; i++)
        TRY(look_up(d, env, i, &d->refused[i]));
    return NULL;
}

/* It may have arrived, or is remembered by the address that it came from. */
static bool is_bound(const struct outbound_attempt *a)
{
    for (size_t i = 0; !a->unsure && i < a->mail->envelope->rcpt_count; i++) {
        struct outbound_offer_rcpt *r = &a->rcpts[i];
        const struct outcome *o = r->verdict.action == OUTBOUND_DEFER ? outbound_judge(r) : NULL;
        if (o && o->class == OUTCOME_GREYLIST)
            return true;
    }
    return a->unsure;
}

static void attempt(struct outbound_deliver *d, struct outbound_bounce *b,
                    struct queue_delivery *delivery)
{
    const struct outbound_options *o = d->options;
    if (look_up_all(d, b->message->envelope)) { /* canceled */
        schedule_put_back(o->schedule, &delivery, 0);
        return;
    }
    const struct outbound_privacy privacy = {.events = o->events,
                                             .reports = o->tls_reports,
                                             .config = d->config,
                                             .queue_id = str_of(b->message->id.text)};
    struct outbound_attempt a = {
        .config = d->config,
        .connect = {.hello = d->config->hostname,
                    .timeouts = &d->config->timeouts,
                    .tls = o->tls,
                    .keeper = o->keeper,
                    .shaper = o->shaper,
                    .port25 = o->port25,
                    .book = d->book},
        .self = {.hostname = d->config->hostname,
                    .addresses = o->own,
                    .address_count = o->own_count ? *o->own_count : 0,
                    .mx_port = o->mx_port ? o->mx_port : 25},
        .resolver = o->resolver,
        .sts = o->sts,
        .privacy = &privacy,
        .egress_health = o->egress_health,
        .mail_key = str_of(b->message->id.text),
        .pool = d->pool,
        .mail = b->mail,
        .refused = d->refused,
        .plan = d->plan,
        .grant = d->grant,
        .arena = d->arena,
    };
    tell_attempt(d, b);
    d->grant.lane = NULL; /* the attempt's from here on */
    err e = outbound_attempt_run(&a);
    if (e)
        cut_off(&a);
    b->rcpts = a.rcpts;
    b->tried = a.tried;
    b->way = is_bound(&a) ? a.way : 0;
    note_result(d, b);
    tell_from(d, b, &a.from);
    bool canceled = e != NULL;
    if ((canceled && !a.tried) || is_known_already(b)) {
        int64_t due = canceled ? 0 : clock_real_ms() + OUTBOUND_NO_ROUTE_MS;
        bool line = d->login_refused && a.way > 0; /* the shaper knows when to try again */
        schedule_put_back(o->schedule, &delivery, line ? 0 : due);
        return;
    }
    settle(d, b, delivery);
}

/* The sender's own time for it has passed: no host hears of it. */
static void give_up(struct outbound_deliver *d, struct outbound_bounce *b,
                    struct queue_delivery *delivery, str reason)
{
    size_t count = b->message->envelope->rcpt_count;
    struct outbound_offer_rcpt *rcpts = ARENA_ARRAY(d->arena, struct outbound_offer_rcpt, count);
    struct outbound_verdict v = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.4.7", reason);
    for (size_t i = 0; i < count; i++)
        outbound_offer_set(&rcpts[i], &v, NULL);
    b->rcpts = rcpts;
    settle(d, b, delivery);
}

/* ---- from the queue and back ------------------------------------------------------------- */

/* All that belongs to one delivery that is being looked at. */
struct looked {
    struct queue_message message;
    struct body body;
    struct outbound_offer_signing signing;
    struct outbound_offer_returns returns;
    struct outbound_offer_mail mail;
    struct outbound_bounce bounce;
};

/* NULL: it cannot be read now, and was put back. */
static struct looked *look_at(struct outbound_deliver *d, struct queue_delivery *delivery)
{
    const struct outbound_options *o = d->options;
    struct looked *l = ARENA_NEW(d->arena, struct looked);
    err e = queue_message_open(o->queue, delivery, d->arena, &l->message,
                               deadline_after(OUTBOUND_QUEUE_MS));
    if (e) {
        bool known = e->kind == ERR_DAMAGED || e->kind == ERR_CLOSED || e->kind == ERR_CANCELED;
        if (!known)
            log_err(e, "queue: a message cannot be read just now");
        schedule_put_back(o->schedule, &delivery, known ? 0 : clock_real_ms() + OUTBOUND_QUEUE_MS);
        err_forget();
        return NULL;
    }
    l->body = (struct body){.message = &l->message, .arena = d->arena};
    l->signing = (struct outbound_offer_signing){.keys = d->keys, .config = d->config};
    l->mail = (struct outbound_offer_mail){.envelope = l->message.envelope,
                                           .size = l->message.prefix.len + l->message.size,
                                           .read = read_body,
                                           .arg = &l->body,
                                           .signing = &l->signing};
    l->returns = (struct outbound_offer_returns){.feedback = o->feedback,
                                                 .config = d->config,
                                                 .queue_id = str_of(l->message.id.text),
                                                 .rcpt_indexes = l->message.rcpt_indexes};
    if (o->feedback && feedback_path_wanted(d->config, l->message.envelope))
        l->mail.returns = &l->returns;
    l->bounce = (struct outbound_bounce){.config = d->config,
                                         .message = &l->message,
                                         .mail = &l->mail,
                                         .now_ms = clock_real_ms(),
                                         .arena = d->arena};
    return l;
}

/* ---- others' TLS reports ----------------------------------------------------------------- */

static bool is_report(const struct outbound_deliver *d, const struct queue_message *m)
{
    str to = d->config->tls_reports.receive;
    for (size_t i = 0; to.len > 0 && m->state.attempts == 0 && i < m->envelope->rcpt_count; i++)
        if (str_eq_nocase(m->envelope->rcpts[i].address, to))
            return true;
    return false;
}

/* A copy before the first attempt; one that is too large is only delivered. */
static void keep_report(const struct outbound_deliver *d, const struct queue_message *m,
                        const struct outbound_offer_mail *mail)
{
    struct buf content;
    str piece = {0};
    deadline until = deadline_after(OUTBOUND_QUEUE_MS);
    if (!is_report(d, m) || mail->size > TLSPOLICY_REPORT_BYTES_MAX)
        return;
    buf_init(&content, TLSPOLICY_REPORT_BYTES_MAX);
    err e = NULL;
    do {
        e = mail->read(mail->arg, content.len, &piece, until);
        if (e == NULL)
            e = buf_add(&content, piece);
    } while (e == NULL && piece.len > 0);
    if (e == NULL)
        outbound_tlsrpt_keep(d->options->tls_reports, str_of(m->id.text), buf_str(&content), until);
    buf_release(&content);
    err_forget();
}

static void deliver(struct outbound_deliver *d, struct queue_delivery *delivery)
{
    struct looked *l = look_at(d, delivery);
    if (l == NULL)
        return;
    if (outbound_retry_late(l->message.envelope, l->bounce.now_ms) != OUTBOUND_RETRY_IN_TIME)
        give_up(d, &l->bounce, delivery, S("the time that it was given is over"));
    else {
        keep_report(d, &l->message, &l->mail);
        attempt(d, &l->bounce, delivery);
    }
    queue_message_close(&l->message);
}

void outbound_deliver_expire(struct outbound_deliver *d, struct queue_delivery *delivery,
                             str reason)
{
    struct looked *l = look_at(d, delivery);
    if (l == NULL)
        return;
    if (outbound_bounce_is_late(d->config, &l->message, l->bounce.now_ms)) {
        /* A limit of ours ends what was tried; the sender's own, what it likes. */
        l->bounce.tried =
            outbound_retry_late(l->message.envelope, l->bounce.now_ms) == OUTBOUND_RETRY_IN_TIME;
        give_up(d, &l->bounce, delivery, reason);
    } else {
        schedule_put_back(d->options->schedule, &delivery, 0);
    }
    queue_message_close(&l->message);
}

void outbound_deliver_run(struct outbound_deliver *d, struct queue_delivery *delivery)
{
    struct outbound_transcript_book book;
    outbound_transcript_book_init(&book);
    bool kept = d->options->transcripts && d->config->outbound.transcripts_ms > 0;
    d->book = kept ? &book : NULL;
    deliver(d, delivery);
    d->book = NULL;
    outbound_transcript_book_release(&book);
    if (d->grant.lane)
        shaper_return(&d->grant);
}
