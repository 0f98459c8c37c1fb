/* What the shaper knows, over a stop and over a crash: rows go out of one and into the next. */
#include "base/clock.h"
#include "config/config.h"
#include "shaping/shaper.h"
#include "shaping/shaper_keep.h"
#include "tests/test.h"

static int64_t now_ns;
static int64_t fake_steady(void) { return now_ns; }
static int64_t fake_real(void) { return 1795219200000 + now_ns / 1000000; }
static const struct clock_source fake_clock = {fake_steady, fake_real};

static const struct config_quota quota = {.per_hour = 400, .spread = QUOTA_SPREAD_NONE};

struct town {
    struct shaper *shaper;
    struct shaper_seat *seat;
    struct arena *arena; /* of the rows that were stored last */
    struct shaping_state_rows rows;
};

static void nobody(void *arg) { (void)arg; }

static void open_seat(struct town *t)
{
    struct shaper_way way = {.number = 1,
                             .weight = 1,
                             .site = S("google"),
                             .egress = S("out1"),
                             .account = S("relay"),
                             .quota = &quota};
    struct shaper_seat_options o = {.ways = &way, .way_count = 1, .called = nobody};
    shaper_open(&(struct shaper_options){0}, &t->shaper);
    if (t->arena)
        shaper_keep_restore(t->shaper, t->arena, &t->rows);
    else
        shaper_keep_restore(t->shaper, arena_open(1 << 20), &(struct shaping_state_rows){0});
    t->arena = NULL;
    shaper_seat_open(t->shaper, &o, &t->seat);
}

static void town_open(struct town *t)
{
    now_ns = 1000000;
    clock_use(&fake_clock);
    *t = (struct town){0};
    open_seat(t);
}

static void leave(struct town *t)
{
    shaper_seat_close(t->seat);
    shaper_close(t->shaper);
}

static void town_close(struct town *t)
{
    leave(t);
    arena_close(t->arena);
    clock_use(NULL);
}

struct storing {
    struct town *town;
    bool ahead;
};

static void collect(void *arg)
{
    struct storing *g = arg;
    shaper_keep_collect(g->town->shaper, g->ahead, g->town->arena, &g->town->rows);
    shaper_keep_saved(g->town->shaper);
}

static void store(struct town *t, bool ahead)
{
    struct storing g = {t, ahead};
    arena_close(t->arena);
    t->arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    t->rows = (struct shaping_state_rows){0};
    shaper_with(t->shaper, collect, &g);
}

static bool post(struct town *t, const struct shaper_result *result, struct shaper_wait *ret_wait)
{
    struct shaper_grant grant;
    if (!shaper_take(t->seat, 1, 0, &grant, ret_wait))
        return false;
    shaper_end(&grant, result);
    return true;
}

static const struct shaper_result fine = {.connected = true, .accepted = 1, .code = 250};

static void restart(struct town *t)
{
    leave(t);
    open_seat(t);
}

TEST(shaper_keep_a_quota_over_crashes)
{
    struct town t;
    struct shaper_wait wait;
    int sent = 0, crashes = 0;
    town_open(&t);
    CHECK(!post(&t, &fine, &wait) && wait.until_ms > 0, "not before it is vouched for");
    CHECK(shaper_keep_is_waiting(t.shaper), "and somebody is to store it");
    for (int second = 1; second < 3000; second++, now_ns += 1000000000) {
        if (second % 5 == 1)
            store(&t, true);
        while (post(&t, &fine, &wait))
            sent++;
        if (second % 500 == 3) { /* kill -9: only what was stored comes back */
            crashes++;
            restart(&t);
        }
    }
    CHECK(sent <= 400, "never above the quota of the hour");
    CHECK(sent >= 400 - crashes * 8 - 8, "a crash costs 2 % of it");
    town_close(&t);
}

TEST(shaper_keep_a_quota_exactly_over_stops)
{
    struct town t;
    struct shaper_wait wait;
    int sent = 0;
    town_open(&t);
    for (int second = 1; second < 3000; second++, now_ns += 1000000000) {
        store(&t, true);
        while (post(&t, &fine, &wait))
            sent++;
        if (second % 100 == 0) {
            store(&t, false);
            restart(&t);
        }
    }
    CHECK(sent == 400, "all of the quota, and no more");
    town_close(&t);
}

TEST(shaper_keep_a_refused_login)
{
    struct town t;
    struct shaper_wait wait;
    struct shaper_result refused = {
        .connected = true, .login_refused = true, .code = 535, .text = S("5.7.8 no")};
    town_open(&t);
    store(&t, true);
    CHECK(post(&t, &refused, &wait), "the login is refused");
    CHECK(!post(&t, &fine, &wait) && wait.why == SHAPER_LOGIN, "and no other is tried");
    store(&t, false);
    CHECK(t.rows.login_count == 1 && t.rows.logins[0].level == 1, "stored");
    restart(&t);
    store(&t, true);
    CHECK(!post(&t, &fine, &wait) && wait.why == SHAPER_LOGIN, "still");
    CHECK(wait.until_ms <= fake_real() + SHAPER_KEEP_LOGIN_MS, "but not for long");
    CHECK(str_contains(str_of(wait.reason), S("5.7.8 no")), "and why");
    now_ns += SHAPER_KEEP_LOGIN_MS * INT64_C(1000000);
    CHECK(post(&t, &fine, &wait), "a probe");
    town_close(&t);
}

TEST(shaper_keep_a_blocked_lane)
{
    struct town t;
    struct shaper_wait wait;
    struct shaper_result blocked = {
        .connected = true, .class = OUTCOME_BLOCKED_IP, .code = 550, .text = S("5.7.1 listed")};
    town_open(&t);
    store(&t, true);
    CHECK(post(&t, &blocked, &wait), "blocked");
    CHECK(!post(&t, &fine, &wait) && wait.why == SHAPER_PAUSED, "paused");
    int64_t until_ms = wait.until_ms;
    store(&t, false);
    restart(&t);
    store(&t, true);
    CHECK(!post(&t, &fine, &wait) && wait.why == SHAPER_PAUSED, "still paused");
    CHECK(wait.until_ms >= until_ms - 1 && wait.until_ms <= until_ms + 1, "for as long");
    now_ns += (until_ms - fake_real()) * 1000000 + 1000000;
    store(&t, true);
    CHECK(post(&t, &fine, &wait), "a probe");
    now_ns += INT64_C(7200) * 1000000000;
    store(&t, true);
    CHECK(t.rows.lane_count == 1 && t.rows.lanes[0].blocked_level == 0 && t.rows.lanes[0].rate == 0,
          "what is forgotten is stored as such, once");
    store(&t, true);
    CHECK(t.rows.lane_count == 0, "and then no more");
    town_close(&t);
}

TEST(shaper_keep_a_learned_pace)
{
    struct town t;
    struct shaper_wait wait;
    struct shaper_result throttled = {
        .connected = true, .class = OUTCOME_RATE, .code = 421, .text = S("4.7.0 slow down")};
    town_open(&t);
    for (int i = 0; i < 40; i++, now_ns += 1000000000) {
        store(&t, true);
        CHECK(post(&t, &fine, &wait), "one a second");
    }
    CHECK(post(&t, &throttled, &wait), "the site says that it is too much");
    store(&t, false);
    CHECK(t.rows.lane_count == 1 && t.rows.lanes[0].rate > 0, "a pace was learned");
    int64_t rate = t.rows.lanes[0].rate;
    restart(&t);
    store(&t, true);
    CHECK(post(&t, &fine, &wait), "one goes");
    CHECK(!post(&t, &fine, &wait), "and the next one is paced");
    store(&t, false);
    CHECK(t.rows.lanes[0].rate == rate, "at the pace of before");
    town_close(&t);
}
