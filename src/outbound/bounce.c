#include "outbound/bounce.h"
#include "message/id.h"
#include "outbound/judge.h"

enum {
    DSN_BYTES_BASE_MAX = 2 * MESSAGE_DSN_ORIGINAL_BYTES_MAX + (64 << 10),
    DSN_BYTES_RCPT_MAX = 8 * MESSAGE_DSN_TEXT_BYTES_MAX, /* each, in both parts */
};

/* ---- fates --------------------------------------------------------------------------------- */

static int64_t age_ms(const struct outbound_bounce *b)
{
    return b->now_ms - outbound_retry_born_ms(b->message->envelope);
}

/* The sender's own limit is one of real time, tried or not. */
static bool is_asked_end(const struct outbound_bounce *b)
{
    return outbound_retry_late(b->message->envelope, b->now_ms) != OUTBOUND_RETRY_IN_TIME;
}

bool outbound_bounce_is_late(const struct config *c, const struct queue_message *m, int64_t now_ms)
{
    return now_ms >= outbound_retry_end_ms(&c->retry, m->envelope);
}

/* Only a try that has just failed may be the last one: a date that jumps loses no mail. */
static bool is_over(const struct outbound_bounce *b)
{
    return b->tried && outbound_bounce_is_late(b->config, b->message, b->now_ms);
}

static enum outbound_bounce_fate fate_of(const struct outbound_bounce *b,
                                         const struct outbound_offer_rcpt *r)
{
    ASSERT(r->decided);
    if (r->verdict.action == OUTBOUND_DONE)
        return OUTBOUND_BOUNCE_DONE;
    if (r->verdict.action == OUTBOUND_FAIL)
        return OUTBOUND_BOUNCE_FAILED;
    bool paused = r->verdict.action == OUTBOUND_PAUSE_ROUTE;
    return is_asked_end(b) || (is_over(b) && !paused) ? OUTBOUND_BOUNCE_EXPIRED
                                                      : OUTBOUND_BOUNCE_WAITS;
}

/* Who asked for BY=…;N is told then and not at another time (RFC 2852 section 4.1); where no time
 * was left when it came, somebody before us has told. */
static bool warns_now(const struct outbound_bounce *b)
{
    const struct queue_message *m = b->message;
    const struct envelope *env = m->envelope;
    if ((m->state.flags & QUEUE_WARNED) || env->origin == ORIGIN_DSN)
        return false;
    if (env->by_ms && env->by_mode == BY_NOTIFY)
        return env->by_ms > env->accepted_at_ms && b->now_ms >= env->by_ms;
    return b->tried && age_ms(b) >= b->config->retry.warn_after_ms;
}

/* What each refusal means. Many recipients often share one reply: it is judged once. */
static void judge(struct outbound_bounce *b)
{
    size_t count = b->message->envelope->rcpt_count;
    struct outbound_offer_rcpt *before = NULL;
    b->outcomes = ARENA_ARRAY(b->arena, const struct outcome *, count);
    for (size_t i = 0; i < count; i++) {
        struct outbound_offer_rcpt *r = &b->rcpts[i];
        const struct outbound_verdict *v = &r->verdict;
        if (v->action == OUTBOUND_DONE)
            continue;
        bool same = before && before->peer == r->peer && before->verdict.stage == v->stage &&
                    before->verdict.reply.code == v->reply.code &&
                    before->verdict.reply.text.ptr == v->reply.text.ptr &&
                    before->verdict.reason.ptr == v->reason.ptr;
        if (!same)
            before = r;
        b->outcomes[i] = outbound_judge(before);
    }
}

/* All that wait have one time: that of the first of them. */
static int64_t due_ms(const struct outbound_bounce *b)
{
    const struct config_retry *retry = &b->config->retry;
    uint32_t attempts = b->message->state.attempts;
    int64_t wait = -1;
    for (size_t i = 0; i < b->message->envelope->rcpt_count; i++) {
        if (b->fates[i] != OUTBOUND_BOUNCE_WAITS)
            continue;
        int64_t its = outbound_retry_wait_ms(retry, b->outcomes[i], attempts);
        wait = wait < 0 || its < wait ? its : wait;
    }
    if (wait < 0)
        wait = outbound_retry_wait_ms(retry, NULL, attempts);
    return outbound_retry_due_ms(retry, b->message->envelope, wait, b->now_ms);
}

static void fill_settlement(struct outbound_bounce *b)
{
    static const uint8_t states[] = {
        [OUTBOUND_BOUNCE_WAITS] = QUEUE_WAITING,
        [OUTBOUND_BOUNCE_DONE] = QUEUE_DONE,
        [OUTBOUND_BOUNCE_FAILED] = QUEUE_FAILED,
        [OUTBOUND_BOUNCE_EXPIRED] = QUEUE_EXPIRED,
    };
    size_t count = b->message->envelope->rcpt_count, ended = 0;
    struct queue_outcome *outcomes = ARENA_ARRAY(b->arena, struct queue_outcome, count);
    struct queue_settlement *s = &b->settlement;
    for (size_t i = 0; i < count; i++) {
        b->fates[i] = fate_of(b, &b->rcpts[i]);
        if (b->fates[i] != OUTBOUND_BOUNCE_WAITS)
            outcomes[ended++] =
                (struct queue_outcome){b->message->rcpt_indexes[i], states[b->fates[i]]};
        else if (s->reply.len == 0) /* why it waits; else what was said last */
            s->reply = outbound_verdict_text(&b->rcpts[i].verdict, b->arena);
    }
    if (s->reply.len == 0)
        s->reply = outbound_verdict_text(&b->rcpts[count - 1].verdict, b->arena);
    s->outcomes = outcomes;
    s->outcome_count = ended;
    s->tried = b->tried;
    s->way = b->way;
    s->due_ms = due_ms(b);
    s->warned = warns_now(b);
}

/* ---- the notification ---------------------------------------------------------------------- */

/* Is the handover itself told? With BY=…T always, with BY=…;N where the next hop will not see to
 * the time (RFC 2852 sections 4.1.3 and 4.1.4). */
static bool traces(const struct outbound_bounce *b, const struct outbound_offer_peer *peer)
{
    const struct envelope *env = b->message->envelope;
    return env->by_ms && peer && !peer->lmtp &&
           (env->by_trace || (env->by_mode == BY_NOTIFY && !peer->deliver_by));
}

static bool is_wanted(const struct outbound_bounce *b, size_t i, enum message_dsn_action action)
{
    const struct envelope *env = b->message->envelope;
    if (action == DSN_RELAYED && traces(b, b->rcpts[i].peer)) /* whoever asks for failures, too */
        return message_dsn_wanted(env, &env->rcpts[i], DSN_RELAYED) ||
               message_dsn_wanted(env, &env->rcpts[i], DSN_FAILED);
    return message_dsn_wanted(env, &env->rcpts[i], action);
}

/* False: there is nothing to tell about a recipient with this fate. */
static bool action_of(const struct outbound_bounce *b, size_t i, enum message_dsn_action *ret)
{
    const struct outbound_offer_peer *peer = b->rcpts[i].peer;
    switch (b->fates[i]) {
    case OUTBOUND_BOUNCE_DONE:
        *ret = peer && peer->lmtp ? DSN_DELIVERED : DSN_RELAYED;
        return peer && (peer->lmtp || !peer->dsn || traces(b, peer)); /* else the next hop tells */
    case OUTBOUND_BOUNCE_FAILED:
    case OUTBOUND_BOUNCE_EXPIRED:
        *ret = DSN_FAILED;
        return true;
    case OUTBOUND_BOUNCE_WAITS:
        *ret = DSN_DELAYED;
        return b->settlement.warned;
    }
    return false;
}

/* Of one that expired: whose time it was. NULL: the ordinary one, and the last answer tells more.
 */
static const char *why_expired(const struct outbound_bounce *b)
{
    switch (outbound_retry_late(b->message->envelope, b->now_ms)) {
    case OUTBOUND_RETRY_BY:
        return "it could not be delivered by the time that was asked for (DELIVERBY, RFC 2852)";
    case OUTBOUND_RETRY_EXPIRED:
        return "it has expired, at the time that was asked for (Smtptool-Expires)";
    case OUTBOUND_RETRY_IN_TIME:
        break;
    }
    return NULL;
}

static struct message_dsn_rcpt tell_rcpt(const struct outbound_bounce *b, size_t i,
                                         enum message_dsn_action action)
{
    const struct envelope *env = b->message->envelope;
    const struct outbound_offer_rcpt *r = &b->rcpts[i];
    bool expired = b->fates[i] == OUTBOUND_BOUNCE_EXPIRED;
    struct message_dsn_rcpt t = {.address = env->rcpts[i].address,
                                 .orcpt = env->rcpts[i].orcpt,
                                 .action = action,
                                 .status = expired ? S("5.4.7") : str_of(r->verdict.status),
                                 .remote_mta = r->peer ? r->peer->host : (str){0},
                                 .reason = r->verdict.reason,
                                 .last_attempt_ms = b->now_ms};
    if (action == DSN_RELAYED || action == DSN_DELIVERED)
        t.status = S("2.0.0");
    if (r->verdict.reply.code)
        t.diagnostic = outbound_verdict_text(&r->verdict, b->arena);
    else if (r->peer == NULL || !r->heard)
        t.remote_mta = (str){0};
    const char *why = expired ? why_expired(b) : NULL;
    if (why) {
        t.reason = str_of(why);
        t.diagnostic = (str){0};
    }
    if (action == DSN_DELAYED)
        t.will_retry_until_ms = outbound_retry_end_ms(&b->config->retry, env);
    if (action == DSN_DELAYED && env->by_ms && env->by_mode == BY_NOTIFY)
        t.status = S("4.4.7"); /* RFC 2852 section 5.2 */
    return t;
}

static size_t tell_rcpts(struct outbound_bounce *b, struct message_dsn_rcpt *told)
{
    const struct envelope *env = b->message->envelope;
    size_t count = 0;
    for (size_t i = 0; i < env->rcpt_count; i++) {
        enum message_dsn_action action;
        if (!action_of(b, i, &action))
            continue;
        if (is_wanted(b, i, action)) {
            told[count++] = tell_rcpt(b, i, action);
            b->delay_told = b->delay_told || action == DSN_DELAYED;
        } else if (action == DSN_FAILED) {
            b->dsn_dropped = env->sender.len == 0        ? "the sender is null"
                             : env->origin == ORIGIN_DSN ? "it is a notification itself"
                                                         : b->dsn_dropped;
        }
    }
    return count;
}

/* The front of the message, all of it when it may go back whole. */
static str read_front(struct outbound_bounce *b, deadline until)
{
    size_t want = MESSAGE_DSN_ORIGINAL_BYTES_MAX;
    if (b->mail->size < want)
        want = (size_t)b->mail->size;
    struct buf front;
    str piece = {0};
    buf_init(&front, want);
    err e = NULL;
    do {
        e = b->mail->read(b->mail->arg, front.len, &piece, until);
        if (e == NULL)
            e = buf_add(&front, str_slice(piece, 0, want - front.len));
    } while (e == NULL && piece.len > 0 && front.len < want);
    str kept = arena_str(b->arena, buf_str(&front));
    buf_release(&front);
    return kept;
}

static struct envelope *make_envelope(const struct outbound_bounce *b, uint8_t found)
{
    const struct envelope *env = b->message->envelope;
    struct envelope *e = ARENA_NEW(b->arena, struct envelope);
    e->origin = ORIGIN_DSN;
    e->priority = env->priority; /* RFC 6710 section 4.4 */
    e->found = found;
    e->declared = found ? BODY_8BITMIME : BODY_7BIT;
    e->smtputf8 = env->smtputf8 && (found & FOUND_8BIT_HEADER);
    e->accepted_at_ms = b->now_ms;
    e->requiretls = env->requiretls; /* RFC 8689 section 6 */
    e->rcpts = ARENA_NEW(b->arena, struct envelope_rcpt);
    e->rcpt_count = 1;
    e->rcpts[0].address = env->sender;
    e->rcpts[0].destination = outbound_route_destination(b->config, env->sender, NULL, b->arena);
    e->rcpts[0].notify = NOTIFY_NEVER; /* nothing ever answers it */
    return e;
}

static err build_into(struct outbound_bounce *b, const struct message_dsn *dsn, const char *unique)
{
    struct queue_new_message *m = ARENA_NEW(b->arena, struct queue_new_message);
    struct buf content;
    uint8_t found = 0;
    buf_init(&content, DSN_BYTES_BASE_MAX + dsn->rcpt_count * DSN_BYTES_RCPT_MAX);
    err e = message_dsn_build(dsn, &content, &found);
    m->content = arena_str(b->arena, buf_str(&content));
    buf_release(&content);
    if (e)
        return err_wrap(e, "build a notification");
    struct envelope *env = make_envelope(b, found);
    env->message_id = arena_printf(b->arena, "<%s@%.*s>", unique, STR_ARG(dsn->hostname));
    m->envelope = env;
    b->settlement.dsns = m;
    b->settlement.dsn_count = 1;
    return NULL;
}

static void build_dsn(struct outbound_bounce *b, const struct message_dsn_rcpt *told, size_t count,
                      deadline until)
{
    const struct envelope *env = b->message->envelope;
    char unique[MESSAGE_UNIQUE_CHARS];
    message_id_unique(b->now_ms, unique);
    str front = read_front(b, until);
    struct message_dsn dsn = {.hostname = b->config->hostname,
                              .sender = env->sender,
                              .envid = env->envid,
                              .message_id = env->message_id,
                              .received_from = env->helo,
                              .unique = str_of(unique),
                              /* What had to stay private does not travel twice (RFC 8689). */
                              .ret = env->requiretls ? RET_HDRS : env->ret,
                              .smtputf8 = env->smtputf8,
                              .arrival_ms = env->accepted_at_ms,
                              .deliver_by_ms = env->by_ms,
                              .released_ms = env->not_before_ms,
                              .now_ms = b->now_ms,
                              .original = front,
                              .original_bytes = (size_t)b->mail->size,
                              .rcpts = told,
                              .rcpt_count = count};
    err e = build_into(b, &dsn, unique);
    if (e)
        b->dsn_dropped = "it would be too long";
}

void outbound_bounce_decide(struct outbound_bounce *b, deadline until)
{
    size_t count = b->message->envelope->rcpt_count;
    struct message_dsn_rcpt *told = ARENA_ARRAY(b->arena, struct message_dsn_rcpt, count);
    b->fates = ARENA_ARRAY(b->arena, enum outbound_bounce_fate, count);
    b->settlement = (struct queue_settlement){0};
    judge(b);
    fill_settlement(b);
    size_t told_count = tell_rcpts(b, told);
    if (told_count > 0)
        build_dsn(b, told, told_count, until);
}
