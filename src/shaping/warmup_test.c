#include "base/arena.h"
#include "base/rand.h"
#include "shaping/warmup.h"
#include "tests/test.h"

#define DAY ((int64_t)24 * 60 * 60 * 1000)
#define HOUR ((int64_t)60 * 60 * 1000)
#define MINUTE ((int64_t)60 * 1000)

enum { PLAN_DAYS = 30 };
static const int64_t start_ms = 1795219200000; /* Sat, 21 Nov 2026 00:00 UTC */

static int caps[PLAN_DAYS];

/* 100 on the first day, 30 % more each day. */
static void fill_caps(void)
{
    caps[0] = 100;
    for (int i = 1; i < PLAN_DAYS; i++)
        caps[i] = caps[i - 1] + caps[i - 1] * 3 / 10;
}

static struct warmup_plan plan_of(str egress, str site)
{
    fill_caps();
    return (struct warmup_plan){
        .egress = egress,
        .site = site,
        .rules = {.blocks = 100, .spam = 100, .deferrals = 2000, .fill = 2500, .back = 2},
        .caps = caps,
        .days = PLAN_DAYS,
    };
}

static struct warmup *open_one(const struct warmup_plan *plan, const struct event_sink *events)
{
    struct warmup *w;
    warmup_open(events, &w);
    CHECK_DONE(warmup_set_plans(w, plan, 1), "plans");
    return w;
}

struct heard {
    int days, back, done;
};

static void hear(void *arg, const struct event *e)
{
    struct heard *h = arg;
    h->days += e->kind == EVENT_WARMUP_DAY;
    h->back += e->kind == EVENT_WARMUP_BACK;
    h->done += e->kind == EVENT_WARMUP_DONE;
}

/* ---- a life of thirty days ---------------------------------------------------------------- */

/* Mail comes all day long, ten times what the plan lets go. What finds no room waits, or goes by
 * another egress. */
struct life {
    struct warmup *w;
    struct warmup_track *track;
    int64_t now_ms, queued, sent_here, sent_there;
    int64_t by_day[PLAN_DAYS + 10];
    int bad_day; /* on which a tenth of the replies says "blocked" */
    bool restarts;
    int64_t last_try_ms;
};

static struct warmup_track *track_of(struct warmup *w)
{
    return warmup_track(w, S("out1"), S("google"), S("google"));
}

/* As a server that stops and starts: all that is known goes through records. */
static void restart(struct life *l)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup_record r;
    size_t position = 0;
    struct warmup *fresh = open_one(&plan, NULL);
    CHECK(warmup_next(l->w, l->now_ms, false, &position, &r), "a record");
    CHECK(warmup_load(fresh, &r), "is taken");
    warmup_close(l->w);
    l->w = fresh;
    l->track = track_of(fresh);
}

static void send_one(struct life *l, int day)
{
    enum outcome_class class = OUTCOME_DELIVERED;
    warmup_count(l->track, l->now_ms, 1);
    l->queued--;
    l->sent_here++;
    l->by_day[day]++;
    if (day == l->bad_day && l->by_day[day] % 10 == 0)
        class = OUTCOME_BLOCKED_IP;
    warmup_told(l->track, l->now_ms, class);
}

static void live_a_minute(struct life *l, int day)
{
    l->queued += day < PLAN_DAYS ? caps[day] * 10 / (24 * 60) + 1 : 0;
    while (l->queued > 0 && day < PLAN_DAYS + 10 && warmup_ready_ms(l->track, l->now_ms, 1) == 0)
        send_one(l, day);
    if (!warmup_waits(l->track)) {
        l->sent_there += l->queued;
        l->queued = 0;
    }
    if (l->restarts && l->now_ms / MINUTE % 607 == 0)
        restart(l);
    l->now_ms += MINUTE;
}

static void live(struct life *l, const struct warmup_plan *plan, int days)
{
    l->w = open_one(plan, NULL);
    l->track = track_of(l->w);
    l->now_ms = start_ms;
    for (int day = 0; day < days; day++)
        for (int minute = 0; minute < 24 * 60; minute++)
            live_a_minute(l, day);
}

TEST(warmup_thirty_days_keep_every_cap)
{
    static const struct {
        const char *label;
        bool waits, restarts;
    } cases[] = {
        {"what is too much goes by another egress", false, false},
        {"what is too much waits",                  true,  false},
        {"with 70 restarts in between",             false, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct life l = {.bad_day = -1, .restarts = cases[i].restarts};
        struct warmup_plan plan = plan_of(S("out1"), S("google"));
        plan.rules.waits = cases[i].waits;
        int64_t offered = 0;
        live(&l, &plan, PLAN_DAYS);
        for (int day = 0; day < PLAN_DAYS; day++) {
            CHECK(l.by_day[day] == caps[day], cases[i].label);
            offered += (caps[day] * 10 / (24 * 60) + 1) * 24 * 60;
        }
        CHECK(l.sent_here + l.sent_there + l.queued == offered, "nothing is lost");
        CHECK(cases[i].waits ? l.sent_there == 0 && l.queued > 0
                             : l.sent_there > 0 && l.queued == 0,
              cases[i].label);
        live_a_minute(&l, PLAN_DAYS);
        CHECK(l.queued == 0, "after the last day there is no cap: nothing is stranded");
        warmup_close(l.w);
    }
}

TEST(warmup_steps_back_on_blocks)
{
    struct life l = {.bad_day = 6};
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    live(&l, &plan, 10);
    for (int day = 0; day < 6; day++)
        CHECK(l.by_day[day] == caps[day], "good days");
    CHECK(l.by_day[6] < caps[6], "day 7 ends early");
    CHECK(l.by_day[6] <= caps[4], "…with the cap of day 5");
    CHECK(l.by_day[7] == caps[4], "day 8 is as day 5");
    CHECK(l.by_day[8] == caps[5], "and it goes on from there");
    CHECK(l.by_day[9] == caps[6], "and on");
    warmup_close(l.w);
}

/* ---- single days -------------------------------------------------------------------------- */

static int64_t send_all(struct warmup_track *t, int64_t *now_ms, int64_t until_ms, int64_t step_ms)
{
    int64_t sent = 0;
    for (; *now_ms < until_ms; *now_ms += step_ms)
        for (; warmup_ready_ms(t, *now_ms, 1) == 0; sent++)
            warmup_count(t, *now_ms, 1);
    return sent;
}

TEST(warmup_day_is_judged)
{
    static const struct {
        const char *label;
        int sent, good, blocks, spam, deferrals, day; /* the next day is this one of the plan */
    } cases[] = {
        {"all went well",            100, 100, 0, 0, 0,  6},
        {"too little was sent",      20,  20,  0, 0, 0,  5},
        {"too many were deferred",   100, 70,  0, 0, 30, 5},
        {"as many as are allowed",   100, 80,  0, 0, 20, 6},
        {"one block of a hundred",   100, 99,  1, 0, 0,  6},
        {"two blocks of a hundred",  100, 98,  2, 0, 0,  3},
        {"two verdicts of spam",     100, 98,  0, 2, 0,  3},
        {"one block of few replies", 60,  5,   1, 0, 0,  3},
        {"a complaint among many",   100, 150, 0, 1, 0,  6},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct warmup_plan plan = plan_of(S("out1"), S("others"));
        int even[PLAN_DAYS];
        for (int d = 0; d < PLAN_DAYS; d++)
            even[d] = 100;
        plan.caps = even;
        struct warmup *w = open_one(&plan, NULL);
        struct warmup_track *t = warmup_track(w, S("out1"), S("mx.example.net"), (str){0});
        size_t count, position = 0;
        struct warmup_facts facts;
        CHECK_DONE(warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_SET_DAY, 5, &count), "set");
        warmup_count(t, start_ms, (size_t)cases[i].sent);
        for (int n = 0; n < cases[i].good; n++)
            warmup_told(t, start_ms, OUTCOME_DELIVERED);
        for (int n = 0; n < cases[i].blocks; n++)
            warmup_told(t, start_ms, OUTCOME_BLOCKED_IP);
        for (int n = 0; n < cases[i].spam; n++)
            warmup_told(t, start_ms, OUTCOME_SPAM);
        for (int n = 0; n < cases[i].deferrals; n++)
            warmup_told(t, start_ms, OUTCOME_RATE);
        CHECK(warmup_look(w, start_ms + DAY, &position, &facts), cases[i].label);
        CHECK(facts.day == cases[i].day, cases[i].label);
        CHECK(facts.sent == 0 && facts.left == 100, "a new day");
        warmup_close(w);
    }
}

TEST(warmup_steps_back_once_a_day)
{
    struct heard heard = {0};
    struct event_sink sink = {hear, &heard};
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, &sink);
    struct warmup_track *t = track_of(w);
    size_t count, position = 0;
    struct warmup_facts facts;
    CHECK_DONE(warmup_set(w, start_ms, S("out1"), S("google"), WARMUP_SET_DAY, 10, &count), "set");
    for (int i = 0; i < 200; i++)
        warmup_told(t, start_ms, OUTCOME_BLOCKED_IP);
    CHECK(warmup_look(w, start_ms, &position, &facts), "look");
    CHECK(facts.day == 8 && facts.stepped_back, "from day 10 to day 8, at once");
    CHECK(heard.back == 1, "one event");
    position = 0;
    CHECK(warmup_look(w, start_ms + DAY, &position, &facts), "look");
    CHECK(facts.day == 8 && !facts.stepped_back, "the next day stays there");
    CHECK(heard.days == 1 && heard.done == 0, "and is told");
    warmup_close(w);
}

TEST(warmup_spreads_a_day)
{
    static const struct {
        const char *label;
        uint32_t hours;
        int zone_minutes;
        int64_t from_ms, first_ms; /* mail comes; the first goes */
    } cases[] = {
        {"around the clock",          0,        0,   0,         0        },
        {"from eight to eight",       0x0fff00, 0,   0,         8 * HOUR },
        {"in a zone east of UTC",     0x0fff00, 120, 0,         6 * HOUR },
        {"in the night",              0xc0000f, 0,   12 * HOUR, 22 * HOUR},
        {"mail comes in the morning", 0,        0,   9 * HOUR,  9 * HOUR },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const int cap[] = {960};
        struct warmup_plan plan = plan_of(S("out1"), S("google"));
        plan.caps = cap;
        plan.days = 1;
        plan.rules.hours = cases[i].hours;
        plan.rules.zone_minutes = cases[i].zone_minutes;
        struct warmup *w = open_one(&plan, NULL);
        struct warmup_track *t = track_of(w);
        int64_t now_ms = start_ms + cases[i].from_ms, first_ms = 0, total = 0;
        uint32_t hours = cases[i].hours ? cases[i].hours : 0xffffff;
        int64_t most = 960 * WARMUP_CATCH_UP / (__builtin_popcount(hours) * 4);
        int64_t end_ms = start_ms + DAY - cases[i].zone_minutes * MINUTE;
        while (now_ms < end_ms) {
            int64_t begun_ms = now_ms;
            int64_t sent = send_all(t, &now_ms, now_ms + WARMUP_SLOT_MS, MINUTE);
            if (sent > 0 && first_ms == 0)
                first_ms = begun_ms;
            CHECK(sent <= most, "no quarter hour has more than its share, four times");
            total += sent;
        }
        CHECK(first_ms == start_ms + cases[i].first_ms, cases[i].label);
        CHECK(total == 960, cases[i].label);
        warmup_close(w);
    }
}

TEST(warmup_says_when)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    plan.rules.start_day = (int32_t)(start_ms / DAY) + 2;
    plan.rules.hours = 0x0fff00;
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    int64_t begin_ms = start_ms + 2 * DAY + 8 * HOUR, now_ms = begin_ms;
    char why[200];
    CHECK(warmup_ready_ms(t, start_ms, 1) == begin_ms, "not before it begins");
    CHECK(warmup_ready_ms(t, begin_ms, 1) == 0, "then at once");
    while (warmup_ready_ms(t, now_ms, 1) == 0)
        warmup_count(t, now_ms, 1);
    CHECK(warmup_ready_ms(t, now_ms, 1) == begin_ms + WARMUP_SLOT_MS, "the next quarter hour");
    send_all(t, &now_ms, begin_ms + 12 * HOUR, MINUTE);
    CHECK(warmup_ready_ms(t, now_ms, 1) == begin_ms + DAY, "the next day");
    warmup_why(t, now_ms, why, sizeof why);
    CHECK_STR(str_of(why), "warming up out1 to google: day 1 of 30, 100 of 100 sent today", "why");
    warmup_close(w);
}

TEST(warmup_large_messages_are_not_stranded)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    CHECK(warmup_ready_ms(t, start_ms, 500) == 0, "more than a day's cap: first of a day");
    CHECK(warmup_count(t, start_ms, 500) == start_ms / DAY, "counts");
    CHECK(warmup_ready_ms(t, start_ms + HOUR, 1) == start_ms + DAY, "nothing else that day");
    CHECK(warmup_ready_ms(t, start_ms + DAY, 10) == 0, "the next day");
    warmup_count(t, start_ms + DAY, 10);
    CHECK(warmup_ready_ms(t, start_ms + DAY + 20 * HOUR, 500) == start_ms + 2 * DAY,
          "only as the first");
    warmup_close(w);
}

TEST(warmup_gives_back_to_its_day)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    struct warmup_facts facts;
    size_t position = 0;
    int32_t first = warmup_count(t, start_ms, 5), second = warmup_count(t, start_ms + DAY, 7);
    warmup_return(t, second, 3);
    warmup_return(t, first, 5);
    CHECK(warmup_look(w, start_ms + DAY, &position, &facts) && facts.sent == 4,
          "what belonged to yesterday gives nothing today");
    warmup_close(w);
}

/* ---- clocks, crashes, plans that change --------------------------------------------------- */

TEST(warmup_clock_back_a_day_opens_no_second_cap)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    int64_t now_ms = start_ms;
    CHECK(send_all(t, &now_ms, start_ms + DAY, MINUTE) == caps[0], "day 1");
    CHECK(send_all(t, &now_ms, start_ms + DAY + 12 * HOUR, MINUTE) < caps[1], "half of day 2");
    now_ms -= DAY;
    int64_t before = now_ms;
    CHECK(send_all(t, &now_ms, before + 12 * HOUR, MINUTE) < caps[1] / 10, "back in day 1");
    now_ms = start_ms + DAY;
    size_t position = 0;
    struct warmup_facts facts;
    send_all(t, &now_ms, start_ms + 2 * DAY, MINUTE);
    CHECK(warmup_look(w, start_ms + 2 * DAY - 1, &position, &facts), "look");
    CHECK(facts.day == 2 && facts.sent == caps[1], "both times together: one cap");
    warmup_close(w);
}

TEST(warmup_clock_years_ahead_does_not_freeze)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    int64_t now_ms = start_ms + 900 * DAY;
    CHECK(send_all(t, &now_ms, now_ms + DAY, MINUTE) == caps[0], "a day in the future");
    now_ms = start_ms + 12 * HOUR;
    CHECK(send_all(t, &now_ms, start_ms + DAY, MINUTE) == 0, "today is used up by it");
    CHECK(send_all(t, &now_ms, start_ms + 2 * DAY, MINUTE) == caps[1], "tomorrow is a day again");
    warmup_close(w);
}

/* What the saver does while the server runs. */
static void save(struct warmup *w, int64_t now_ms, struct warmup_record *ret_record)
{
    size_t position = 0;
    CHECK(warmup_next(w, now_ms, true, &position, ret_record), "a record");
    warmup_saved(w, ret_record, 1);
}

TEST(warmup_crash_never_gives_twice)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    uint64_t random = 7;
    int crashes = 0;
    int64_t sent = 0;
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    struct warmup_record saved = {0};
    CHECK_DONE(({
                   size_t count;
                   warmup_set(w, start_ms, S("out1"), S("google"), WARMUP_SET_DAY, 12, &count);
               }),
               "day 12: a cap that crashes cannot hide in");
    warmup_keep(w);
    CHECK(warmup_ready_ms(t, start_ms, 1) == start_ms + WARMUP_UNSAVED_MS && warmup_is_waiting(w),
          "nothing goes before it is vouched for");
    for (int64_t now_ms = start_ms; now_ms < start_ms + DAY; now_ms += MINUTE) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (now_ms == start_ms || random >> 60 == 0)
            save(w, now_ms, &saved);
        for (; warmup_ready_ms(t, now_ms, 1) == 0; sent++)
            warmup_count(t, now_ms, 1);
        if (random >> 56 == 255) { /* kill -9: only what was saved comes back */
            crashes++;
            struct warmup_record back = saved;
            struct warmup *fresh = open_one(&plan, NULL);
            back.egress = S("out1");
            back.site = S("google");
            CHECK(warmup_load(fresh, &back), "load");
            warmup_keep(fresh);
            warmup_close(w);
            w = fresh;
            t = track_of(w);
        }
    }
    CHECK(crashes >= 3, "it did crash");
    CHECK(sent <= caps[11], "never above the cap");
    CHECK(sent >= caps[11] - crashes * (caps[11] * 2 * WARMUP_CATCH_UP / 96 + 2),
          "a crash costs half an hour at most");
    warmup_close(w);
}

TEST(warmup_vouches_for_a_large_message)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    struct warmup_record saved;
    warmup_keep(w);
    CHECK(warmup_ready_ms(t, start_ms, 60) > 0, "not vouched for yet");
    save(w, start_ms, &saved);
    CHECK(saved.sent >= 60, "what waits is taken ahead");
    CHECK(!warmup_is_waiting(w), "nobody waits any more");
    CHECK(warmup_ready_ms(t, start_ms, 60) == 0, "and goes");
    warmup_close(w);
}

TEST(warmup_unsaved_changes_are_not_forgotten)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    struct warmup_record r;
    size_t position = 0;
    save(w, start_ms, &r);
    CHECK(!warmup_is_changed(w), "saved");
    warmup_count(t, start_ms, 1);
    CHECK(warmup_next(w, start_ms, true, &position, &r) && warmup_is_changed(w),
          "given out is not saved");
    warmup_told(t, start_ms, OUTCOME_DELIVERED);
    warmup_saved(w, &r, 1);
    CHECK(warmup_is_changed(w), "what changed meanwhile is to be saved, too");
    warmup_close(w);
}

TEST(warmup_finds_a_track)
{
    struct warmup_plan plans[] = {plan_of(S("out1"), S("google")), plan_of(S("out1"), S("others")),
                                  plan_of(S("out2"), S("mx.example.net"))};
    static const struct {
        const char *label;
        str egress, site, provider, track;
    } cases[] = {
        {"by its provider",         {"out1", 4}, {"aspmx", 5},           {"google", 6}, {"google", 6}},
        {"all others",              {"out1", 4}, {"mx.example.net", 14}, {"", 0},       {"others", 6}},
        {"by the site's name",
         {"out2", 4},
         {"mx.example.net", 14},
         {"x", 1},
         {"mx.example.net", 14}                                                                      },
        {"no plan for that site",   {"out2", 4}, {"google", 6},          {"google", 6}, {0}          },
        {"a server of a route",     {"out1", 4}, {"via smtp://x", 12},   {"", 0},       {0}          },
        {"no plan for that egress", {"out3", 4}, {"google", 6},          {"google", 6}, {0}          },
    };
    struct warmup *w;
    warmup_open(NULL, &w);
    CHECK_DONE(warmup_set_plans(w, plans, ARRAY_LEN(plans)), "plans");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct warmup_track *t = warmup_track(w, cases[i].egress, cases[i].site, cases[i].provider);
        char why[200] = "";
        if (t)
            warmup_why(t, start_ms, why, sizeof why);
        char want[100];
        snprintf(want, sizeof want, "to %.*s:", STR_ARG(cases[i].track));
        CHECK(cases[i].track.len ? str_contains(str_of(why), str_of(want)) : t == NULL,
              cases[i].label);
    }
    struct warmup_track *old = warmup_track(w, S("out1"), S("google"), S("google"));
    warmup_count(old, start_ms, 100);
    CHECK_DONE(warmup_set_plans(w, plans + 1, 2), "without google");
    CHECK(warmup_ready_ms(old, start_ms, 1) == 0, "a plan that is gone limits nothing");
    CHECK_DONE(warmup_set_plans(w, plans, 3), "with it again");
    CHECK(warmup_ready_ms(old, start_ms, 1) > 0, "and where it was");
    warmup_close(w);
}

TEST(warmup_operator_sets)
{
    struct warmup_plan plan = plan_of(S("out1"), S("google"));
    struct warmup *w = open_one(&plan, NULL);
    struct warmup_track *t = track_of(w);
    size_t count = 9, position = 0;
    struct warmup_facts f;
    err e = warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_SET_DAY, 31, &count);
    CHECK(e && e->kind == ERR_CONFIG && count == 9, "there is no day 31");
    CHECK_DONE(warmup_set(w, start_ms, S("out9"), (str){0}, WARMUP_PAUSE, 0, &count), "unknown");
    CHECK(count == 0, "nobody");
    CHECK_DONE(warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_PAUSE, 0, &count), "pause");
    CHECK(warmup_ready_ms(t, start_ms, 1) == start_ms + WARMUP_PAUSED_MS, "nothing goes");
    CHECK_DONE(warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_RESUME, 0, &count), "resume");
    CHECK_DONE(warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_SET_CAP, 7, &count), "cap");
    CHECK(warmup_look(w, start_ms, &position, &f) && f.cap == 7 && f.next_ms == 0, "his cap");
    CHECK_DONE(warmup_set(w, start_ms, S("out1"), (str){0}, WARMUP_FINISH, 0, &count), "done");
    warmup_count(t, start_ms, 100000);
    CHECK(warmup_ready_ms(t, start_ms, 100000) == 0, "no cap");
    position = 0;
    CHECK(warmup_look(w, start_ms, &position, &f), "look");
    CHECK_STR(str_of(f.state), "done", "state");
    err_forget();
    warmup_close(w);
}
