#include "shaping/loop.h"
#include "base/assert.h"
#include "base/str.h"

#define SECOND_NS 1000000000LL
#define MINUTE_NS (60 * SECOND_NS)

/* Paces, in messages a second. */
#define FIRST_LEAST 1.0 /* after the first refusal of all: what is too much is soon measured */
#define RATE_LEAST (1.0 / 120)
#define RATE_FORGET 2000.0 /* a pace above it is no pace */
#define FINE_RATE 0.5      /* slower ones take too long to tell a small step */

/* Where to go on, as a share. */
#define ALLOWED_SHARE 0.985 /* of what was measured */
#define REFUSED_SHARE 0.97  /* of what was refused, at most */
#define BEFORE_SHARE 0.95   /* of the pace before a climb's last step, when that was a wide one */
#define FIRST_SHARE 0.7     /* of what was taken before the first refusal */

/* Steps of a climb. */
#define CLIMB_LEAST 0.01
#define CLIMB_FIRST 0.03
#define CLIMB_MOST 1.0
#define CLIMB_TINY 0.035 /* up to it the pace before the step is believed … */
#define CLIMB_SMALL 0.065
#define CLIMB_WIDE 0.13
#define CLIMB_UNSURE 0.25 /* … above it, it tells little */
#define CLIMBED 1.005     /* times the base: the site's patience may have been saved up */
#define USED_SHARE 0.7    /* of the pace: else it is not the pace that limits us */

#define GENTLE_SECONDS 1.2
#define SURE 30 /* messages that a measure rests on */

enum {
    STEP_MESSAGES = 8,
    MEASURE_MESSAGES = 8,
    GENTLE_MESSAGES = 12, /* after an episode: new connections are slower, and bunch what follows */
    SHOCKS_MOST = 2,      /* refusals soon after the last that a proven pace outlives */
    STEP_UNSURE_MESSAGES = 3,
    STARTED_MOST = 10000,
    TROUBLE_FAILURES = 3, /* connections in a row that nobody answered: the site is down */
};
static const int64_t slot_ns = 2 * SECOND_NS;
static const int64_t step_ns = 10 * SECOND_NS, step_unsure_ns = 2 * SECOND_NS;
static const int64_t hold_first_ns = 30 * SECOND_NS, hold_most_ns = 150 * SECOND_NS;
static const int64_t backoff_least_ns = SECOND_NS, backoff_first_most_ns = 20 * SECOND_NS,
                     backoff_most_ns = 5 * MINUTE_NS;
static const int64_t window_least_ns = 5 * SECOND_NS, window_most_ns = 30 * SECOND_NS;
static const int64_t sure_ns = 5 * SECOND_NS;
static const int64_t idle_least_ns = 2 * SECOND_NS;
static const int64_t connections_step_ns = MINUTE_NS, connections_hold_ns = 5 * MINUTE_NS;

const char *const shaping_loop_steps[SHAPING_LOOP_STEPS] = {
    [SHAPING_LOOP_NOTHING] = "nothing", [SHAPING_LOOP_SLOWER] = "slower",
    [SHAPING_LOOP_FASTER] = "faster",   [SHAPING_LOOP_FEWER] = "fewer",
    [SHAPING_LOOP_MORE] = "more",       [SHAPING_LOOP_PAUSED] = "paused",
    [SHAPING_LOOP_PROBING] = "probing", [SHAPING_LOOP_RESUMED] = "resumed",
};

void shaping_loop_init(struct shaping_loop *loop, bool careful)
{
    *loop = (struct shaping_loop){.climb = CLIMB_FIRST,
                                  .hold_ns = hold_first_ns,
                                  .started = careful ? SHAPING_LOOP_CONNECTIONS_START : 0};
}

static int64_t interval_ns(const struct shaping_loop *loop)
{
    return loop->rate > 0 ? (int64_t)((double)SECOND_NS / loop->rate) : 0;
}

/* ---- may one go? ---------------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

int shaping_loop_connections_max(const struct shaping_loop *loop)
{
    return loop->connections > 0 ? loop->connections : loop->started;
}

static bool gate_allows(const struct shaping_gate *gate, int64_t now_ns, int64_t *ret_until_ns,
                        bool *ret_probe)
{
    enum shaping_gate_answer answer = shaping_gate_ask(gate, now_ns);
    if (answer == SHAPING_GATE_WAIT) {
        *ret_until_ns = gate->state == SHAPING_GATE_PROBING ? 0 : gate->until_ns;
        return false;
    }
    *ret_probe |= answer == SHAPING_GATE_PROBE;
    return true;
}

enum shaping_loop_obstacle shaping_loop_ask(const struct shaping_loop *loop, int in_use,
                                            int64_t now_ns, int64_t *ret_until_ns, bool *ret_probe)
{
    *ret_probe = false;
    *ret_until_ns = 0;
    if (!gate_allows(&loop->blocked, now_ns, ret_until_ns, ret_probe))
        return SHAPING_LOOP_BLOCKED;
    if (!gate_allows(&loop->down, now_ns, ret_until_ns, ret_probe))
        return SHAPING_LOOP_DOWN;
    int most = shaping_loop_connections_max(loop);
    if (most > 0 && in_use >= most)
        return SHAPING_LOOP_CONNECTIONS;
    if (loop->rate == 0)
        return SHAPING_LOOP_FREE;
    if (loop->trying || now_ns < loop->resume_ns) {
        *ret_until_ns = now_ns < loop->resume_ns ? loop->resume_ns : 0;
        return SHAPING_LOOP_TOLD;
    }
    int64_t ready_ns = shaping_bucket_ready(&loop->bucket, interval_ns(loop), 1);
    if (ready_ns <= now_ns)
        return SHAPING_LOOP_FREE;
    *ret_until_ns = ready_ns;
    return SHAPING_LOOP_PACE;
}

/* Gaps in which nobody came are not the site's doing. Pauses of ours are. */
static void count_busy(struct shaping_loop *loop, int64_t now_ns)
{
    int64_t from_ns = loop->taken_ns;
    if (from_ns == 0)
        return;
    int64_t allowed_ns = later(idle_least_ns, 3 * interval_ns(loop));
    int64_t end_ns = later(from_ns, loop->resume_ns) + allowed_ns;
    int64_t busy_ns = (now_ns < end_ns ? now_ns : end_ns) - from_ns;
    loop->busy_ns += busy_ns;
    loop->cycle_ns += busy_ns;
}

void shaping_loop_take(struct shaping_loop *loop, bool probe, int64_t now_ns)
{
    if (probe && loop->blocked.state == SHAPING_GATE_SHUT)
        shaping_gate_probe(&loop->blocked);
    if (probe && loop->down.state == SHAPING_GATE_SHUT)
        shaping_gate_probe(&loop->down);
    count_busy(loop, now_ns);
    loop->taken_ns = now_ns;
    if (loop->rate == 0)
        return;
    if (loop->backoff_ns > 0)
        loop->trying = true;
    int64_t gap_ns = interval_ns(loop);
    if (loop->gentle > 0) {
        loop->gentle--;
        gap_ns += gap_ns / 4;
    }
    shaping_bucket_take(&loop->bucket, gap_ns, now_ns);
}

void shaping_loop_give(struct shaping_loop *loop, bool probe)
{
    if (probe) {
        shaping_gate_unprobe(&loop->blocked);
        shaping_gate_unprobe(&loop->down);
    }
    loop->trying = false;
    if (loop->rate > 0)
        shaping_bucket_give(&loop->bucket, interval_ns(loop));
}

/* ---- rate ------------------------------------------------------------------------------------ */

static void move_slots(struct shaping_loop *loop, int64_t now_ns)
{
    int64_t slot = now_ns / slot_ns;
    if (slot - loop->recent_slot >= SHAPING_LOOP_SLOTS)
        loop->recent_slot = slot - SHAPING_LOOP_SLOTS;
    while (loop->recent_slot < slot)
        loop->recent_accepted[++loop->recent_slot % SHAPING_LOOP_SLOTS] = 0;
}

static void set_rate(struct shaping_loop *loop, double rate, int64_t now_ns)
{
    loop->before = loop->rate;
    loop->rate = rate > RATE_LEAST ? rate : RATE_LEAST;
    loop->step_ns = now_ns;
    loop->step_accepted = 0;
}

void shaping_loop_set_rate(struct shaping_loop *loop, double rate, int64_t now_ns)
{
    set_rate(loop, rate, now_ns);
    loop->base = loop->before = loop->settled = loop->rate;
    loop->episode_ns = now_ns;
    loop->hold_ns = hold_first_ns;
    loop->hold_until_ns = now_ns + loop->hold_ns;
    loop->climb = CLIMB_FIRST;
    loop->bucket.paid_ns = now_ns;
}

/* The most that was taken a second, over some stretch that ends now. */
static double taken_of_late(struct shaping_loop *loop, int64_t now_ns)
{
    double best = 0, sum = 0;
    move_slots(loop, now_ns);
    for (int64_t age = 0; age < SHAPING_LOOP_SLOTS && age <= loop->recent_slot; age++) {
        sum += loop->recent_accepted[(loop->recent_slot - age) % SHAPING_LOOP_SLOTS];
        double rate = sum * (double)SECOND_NS / (double)((age + 1) * slot_ns);
        if (age >= 4 || age == 0)
            best = rate > best ? rate : best;
    }
    return best;
}

/* Refused after a climb: the pace before the last step was good for a while, the more surely the
 * smaller that step was. */
static double back_to_before(const struct shaping_loop *loop, double last)
{
    if (loop->proven && loop->before <= loop->base * CLIMBED)
        return loop->before; /* it was good for the whole hold */
    double share = last <= CLIMB_TINY    ? 1
                   : last <= CLIMB_SMALL ? ALLOWED_SHARE
                   : last <= CLIMB_WIDE  ? REFUSED_SHARE
                                         : BEFORE_SHARE;
    return loop->before * share;
}

/* Refused though there was no climb: what was taken since the last refusal is what is allowed. When
 * that was little, the pause before it counts, too: it may have been what let them pass. */
static double measure(struct shaping_loop *loop)
{
    int64_t time_ns = loop->busy_ns;
    if (loop->accepted < MEASURE_MESSAGES)
        time_ns += loop->lasted_ns;
    double seconds = (double)time_ns / (double)SECOND_NS;
    double allowed = seconds > 0 ? loop->accepted / seconds * ALLOWED_SHARE : loop->rate;
    double most = loop->rate * REFUSED_SHARE;
    return allowed < most ? allowed : most;
}

static double higher(double a, double b) { return a > b ? a : b; }

static void hold_longer(struct shaping_loop *loop, bool same)
{
    int64_t twice_ns = later(loop->hold_ns, hold_first_ns / 2) * 2;
    loop->hold_ns = !same ? hold_first_ns : twice_ns < hold_most_ns ? twice_ns : hold_most_ns;
}

/* As it was measured before. */
static bool is_settled(const struct shaping_loop *loop, double rate)
{
    return rate > loop->settled * 0.9 && rate < loop->settled * 1.1;
}

/* Refused without a climb: the measure is the pace. */
static void settle(struct shaping_loop *loop, int64_t now_ns)
{
    double rate = measure(loop);
    bool sure = loop->accepted >= SURE && loop->busy_ns >= sure_ns;
    loop->shocks = sure ? 0 : loop->shocks + 1;
    if (loop->proven && loop->shocks > 0 && loop->shocks <= SHOCKS_MOST)
        rate = higher(rate, loop->rate * ALLOWED_SHARE); /* too soon to tell */
    else
        loop->proven = false;
    bool same = is_settled(loop, rate);
    hold_longer(loop, same);
    if (!sure && !same)
        loop->hold_ns = step_unsure_ns;
    double unsure = 1 / (loop->accepted + 1);
    loop->climb = sure || same || unsure < CLIMB_FIRST ? CLIMB_FIRST : unsure;
    loop->settled = rate;
    set_rate(loop, rate, now_ns);
}

static void step_back(struct shaping_loop *loop, int64_t now_ns)
{
    double last = loop->rate / loop->before - 1;
    double rate = back_to_before(loop, last);
    if (last > CLIMB_UNSURE)
        loop->hold_ns = step_unsure_ns;
    else if (last > CLIMB_SMALL)
        loop->hold_ns = step_ns;
    else
        hold_longer(loop, loop->hold_ns > step_ns || is_settled(loop, rate));
    if (last <= CLIMB_SMALL)
        loop->settled = rate;
    bool fine = last <= CLIMB_TINY && loop->rate >= FINE_RATE;
    loop->climb = last > 4 * CLIMB_FIRST ? last / 4 : fine ? CLIMB_LEAST : CLIMB_FIRST;
    set_rate(loop, rate, now_ns);
}

static void next_pace(struct shaping_loop *loop, int64_t now_ns)
{
    loop->refused = loop->rate;
    if (loop->episode_ns == 0) {
        double taken = taken_of_late(loop, now_ns) * FIRST_SHARE;
        set_rate(loop, taken > FIRST_LEAST ? taken : FIRST_LEAST, now_ns);
        loop->climb = CLIMB_MOST;
        loop->hold_ns = step_unsure_ns;
    } else if (loop->rate > loop->base * CLIMBED)
        step_back(loop, now_ns);
    else
        settle(loop, now_ns);
    loop->base = loop->rate;
}

static void back_off(struct shaping_loop *loop, uint32_t wait_seconds, int64_t now_ns)
{
    int64_t first_ns = interval_ns(loop);
    if (loop->rate >= FINE_RATE) /* at a slow pace one interval is time enough */
        first_ns += first_ns / 2;
    first_ns = first_ns < backoff_first_most_ns ? first_ns : backoff_first_most_ns;
    loop->backoff_ns =
        loop->backoff_ns > 0 ? loop->backoff_ns * 2 : later(first_ns, backoff_least_ns);
    if (loop->backoff_ns > backoff_most_ns)
        loop->backoff_ns = backoff_most_ns;
    loop->resume_ns = now_ns + later(loop->backoff_ns, wait_seconds * SECOND_NS);
    loop->hold_until_ns = loop->resume_ns + loop->hold_ns;
}

static enum shaping_loop_step throttled(struct shaping_loop *loop,
                                        const struct shaping_loop_reply *reply, int64_t now_ns,
                                        const char **ret_reason)
{
    if (loop->rate > 0 && reply->taken_ns < loop->resume_ns)
        return SHAPING_LOOP_NOTHING; /* it was on its way when the episode began */
    *ret_reason = "the site says that it is too much or too fast";
    loop->trying = false;
    if (loop->backoff_ns == 0) {
        count_busy(loop, now_ns);
        next_pace(loop, now_ns);
        loop->episode_ns = now_ns;
        loop->taken_ns = now_ns;
    }
    back_off(loop, reply->wait_seconds, now_ns);
    loop->bucket.paid_ns = loop->resume_ns;
    return SHAPING_LOOP_SLOWER;
}

/* So fast that it is no pace any more: as if nothing had been learned of it. */
static void forget_rate(struct shaping_loop *loop)
{
    loop->rate = loop->base = loop->before = loop->settled = loop->refused = 0;
    loop->episode_ns = loop->resume_ns = loop->backoff_ns = 0;
}

/* All went well for a step at this pace: the next one. */
static enum shaping_loop_step climb(struct shaping_loop *loop, int64_t now_ns,
                                    const char **ret_reason)
{
    bool sure = loop->hold_ns > step_unsure_ns;
    int64_t least_ns = sure ? later(step_ns, loop->window_ns) : step_unsure_ns;
    double seconds = (double)(now_ns - loop->step_ns) / (double)SECOND_NS;
    if (now_ns < loop->hold_until_ns || now_ns - loop->step_ns < least_ns ||
        seconds * loop->rate < (sure ? STEP_MESSAGES : STEP_UNSURE_MESSAGES))
        return SHAPING_LOOP_NOTHING;
    bool used = loop->step_accepted >= USED_SHARE * seconds * loop->rate;
    if (!used) {
        loop->step_ns = now_ns;
        loop->step_accepted = 0;
        return SHAPING_LOOP_NOTHING;
    }
    if (sure && loop->rate <= loop->base * CLIMBED && loop->hold_ns > step_ns) {
        loop->proven = true;
        loop->shocks = 0;
    }
    set_rate(loop, loop->rate * (1 + loop->climb), now_ns);
    loop->climb = loop->climb * 2 < CLIMB_MOST ? loop->climb * 2 : CLIMB_MOST;
    *ret_reason = "all went well at the pace before";
    if (loop->rate > RATE_FORGET)
        forget_rate(loop);
    return SHAPING_LOOP_FASTER;
}

/* ---- connections ----------------------------------------------------------------------------- */

/* Each that is refused is one less: so what is left is what the site takes. */
static enum shaping_loop_step too_many(struct shaping_loop *loop,
                                       const struct shaping_loop_reply *reply, int64_t now_ns,
                                       const char **ret_reason)
{
    bool news = loop->connections == 0 || reply->taken_ns >= loop->connections_ns;
    int was = news ? reply->in_use : loop->connections;
    loop->connections = was > 1 ? was - 1 : 1;
    loop->connections_refused = was;
    if (!news)
        return SHAPING_LOOP_NOTHING; /* opened before we took back */
    loop->connections_ns = now_ns;
    *ret_reason = "the site refuses so many connections";
    if (was > 1)
        return SHAPING_LOOP_FEWER;
    *ret_reason = "the site refuses even one connection";
    shaping_gate_shut(&loop->down, &shaping_gate_down, now_ns,
                      now_ns + reply->wait_seconds * SECOND_NS);
    return SHAPING_LOOP_PAUSED;
}

static enum shaping_loop_step more(struct shaping_loop *loop, int in_use, int64_t now_ns,
                                   const char **ret_reason)
{
    if (loop->connections == 0) {
        loop->started += loop->started > 0 && loop->started < STARTED_MOST;
        return SHAPING_LOOP_NOTHING;
    }
    bool near = loop->connections + 1 >= loop->connections_refused;
    int64_t wait_ns = near ? connections_hold_ns : connections_step_ns;
    if (in_use < loop->connections || now_ns - loop->connections_ns < wait_ns)
        return SHAPING_LOOP_NOTHING;
    int step = near ? 1 : 1 + loop->connections / 4;
    int room = loop->connections_refused - 1 - loop->connections;
    *ret_reason = "all went well over the connections before";
    loop->connections += !near && step > room ? room : step;
    loop->connections_ns = now_ns;
    return SHAPING_LOOP_MORE;
}

/* ---- what became of a message ---------------------------------------------------------------- */

static enum shaping_loop_step pause(struct shaping_loop *loop, struct shaping_gate *gate,
                                    const struct shaping_gate_plan *plan,
                                    const struct shaping_loop_reply *reply, int64_t now_ns)
{
    (void)loop;
    bool news = gate->state != SHAPING_GATE_SHUT;
    shaping_gate_shut(gate, plan, now_ns, now_ns + reply->wait_seconds * SECOND_NS);
    return news ? SHAPING_LOOP_PAUSED : SHAPING_LOOP_NOTHING;
}

enum recent_kind { RECENT_FINE, RECENT_TROUBLE, RECENT_REFUSED };

static void remember(struct shaping_loop *loop, enum recent_kind kind)
{
    int8_t *slot = &loop->recent[loop->heard++ % SHAPING_LOOP_RECENT];
    loop->recent_trouble += (kind == RECENT_TROUBLE) - (*slot == RECENT_TROUBLE);
    loop->recent_refused += (kind == RECENT_REFUSED) - (*slot == RECENT_REFUSED);
    *slot = (int8_t)kind;
}

static enum shaping_loop_step trouble(struct shaping_loop *loop,
                                      const struct shaping_loop_reply *reply, int64_t now_ns,
                                      const char **ret_reason)
{
    remember(loop, RECENT_TROUBLE);
    loop->failures += !reply->connected;
    bool down = loop->failures >= TROUBLE_FAILURES || reply->probe ||
                loop->recent_trouble > SHAPING_LOOP_RECENT / 2;
    if (!down)
        return SHAPING_LOOP_NOTHING;
    *ret_reason =
        reply->connected ? "most mail meets trouble on their side" : "nobody answers there";
    return pause(loop, &loop->down, &shaping_gate_down, reply, now_ns);
}

/* Much of our mail is refused as spam or by a rule: half as fast, at most once in twenty replies.
 */
static enum shaping_loop_step refused(struct shaping_loop *loop, int64_t now_ns,
                                      const char **ret_reason)
{
    remember(loop, RECENT_REFUSED);
    if (loop->recent_refused <= SHAPING_LOOP_RECENT / 2 || loop->busy_ns == 0)
        return SHAPING_LOOP_NOTHING;
    for (int i = 0; i < SHAPING_LOOP_RECENT; i++)
        loop->recent[i] = RECENT_FINE;
    loop->recent_refused = loop->recent_trouble = 0;
    double rate = loop->rate > 0
                      ? loop->rate
                      : (double)SHAPING_LOOP_RECENT * (double)SECOND_NS / (double)loop->busy_ns;
    shaping_loop_set_rate(loop, rate / 2, now_ns);
    loop->hold_until_ns = now_ns + hold_most_ns;
    *ret_reason = "most of our mail is refused as spam or by a rule";
    return SHAPING_LOOP_SLOWER;
}

static void count_accepted(struct shaping_loop *loop, int64_t now_ns)
{
    move_slots(loop, now_ns);
    loop->recent_accepted[loop->recent_slot % SHAPING_LOOP_SLOTS]++;
    loop->accepted++;
    loop->cycle_accepted++;
    loop->step_accepted++;
}

/* What was accepted since the last episode, over the time until the site went on: that was at some
 * moment after the last try that it refused. */
static double taken_in_cycle(const struct shaping_loop *loop, int64_t unsure_ns)
{
    double seconds = (double)(loop->cycle_ns - unsure_ns) / (double)SECOND_NS;
    return seconds > 0 ? loop->cycle_accepted / seconds * ALLOWED_SHARE : loop->rate;
}

/* How long the site refused tells more than what it took before. */
static void settle_after(struct shaping_loop *loop, double allowed, int64_t now_ns)
{
    hold_longer(loop, is_settled(loop, allowed));
    loop->climb = CLIMB_FIRST;
    loop->settled = allowed;
    set_rate(loop, allowed, now_ns);
    loop->base = loop->rate;
    loop->hold_until_ns = now_ns + loop->hold_ns;
}

/* The episode is over. When it was long, the site counts in windows. When it was not that short at
 * a slow pace, and not the first in a row, the pace is far too fast, whatever the site takes at
 * once after a pause. */
static void recover(struct shaping_loop *loop, int64_t now_ns)
{
    int64_t away_ns = now_ns - loop->episode_ns, interval = interval_ns(loop);
    bool windows = away_ns > window_least_ns && away_ns > 8 * interval;
    bool far_too_fast = loop->rate < FINE_RATE && loop->shocks > 0 && away_ns > 4 * interval;
    double allowed = taken_in_cycle(loop, windows ? 0 : loop->backoff_ns / 2);
    loop->lasted_ns = away_ns;
    loop->trying = false;
    loop->backoff_ns = 0;
    loop->gentle = loop->rate * GENTLE_SECONDS < GENTLE_MESSAGES
                       ? (int)(loop->rate * GENTLE_SECONDS)
                       : GENTLE_MESSAGES;
    if (windows)
        loop->window_ns = loop->cycle_ns < window_most_ns ? loop->cycle_ns : window_most_ns;
    if ((windows || far_too_fast) && allowed < loop->rate)
        settle_after(loop, allowed, now_ns);
    loop->step_ns = now_ns;
    loop->step_accepted = 0;
    loop->accepted = loop->cycle_accepted = 0;
    loop->busy_ns = loop->cycle_ns = 0;
    loop->taken_ns = now_ns;
}

static enum shaping_loop_step fine(struct shaping_loop *loop,
                                   const struct shaping_loop_reply *reply, int64_t now_ns,
                                   const char **ret_reason)
{
    remember(loop, RECENT_FINE);
    if (loop->trying && reply->taken_ns >= loop->resume_ns)
        recover(loop, now_ns);
    if (reply->accepted)
        count_accepted(loop, now_ns);
    enum shaping_loop_step step = SHAPING_LOOP_NOTHING;
    if (loop->rate > 0 && loop->backoff_ns == 0)
        step = climb(loop, now_ns, ret_reason);
    return step ? step : more(loop, reply->in_use, now_ns, ret_reason);
}

/* Somebody answered, and it was not "go away". */
static bool resume(struct shaping_loop *loop, const struct shaping_loop_reply *reply,
                   int64_t now_ns, const char **ret_reason)
{
    loop->failures = 0;
    if (!reply->probe)
        return false;
    bool was = loop->down.state != SHAPING_GATE_OPEN || loop->blocked.state != SHAPING_GATE_OPEN;
    if (loop->down.state != SHAPING_GATE_OPEN)
        shaping_gate_open(&loop->down, now_ns);
    if (loop->blocked.state != SHAPING_GATE_OPEN)
        shaping_gate_open(&loop->blocked, now_ns);
    for (int i = 0; i < SHAPING_LOOP_RECENT; i++)
        loop->recent[i] = RECENT_FINE;
    loop->recent_refused = loop->recent_trouble = 0;
    *ret_reason = "the probe went well";
    return was;
}

static enum shaping_loop_step judge(struct shaping_loop *loop,
                                    const struct shaping_loop_reply *reply, int64_t now_ns,
                                    const char **ret_reason)
{
    switch (reply->class) {
    case OUTCOME_RATE:
        return throttled(loop, reply, now_ns, ret_reason);
    case OUTCOME_TOO_MANY_CONNECTIONS:
        return too_many(loop, reply, now_ns, ret_reason);
    case OUTCOME_BLOCKED_IP:
    case OUTCOME_REVERSE_DNS:
        *ret_reason = "the site refuses the address that we send from";
        return pause(loop, &loop->blocked, &shaping_gate_blocked, reply, now_ns);
    case OUTCOME_SPAM:
    case OUTCOME_POLICY:
    case OUTCOME_BLOCKED_SENDER:
        return refused(loop, now_ns, ret_reason);
    case OUTCOME_NETWORK:
    case OUTCOME_SYSTEM:
        return reply->code == 421 && reply->in_use > 1 ? too_many(loop, reply, now_ns, ret_reason)
                                                       : trouble(loop, reply, now_ns, ret_reason);
    default:
        return fine(loop, reply, now_ns, ret_reason);
    }
}

static enum shaping_loop_step hear(struct shaping_loop *loop,
                                   const struct shaping_loop_reply *reply, int64_t now_ns,
                                   const char **ret_reason)
{
    bool away = reply->class == OUTCOME_BLOCKED_IP || reply->class == OUTCOME_REVERSE_DNS ||
                reply->class == OUTCOME_NETWORK || reply->class == OUTCOME_SYSTEM ||
                reply->class == OUTCOME_TOO_MANY_CONNECTIONS || !reply->connected;
    if (!away && resume(loop, reply, now_ns, ret_reason)) {
        const char *unused;
        judge(loop, reply, now_ns, &unused);
        return SHAPING_LOOP_RESUMED;
    }
    if (!reply->connected && reply->class != OUTCOME_NETWORK)
        return trouble(loop, reply, now_ns, ret_reason);
    return judge(loop, reply, now_ns, ret_reason);
}

/* The message that was to find out whether a refusal is over may end in other trouble: then the
 * next one finds out. */
enum shaping_loop_step shaping_loop_hear(struct shaping_loop *loop,
                                         const struct shaping_loop_reply *reply, int64_t now_ns,
                                         const char **ret_reason)
{
    enum shaping_loop_step step = hear(loop, reply, now_ns, ret_reason);
    if (reply->taken_ns >= loop->resume_ns)
        loop->trying = false;
    return step;
}

bool shaping_loop_plain(struct shaping_loop *loop, int64_t now_ns)
{
    return loop->rate == 0 && loop->connections == 0 && loop->failures == 0 &&
           shaping_gate_plain(&loop->blocked, &shaping_gate_blocked, now_ns) &&
           shaping_gate_plain(&loop->down, &shaping_gate_down, now_ns);
}
