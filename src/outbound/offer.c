#include "outbound/offer.h"
#include "base/log.h"
#include "base/mem.h"
#include "message/header.h"
#include "outbound/convert.h"
#include <assert.h>
#include <string.h>

enum {
    WINDOW_ARENA_BYTES = (OUTBOUND_OFFER_RCPTS_MAX + 8) * 2 * SMTP_VERDICT_TEXT_BYTES_MAX,
    FROM_ARENA_BYTES_MAX = 32 << 20, /* a header, its authors, and another header */
};
static_assert(WINDOW_ARENA_BYTES <= 4 << 20, "memory of one transaction's replies");
static_assert((int)OUTBOUND_OFFER_TEXT_BYTES_MAX <= SMTP_VERDICT_TEXT_BYTES_MAX, "what is kept");

/* One transaction. */
struct window {
    struct outbound_offer *offer;
    struct outbound_offer_peer *peer;
    size_t *rcpts; /* taken off the front of todo */
    size_t count;
    bool needs_smtputf8;
    struct smtp_verdict *verdicts;
    struct arena *scratch; /* replies, cut */
    uint64_t read_offset;
    struct outbound_sign_source source;     /* what goes out below our signatures */
    struct outbound_from_stream from;       /* that, when From had to be another */
    struct arena *from_arena;               /* NULL: not looked at */
    str fields;                             /* those, as far as they are not yet sent */
    struct smtp_reply last_kept, last_full; /* one reply is often many recipients' */
};

void outbound_offer_set(struct outbound_offer_rcpt *r, const struct outbound_verdict *v,
                        const struct outbound_offer_peer *peer)
{
    ASSERT(!r->decided);
    r->verdict = *v;
    r->peer = peer;
    r->heard = true;
    r->unfit = false;
    r->judged = false;
    r->decided = v->action == OUTBOUND_DONE || v->action == OUTBOUND_FAIL ||
                 v->action == OUTBOUND_DEFER || v->action == OUTBOUND_PAUSE_ROUTE;
}

/* ---- choosing recipients ----------------------------------------------------------------- */

static str domain_of(str address) { return str_from(address, str_find_last(address, '@') + 1); }

static const struct envelope_rcpt *rcpt_at(const struct outbound_offer *o, size_t i)
{
    return &o->mail->envelope->rcpts[i];
}

/* A mailbox store of our own needs none: it has refused at RCPT whom it does not know. A provider
 * that we log in at takes the senders that it knows, and keeps bounces to itself. */
static bool has_returns(const struct outbound_offer *o)
{
    return o->mail->returns && !o->connection->client.options.lmtp && o->sender == NULL;
}

/* The first of todo and those behind it with the same need, up to the host's limits. They move to
 * the front, in order. */
static void choose(struct window *w, size_t *others)
{
    struct outbound_offer *o = w->offer;
    const struct smtp_capabilities *can = &o->connection->client.capabilities;
    const struct envelope *env = o->mail->envelope;
    size_t max = OUTBOUND_OFFER_RCPTS_MAX, other_count = 0, domains = 0;
    if (o->rcpts_max > 0 && (size_t)o->rcpts_max < max)
        max = (size_t)o->rcpts_max;
    if (can->rcpt_max > 0 && can->rcpt_max < max)
        max = (size_t)can->rcpt_max;
    if (has_returns(o))
        max = 1;
    str domain = {0};
    w->needs_smtputf8 = smtp_client_needs_smtputf8(env, rcpt_at(o, o->todo[0]));
    for (size_t i = 0; i < o->todo_count; i++) {
        const struct envelope_rcpt *r = rcpt_at(o, o->todo[i]);
        str its = domain_of(r->address);
        bool other = domains == 0 || !str_eq(its, domain); /* never too few are counted */
        bool fits = w->count < max && smtp_client_needs_smtputf8(env, r) == w->needs_smtputf8 &&
                    (!other || can->rcpt_domain_max == 0 || domains < can->rcpt_domain_max);
        if (!fits) {
            others[other_count++] = o->todo[i];
            continue;
        }
        domain = its;
        domains += other;
        w->rcpts[w->count++] = o->todo[i];
    }
    memcpy(o->todo, others, other_count * sizeof *others);
    o->todo_count = other_count;
}

/* ---- the content ------------------------------------------------------------------------- */

static err read_piece(void *arg, str *ret_piece, deadline until)
{
    struct window *w = arg;
    const struct outbound_offer_mail *m = w->offer->mail;
    err e = m->read(m->arg, w->read_offset, ret_piece, until);
    if (e)
        return e->kind == ERR_CANCELED
                   ? e
                   : err_new(ERR_DAMAGED, "the message cannot be read just now");
    w->read_offset += ret_piece->len;
    return NULL;
}

static void rewind_pieces(void *arg) { ((struct window *)arg)->read_offset = 0; }

/* Our signatures, then what was signed. */
static err read_signed(void *arg, str *ret_piece, deadline until)
{
    struct window *w = arg;
    if (w->fields.len == 0)
        return w->source.read(w->source.arg, ret_piece, until);
    *ret_piece = w->fields;
    w->fields = (str){0};
    return NULL;
}

/* ---- verdicts ---------------------------------------------------------------------------- */

static struct smtp_reply keep_reply(struct window *w, const struct smtp_reply *full)
{
    if (w->last_full.code == full->code && w->last_full.text.ptr == full->text.ptr)
        return w->last_kept;
    struct arena *arena = w->offer->arena;
    w->last_full = *full;
    w->last_kept = (struct smtp_reply){
        full->code, arena_str(arena, full->enhanced),
        arena_str(arena, str_slice(full->text, 0, OUTBOUND_OFFER_TEXT_BYTES_MAX))};
    return w->last_kept;
}

/* The host says what it cannot carry. Too big is too big for all hosts of a site; what else is
 * missing another host may have, and only when none has it the mail fails (smtp-rules). */
static void set_unfit(struct window *w, smtp_refusal refusal, size_t *left, size_t *left_count)
{
    struct outbound_verdict v =
        outbound_verdict_of_ours(OUTBOUND_FAIL, refusal->enhanced, str_of(refusal->text));
    bool final = str_eq(str_of(refusal->enhanced), S("5.3.4"));
    w->offer->failed = true;
    w->offer->why = v.reason;
    for (size_t i = 0; i < w->count; i++) {
        struct outbound_offer_rcpt *r = &w->offer->rcpts[w->rcpts[i]];
        bool waits_for_another = r->heard && !r->unfit;
        if (final || !waits_for_another)
            outbound_offer_set(r, &v, w->peer);
        r->unfit = !final && !waits_for_another;
        r->decided = final;
        if (!final)
            left[(*left_count)++] = w->rcpts[i];
    }
}

static bool is_accepted(const struct smtp_verdict *v, err e)
{
    return v->decided ? v->stage > SMTP_STAGE_RCPT : e == NULL;
}

static bool any_accepted(const struct window *w, err e)
{
    for (size_t i = 0; i < w->count; i++)
        if (is_accepted(&w->verdicts[i], e))
            return true;
    return false;
}

/* What an err means for those that have no reply of their own. A 421 is an answer, too. */
static struct outbound_verdict verdict_of_err(struct window *w, err e)
{
    const struct smtp_client *c = &w->offer->connection->client;
    struct outbound_verdict_facts facts = {.stage = c->stage, .after_dot = c->after_dot};
    if (e->kind == ERR_CLOSED && c->last.code == 421 && !c->after_dot) {
        struct smtp_reply kept = keep_reply(w, &c->last);
        return outbound_verdict_of_reply(&facts, &kept);
    }
    return outbound_verdict_of_err(&facts, e, w->offer->arena);
}

/* Each recipient of the window gets its verdict and goes back to todo, to another host, or out. */
static void settle(struct window *w, err e, size_t *left, size_t *left_count)
{
    struct outbound_offer *o = w->offer;
    struct outbound_verdict of_err = {0};
    bool accepted = any_accepted(w, e);
    if (e) {
        of_err = verdict_of_err(w, e);
        o->why = of_err.reply.code ? (str){0} : of_err.reason;
    }
    for (size_t i = 0; i < w->count; i++) {
        const struct smtp_verdict *v = &w->verdicts[i];
        struct outbound_offer_rcpt *r = &o->rcpts[w->rcpts[i]];
        struct outbound_verdict verdict = of_err;
        if (v->decided) {
            struct outbound_verdict_facts facts = {.stage = v->stage, .others_accepted = accepted};
            struct smtp_reply kept = keep_reply(w, &v->reply);
            verdict = outbound_verdict_of_reply(&facts, &kept);
        } else if (e == NULL) { /* our client decides all when all goes well */
            verdict = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.3.0", S("no verdict was had"));
        }
        o->failed = o->failed || verdict.action != OUTBOUND_DONE;
        bool stopped = e && e->kind == ERR_CANCELED && !v->decided;
        if (!stopped || o->connection->client.after_dot)
            outbound_offer_set(r, &verdict, w->peer);
        if (!r->decided && verdict.action == OUTBOUND_AGAIN_NOW && e == NULL)
            o->todo[o->todo_count++] = w->rcpts[i];
        else if (!r->decided)
            left[(*left_count)++] = w->rcpts[i];
    }
}

/* Nobody heard of us yet: the idle connection had gone, and that says nothing about the host. */
static bool is_stale(const struct window *w, err e)
{
    const struct smtp_client *c = &w->offer->connection->client;
    if (!w->offer->connection->used || c->after_dot || c->stage > SMTP_STAGE_RCPT ||
        (e->kind != ERR_CLOSED && e->kind != ERR_SYSTEM))
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (w->verdicts[i].decided)
            return false;
    return true;
}

/* ---- transactions ------------------------------------------------------------------------ */

/* Eight bits become seven where the host knows no others. What is signed stays, and is refused;
 * what cannot be read now is found out once more when it is sent. */
static err convert_content(struct window *w, struct smtp_offer *offer,
                           struct outbound_convert **ret_convert)
{
    const struct outbound_offer *o = w->offer;
    if (!o->convert || o->connection->client.capabilities.eight_bit_mime)
        return NULL;
    struct outbound_convert *c = NULL;
    err e = outbound_convert_open(o->mail, deadline_after(OUTBOUND_OFFER_CONVERT_MS), &c);
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (c == NULL)
        return NULL;
    offer->size = outbound_convert_size(c);
    offer->found &= (uint8_t)~FOUND_8BIT;
    offer->read = outbound_convert_read;
    offer->body = c;
    w->source = (struct outbound_sign_source){outbound_convert_rewind, outbound_convert_read, c};
    *ret_convert = c;
    return NULL;
}

/* Empty: it is longer than anybody reads, so nobody's From is known. */
static err read_header(struct window *w, struct buf *head, str *ret_header)
{
    size_t length = STR_NONE;
    str piece = S(" ");
    while (length == STR_NONE && piece.len > 0 && head->len < MESSAGE_HEADER_BYTES_MAX) {
        size_t before = head->len;
        TRY(w->source.read(w->source.arg, &piece, deadline_after(OUTBOUND_SIGN_MS)));
        TRY(buf_add(head, str_slice(piece, 0, MESSAGE_HEADER_BYTES_MAX - head->len)));
        length = message_header_length(buf_str(head), before);
    }
    w->source.rewind(w->source.arg);
    if (length == STR_NONE)
        length = piece.len == 0 ? head->len : 0; /* a header alone is a message, too */
    *ret_header = str_slice(buf_str(head), 0, length);
    return NULL;
}

static smtp_refusal refuse_from(struct outbound_offer *o)
{
    struct smtp_refusal *refusal = ARENA_NEW(o->arena, struct smtp_refusal);
    *refusal = (struct smtp_refusal){550, "5.7.1", arena_chars(o->arena, o->from.text)};
    return refusal;
}

/* Ours, about mail of others: were it refused, nobody would hear of it. */
static bool is_notice(const struct outbound_offer *o)
{
    return o->mail->envelope->origin == ORIGIN_DSN;
}

/* What the account may not write as is refused, changed or only noticed. */
static err fit_from(struct window *w, struct smtp_offer *offer, smtp_refusal *ret_refusal)
{
    struct outbound_offer *o = w->offer;
    str header;
    if (o->sender == NULL || o->sender->from_policy == FROM_POLICY_OFF)
        return NULL;
    w->from_arena = arena_open(FROM_ARENA_BYTES_MAX);
    CLEANUP(buf_release) struct buf head;
    buf_init(&head, MESSAGE_HEADER_BYTES_MAX);
    TRY(read_header(w, &head, &header));
    outbound_from_judge(o->sender, header, w->from_arena, &o->from);
    o->from.from = arena_str(o->arena, o->from.from);
    o->from.text = arena_str(o->arena, o->from.text);
    if (is_notice(o) && outbound_from_address(o->sender).len > 0)
        o->from.act = o->from.act == FROM_POLICY_REFUSE ? FROM_POLICY_REWRITE : o->from.act;
    if (o->from.act == FROM_POLICY_REFUSE)
        *ret_refusal = refuse_from(o);
    if (o->from.act != FROM_POLICY_REWRITE)
        return NULL;
    str other = outbound_from_rewrite(o->sender, header, w->from_arena);
    outbound_from_stream_init(&w->from, &w->source, other, header.len);
    w->source = (struct outbound_sign_source){outbound_from_stream_rewind,
                                              outbound_from_stream_read, &w->from};
    offer->size = offer->size - header.len + other.len;
    offer->read = outbound_from_stream_read;
    offer->body = &w->from;
    return NULL;
}

/* Once for all hosts and recipients of an attempt, unless something changed it for this host. */
static err find_signatures(struct window *w, struct outbound_sign_result *ret_result)
{
    const struct outbound_offer_mail *m = w->offer->mail;
    struct outbound_offer_signing *s = m->signing;
    bool as_it_stands = w->source.read == read_piece;
    if (as_it_stands && s->known) {
        *ret_result = s->result;
        return NULL;
    }
    struct outbound_sign_mail mail = {s->config, m->envelope, &w->source};
    TRY(outbound_sign_run(s->keys, &mail, w->offer->arena, ret_result,
                          deadline_after(OUTBOUND_SIGN_MS)));
    w->source.rewind(w->source.arg);
    if (ret_result->unsigned_why.len > 0)
        log_warn("mail from <%.*s> leaves un%s: %.*s", STR_ARG(m->envelope->sender),
                 m->envelope->origin == ORIGIN_MX ? "sealed" : "signed",
                 STR_ARG(ret_result->unsigned_why));
    if (as_it_stands) {
        s->result = *ret_result;
        s->known = true;
    }
    return NULL;
}

/* Seals speak to other servers: a mailbox store believes our Authentication-Results as it is. */
static bool is_next_door(const struct window *w)
{
    return w->offer->connection->client.options.lmtp &&
           w->offer->mail->envelope->origin == ORIGIN_MX;
}

/* After everything that changes what goes out: w->source is that. */
static err sign_content(struct window *w, struct smtp_offer *offer)
{
    struct outbound_sign_result r = {0};
    if (w->offer->mail->signing == NULL || is_next_door(w))
        return NULL;
    TRY(find_signatures(w, &r));
    w->fields = r.fields;
    offer->size += r.fields.len;
    offer->read = read_signed;
    offer->body = w;
    return NULL;
}

/* RFC 6758: a hop that does not know MT-PRIORITY carries it in the header, for one that does. It is
 * not signed: each server on the way may take it out. */
static void add_priority(struct window *w, struct smtp_offer *offer)
{
    int priority = w->offer->mail->envelope->priority;
    const struct smtp_client *c = &w->offer->connection->client;
    if (priority == 0 || c->capabilities.mt_priority || c->options.lmtp)
        return;
    w->fields =
        arena_printf(w->offer->arena, "MT-Priority: %d\r\n%.*s", priority, STR_ARG(w->fields));
    offer->size += sizeof "MT-Priority: 0\r\n" - 1 + (priority < 0);
    offer->read = read_signed;
    offer->body = w;
}

/* Our trouble, so no other host is asked and the connection stays good. */
static void set_unready(struct window *w, const char *what, err e)
{
    char why[OUTBOUND_OFFER_TEXT_BYTES_MAX];
    err_words(e, why, sizeof why);
    str reason = arena_printf(w->offer->arena, "it cannot be %s now: %s", what, why);
    struct outbound_verdict v = outbound_verdict_of_ours(OUTBOUND_DEFER, "4.7.5", reason);
    w->offer->failed = true;
    w->offer->why = reason;
    for (size_t i = 0; i < w->count; i++)
        outbound_offer_set(&w->offer->rcpts[w->rcpts[i]], &v, NULL);
}

/* The envelope under which this recipient's mail leaves: its sender is our return path. */
static err return_envelope(struct window *w, struct envelope *ret_envelope)
{
    struct outbound_offer *o = w->offer;
    const struct outbound_offer_returns *r = o->mail->returns;
    *ret_envelope = *o->mail->envelope;
    if (!has_returns(o))
        return NULL;
    ASSERT(w->count == 1);
    struct feedback_leaving l = {.envelope = o->mail->envelope,
                                 .queue_id = r->queue_id,
                                 .recipient = rcpt_at(o, w->rcpts[0])->address,
                                 .rcpt = r->rcpt_indexes[w->rcpts[0]],
                                 .way = o->way};
    return feedback_path_write(r->feedback, r->config, &l, o->arena, &ret_envelope->sender);
}

static err transact(struct window *w, size_t *left, size_t *left_count)
{
    struct outbound_offer *o = w->offer;
    struct envelope envelope;
    err nowhere = return_envelope(w, &envelope);
    if (nowhere) {
        set_unready(w, "sent", nowhere);
        return NULL;
    }
    struct smtp_client *c = &o->connection->client;
    CLEANUP(outbound_convert_cleanup) struct outbound_convert *convert = NULL;
    struct smtp_offer offer = {.envelope = &envelope,
                               .rcpts = w->rcpts,
                               .rcpt_count = w->count,
                               .needs_smtputf8 = w->needs_smtputf8,
                               .requiretls = o->connection->requiretls,
                               .size = o->mail->size,
                               .found = o->mail->envelope->found,
                               .read = read_piece,
                               .body = w};
    w->source = (struct outbound_sign_source){rewind_pieces, read_piece, w};
    w->fields = (str){0}; /* one that was refused has left its own */
    TRY(convert_content(w, &offer, &convert));
    smtp_refusal refusal = smtp_client_check(c, &offer);
    const char *what = "looked at";
    err unready = refusal ? NULL : fit_from(w, &offer, &refusal);
    if (unready == NULL && refusal == NULL) {
        what = "signed";
        unready = sign_content(w, &offer);
    }
    if (unready && unready->kind == ERR_CANCELED)
        return unready;
    if (unready) {
        set_unready(w, what, unready);
        return NULL;
    }
    if (refusal == NULL)
        add_priority(w, &offer);
    if (refusal == NULL)
        refusal = smtp_client_check(c, &offer); /* signatures count in its size */
    if (refusal) {
        set_unfit(w, refusal, left, left_count);
        return NULL;
    }
    err e = smtp_client_offer(c, &offer, w->scratch, w->verdicts);
    o->connection->lost = e != NULL;
    if (e && is_stale(w, e)) {
        memcpy(left + *left_count, w->rcpts, w->count * sizeof *left);
        *left_count += w->count;
        o->stale = true;
        return e;
    }
    settle(w, e, left, left_count);
    o->connection->used = false; /* it has just shown that it is alive */
    return e;
}

static struct outbound_offer_peer *describe_peer(const struct outbound_offer *o)
{
    const struct outbound_connection *c = o->connection;
    struct outbound_offer_peer *p = ARENA_NEW(o->arena, struct outbound_offer_peer);
    *p = (struct outbound_offer_peer){.host = arena_str(o->arena, c->host),
                                      .ip = arena_str(o->arena, c->ip),
                                      .egress = arena_str(o->arena, c->egress),
                                      .local_ip = arena_str(o->arena, c->local_ip),
                                      .tls_version = arena_str(o->arena, c->tls_version),
                                      .tls_cipher = arena_str(o->arena, c->tls_cipher),
                                      .lmtp = c->client.options.lmtp,
                                      .dsn = c->client.capabilities.dsn,
                                      .deliver_by = c->client.capabilities.deliver_by};
    return p;
}

static bool host_takes_more(const struct outbound_offer *o)
{
    const struct smtp_client *c = &o->connection->client;
    uint64_t max = c->capabilities.mail_max;
    return max == 0 || (uint64_t)c->mails < max;
}

/* By insertion: what is left was gathered in a few runs that are in order already. */
static void sort(size_t *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t moved = list[i], at = i;
        for (; at > 0 && list[at - 1] > moved; at--)
            list[at] = list[at - 1];
        list[at] = moved;
    }
}

err outbound_offer_run(struct outbound_offer *o)
{
    size_t count = o->todo_count, left_count = 0;
    size_t *left = ARENA_ARRAY(o->arena, size_t, count);
    struct window w = {.offer = o, .peer = describe_peer(o)};
    CLEANUP(arena_cleanup) struct arena *lists = arena_open(count * 256 + 4096);
    size_t *others = ARENA_ARRAY(lists, size_t, count);
    w.rcpts = ARENA_ARRAY(lists, size_t, count);
    w.verdicts = ARENA_ARRAY(lists, struct smtp_verdict, count);
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(WINDOW_ARENA_BYTES);
    err e = NULL;
    w.scratch = scratch;
    while (e == NULL && o->todo_count > 0 && host_takes_more(o)) {
        w.count = 0;
        w.read_offset = 0;
        w.last_full = (struct smtp_reply){0};
        choose(&w, others);
        e = transact(&w, left, &left_count);
        arena_close(w.from_arena);
        w.from_arena = NULL;
        arena_reset(scratch);
    }
    o->full = e == NULL && o->todo_count > 0;
    memcpy(left + left_count, o->todo, o->todo_count * sizeof *left);
    left_count += o->todo_count;
    sort(left, left_count);
    memcpy(o->todo, left, left_count * sizeof *left);
    o->todo_count = left_count;
    bool canceled = e && e->kind == ERR_CANCELED;
    return canceled ? e : NULL;
}
