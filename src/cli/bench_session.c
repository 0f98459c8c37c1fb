#include "cli/bench_session.h"

static deadline patience(const struct bench_session *s)
{
    return deadline_after(s->plan->timeout_ms);
}

/* What every failing wait comes to. */
static bool done(struct bench_session *s, enum bench_stage stage, err e)
{
    if (e && !s->quiet)
        bench_tally_err(s->tally, stage, e);
    return e == NULL;
}

bool bench_session_write(struct bench_session *s, enum bench_stage stage, str bytes)
{
    return done(s, stage, net_write(s->conn, bytes, patience(s)));
}

bool bench_session_flush(struct bench_session *s, enum bench_stage stage)
{
    return done(s, stage, net_flush(s->conn, patience(s)));
}

bool bench_session_read(struct bench_session *s, enum bench_stage stage,
                        struct bench_reply *ret_reply)
{
    deadline until = patience(s);
    for (;;) {
        str input = net_input(s->conn), rest = input;
        enum bench_reply_event event = bench_reply_take(&rest, ret_reply);
        if (event == BENCH_REPLY_READY) {
            net_consume(s->conn, input.len - rest.len);
            return true;
        }
        if (event == BENCH_REPLY_BROKEN) {
            bench_tally_fault(s->tally, stage, 0, S("what came is not a reply"));
            return false;
        }
        if (!done(s, stage, net_fill(s->conn, until)))
            return false;
    }
}

bool bench_session_ask(struct bench_session *s, enum bench_stage stage, str command,
                       struct bench_reply *ret_reply)
{
    return bench_session_write(s, stage, command) && bench_session_flush(s, stage) &&
           bench_session_read(s, stage, ret_reply);
}

/* ---- opening ---------------------------------------------------------------------------- */

static bool wanted(struct bench_session *s, enum bench_stage stage, const struct bench_reply *r,
                   int code)
{
    if (r->code != code)
        bench_tally_fault(s->tally, stage, r->code, r->text);
    return r->code == code;
}

static bool handshake(struct bench_session *s)
{
    const struct bench_plan *p = s->plan;
    bool yes = done(s, BENCH_STARTTLS,
                    tls_connect(s->conn, p->tls_client, p->hop.host, p->verify, patience(s)));
    s->tally->handshakes += yes;
    return yes;
}

static bool say_hello(struct bench_session *s, struct bench_reply *r)
{
    if (!bench_session_ask(s, BENCH_HELLO, s->plan->hello, r) || !wanted(s, BENCH_HELLO, r, 250))
        return false;
    s->pipelining = bench_reply_offers(r, S("PIPELINING"));
    return true;
}

static bool start_tls(struct bench_session *s, struct bench_reply *r)
{
    if (!bench_session_ask(s, BENCH_STARTTLS, S("STARTTLS\r\n"), r) ||
        !wanted(s, BENCH_STARTTLS, r, 220))
        return false;
    if (net_input(s->conn).len > 0) {
        bench_tally_fault(s->tally, BENCH_STARTTLS, 0, S("bytes in clear behind the 220"));
        return false;
    }
    return handshake(s) && say_hello(s, r);
}

static bool introduce(struct bench_session *s)
{
    const struct bench_plan *p = s->plan;
    struct bench_reply r;
    if (p->hop.implicit_tls && !handshake(s))
        return false;
    if (!bench_session_read(s, BENCH_GREETING, &r) || !wanted(s, BENCH_GREETING, &r, 220))
        return false;
    if (!say_hello(s, &r))
        return false;
    if (p->starttls && !start_tls(s, &r))
        return false;
    if (p->auth.len == 0)
        return true;
    return bench_session_ask(s, BENCH_AUTH, buf_str(&p->auth), &r) &&
           wanted(s, BENCH_AUTH, &r, 235);
}

bool bench_session_open(struct bench_session *s)
{
    ASSERT(s->conn == NULL);
    if (!done(s, BENCH_CONNECT, net_connect(&s->plan->to, NULL, &s->conn, patience(s))))
        return false;
    s->messages = 0;
    s->said_quit = s->quiet = false;
    s->tally->connections++;
    if (introduce(s))
        return true;
    bench_session_close(s);
    return false;
}

void bench_session_close(struct bench_session *s)
{
    net_close(s->conn);
    s->conn = NULL;
}
