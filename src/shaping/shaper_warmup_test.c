/* The shaper and the warm-up plans of its egresses: who may send, and what is sent elsewhere. */
#include "base/clock.h"
#include "config/config.h"
#include "config/text_test.h"
#include "shaping/shaper.h"
#include "shaping/warmup_config.h"
#include "tests/test.h"

#define DAY ((int64_t)24 * 60 * 60 * 1000)

static const int64_t start_ms = 1795219200000; /* Sat, 21 Nov 2026 00:00 UTC */
static int64_t now_ns;
static int64_t fake_steady(void) { return now_ns; }
static int64_t fake_real(void) { return start_ms + now_ns / 1000000; }
static const struct clock_source fake_clock = {fake_steady, fake_real};

struct town {
    struct config *config;
    struct warmup *warmup;
    struct shaper *shaper;
    struct shaper_seat *seat;
    int called;
};

static void count_call(void *arg) { ((struct town *)arg)->called++; }

/* Mail to google leaves by a new egress, else by a warm one: by rank as hops do, or of one rank as
 * in a pool. */
static void town_open(struct town *t, const char *overflow, uint8_t other_rank)
{
    char text[400];
    snprintf(text, sizeof text,
             "egress: { new: { address: 192.0.2.1 }, warm: { address: 192.0.2.2 } }\n"
             "warmup: { new: { overflow: %s, sites: { google: { volumes: [96, 192] } } } }\n",
             overflow);
    now_ns = 1000000;
    clock_use(&fake_clock);
    *t = (struct town){0};
    t->config = config_text_test(str_of(text));
    warmup_open(NULL, &t->warmup);
    CHECK_DONE(warmup_configure(t->warmup, t->config), "plans");
    shaper_open(&(struct shaper_options){.warmup = t->warmup}, &t->shaper);
    struct shaper_way ways[] = {
        {.number = 1, .rank = 0,          .weight = 1, .site = S("google"), .egress = S("new") },
        {.number = 2, .rank = other_rank, .weight = 1, .site = S("google"), .egress = S("warm")},
    };
    struct shaper_seat_options o = {.ways = ways, .way_count = 2, .called = count_call, .arg = t};
    shaper_seat_open(t->shaper, &o, &t->seat);
}

static void town_close(struct town *t)
{
    shaper_seat_close(t->seat);
    shaper_close(t->shaper);
    warmup_close(t->warmup);
    config_close(t->config);
    clock_use(NULL);
}

/* The way of a message that went; 0: it waits. */
static int post(struct town *t, uint8_t only, enum outcome_class class,
                struct shaper_wait *ret_wait)
{
    struct shaper_grant grant;
    if (!shaper_take(t->seat, 1, only, &grant, ret_wait))
        return 0;
    int way = grant.way;
    struct shaper_result result = {.connected = true,
                                   .accepted = class == OUTCOME_DELIVERED,
                                   .class = class,
                                   .code = class == OUTCOME_DELIVERED ? 250 : 450};
    shaper_end(&grant, &result);
    return way;
}

static void pass(int64_t ms) { now_ns += ms * 1000000; }

TEST(shaper_warmup_overflows)
{
    static const struct {
        const char *label, *overflow;
        uint8_t rank;
        bool waits;
    } cases[] = {
        {"to the next rank",           "next", 1, false},
        {"to another one of the pool", "next", 0, false},
        {"waits for tomorrow",         "wait", 1, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct town t;
        struct shaper_wait wait = {0};
        int by[3] = {0};
        town_open(&t, cases[i].overflow, cases[i].rank);
        for (int minute = 0; minute < 24 * 60; minute++, pass(60 * 1000))
            by[post(&t, 0, OUTCOME_DELIVERED, &wait)]++;
        CHECK(by[1] == 96, "the cap of the day, exactly");
        CHECK(cases[i].waits ? by[2] == 0 && by[0] == 24 * 60 - 96 : by[0] == 0, cases[i].label);
        if (cases[i].waits) {
            CHECK(wait.why == SHAPER_WARMUP && wait.until_ms == start_ms + DAY, "until when");
            CHECK_STR(str_of(wait.reason),
                      "warming up new to google: day 1 of 2, 96 of 96 sent today", "why");
        }
        CHECK(post(&t, 1, OUTCOME_DELIVERED, &wait) == 1, "the next day");
        town_close(&t);
    }
}

TEST(shaper_warmup_counts_what_was_tried)
{
    struct town t;
    struct shaper_wait wait;
    struct shaper_grant grant;
    struct warmup_facts facts;
    size_t position = 0;
    town_open(&t, "wait", 1);
    CHECK(shaper_take(t.seat, 1, 1, &grant, &wait), "a grant");
    shaper_return(&grant);
    CHECK(shaper_take(t.seat, 1, 1, &grant, &wait), "the only place of this quarter hour is free");
    shaper_end(&grant, &(struct shaper_result){.class = OUTCOME_NETWORK});
    pass(20 * 60 * 1000); /* the lane rests after a failed connection */
    CHECK(post(&t, 1, OUTCOME_GREYLIST, &wait) == 1, "greylisted");
    while (warmup_look(t.warmup, fake_real(), &position, &facts) && facts.sent == 0)
        continue;
    CHECK(position > 0 && facts.sent == 0, "none of these has used anything up");
    CHECK(post(&t, 1, OUTCOME_SPAM, &wait) == 1, "refused as spam");
    position = 0;
    CHECK(warmup_look(t.warmup, fake_real(), &position, &facts), "look");
    CHECK(facts.sent == 1 && facts.spam == 1 && facts.told == 2, "that one has, and is heard");
    town_close(&t);
}

/* Complaints come days later, by the names that the mail left under. */
TEST(shaper_warmup_hears_complaints)
{
    struct town t;
    struct shaper_wait wait;
    struct warmup_facts facts;
    size_t position = 0;
    town_open(&t, "wait", 1);
    for (int quarter = 0; quarter < 48; quarter++, pass(15 * 60 * 1000))
        CHECK(post(&t, 1, OUTCOME_DELIVERED, &wait) == 1, "delivered");
    shaper_complained(t.shaper, S("new"), S("elsewhere"), S(""));
    shaper_complained(t.shaper, S("warm"), S("google"), S(""));
    shaper_complained(t.shaper, S(""), S(""), S(""));
    CHECK(warmup_look(t.warmup, fake_real(), &position, &facts), "look");
    CHECK(facts.spam == 0 && !facts.stepped_back, "none of these is of this plan");
    shaper_complained(t.shaper, S("new"), S("google"), S(""));
    position = 0;
    CHECK(warmup_look(t.warmup, fake_real(), &position, &facts), "look");
    CHECK(facts.spam == 1 && facts.told == 49, "this one is");
    CHECK(facts.stepped_back, "one of 49 is more than is allowed");
    town_close(&t);
}

TEST(shaper_warmup_calls_who_waits)
{
    struct town t;
    struct shaper_wait wait;
    town_open(&t, "wait", 1);
    while (post(&t, 1, OUTCOME_DELIVERED, &wait) == 1)
        continue;
    shaper_wait(t.seat, 1, 1);
    CHECK(t.called == 0 && wait.why == SHAPER_WARMUP, "in line");
    pass(15 * 60 * 1000);
    struct shaper_seat_options o = {
        .ways =
            &(struct shaper_way){.number = 1, .weight = 1, .site = S("google"), .egress = S("new")},
        .way_count = 1,
        .called = count_call,
        .arg = &t
    };
    struct shaper_seat *other;
    struct shaper_grant grant;
    shaper_seat_open(t.shaper, &o, &other);
    CHECK(!shaper_take(other, 1, 0, &grant, &wait), "who comes later does not overtake");
    CHECK(t.called == 1, "the next quarter hour is for the one who waited");
    CHECK(shaper_take(t.seat, 1, 1, &grant, &wait), "and is kept");
    shaper_return(&grant);
    shaper_seat_close(other);
    town_close(&t);
}

static void set_flag(void *arg) { *(bool *)arg = true; }

TEST(shaper_warmup_plans_change)
{
    struct town t;
    bool ran = false;
    struct shaper_wait wait;
    struct shaping_limits *limits;
    town_open(&t, "wait", 1);
    while (post(&t, 0, OUTCOME_DELIVERED, &wait) == 1)
        continue;
    struct config *none = config_default();
    CHECK_DONE(warmup_configure(t.warmup, none), "no plans any more");
    shaping_limits_open(none, &limits);
    shaper_set_limits(t.shaper, limits);
    shaping_limits_close(limits);
    CHECK(post(&t, 0, OUTCOME_DELIVERED, &wait) == 1, "nothing is in the way");
    shaper_with(t.shaper, set_flag, &ran);
    CHECK(ran, "under the lock");
    config_close(none);
    town_close(&t);
}
