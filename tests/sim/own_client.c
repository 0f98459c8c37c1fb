#include "tests/sim/own_client.h"
#include "smtp/client.h"
#include "tests/sim/trace.h"
#include <stdio.h>

enum { PATIENCE_MS = 25 * 60 * 1000, KEY_CHARS = 33 };

struct reading {
    struct sim_mail *mail;
    size_t at;
};

static void tell(void *arg, const char *mark, str line)
{
    (void)arg;
    sim_trace("own client", "%s %.*s", mark, STR_ARG(str_slice(line, 0, 100)));
}

/* What was handed out whole may have left whole. */
static err read_piece(void *arg, str *ret_piece, deadline until)
{
    struct reading *r = arg;
    size_t left = r->mail->content.len - r->at;
    size_t size = left < 20000 ? left : (size_t)sim_plan_between(1, (int64_t)left);
    (void)until;
    *ret_piece = str_slice(r->mail->content, r->at, size);
    r->at += size;
    if (r->at == r->mail->content.len)
        sim_ledger_doubt(r->mail);
    return NULL;
}

static struct envelope *make_envelope(struct sim_stage *s, const struct sim_letter *l)
{
    const struct sim_mail *m = l->mail;
    struct envelope *e = ARENA_NEW(s->arena, struct envelope);
    e->sender = m->sender ? str_of(m->sender->text) : (str){0};
    e->declared = l->eight_bit ? BODY_8BITMIME : BODY_7BIT;
    e->found = l->eight_bit ? FOUND_8BIT : 0;
    e->rcpts = ARENA_ARRAY(s->arena, struct envelope_rcpt, m->rcpt_count);
    e->rcpt_count = m->rcpt_count;
    for (size_t i = 0; i < m->rcpt_count; i++) {
        e->rcpts[i].address = str_of(m->rcpts[i]->text);
        e->rcpts[i].notify = m->rcpts[i]->notify;
    }
    return e;
}

/* Each recipient's part of the story; the reply to the content, or 0. What a repeat is refused
 * with before its content changes nothing: the first may be there. */
static int read_verdicts(const struct sim_mail *m, const struct smtp_verdict *verdicts)
{
    int code = 0;
    for (size_t i = 0; i < m->rcpt_count; i++) {
        const struct smtp_verdict *v = &verdicts[i];
        if (m->repeated && (!v->decided || v->stage != SMTP_STAGE_BODY)) {
            if (v->decided && v->reply.code / 100 == 5)
                sim_trace_fail("a repeat is known or new", "mail %d was answered %d %.*s",
                               m->number, v->reply.code, STR_ARG(v->reply.text));
            continue;
        }
        m->rcpts[i]->offered = !v->decided || v->stage == SMTP_STAGE_BODY;
        m->rcpts[i]->offer_known = v->decided;
        if (v->decided && v->stage == SMTP_STAGE_BODY)
            code = v->reply.code;
    }
    return code;
}

static err offer(struct sim_stage *s, struct smtp_client *c, const struct sim_letter *l)
{
    struct sim_mail *m = l->mail;
    struct reading reading = {.mail = m};
    size_t indexes[ARRAY_LEN(m->rcpts)];
    char key[KEY_CHARS] = "";
    if (l->keyed)
        snprintf(key, sizeof key, "%032x", (unsigned)m->number);
    for (size_t i = 0; i < m->rcpt_count; i++)
        indexes[i] = i;
    struct smtp_offer o = {.envelope = make_envelope(s, l),
                           .rcpts = indexes,
                           .rcpt_count = m->rcpt_count,
                           .size = m->content.len,
                           .found = l->eight_bit ? FOUND_8BIT : 0,
                           .read = read_piece,
                           .once = str_of(key),
                           .body = &reading};
    struct smtp_verdict *verdicts = ARENA_ARRAY(s->arena, struct smtp_verdict, m->rcpt_count);
    if (!m->repeated)
        sim_ledger_begin(m);
    for (size_t i = 0; i < m->rcpt_count; i++)
        m->rcpts[i]->offered = true; /* maybe */
    if (l->keyed && !c->capabilities.once && !m->repeated)
        sim_trace("own client", "has no room for a key");
    if (m->repeated && !c->capabilities.once)
        return NULL; /* without a key it would be another mail */
    if (smtp_client_check(c, &o))
        return NULL;
    err e = smtp_client_offer(c, &o, s->arena, verdicts);
    int code = read_verdicts(m, verdicts);
    if (code / 100 == 2 && l->keyed && sim_plan_chance(30))
        return err_new(ERR_CLOSED, "as if the client had been killed before it read that");
    if (code)
        sim_ledger_answer(&s->ledger, m, code);
    return e;
}

static err converse(struct sim_stage *s, struct smtp_client *c, const struct sim_letter *l)
{
    struct smtp_reply reply;
    TRY(smtp_client_greeting(c, &reply));
    if (smtp_reply_ok(&reply))
        TRY(smtp_client_hello(c, &reply));
    return smtp_reply_ok(&reply) ? offer(s, c, l) : NULL;
}

err sim_own_client_send(struct sim_stage *s, struct net_conn **conn, const struct sim_letter *l)
{
    struct smtp_client client;
    struct smtp_client_timeouts t = {PATIENCE_MS, PATIENCE_MS, PATIENCE_MS,
                                     PATIENCE_MS, PATIENCE_MS, PATIENCE_MS};
    struct smtp_client_options o = {.hello = S("own.example"), .timeouts = t, .transcript = tell};
    smtp_client_init(&client, *conn, &o);
    *conn = NULL;
    err e = converse(s, &client, l);
    if (e == NULL)
        smtp_client_quit(&client);
    smtp_client_release(&client);
    return e;
}
