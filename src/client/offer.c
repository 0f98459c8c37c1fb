#include "client/offer.h"
#include "base/mem.h"

/* ---- verdicts --------------------------------------------------------------------------- */

static bool is_settled(const struct smtp_verdict *v)
{
    return v->decided && v->reply.code / 100 != 4;
}

static enum client_outcome refusal_of(const struct smtp_verdict *v)
{
    return v->stage == SMTP_STAGE_RCPT ? CLIENT_NO_USER : CLIENT_REFUSED;
}

enum client_outcome client_offer_outcome(const struct client_mail *mail)
{
    enum client_outcome worst = CLIENT_SENT;
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        if (!is_settled(v))
            return CLIENT_LATER;
        if (v->reply.code / 100 == 5 && worst != CLIENT_NO_USER)
            worst = refusal_of(v);
    }
    return worst;
}

enum client_outcome client_offer_outcome_at_last(const struct client_mail *mail)
{
    enum client_outcome worst = CLIENT_LATER;
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        if (v->decided && v->reply.code / 100 == 5)
            worst = refusal_of(v);
    }
    return worst;
}

const struct smtp_reply *client_offer_first_passing(const struct client_mail *mail)
{
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++)
        if (mail->verdicts[i].decided && mail->verdicts[i].reply.code / 100 == 4)
            return &mail->verdicts[i].reply;
    return NULL;
}

static void keep_verdict(struct client_mail *mail, size_t i, const struct smtp_verdict *v)
{
    mail->verdicts[i] = *v;
    struct smtp_reply *r = &mail->verdicts[i].reply;
    r->enhanced = arena_str(mail->arena, v->reply.enhanced);
    r->text = arena_str(mail->arena, str_slice(v->reply.text, 0, CLIENT_TEXT_BYTES_MAX));
}

/* ---- one transaction -------------------------------------------------------------------- */

struct reading {
    struct client_mail *mail;
    str content;
};

static err read_content(void *body, str *ret_piece, deadline until)
{
    struct reading *r = body;
    str piece = str_slice(r->content, 0, SMTP_CLIENT_CHUNK_BYTES);
    bool last = piece.len > 0 && piece.len == r->content.len;
    if (last && r->mail->before_end)
        TRY(r->mail->before_end(r->mail, until));
    r->content = str_from(r->content, piece.len);
    *ret_piece = piece;
    return NULL;
}

/* Nothing is offered to a server that cannot take it. */
static bool check_offer(struct client_session *s, struct client_mail *mail,
                        const struct smtp_offer *offer)
{
    static const struct smtp_refusal held = {451, "4.3.0",
                                             "It may have been taken before, and "
                                             "the server keeps no keys"};
    smtp_refusal no = smtp_client_check(&s->smtp, offer);
    mail->held_back = mail->needs_once && !s->smtp.capabilities.once;
    if (no == NULL && mail->held_back)
        no = &held;
    if (no == NULL)
        return true;
    struct smtp_verdict v = {
        true, SMTP_STAGE_MAIL, {no->code, str_of(no->enhanced), str_of(no->text)}
    };
    for (size_t i = 0; i < offer->rcpt_count; i++)
        keep_verdict(mail, offer->rcpts[i], &v);
    return false;
}

static err transact(struct client_session *s, struct client_mail *mail, struct smtp_offer *o,
                    struct smtp_verdict *verdicts)
{
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open((o->rcpt_count + 16) * 2 * SMTP_REPLY_BYTES_MAX);
    int64_t start_ms = clock_steady_ms();
    err e = smtp_client_offer(&s->smtp, o, arena, verdicts);
    s->times.transaction = clock_steady_ms() - start_ms;
    for (size_t i = 0; i < o->rcpt_count; i++)
        if (verdicts[i].decided)
            keep_verdict(mail, o->rcpts[i], &verdicts[i]);
    mail->in_doubt = e && s->smtp.after_dot;
    if (mail->in_doubt)
        return err_wrap(e, "the message was sent whole, but no reply came: it may arrive twice");
    return e;
}

err client_offer(struct client_session *s, struct client_mail *mail)
{
    size_t total = mail->envelope->rcpt_count, open = 0;
    size_t *rcpts = mem_alloc(total * sizeof *rcpts);
    struct smtp_verdict *verdicts = mem_alloc(total * sizeof *verdicts);
    struct reading reading = {mail, mail->content};
    struct smtp_offer o = {
        .envelope = mail->envelope,
        .rcpts = rcpts,
        .requiretls = mail->envelope->requiretls,
        .size = mail->content.len,
        .found = mail->found,
        .ask_to_hold = mail->envelope->not_before_ms > 0,
        .once = mail->once,
        .read = read_content,
        .body = &reading,
    };
    for (size_t i = 0; i < total; i++) {
        const struct envelope_rcpt *rcpt = &mail->envelope->rcpts[i];
        if (is_settled(&mail->verdicts[i]))
            continue;
        o.needs_smtputf8 |= smtp_client_needs_smtputf8(mail->envelope, rcpt);
        rcpts[open++] = i;
    }
    o.rcpt_count = open;
    err e = check_offer(s, mail, &o) ? transact(s, mail, &o, verdicts) : NULL;
    mem_free(rcpts);
    mem_free(verdicts);
    return e;
}
