#include "base/heap.h"
#include "base/mem.h"
#include "shaping/loop.h"
#include "tests/test.h"

#define SECOND 1000000000LL
#define MINUTE (60 * SECOND)

/* ---- a provider that allows so much ------------------------------------------------------------
 */

enum form { BUCKET, SLIDING, FIXED };
enum { TIMES = 1 << 16 };

struct provider {
    enum form form;
    double rate;     /* allowed, a second */
    double burst;    /* of a BUCKET */
    int64_t window;  /* of the others */
    int connections; /* at once; 0: any */
    uint32_t wait;   /* named in refusals */
    double tokens;
    int64_t since;
    int64_t times[TIMES]; /* ring: when messages were taken */
    uint64_t taken, left; /* those since `left` are in the window */
    int64_t slot;
    uint64_t in_slot;
};

static bool window_allows(struct provider *p, int64_t now)
{
    while (p->left < p->taken && p->times[p->left % TIMES] <= now - p->window)
        p->left++;
    double most = p->rate * (double)p->window / (double)SECOND;
    if ((double)(p->taken - p->left) >= most)
        return false;
    p->times[p->taken++ % TIMES] = now;
    return true;
}

static bool slot_allows(struct provider *p, int64_t now)
{
    if (now / p->window != p->slot) {
        p->slot = now / p->window;
        p->in_slot = 0;
    }
    if ((double)p->in_slot >= p->rate * (double)p->window / (double)SECOND)
        return false;
    p->in_slot++;
    return true;
}

static bool allows(struct provider *p, int64_t now)
{
    if (p->form == SLIDING)
        return window_allows(p, now);
    if (p->form == FIXED)
        return slot_allows(p, now);
    p->tokens += p->rate * (double)(now - p->since) / (double)SECOND;
    p->tokens = p->tokens < p->burst ? p->tokens : p->burst;
    p->since = now;
    if (p->tokens < 1)
        return false;
    p->tokens--;
    return true;
}

/* ---- a sender that always has mail --------------------------------------------------------------
 */

enum { CONNECTIONS = 20 };
struct trip { /* a message on its way */
    struct heap_node node;
    bool probe, reached, accepted, too_many;
    int64_t taken;
};

struct sender {
    struct shaping_loop loop;
    struct provider *provider;
    struct heap trips;
    struct trip all[CONNECTIONS];
    struct list *unused;
    int in_use, open;
    uint64_t accepted, throttled, refused_connections;
    int64_t now;
    int64_t trip_ns;
};

static void arrive(struct sender *s, struct trip *t)
{
    struct provider *p = s->provider;
    if (!t->reached) {
        t->reached = true;
        t->too_many = p->connections > 0 && s->open >= p->connections;
        s->open += !t->too_many;
        t->accepted = !t->too_many && allows(p, s->now);
        heap_add(&s->trips, &t->node, s->now + s->trip_ns / 2);
        return;
    }
    s->open -= !t->too_many;
    s->accepted += t->accepted;
    s->throttled += !t->accepted && !t->too_many;
    s->refused_connections += t->too_many;
    const char *reason;
    shaping_loop_hear(&s->loop,
                      &(struct shaping_loop_reply){.class = t->accepted ? OUTCOME_DELIVERED
                                                            : t->too_many
                                                                ? OUTCOME_TOO_MANY_CONNECTIONS
                                                                : OUTCOME_RATE,
                                                   .code = t->accepted ? 250 : 421,
                                                   .connected = true,
                                                   .accepted = t->accepted,
                                                   .probe = t->probe,
                                                   .wait_seconds = t->accepted ? 0 : p->wait,
                                                   .taken_ns = t->taken,
                                                   .in_use = s->in_use},
                      s->now, &reason);
    s->in_use--;
    t->taken = 0;
}

static void depart(struct sender *s, bool probe)
{
    struct trip *t = s->all;
    while (t->taken)
        t++;
    *t = (struct trip){.taken = s->now, .probe = probe};
    s->in_use++;
    shaping_loop_take(&s->loop, probe, s->now);
    heap_add(&s->trips, &t->node, s->now + s->trip_ns / 2);
}

static void run(struct sender *s, int64_t until)
{
    while (s->now < until) {
        int64_t wake = until, free_at;
        bool probe;
        while (s->in_use < CONNECTIONS &&
               shaping_loop_ask(&s->loop, s->in_use, s->now, &free_at, &probe) == SHAPING_LOOP_FREE)
            depart(s, probe);
        if (s->in_use < CONNECTIONS && free_at > 0 && free_at < wake)
            wake = free_at;
        struct heap_node *first = heap_first(&s->trips);
        if (first && first->key < wake)
            wake = first->key;
        s->now = wake > s->now ? wake : s->now;
        while ((first = heap_first(&s->trips)) != NULL && first->key <= s->now) {
            heap_remove(&s->trips, first);
            arrive(s, CONTAINER_OF(first, struct trip, node));
        }
    }
}

static double share(struct sender *s, double rate, int64_t from, int64_t to,
                    uint64_t *ret_throttled)
{
    run(s, from);
    uint64_t accepted = s->accepted, throttled = s->throttled;
    run(s, to);
    *ret_throttled = s->throttled - throttled;
    return (double)(s->accepted - accepted) / (rate * (double)(to - from) / (double)SECOND);
}

static struct sender *sender_open(const struct provider *provider, int64_t trip_ms)
{
    struct sender *s = MEM_NEW(struct sender);
    s->provider = MEM_NEW(struct provider);
    *s->provider = *provider;
    s->provider->tokens = provider->burst;
    s->trip_ns = trip_ms * 1000000;
    s->now = SECOND;
    shaping_loop_init(&s->loop, false);
    return s;
}

static void sender_close(struct sender *s)
{
    heap_release(&s->trips);
    mem_free(s->provider);
    mem_free(s);
}

#define HOURLY (1000 / 3600.0)

/* At least 95 % of what is allowed from the tenth minute on, and from the tenth minute after more
 * is allowed; few refusals on the way, once it is known. */
TEST(shaping_loop_finds_the_rate)
{
    static const struct {
        const char *label;
        struct provider provider;
        int64_t trip_ms;
        double raised; /* so many times as much, later */
    } cases[] = {
        {"10/s, bucket of 20",     {.form = BUCKET, .rate = 10, .burst = 20},            200,  2  },
        {"10/s, bucket of 1",      {.form = BUCKET, .rate = 10, .burst = 1},             200,  2  },
        {"10/s, bucket of 600",    {.form = BUCKET, .rate = 10, .burst = 600},           200,  3  },
        {"1000/h, bucket of 10",   {.form = BUCKET, .rate = HOURLY, .burst = 10},        200,  3  },
        {"1000/h, bucket of 100",  {.form = BUCKET, .rate = HOURLY, .burst = 100},       1000, 2  },
        {"1000/h, bucket of 1000", {.form = BUCKET, .rate = HOURLY, .burst = 1000},      200,  2  },
        {"200/s, bucket of 200",   {.form = BUCKET, .rate = 200, .burst = 200},          50,   1.5},
        {"3/min, bucket of 3",     {.form = BUCKET, .rate = 0.05, .burst = 3},           500,  2  },
        {"10 in any second",       {.form = SLIDING, .rate = 10, .window = SECOND},      200,  2  },
        {"600 in any minute",      {.form = SLIDING, .rate = 10, .window = MINUTE},      200,  2  },
        {"100 in any 10 s",        {.form = SLIDING, .rate = 10, .window = 10 * SECOND}, 200,  5  },
        {"10 a second",            {.form = FIXED, .rate = 10, .window = SECOND},        200,  2  },
        {"600 a minute",           {.form = FIXED, .rate = 10, .window = MINUTE},        200,  2  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sender *s = sender_open(&cases[i].provider, cases[i].trip_ms);
        struct provider *p = s->provider;
        uint64_t refused;
        double found = share(s, p->rate, 10 * MINUTE, 20 * MINUTE, &refused);
        CHECK(found >= 0.95, cases[i].label);
        CHECK(s->throttled < 120, cases[i].label);
        double later = share(s, p->rate, 20 * MINUTE, 80 * MINUTE, &refused);
        CHECK(later >= 0.95, cases[i].label);
        CHECK((double)refused < p->rate * 3600 * 0.005 + 25, cases[i].label);
        p->rate *= cases[i].raised;
        double raised = share(s, p->rate, 90 * MINUTE, 100 * MINUTE, &refused);
        CHECK(raised >= 0.95, cases[i].label);
        p->rate /= 4;
        double lowered = share(s, p->rate, 110 * MINUTE, 130 * MINUTE, &refused);
        CHECK(lowered >= 0.95, cases[i].label);
        CHECK(refused < 80, cases[i].label);
        sender_close(s);
    }
}

/* What an hour allows is soon used up; then it is asked seldom, and next time it is spread. */
TEST(shaping_loop_finds_the_hour)
{
    static const enum form forms[] = {SLIDING, FIXED};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct provider p = {.form = forms[i], .rate = HOURLY, .window = 60 * MINUTE};
        struct sender *s = sender_open(&p, 200);
        uint64_t refused;
        CHECK(share(s, HOURLY, 0, 60 * MINUTE, &refused) > 0.95, "the first hour");
        CHECK(refused < 60, "asked seldom");
        CHECK(share(s, HOURLY, 60 * MINUTE, 180 * MINUTE, &refused) > 0.95, "two more");
        CHECK(refused < 60, "asked seldom");
        sender_close(s);
    }
}

/* The site takes five connections: found, and hardly asked for a sixth. */
TEST(shaping_loop_connections)
{
    struct provider p = {.form = BUCKET, .rate = 1000, .burst = 1000, .connections = 5};
    struct sender *s = sender_open(&p, 200);
    run(s, MINUTE);
    CHECK(s->refused_connections <= CONNECTIONS, "those that were open");
    uint64_t before = s->refused_connections;
    uint64_t accepted = s->accepted;
    run(s, 61 * MINUTE);
    CHECK(s->refused_connections - before < 20, "asked for one more now and then");
    CHECK((double)(s->accepted - accepted) > 0.85 * 3600 * 5 / 0.2, "most of what five carry");
    sender_close(s);
}

/* ---- pauses
 * -------------------------------------------------------------------------------------- */

static enum shaping_loop_step hear(struct shaping_loop *loop, enum outcome_class class, int code,
                                   bool probe, int64_t now)
{
    const char *reason;
    struct shaping_loop_reply reply = {.class = class,
                                       .code = code,
                                       .connected = code != 0,
                                       .accepted = class == OUTCOME_DELIVERED,
                                       .probe = probe,
                                       .taken_ns = now,
                                       .in_use = 1};
    return shaping_loop_hear(loop, &reply, now, &reason);
}

/* What a message is told then; the probe goes when there is one. */
static enum shaping_loop_obstacle ask(struct shaping_loop *loop, int64_t now, int64_t *ret_until,
                                      bool *ret_probe)
{
    enum shaping_loop_obstacle o = shaping_loop_ask(loop, 0, now, ret_until, ret_probe);
    if (o == SHAPING_LOOP_FREE)
        shaping_loop_take(loop, *ret_probe, now);
    return o;
}

TEST(shaping_loop_blocked)
{
    static const int64_t pauses[] = {5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 60 * MINUTE};
    struct shaping_loop loop;
    int64_t now = 100 * SECOND, until;
    bool probe;
    shaping_loop_init(&loop, false);
    CHECK(hear(&loop, OUTCOME_BLOCKED_IP, 554, false, now) == SHAPING_LOOP_PAUSED, "paused");
    CHECK(hear(&loop, OUTCOME_BLOCKED_IP, 554, false, now) == SHAPING_LOOP_NOTHING, "once");
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_BLOCKED, "nothing goes");
        CHECK(until == now + pauses[i], "until the pause is over");
        now = until;
        CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && probe, "one goes, a probe");
        CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_BLOCKED, "no other");
        CHECK(hear(&loop, OUTCOME_BLOCKED_IP, 554, true, now) == SHAPING_LOOP_PAUSED, "again");
    }
    now += 60 * MINUTE;
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && probe, "one more");
    CHECK(hear(&loop, OUTCOME_BAD_MAILBOX, 550, true, now) == SHAPING_LOOP_RESUMED,
          "any other answer ends it");
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && !probe, "all go again");
    CHECK(!shaping_loop_plain(&loop, now), "how long it was is remembered");
    CHECK(shaping_loop_plain(&loop, now + 61 * MINUTE), "for an hour");
}

TEST(shaping_loop_down)
{
    struct shaping_loop loop;
    int64_t now = 100 * SECOND, until;
    bool probe;
    shaping_loop_init(&loop, false);
    CHECK(hear(&loop, OUTCOME_NETWORK, 0, false, now) == SHAPING_LOOP_NOTHING, "once is chance");
    CHECK(hear(&loop, OUTCOME_DELIVERED, 250, false, now) == SHAPING_LOOP_NOTHING, "it is there");
    CHECK(hear(&loop, OUTCOME_NETWORK, 0, false, now) == SHAPING_LOOP_NOTHING, "1");
    CHECK(hear(&loop, OUTCOME_NETWORK, 0, false, now) == SHAPING_LOOP_NOTHING, "2");
    CHECK(hear(&loop, OUTCOME_NETWORK, 0, false, now) == SHAPING_LOOP_PAUSED, "three in a row");
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_DOWN, "down");
    CHECK(until == now + 30 * SECOND, "half a minute at first");
    now = until;
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && probe, "a probe");
    shaping_loop_give(&loop, probe);
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && probe, "that did not go: again");
    CHECK(hear(&loop, OUTCOME_NETWORK, 0, true, now) == SHAPING_LOOP_PAUSED, "still down");
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_DOWN, "for longer");
    CHECK(until == now + MINUTE, "a minute");
    now = until;
    CHECK(ask(&loop, now, &until, &probe) == SHAPING_LOOP_FREE && probe, "a probe");
    CHECK(hear(&loop, OUTCOME_DELIVERED, 250, true, now) == SHAPING_LOOP_RESUMED, "it is back");
}

/* Greylisting and refused recipients say nothing of how fast mail may come. */
TEST(shaping_loop_no_signal)
{
    static const enum outcome_class classes[] = {OUTCOME_GREYLIST, OUTCOME_BAD_MAILBOX,
                                                 OUTCOME_MAILBOX_FULL, OUTCOME_TOO_BIG};
    struct shaping_loop loop;
    int64_t until;
    bool probe;
    shaping_loop_init(&loop, false);
    for (int i = 0; i < 1000; i++)
        CHECK(hear(&loop, classes[i % 4], 451, false, i * SECOND) == SHAPING_LOOP_NOTHING, "no");
    CHECK(ask(&loop, 1000 * SECOND, &until, &probe) == SHAPING_LOOP_FREE, "as fast as before");
}

TEST(shaping_loop_waits_as_told)
{
    struct provider p = {.form = BUCKET, .rate = 1, .burst = 5, .wait = 300};
    struct sender *s = sender_open(&p, 200);
    run(s, 2 * SECOND);
    uint64_t throttled = s->throttled;
    CHECK(throttled > 0, "too fast");
    run(s, 300 * SECOND);
    CHECK(s->throttled == throttled && s->in_use == 0, "nobody asks before");
    run(s, 303 * SECOND);
    CHECK(s->accepted > 5, "then it goes on");
    sender_close(s);
}

/* Found by a mailing that stood still for ever. */
TEST(shaping_loop_tries_again)
{
    static const struct {
        const char *label;
        struct shaping_loop_reply reply;
    } cases[] = {
        {"no connection more",
         {.class = OUTCOME_TOO_MANY_CONNECTIONS, .code = 421, .connected = true, .in_use = 2}        },
        {"their trouble",      {.class = OUTCOME_SYSTEM, .code = 451, .connected = true, .in_use = 1}},
        {"nobody answers",     {.class = OUTCOME_NETWORK, .in_use = 1}                               },
        {"spam",               {.class = OUTCOME_SPAM, .code = 550, .connected = true, .in_use = 1}  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shaping_loop loop;
        const char *reason;
        int64_t now = MINUTE, until;
        bool probe;
        shaping_loop_init(&loop, false);
        shaping_loop_take(&loop, false, now);
        struct shaping_loop_reply slow = {
            .class = OUTCOME_RATE, .code = 450, .connected = true, .taken_ns = now, .in_use = 1};
        (void)shaping_loop_hear(&loop, &slow, now, &reason);
        now += MINUTE;
        CHECK(shaping_loop_ask(&loop, 0, now, &until, &probe) == SHAPING_LOOP_FREE, "one may try");
        shaping_loop_take(&loop, probe, now);
        CHECK(shaping_loop_ask(&loop, 0, now, &until, &probe) == SHAPING_LOOP_TOLD, "only one");
        struct shaping_loop_reply reply = cases[i].reply;
        reply.taken_ns = now;
        (void)shaping_loop_hear(&loop, &reply, now, &reason);
        now += 2 * MINUTE;
        CHECK(shaping_loop_ask(&loop, 0, now, &until, &probe) == SHAPING_LOOP_FREE, cases[i].label);
    }
}
