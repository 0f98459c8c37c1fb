#include "tests/sim/client.h"
#include "account/keeper.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/sim.h"
#include "tests/sim/letter.h"
#include "tests/sim/own_client.h"
#include "tests/sim/trace.h"
#include <stdio.h>
#include <string.h>

enum {
    PATIENCE_MS = 25 * 60 * 1000,
    PAUSE_MS_MAX = 20 * 1000,
    WIRE_BYTES_MAX = 3 * SIM_LETTER_BYTES_MAX,
    TRIES = 3,
    REPEATS = 12,
    REPLIES_MAX = 64,
};

/* Where a client goes away. */
enum cut { CUT_NOT, CUT_AT_ONCE, CUT_BEFORE_CONTENT, CUT_IN_CONTENT, CUT_BEFORE_REPLY, CUTS };

struct talker {
    struct sim_stage *stage;
    char name[16];
    struct net_conn *conn;
    enum envelope_origin origin;
    bool esmtp, pipelining, chunking, slow, own;
    enum cut cut;
    struct buf wire;
};

/* ---- lines ------------------------------------------------------------------------------ */

static err cut_here(struct talker *t)
{
    if (sim_plan_chance(50))
        sim_net_reset(t->conn);
    return err_new(ERR_CLOSED, "the client goes away");
}

static err say(struct talker *t, str line)
{
    deadline until = deadline_after(PATIENCE_MS);
    sim_trace(t->name, "C: %.*s", STR_ARG(str_slice(line, 0, 100)));
    TRY(net_write(t->conn, line, until));
    TRY(net_write(t->conn, S("\r\n"), until));
    return net_flush(t->conn, until);
}

static err read_line(struct talker *t, char *ret_line, size_t size)
{
    for (;;) {
        str input = net_input(t->conn);
        size_t lf = str_find(input, '\n');
        if (lf != STR_NONE) {
            snprintf(ret_line, size, "%.*s", STR_ARG(str_trim(str_slice(input, 0, lf))));
            net_consume(t->conn, lf + 1);
            return NULL;
        }
        TRY(net_fill(t->conn, deadline_after(PATIENCE_MS)));
    }
}

/* The code of a whole reply. */
static err hear(struct talker *t, int *ret_code)
{
    char line[600];
    do
        TRY(read_line(t, line, sizeof line));
    while (line[0] && line[3] == '-');
    sim_trace(t->name, "S: %.100s", line);
    uint64_t code;
    if (!str_to_u64(str_slice(str_of(line), 0, 3), 599, &code) || code < 200)
        sim_trace_fail("our server speaks SMTP", "it said \"%s\"", line);
    *ret_code = (int)code;
    return code == 421 ? err_new(ERR_CLOSED, "421") : NULL;
}

static err ask(struct talker *t, str line, int *ret_code)
{
    TRY(say(t, line));
    return hear(t, ret_code);
}

static err ask_good(struct talker *t, str line)
{
    int code;
    TRY(ask(t, line, &code));
    return code / 100 == 2 ? NULL : err_new(ERR_PROTOCOL, "%d", code);
}

/* ---- the beginning ---------------------------------------------------------------------- */

static err connect_to_us(struct talker *t)
{
    static const struct {
        const char *to, *from;
    } ways[] = {
        [ORIGIN_MX] = {"192.0.2.25:25",  "203.0.113.7"},
        [ORIGIN_SUBMISSION] = {"127.0.0.1:587",  "127.0.0.1"  },
        [ORIGIN_RELAY] = {"127.0.0.1:2526", "127.0.0.1"  },
    };
    struct address to, from;
    TRY(address_parse(str_of(ways[t->origin].to), 0, &to));
    TRY(address_parse_ip(str_of(ways[t->origin].from), &from));
    return net_connect(&to, &from, &t->conn, deadline_after(PATIENCE_MS));
}

static err introduce(struct talker *t)
{
    int code;
    TRY(connect_to_us(t));
    sim_trace(t->name, "connected");
    if (t->own)
        return NULL;
    TRY(hear(t, &code));
    if (t->cut == CUT_AT_ONCE)
        return cut_here(t);
    TRY(ask_good(t, t->esmtp ? S("EHLO client.example") : S("HELO client.example")));
    if (t->origin == ORIGIN_SUBMISSION)
        TRY(ask_good(t, S("AUTH PLAIN AHVzZXIAc2VjcmV0"))); /* user, secret */
    return NULL;
}

/* ---- one mail, by the script ------------------------------------------------------------ */

static str mail_line(const struct talker *t, const struct sim_letter *l)
{
    const struct sim_mail *m = l->mail;
    struct arena *a = t->stage->arena;
    str line = arena_printf(a, "MAIL FROM:<%s>", m->sender ? m->sender->text : "");
    if (t->esmtp && sim_plan_chance(50))
        line = arena_printf(a, "%.*s SIZE=%zu", STR_ARG(line), m->content.len);
    if (l->eight_bit)
        line = arena_printf(a, "%.*s BODY=8BITMIME", STR_ARG(line));
    if (t->esmtp && sim_plan_chance(20))
        line = arena_printf(a, "%.*s RET=%s ENVID=mail%d", STR_ARG(line),
                            sim_plan_chance(50) ? "HDRS" : "FULL", m->number);
    return line;
}

static str rcpt_line(const struct talker *t, const struct sim_address *a)
{
    struct arena *arena = t->stage->arena;
    return arena_printf(arena, "RCPT TO:<%s>%.*s", a->text, STR_ARG(sim_letter_notify(a, arena)));
}

static void note_offer(struct sim_address *a, int code)
{
    a->offered = code / 100 == 2;
    a->offer_known = true;
}

static err add_line(struct talker *t, str line)
{
    sim_trace(t->name, "C+ %.*s", STR_ARG(str_slice(line, 0, 100)));
    TRY(buf_add(&t->wire, line));
    return buf_add(&t->wire, S("\r\n"));
}

static err add_stuffed(struct talker *t, str content)
{
    while (content.len > 0) {
        size_t lf = str_find(content, '\n');
        size_t len = lf == STR_NONE ? content.len : lf + 1;
        if (content.ptr[0] == '.')
            TRY(buf_add_char(&t->wire, '.'));
        TRY(buf_add(&t->wire, str_slice(content, 0, len)));
        content = str_from(content, len);
    }
    return buf_add(&t->wire, S(".\r\n"));
}

/* Chunks of drawn sizes; the last may be empty. */
static err add_chunks(struct talker *t, str content, int *ret_count)
{
    bool last = false;
    for (int i = 1; !last; i++) {
        size_t size = (size_t)sim_plan_between(0, (int64_t)content.len);
        if (i == REPLIES_MAX / 4 || sim_plan_chance(40))
            size = content.len;
        last = size == content.len && (content.len == 0 || sim_plan_chance(70));
        last = last || i >= REPLIES_MAX / 4;
        TRY(add_line(t, arena_printf(t->stage->arena, "BDAT %zu%s", size, last ? " LAST" : "")));
        TRY(buf_add(&t->wire, str_slice(content, 0, size)));
        content = str_from(content, size);
        *ret_count = i;
    }
    return NULL;
}

/* What is in the wire, in pieces. Before its last byte leaves, the mail is in doubt. */
static err send_wire(struct talker *t, struct sim_mail *whole)
{
    str rest = buf_str(&t->wire);
    size_t stop = 0, piece_max = rest.len;
    if (whole && t->cut == CUT_IN_CONTENT)
        stop = (size_t)rand_below(rest.len) + 1; /* bytes that are never sent */
    if (t->slow)
        piece_max = rest.len / (size_t)sim_plan_between(1, 12) + 1;
    deadline until = deadline_after(PATIENCE_MS);
    while (rest.len > stop) {
        str piece = str_slice(rest, 0, piece_max < rest.len - stop ? piece_max : rest.len - stop);
        rest = str_from(rest, piece.len);
        if (rest.len == 0 && whole)
            sim_ledger_doubt(whole);
        TRY(net_write(t->conn, piece, until));
        TRY(net_flush(t->conn, until));
        if (t->slow && rest.len > stop)
            TRY(fiber_sleep(deadline_after(sim_plan_between(0, PAUSE_MS_MAX))));
    }
    buf_clear(&t->wire);
    return stop > 0 ? cut_here(t) : NULL;
}

static err hear_rcpts(struct talker *t, const struct sim_letter *l, int *ret_accepted)
{
    int code;
    for (size_t i = 0; i < l->mail->rcpt_count; i++) {
        TRY(hear(t, &code));
        note_offer(l->mail->rcpts[i], code);
        *ret_accepted += code / 100 == 2;
    }
    return NULL;
}

/* MAIL and RCPT, in one write or one after another. */
static err send_envelope(struct talker *t, const struct sim_letter *l, int *ret_accepted)
{
    int code;
    *ret_accepted = 0;
    if (!t->pipelining) {
        TRY(ask_good(t, mail_line(t, l)));
        for (size_t i = 0; i < l->mail->rcpt_count; i++) {
            TRY(ask(t, rcpt_line(t, l->mail->rcpts[i]), &code));
            note_offer(l->mail->rcpts[i], code);
            *ret_accepted += code / 100 == 2;
        }
        return NULL;
    }
    TRY(add_line(t, mail_line(t, l)));
    for (size_t i = 0; i < l->mail->rcpt_count; i++)
        TRY(add_line(t, rcpt_line(t, l->mail->rcpts[i])));
    TRY(send_wire(t, NULL));
    TRY(hear(t, &code));
    return hear_rcpts(t, l, ret_accepted);
}

static err hear_end(struct talker *t, struct sim_mail *m, int replies)
{
    int code = 0;
    if (t->cut == CUT_BEFORE_REPLY)
        return cut_here(t);
    if (t->slow)
        TRY(fiber_sleep(deadline_after(sim_plan_between(0, 10 * PAUSE_MS_MAX))));
    for (int i = 0; i < replies; i++) {
        err e = hear(t, &code);
        if (code == 421)
            sim_ledger_answer(&t->stage->ledger, m, code);
        TRY(e);
    }
    sim_ledger_answer(&t->stage->ledger, m, code);
    return code / 100 == 2 ? NULL : ask_good(t, S("RSET"));
}

static err send_by_data(struct talker *t, const struct sim_letter *l)
{
    int code;
    TRY(ask(t, S("DATA"), &code));
    if (code != 354)
        return ask_good(t, S("RSET"));
    TRY(add_stuffed(t, l->mail->content));
    TRY(send_wire(t, l->mail));
    return hear_end(t, l->mail, 1);
}

/* Envelope and content in one go: nothing is known of any of it before all has left. */
static err send_all_at_once(struct talker *t, const struct sim_letter *l)
{
    struct sim_mail *m = l->mail;
    int code, replies = 0, accepted = 0;
    TRY(add_line(t, mail_line(t, l)));
    for (size_t i = 0; i < m->rcpt_count; i++) {
        TRY(add_line(t, rcpt_line(t, m->rcpts[i])));
        m->rcpts[i]->offered = true; /* maybe */
    }
    TRY(add_chunks(t, m->content, &replies));
    TRY(send_wire(t, m));
    if (t->cut == CUT_BEFORE_REPLY)
        return cut_here(t);
    TRY(hear(t, &code));
    TRY(hear_rcpts(t, l, &accepted));
    return hear_end(t, m, replies);
}

static err send_script(struct talker *t, const struct sim_letter *l)
{
    int accepted, replies = 0;
    sim_ledger_begin(l->mail);
    if (t->chunking && t->pipelining && t->cut != CUT_BEFORE_CONTENT && sim_plan_chance(50))
        return send_all_at_once(t, l);
    TRY(send_envelope(t, l, &accepted));
    if (t->cut == CUT_BEFORE_CONTENT)
        return cut_here(t);
    if (accepted == 0)
        return ask_good(t, S("RSET"));
    if (!t->chunking)
        return send_by_data(t, l);
    TRY(add_chunks(t, l->mail->content, &replies));
    TRY(send_wire(t, l->mail));
    return hear_end(t, l->mail, replies);
}

/* ---- a client's life -------------------------------------------------------------------- */

static void draw_habits(struct talker *t)
{
    t->origin = (enum envelope_origin)sim_plan_between(ORIGIN_MX, ORIGIN_RELAY);
    t->esmtp = sim_plan_chance(90);
    t->pipelining = t->esmtp && sim_plan_chance(60);
    t->chunking = t->esmtp && sim_plan_chance(40);
    t->slow = sim_plan_chance(25);
    t->own = t->origin == ORIGIN_RELAY && sim_plan_chance(50);
    t->cut = sim_plan_chance(75) ? CUT_NOT : (enum cut)sim_plan_between(CUT_AT_ONCE, CUTS - 1);
    if (t->origin == ORIGIN_SUBMISSION)
        t->esmtp = true; /* AUTH is */
}

static void hang_up(struct talker *t)
{
    sim_trace(t->name, "hangs up");
    net_close(t->conn);
    t->conn = NULL;
}

static err send_again(struct talker *t, const struct sim_letter *l)
{
    TRY(introduce(t));
    return sim_own_client_send(t->stage, &t->conn, l);
}

/* As long as nobody has said what became of it. Only the own client does so, and only with a key.
 */
static err send_until_known(struct talker *t, const struct sim_letter *l)
{
    struct sim_mail *m = l->mail;
    err e = sim_own_client_send(t->stage, &t->conn, l);
    for (int i = 0; l->keyed && m->fate == SIM_FATE_DOUBT && i < REPEATS; i++) {
        if (t->conn)
            hang_up(t);
        m->repeated = true;
        sim_trace(t->name, "sends mail %d again under its key", m->number);
        sim_trace_count(SIM_REPEATED);
        TRY(fiber_sleep(deadline_after(sim_plan_about_ms(t->stage->plan.chaos_ms / 40 + 1))));
        e = send_again(t, l);
        if (e && e->kind == ERR_CANCELED)
            break;
    }
    return e;
}

static err send_one(struct talker *t)
{
    struct sim_letter letter;
    if (t->conn == NULL)
        TRY(introduce(t));
    bool own = t->own;
    sim_letter_draw(&letter, t->stage, t->origin, t->esmtp || own);
    if (own && sim_plan_chance(60))
        sim_letter_give_key(&letter);
    sim_trace(t->name, "sends mail %d of %zu bytes to %zu", letter.mail->number,
              letter.mail->content.len, letter.mail->rcpt_count);
    if (own)
        TRY(send_until_known(t, &letter));
    else
        TRY(send_script(t, &letter));
    return NULL;
}

/* Until one try has begun to send, or three have not come so far. */
static void send_with_patience(struct talker *t)
{
    for (int i = 0; i < TRIES; i++) {
        err e = send_one(t);
        bool sent = e == NULL, canceled = e && e->kind == ERR_CANCELED;
        if (e)
            hang_up(t);
        buf_clear(&t->wire);
        err_forget();
        if (sent || canceled ||
            fiber_sleep(deadline_after(sim_plan_about_ms(t->stage->plan.chaos_ms / 20 + 1))))
            return;
        draw_habits(t);
    }
}

void sim_client_run(void *arg)
{
    struct sim_client *c = arg;
    struct talker t = {.stage = c->stage};
    const struct sim_plan *plan = &c->stage->plan;
    snprintf(t.name, sizeof t.name, "client %d", c->number);
    mem_free(c);
    buf_init(&t.wire, WIRE_BYTES_MAX);
    for (int i = 0; i < plan->mails_each; i++) {
        if (sim_plan_chance(70) &&
            fiber_sleep(deadline_after(sim_plan_about_ms(plan->chaos_ms / 6 + 1))))
            break;
        if (t.conn == NULL)
            draw_habits(&t);
        send_with_patience(&t);
        if (t.conn && sim_plan_chance(50))
            hang_up(&t);
    }
    if (t.conn)
        hang_up(&t);
    buf_release(&t.wire);
    err_forget();
}

/* ---- logins ----------------------------------------------------------------------------- */

static err believe(void *state, const struct keeper_claim *claim, struct arena *arena,
                   struct keeper_verdict *ret_verdict, deadline until)
{
    (void)state, (void)until;
    str *senders = ARENA_NEW(arena, str);
    *senders = S("*");
    *ret_verdict = (struct keeper_verdict){.reason = KEEPER_RIGHT,
                                           .user = arena_str(arena, claim->user),
                                           .senders = senders,
                                           .sender_count = 1};
    return NULL;
}

static err no_scram(void *state, str user, enum keeper_scope scope, struct arena *arena,
                    struct keeper_scram *ret_scram, deadline until)
{
    (void)state, (void)user, (void)scope, (void)arena, (void)ret_scram, (void)until;
    return err_new(ERR_CONFIG, "not simulated");
}

static err no_secret(void *state, str reference, struct buf *ret_secret, deadline until)
{
    (void)state, (void)reference, (void)ret_secret, (void)until;
    return err_new(ERR_CONFIG, "not simulated");
}

const struct keeper *sim_client_keeper(void)
{
    static const struct keeper keeper = {believe, no_scram, no_secret, NULL};
    return &keeper;
}
