#include "tests/sim/remote.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/sim.h"
#include "tests/sim/trace.h"
#include <stdio.h>
#include <string.h>

enum {
    RCPTS_MAX = 100,
    CONTENT_BYTES_MAX = 8 << 20,
    PATIENCE_MS = 30 * 60 * 1000,
    SLOW_MS_MAX = 90 * 1000,
    STALL_MS_MAX = 25 * 60 * 1000,
    SURE_MS_MAX = 4 * 60 * 1000, /* our client waits longer for the reply to the content */
    QUIRK_PERCENT = 12,
};

/* What the mood makes of one reply. */
enum quirk {
    QUIRK_NONE,
    QUIRK_SLOW,
    QUIRK_TEMPORARY, /* 451 */
    QUIRK_REFUSE,    /* 554 */
    QUIRK_BUSY,      /* 421, and the end */
    QUIRK_CLOSE,
    QUIRK_RESET,
    QUIRK_STALL,   /* nothing, for a long time, and the end */
    QUIRK_GARBAGE, /* no reply at all */
    QUIRK_HALF,    /* the reply breaks off */
    QUIRKS,
};

struct visit {
    struct sim_remote *remote;
    struct net_conn *conn;
    bool in_mail;
    char sender[SIM_LEDGER_ADDRESS_BYTES];
    struct sim_address *rcpts[RCPTS_MAX]; /* that were accepted */
    size_t rcpt_count;
    struct buf content;
    struct sim_address *unsure[RCPTS_MAX]; /* taken, but does the client know? */
    size_t unsure_count;
};

/* ---- replies ---------------------------------------------------------------------------- */

static const char *name_of(const struct visit *v) { return v->remote->plan->host; }

static enum quirk draw_quirk(const struct visit *v)
{
    enum sim_mood mood = v->remote->mood;
    if (mood == SIM_MOOD_SLOW)
        return sim_plan_chance(2) ? QUIRK_STALL : QUIRK_SLOW;
    if (mood != SIM_MOOD_FLAKY || !sim_plan_chance(QUIRK_PERCENT))
        return QUIRK_NONE;
    sim_trace_count(SIM_QUIRKS);
    return (enum quirk)sim_plan_between(QUIRK_SLOW, QUIRKS - 1);
}

static bool is_good(enum quirk q) { return q == QUIRK_NONE || q == QUIRK_SLOW; }

static err write_text(struct visit *v, const char *text)
{
    deadline until = deadline_after(PATIENCE_MS);
    sim_trace(name_of(v), "S: %.100s", text);
    TRY(net_write(v->conn, str_of(text), until));
    return NULL;
}

static err say(struct visit *v, const char *text)
{
    deadline until = deadline_after(PATIENCE_MS);
    TRY(write_text(v, text));
    TRY(net_write(v->conn, S("\r\n"), until));
    return net_flush(v->conn, until);
}

static err say_half(struct visit *v, const char *text)
{
    char half[16];
    snprintf(half, sizeof half, "%.*s", (int)sim_plan_between(1, 6), text);
    TRY(write_text(v, half));
    TRY(net_flush(v->conn, deadline_after(PATIENCE_MS)));
    return err_new(ERR_CLOSED, "half a reply");
}

static err say_garbage(struct visit *v)
{
    static const char *const garbage[] = {"hello", "2500 x", "250-a\r\n251 b", "\x80\xff", "-"};
    TRY(say(v, garbage[rand_below(ARRAY_LEN(garbage))]));
    return err_new(ERR_PROTOCOL, "garbage");
}

/* The reply in the way of the quirk. An err ends the connection. */
static err reply(struct visit *v, enum quirk q, const char *text)
{
    switch (q) {
    case QUIRK_SLOW:
        TRY(fiber_sleep(deadline_after(sim_plan_between(0, SLOW_MS_MAX))));
        return say(v, text);
    case QUIRK_TEMPORARY:
        return say(v, "451 4.3.0 Not just now");
    case QUIRK_REFUSE:
        return say(v, "554 5.3.0 Never");
    case QUIRK_BUSY:
        TRY(say(v, "421 4.3.2 Going down"));
        return err_new(ERR_CLOSED, "busy");
    case QUIRK_CLOSE:
        return err_new(ERR_CLOSED, "a close");
    case QUIRK_RESET:
        sim_net_reset(v->conn);
        return err_new(ERR_CLOSED, "a reset");
    case QUIRK_STALL:
        TRY(fiber_sleep(deadline_after(sim_plan_between(1000, STALL_MS_MAX))));
        return err_new(ERR_CLOSED, "a stall");
    case QUIRK_GARBAGE:
        return say_garbage(v);
    case QUIRK_HALF:
        return say_half(v, text);
    default:
        return say(v, text);
    }
}

/* Is it accepted? Nothing of the transaction is known yet that a 5xx could be blamed on. */
static err reply_early(struct visit *v, const char *text, bool *ret_accepted)
{
    enum quirk q = draw_quirk(v);
    q = q == QUIRK_REFUSE ? QUIRK_TEMPORARY : q;
    *ret_accepted = is_good(q);
    return reply(v, q, text);
}

/* ---- reading ---------------------------------------------------------------------------- */

static err read_line(struct visit *v, char *ret_line, size_t size)
{
    for (;;) {
        str input = net_input(v->conn);
        size_t lf = str_find(input, '\n');
        if (lf != STR_NONE) {
            str line = str_trim(str_slice(input, 0, lf));
            snprintf(ret_line, size, "%.*s", STR_ARG(line));
            net_consume(v->conn, lf + 1);
            return NULL;
        }
        TRY(net_fill(v->conn, deadline_after(PATIENCE_MS)));
    }
}

/* Lines up to the dot, unstuffed. */
static err read_data(struct visit *v)
{
    for (;;) {
        str input = net_input(v->conn);
        size_t lf = str_find(input, '\n');
        if (lf == STR_NONE) {
            TRY(net_fill(v->conn, deadline_after(PATIENCE_MS)));
            continue;
        }
        str line = str_slice(input, 0, lf + 1);
        bool end = str_eq(line, S(".\r\n"));
        str_skip(&line, S("."));
        if (!end)
            TRY(buf_add(&v->content, line));
        net_consume(v->conn, lf + 1);
        if (end)
            return NULL;
    }
}

static err read_chunk(struct visit *v, uint64_t size, bool keep)
{
    while (size > 0) {
        str input = str_slice(net_input(v->conn), 0, (size_t)size);
        if (input.len == 0) {
            TRY(net_fill(v->conn, deadline_after(PATIENCE_MS)));
            continue;
        }
        if (keep)
            TRY(buf_add(&v->content, input));
        net_consume(v->conn, input.len);
        size -= input.len;
    }
    return NULL;
}

/* ---- commands --------------------------------------------------------------------------- */

static void forget_transaction(struct visit *v)
{
    v->in_mail = false;
    v->rcpt_count = 0;
}

/* It goes on in good order, so it has read our reply. */
static void confirm(struct visit *v)
{
    for (size_t i = 0; i < v->unsure_count; i++)
        sim_ledger_confirm(v->remote->ledger, v->unsure[i], buf_str(&v->content));
    v->unsure_count = 0;
}

static err cmd_hello(struct visit *v, str args)
{
    const struct sim_plan_remote *p = v->remote->plan;
    char text[400];
    bool accepted;
    (void)args;
    int n = snprintf(text, sizeof text, "250-%s", p->host);
    size_t at = (size_t)n;
    const struct {
        bool offered;
        const char *text;
    } lines[] = {
        {p->pipelining, "PIPELINING"},
        {p->dsn,        "DSN"       },
        {p->chunking,   "CHUNKING"  },
        {p->eight_bit,  "8BITMIME"  },
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (lines[i].offered)
            at += (size_t)snprintf(text + at, sizeof text - at, "\r\n250-%s", lines[i].text);
    if (p->size_max)
        at += (size_t)snprintf(text + at, sizeof text - at, "\r\n250-SIZE %llu",
                               (unsigned long long)p->size_max);
    if (p->rcpt_max)
        at +=
            (size_t)snprintf(text + at, sizeof text - at, "\r\n250-LIMITS RCPTMAX=%d", p->rcpt_max);
    snprintf(text + at, sizeof text - at, "\r\n250 ENHANCEDSTATUSCODES");
    forget_transaction(v);
    return reply_early(v, text, &accepted);
}

static err cmd_helo(struct visit *v, str args)
{
    bool accepted;
    (void)args;
    forget_transaction(v);
    return reply_early(v, "250 hello", &accepted);
}

/* "<address> PARAMETERS" */
static bool take_path(str *args, str *ret_address)
{
    size_t end = str_find(*args, '>');
    if (!str_skip(args, S("<")) || end == STR_NONE)
        return false;
    *ret_address = str_slice(*args, 0, end - 1);
    *args = str_from(*args, end);
    return true;
}

static err cmd_mail(struct visit *v, str args)
{
    str address;
    bool accepted;
    if (v->in_mail || !str_skip_nocase(&args, S("FROM:")) || !take_path(&args, &address))
        sim_trace_fail("our client speaks SMTP", "MAIL %.*s", STR_ARG(args));
    snprintf(v->sender, sizeof v->sender, "%.*s", STR_ARG(address));
    buf_clear(&v->content);
    TRY(reply_early(v, "250 2.1.0 Ok", &accepted));
    v->in_mail = accepted;
    return NULL;
}

static uint8_t notify_of(str args)
{
    static const struct {
        const char *word;
        uint8_t bit;
    } words[] = {
        {"NEVER",   NOTIFY_NEVER  },
        {"SUCCESS", NOTIFY_SUCCESS},
        {"FAILURE", NOTIFY_FAILURE},
        {"DELAY",   NOTIFY_DELAY  },
    };
    uint8_t bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_contains(args, str_of(words[i].word)))
            bits |= words[i].bit;
    return bits;
}

static void check_notify(const struct visit *v, const struct sim_address *a, str args)
{
    bool dsn = v->remote->plan->dsn && !v->remote->plan->old;
    uint8_t want = a->is_sender ? NOTIFY_NEVER : a->notify;
    bool probe = v->sender[0] == '\0'; /* does it exist? Of a null sender nobody is told */
    if (dsn && !probe && notify_of(args) != want)
        sim_trace_fail("NOTIFY travels", "<%s>: NOTIFY %d became%.*s", a->text, want,
                       STR_ARG(args));
    if (!dsn && args.len > 0 && str_contains(args, S("NOTIFY")))
        sim_trace_fail("our client uses what is offered", "<%s>%.*s", a->text, STR_ARG(args));
}

static err accept_rcpt(struct visit *v, struct sim_address *a)
{
    enum quirk q = draw_quirk(v);
    if (q == QUIRK_REFUSE)
        a->refused = true;
    if (is_good(q))
        v->rcpts[v->rcpt_count++] = a;
    return reply(v, q, "250 2.1.5 Ok");
}

static err cmd_rcpt(struct visit *v, str args)
{
    str address;
    if (!str_skip_nocase(&args, S("TO:")) || !take_path(&args, &address))
        sim_trace_fail("our client speaks SMTP", "RCPT %.*s", STR_ARG(args));
    struct sim_address *a = sim_ledger_find(v->remote->ledger, address);
    check_notify(v, a, args);
    int max = v->remote->plan->rcpt_max;
    if (!v->in_mail)
        return say(v, "503 5.5.1 MAIL first");
    if (v->rcpt_count >= RCPTS_MAX || (max && v->rcpt_count >= (size_t)max))
        return say(v, "452 4.5.3 Too many recipients");
    if (a->policy == SIM_POLICY_REJECT) {
        a->refused = true;
        return say(v, "550 5.1.1 No such user");
    }
    if (a->policy == SIM_POLICY_DEFER_ALWAYS)
        return say(v, "450 4.2.1 Mailbox busy");
    if (a->policy == SIM_POLICY_DEFER && a->deferrals > 0) {
        a->deferrals--;
        return say(v, sim_plan_chance(50) ? "451 4.7.1 Greylisted" : "452 4.2.2 Mailbox full");
    }
    return accept_rcpt(v, a);
}

/* ---- the content ------------------------------------------------------------------------ */

static void take(struct visit *v, struct sim_address *a)
{
    sim_trace(name_of(v), "takes <%s> of %zu bytes", a->text, v->content.len);
    sim_ledger_take(v->remote->ledger, a, str_of(v->sender), buf_str(&v->content));
}

static void refuse_all(struct visit *v)
{
    for (size_t i = 0; i < v->rcpt_count; i++)
        v->rcpts[i]->refused = true;
}

static void note_unsure(struct visit *v, struct sim_address *a, int64_t began_ms)
{
    int64_t took_ms = clock_steady_ms() - began_ms;
    if (took_ms + v->remote->hold_ms_max < SURE_MS_MAX)
        v->unsure[v->unsure_count++] = a;
}

static bool wants_late_refusal(const struct visit *v)
{
    for (size_t i = 0; i < v->rcpt_count; i++)
        if (v->rcpts[i]->policy == SIM_POLICY_REJECT_LATE)
            return true;
    return false;
}

/* SMTP: one reply for all. When the reply is lost, who knows whether we took it. */
static err finish_smtp(struct visit *v)
{
    int64_t began_ms = clock_steady_ms();
    enum quirk q = draw_quirk(v);
    if (is_good(q) && wants_late_refusal(v))
        q = QUIRK_REFUSE;
    bool answered = q == QUIRK_TEMPORARY || q == QUIRK_REFUSE || q == QUIRK_BUSY;
    bool takes = is_good(q) || (!answered && sim_plan_chance(50));
    if (q == QUIRK_REFUSE)
        refuse_all(v);
    for (size_t i = 0; takes && i < v->rcpt_count; i++)
        take(v, v->rcpts[i]);
    TRY(reply(v, q, sim_plan_chance(80) ? "250 2.0.0 Taken" : "250-2.0.0 Taken\r\n250 2.0.0 Yes"));
    for (size_t i = 0; takes && i < v->rcpt_count; i++)
        note_unsure(v, v->rcpts[i], began_ms);
    return NULL;
}

static err finish_lmtp(struct visit *v)
{
    for (size_t i = 0; i < v->rcpt_count; i++) {
        struct sim_address *a = v->rcpts[i];
        int64_t began_ms = clock_steady_ms();
        enum quirk q = draw_quirk(v);
        if (is_good(q) && a->policy == SIM_POLICY_REJECT_LATE)
            q = QUIRK_REFUSE;
        bool answered = q == QUIRK_TEMPORARY || q == QUIRK_REFUSE || q == QUIRK_BUSY;
        bool takes = is_good(q) || (!answered && sim_plan_chance(50));
        a->refused = a->refused || q == QUIRK_REFUSE;
        if (takes)
            take(v, a);
        TRY(reply(v, q, "250 2.0.0 Taken"));
        if (takes)
            note_unsure(v, a, began_ms);
    }
    return NULL;
}

static err finish(struct visit *v)
{
    TRY(v->remote->plan->lmtp ? finish_lmtp(v) : finish_smtp(v));
    forget_transaction(v);
    return NULL;
}

static err cmd_data(struct visit *v, str args)
{
    (void)args;
    if (v->rcpt_count == 0)
        return say(v, "554 5.5.1 No valid recipients");
    enum quirk q = draw_quirk(v);
    if (q == QUIRK_REFUSE)
        refuse_all(v);
    TRY(reply(v, q, "354 Go on"));
    if (!is_good(q)) {
        forget_transaction(v);
        return NULL;
    }
    if (v->remote->mood == SIM_MOOD_FLAKY && sim_plan_chance(QUIRK_PERCENT))
        return err_new(ERR_CLOSED, "in the middle of the content");
    TRY(read_data(v));
    return finish(v);
}

static err cmd_bdat(struct visit *v, str args)
{
    str size_text, last;
    uint64_t size;
    str_split(args, ' ', &size_text, &last);
    if (!v->remote->plan->chunking || !str_to_u64(size_text, CONTENT_BYTES_MAX, &size))
        sim_trace_fail("our client uses what is offered", "BDAT %.*s", STR_ARG(args));
    TRY(read_chunk(v, size, v->rcpt_count > 0));
    if (v->rcpt_count == 0)
        return say(v, "503 5.5.1 No valid recipients");
    if (str_eq(last, S("LAST")))
        return finish(v);
    enum quirk q = draw_quirk(v);
    if (q == QUIRK_REFUSE)
        refuse_all(v);
    if (!is_good(q))
        forget_transaction(v);
    return reply(v, q, "250 2.0.0 Go on");
}

static err cmd_rset(struct visit *v, str args)
{
    (void)args;
    forget_transaction(v);
    return say(v, "250 2.0.0 Ok");
}

static err cmd_quit(struct visit *v, str args)
{
    (void)args;
    TRY(say(v, "221 2.0.0 Bye"));
    return err_new(ERR_CLOSED, "QUIT");
}

static err unknown(struct visit *v, str args)
{
    (void)args;
    return say(v, "500 5.5.1 What?");
}

static const struct {
    const char *verb;
    err (*run)(struct visit *, str args);
    bool lmtp, smtp, new; /* who knows it; an old server does not know what is new */
} commands[] = {
    {"EHLO", cmd_hello, false, true,  true },
    {"LHLO", cmd_hello, true,  false, false},
    {"HELO", cmd_helo,  false, true,  false},
    {"MAIL", cmd_mail,  true,  true,  false},
    {"RCPT", cmd_rcpt,  true,  true,  false},
    {"DATA", cmd_data,  true,  true,  false},
    {"BDAT", cmd_bdat,  true,  true,  true },
    {"RSET", cmd_rset,  true,  true,  false},
    {"NOOP", cmd_rset,  true,  true,  false},
    {"QUIT", cmd_quit,  true,  true,  false},
};

static err serve_line(struct visit *v)
{
    char line[1200];
    str verb, args;
    const struct sim_plan_remote *p = v->remote->plan;
    TRY(read_line(v, line, sizeof line));
    sim_trace(name_of(v), "C: %.100s", line);
    confirm(v);
    str_split(str_of(line), ' ', &verb, &args);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_eq_nocase(verb, str_of(commands[i].verb)) &&
            (p->lmtp ? commands[i].lmtp : commands[i].smtp) && !(p->old && commands[i].new))
            return commands[i].run(v, args);
    return unknown(v, args);
}

static err converse(struct visit *v)
{
    bool accepted;
    if (v->remote->mood == SIM_MOOD_MUTE)
        return fiber_sleep(deadline_after(sim_plan_between(1000, STALL_MS_MAX)));
    TRY(reply_early(v, "220 here", &accepted));
    for (;;) {
        TRY(serve_line(v));
        err_forget();
    }
}

/* ---- connections ------------------------------------------------------------------------ */

struct arrival {
    struct sim_remote *remote;
    struct net_conn *conn;
};

static void visit_run(void *arg)
{
    struct arrival a = *(struct arrival *)arg;
    struct visit *v = MEM_NEW(struct visit);
    mem_free(arg);
    v->remote = a.remote;
    v->conn = a.conn;
    buf_init(&v->content, CONTENT_BYTES_MAX);
    err e = converse(v);
    char why[200] = "";
    if (e)
        err_describe(e, why, sizeof why);
    sim_trace(name_of(v), "closes: %.60s", why);
    net_close(v->conn);
    buf_release(&v->content);
    mem_free(v);
    err_forget();
}

static void accept_run(void *arg)
{
    struct sim_remote *r = arg;
    for (;;) {
        struct net_conn *conn;
        if (net_accept(r->listener, &conn, DEADLINE_NEVER))
            return;
        struct arrival *a = MEM_NEW(struct arrival);
        *a = (struct arrival){r, conn};
        fiber_spawn(&r->sessions, "remote session", visit_run, a);
    }
}

static void go_up(struct sim_remote *r)
{
    struct address at;
    err e = address_parse_ip(str_of(r->plan->address), &at);
    at.port = r->plan->lmtp ? 24 : 25;
    if (e == NULL)
        e = net_listen(&at, &r->listener);
    if (e)
        sim_trace_fail("the world stands", "%s cannot listen", r->plan->host);
    group_init(&r->sessions);
    fiber_spawn(&r->sessions, "remote", accept_run, r);
}

static void go_down(struct sim_remote *r)
{
    if (r->listener == NULL)
        return;
    group_close(&r->sessions);
    net_listener_close(r->listener);
    r->listener = NULL;
}

void sim_remote_open(struct sim_remote *r, const struct sim_plan_remote *plan,
                     struct sim_ledger *ledger)
{
    *r = (struct sim_remote){.plan = plan, .ledger = ledger};
    go_up(r);
}

void sim_remote_close(struct sim_remote *r) { go_down(r); }

void sim_remote_set_mood(struct sim_remote *r, enum sim_mood mood)
{
    static const char *const names[] = {"well", "flaky", "slow", "mute", "down"};
    if (r->mood == mood)
        return;
    sim_trace(r->plan->host, "is %s", names[mood]);
    if (mood == SIM_MOOD_DOWN)
        go_down(r);
    else if (r->mood == SIM_MOOD_DOWN)
        go_up(r);
    r->mood = mood;
}
