#include "cli/bench_send.h"
#include "base/mem.h"
#include "cli/bench_crew.h"
#include "cli/bench_session.h"

enum {
    PIPELINED_MAX = 100, /* commands in one write, so that neither side's buffers fill up */
    FAILURES_MAX = 20,   /* connections that fail one after another; then a sender gives up */
    FAILURE_PAUSE_MS = 100,
};

struct job {
    const struct bench_plan *plan;
    const struct bench_send_options *options;
    int64_t start_ns;
};

struct sender {
    struct bench_worker *worker;
    const struct job *job;
    struct bench_session session;
    int failures;
    int order; /* among all connections */
};

/* ---- one message ------------------------------------------------------------------------ */

struct transaction {
    bool mail, go;
    int accepted;
    bool refused; /* something was; it is in the tally */
};

static void judge(struct sender *s, struct transaction *t, enum bench_stage stage,
                  const struct bench_reply *r)
{
    bool yes = r->code / 100 == (stage == BENCH_DATA ? 3 : 2);
    if (stage == BENCH_MAIL)
        t->mail = yes;
    if (stage == BENCH_RCPT)
        t->accepted += yes;
    if (stage == BENCH_DATA)
        t->go = yes;
    /* What a refused MAIL brings behind it is no news. */
    if (!yes && (t->mail || stage == BENCH_MAIL) && !(stage == BENCH_DATA && t->accepted == 0))
        bench_tally_fault(&s->worker->tally, stage, r->code, r->text);
    t->refused |= !yes;
}

static enum bench_stage stage_of(const struct bench_commands *c, int i)
{
    return i == 0 ? BENCH_MAIL : i + 1 == c->count ? BENCH_DATA : BENCH_RCPT;
}

static bool may_pipeline(const struct sender *s)
{
    return s->session.pipelining && !s->job->options->no_pipelining;
}

static bool say_envelope(struct sender *s, const struct bench_commands *c, struct transaction *t)
{
    struct bench_session *session = &s->session;
    int step = may_pipeline(s) ? PIPELINED_MAX : 1;
    for (int from = 0; from < c->count; from += step) {
        int to = from + step < c->count ? from + step : c->count;
        str batch = str_slice(c->bytes, c->starts[from], c->starts[to] - c->starts[from]);
        enum bench_stage stage = stage_of(c, from);
        if (!bench_session_write(session, stage, batch) || !bench_session_flush(session, stage))
            return false;
        for (int i = from; i < to; i++) {
            struct bench_reply r;
            if (!bench_session_read(session, stage_of(c, i), &r))
                return false;
            judge(s, t, stage_of(c, i), &r);
        }
        if (!t->mail && step == 1)
            return true;
    }
    return true;
}

/* The replies to the dot: one, or in LMTP one for each recipient that was taken. */
static bool read_verdict(struct sender *s, struct transaction *t)
{
    struct bench_tally *tally = &s->worker->tally;
    int count = s->job->plan->hop.lmtp ? t->accepted : 1, yes = 0;
    for (int i = 0; i < count; i++) {
        struct bench_reply r;
        if (!bench_session_read(&s->session, BENCH_DOT, &r))
            return false;
        if (r.code / 100 == 2)
            yes++;
        else
            bench_tally_fault(tally, BENCH_DOT, r.code, r.text);
    }
    tally->messages += yes > 0;
    tally->bytes += yes > 0 ? (uint64_t)s->job->plan->message_bytes : 0;
    tally->refused += yes == 0;
    tally->recipients += (uint64_t)(yes == 0 ? 0 : s->job->plan->hop.lmtp ? yes : t->accepted);
    return true;
}

static bool say_content(struct sender *s, uint64_t number, struct transaction *t, bool is_last)
{
    const struct bench_plan *plan = s->job->plan;
    struct bench_session *session = &s->session;
    struct bench_tally *tally = &s->worker->tally;
    char head[BENCH_HEAD_BYTES];
    session->said_quit = is_last && may_pipeline(s);
    str end = session->said_quit ? S(".\r\nQUIT\r\n") : S(".\r\n");
    if (!bench_session_write(session, BENCH_DOT, bench_plan_head(number, head)) ||
        !bench_session_write(session, BENCH_DOT, plan->body) ||
        !bench_session_write(session, BENCH_DOT, end))
        return false;
    int64_t before = clock_steady_ns();
    if (!bench_session_flush(session, BENCH_DOT) || !read_verdict(s, t))
        return false;
    int64_t now = clock_steady_ns();
    bench_record_put(s->job->options->record, number);
    bench_histogram_add(&tally->latency, now - before);
    bench_tally_time(tally, now);
    return true;
}

/* Nothing was taken: leave the transaction (RFC 2920 section 3.1: a 354 must be served). */
static bool leave(struct sender *s, const struct transaction *t)
{
    struct bench_reply r;
    s->worker->tally.refused++;
    return bench_session_ask(&s->session, BENCH_RESET, t->go ? S(".\r\n") : S("RSET\r\n"), &r);
}

/* False: the connection is of no more use. */
static bool send_one(struct sender *s, uint64_t number, bool is_last)
{
    const struct bench_plan *plan = s->job->plan;
    struct transaction t = {0};
    uint64_t before = s->worker->tally.messages + s->worker->tally.refused;
    bool alive = say_envelope(s, &plan->variants[number % plan->variant_count], &t);
    if (alive)
        alive = t.go && t.accepted > 0 ? say_content(s, number, &t, is_last) : leave(s, &t);
    if (s->worker->tally.messages + s->worker->tally.refused == before)
        s->worker->tally.lost++;
    s->session.messages++;
    return alive;
}

/* ---- one sender ------------------------------------------------------------------------- */

/* Wait for this message's turn. False: told to stop. */
static bool keep_pace(struct sender *s, uint64_t number)
{
    double rate = s->job->options->rate;
    if (rate <= 0)
        return !s->worker->stopping;
    int64_t due_ns = s->job->start_ns + (int64_t)((double)number * 1e9 / rate);
    int64_t now = clock_steady_ns();
    err e = NULL;
    while (!s->worker->stopping && due_ns > clock_steady_ns() + 1000000 && e == NULL)
        e = gate_wait(&s->worker->halt, (deadline){due_ns / 1000000});
    if (now - due_ns > s->worker->tally.late_ns)
        s->worker->tally.late_ns = now - due_ns;
    return !s->worker->stopping;
}

static bool take_number(struct sender *s, uint64_t *ret_number)
{
    if (s->worker->stopping || fiber_canceled() || s->failures >= FAILURES_MAX)
        return false;
    uint64_t number = atomic_fetch_add_explicit(&s->worker->crew->taken, 1, memory_order_relaxed);
    uint64_t most = s->job->options->messages;
    if (most && number >= most)
        return false;
    *ret_number = number;
    return keep_pace(s, number);
}

static bool ensure_open(struct sender *s)
{
    if (s->session.conn || bench_session_open(&s->session)) {
        s->failures = 0;
        return true;
    }
    s->failures++;
    s->worker->tally.lost++;
    bench_tally_time(&s->worker->tally, clock_steady_ns());
    err e = fiber_sleep(deadline_after(FAILURE_PAUSE_MS));
    (void)e; /* canceled: the next look says so */
    return false;
}

/* Whatever comes of it: the messages are through. */
static void say_goodbye(struct sender *s)
{
    struct bench_session *session = &s->session;
    struct bench_reply r;
    session->quiet = true;
    if (session->conn && !session->said_quit)
        (void)bench_session_ask(session, BENCH_RESET, S("QUIT\r\n"), &r);
    else if (session->conn)
        (void)bench_session_read(session, BENCH_RESET, &r);
    bench_session_close(session);
}

static void await_turn(struct sender *s)
{
    int64_t due_ms = s->job->start_ns / 1000000 + s->job->options->stagger_ms * s->order;
    err e = NULL;
    while (s->job->options->stagger_ms && !s->worker->stopping && e == NULL &&
           due_ms > clock_steady_ns() / 1000000)
        e = gate_wait(&s->worker->halt, (deadline){due_ms});
    err_forget();
}

static void run_sender(void *arg)
{
    struct sender *s = arg;
    uint64_t number, per_connection = s->job->options->per_connection;
    await_turn(s);
    while (take_number(s, &number)) {
        if (!ensure_open(s))
            continue;
        bool is_last = per_connection && s->session.messages + 1 >= per_connection;
        if (!send_one(s, number, is_last))
            bench_session_close(&s->session);
        else if (is_last)
            say_goodbye(s);
        err_forget();
    }
    say_goodbye(s);
    bench_worker_done(s->worker);
}

/* ---- all of them ------------------------------------------------------------------------ */

static void work(struct bench_worker *w)
{
    const struct job *job = w->crew->job;
    int count = job->options->connections / w->crew->count +
                (w->index < job->options->connections % w->crew->count);
    struct sender *senders = mem_alloc((size_t)count * sizeof *senders);
    bench_tally_time(&w->tally, job->start_ns);
    for (int i = 0; i < count; i++) {
        senders[i] = (struct sender){.worker = w, .job = job};
        senders[i].order = i * w->crew->count + w->index;
        senders[i].session = (struct bench_session){.plan = job->plan, .tally = &w->tally};
        bench_worker_spawn(w, "sender", run_sender, &senders[i]);
    }
    bench_worker_join(w, false);
    mem_free(senders);
}

void bench_send_run(const struct bench_plan *plan, const struct bench_send_options *o,
                    struct bench_tally *ret_tally)
{
    struct job job = {plan, o, clock_steady_ns()};
    struct bench_crew crew;
    bench_crew_init(&crew, o->workers, o->connections, work, &job);
    bench_crew_run(&crew, o->duration_ms ? deadline_after(o->duration_ms) : DEADLINE_NEVER);
    bench_crew_tally(&crew, ret_tally);
    bench_crew_release(&crew);
}
