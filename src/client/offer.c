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

static err read_content(void *body, str *ret_piece, deadline until)
{
    struct client_offering *x = body;
    str piece = str_slice(x->content, 0, SMTP_CLIENT_CHUNK_BYTES);
    bool last = piece.len > 0 && piece.len == x->content.len;
    if (last && x->mail->before_end)
        TRY(x->mail->before_end(x->mail, until));
    x->content = str_from(x->content, piece.len);
    *ret_piece = piece;
    return NULL;
}

static const struct smtp_offer *offer_next(void *body);

static void make_room(struct client_offering *x, size_t count)
{
    if (count <= x->room)
        return;
    x->rcpts = mem_resize(x->rcpts, count * sizeof *x->rcpts);
    x->verdicts = mem_resize(x->verdicts, count * sizeof *x->verdicts);
    x->room = count;
}

static void prepare(struct client_session *s, struct client_offering *x, struct client_mail *mail)
{
    size_t total = mail->envelope->rcpt_count, open = 0;
    make_room(x, total);
    x->session = s;
    x->mail = mail;
    x->content = mail->content;
    x->offer = (struct smtp_offer){
        .envelope = mail->envelope,
        .rcpts = x->rcpts,
        .requiretls = mail->envelope->requiretls,
        .size = mail->content.len,
        .found = mail->found,
        .ask_to_hold = mail->envelope->not_before_ms > 0,
        .once = mail->once,
        .read = read_content,
        .next = s->next_now ? offer_next : NULL,
        .body = x,
    };
    for (size_t i = 0; i < total; i++) {
        const struct envelope_rcpt *rcpt = &mail->envelope->rcpts[i];
        if (is_settled(&mail->verdicts[i]))
            continue;
        x->offer.needs_smtputf8 |= smtp_client_needs_smtputf8(mail->envelope, rcpt);
        x->rcpts[open++] = i;
    }
    x->offer.rcpt_count = open;
}

/* Why nothing is offered to a server that cannot take it; NULL: it can. */
static smtp_refusal find_refusal(struct client_offering *x)
{
    static const struct smtp_refusal held = {451, "4.3.0",
                                             "It may have been taken before, and "
                                             "the server keeps no keys"};
    const struct smtp_client *c = &x->session->smtp;
    smtp_refusal no = smtp_client_check(c, &x->offer);
    x->mail->held_back = x->mail->needs_once && !c->capabilities.once;
    return no == NULL && x->mail->held_back ? &held : no;
}

/* The one ahead; what the server cannot take is refused when its turn has come. */
static const struct smtp_offer *offer_next(void *body)
{
    struct client_offering *now = body;
    struct client_session *s = now->session;
    struct client_mail *mail = s->next_now(s);
    if (mail == NULL)
        return NULL;
    struct client_offering *x = &s->offerings[!s->offered];
    prepare(s, x, mail);
    return find_refusal(x) == NULL ? &x->offer : NULL;
}

static void refuse(struct client_offering *x, smtp_refusal no)
{
    struct smtp_verdict v = {
        true, SMTP_STAGE_MAIL, {no->code, str_of(no->enhanced), str_of(no->text)}
    };
    for (size_t i = 0; i < x->offer.rcpt_count; i++)
        keep_verdict(x->mail, x->rcpts[i], &v);
}

static void clear_verdicts(struct client_session *s, size_t rcpts)
{
    if (rcpts > s->verdict_room) {
        arena_close(s->verdicts);
        s->verdicts = arena_open((rcpts + 16) * 2 * SMTP_REPLY_BYTES_MAX);
        s->verdict_room = rcpts;
    }
    arena_clear(s->verdicts);
}

static err transact(struct client_session *s, struct client_offering *x)
{
    struct client_mail *mail = x->mail;
    clear_verdicts(s, x->offer.rcpt_count);
    int64_t start_ms = clock_steady_ms();
    err e = smtp_client_offer(&s->smtp, &x->offer, s->verdicts, x->verdicts);
    s->times.transaction = clock_steady_ms() - start_ms;
    for (size_t i = 0; i < x->offer.rcpt_count; i++)
        if (x->verdicts[i].decided)
            keep_verdict(mail, x->rcpts[i], &x->verdicts[i]);
    mail->in_doubt = e && s->smtp.after_dot;
    if (mail->in_doubt)
        return err_wrap(e, "the message was sent whole, but no reply came: it may arrive twice");
    return e;
}

err client_offer(struct client_session *s, struct client_mail *mail)
{
    if (s->offerings == NULL)
        s->offerings = mem_alloc(2 * sizeof *s->offerings);
    struct client_offering *ahead = &s->offerings[!s->offered];
    if (s->smtp.ahead) { /* its envelope was said: it is for this one */
        ASSERT(s->smtp.ahead == &ahead->offer && ahead->mail == mail);
        s->offered = !s->offered;
        return transact(s, ahead);
    }
    struct client_offering *x = &s->offerings[s->offered];
    prepare(s, x, mail);
    smtp_refusal no = find_refusal(x);
    if (no == NULL)
        return transact(s, x);
    refuse(x, no);
    return NULL;
}

void client_offer_release(struct client_session *s)
{
    for (size_t i = 0; s->offerings && i < 2; i++) {
        mem_free(s->offerings[i].rcpts);
        mem_free(s->offerings[i].verdicts);
    }
    mem_free(s->offerings);
    arena_close(s->verdicts);
    s->offerings = NULL;
    s->verdicts = NULL;
    s->verdict_room = 0;
}
