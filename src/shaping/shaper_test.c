#include "base/mem.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "shaping/shaper.h"
#include "tests/test.h"
#include <stdlib.h>
#include <string.h>

/* ---- a clock of our own, and a shaper -----------------------------------------------------------
 */

static int64_t now_ns;
static int64_t fake_steady(void) { return now_ns; }
static int64_t fake_real(void) { return 1800000000000 + now_ns / 1000000; }
static const struct clock_source fake_clock = {fake_steady, fake_real};

enum { EVENTS_MAX = 1000 };
struct town {
    struct config *config;
    struct shaper *shaper;
    int events[EVENT_KINDS];
};

static void count_event(void *arg, const struct event *e)
{
    ((struct town *)arg)->events[e->kind]++;
}

static struct event_sink sink_of(struct town *t) { return (struct event_sink){count_event, t}; }

static void town_open(struct town *t, struct event_sink *sink)
{
    now_ns = 1000000000;
    clock_use(&fake_clock);
    *t = (struct town){.config = config_default()};
    *sink = sink_of(t);
    shaper_open(&(struct shaper_options){.events = sink}, &t->shaper);
}

/* Those whose turn it is, in the order of their calls. */
static struct guest *turn_first, **turn_end = &turn_first;

static void town_close(struct town *t)
{
    turn_first = NULL;
    turn_end = &turn_first;
    shaper_close(t->shaper);
    config_close(t->config);
    clock_use(NULL);
}

struct guest {
    struct shaper_seat *seat;
    struct shaper_grant grant;
    int called, sent;
    struct guest *next;
};

static void called_in_turn(void *arg)
{
    struct guest *g = arg;
    g->called++;
    g->next = NULL;
    *turn_end = g;
    turn_end = &g->next;
}
static struct guest *next_turn(void)
{
    struct guest *g = turn_first;
    if (g == NULL)
        return NULL;
    turn_first = g->next;
    if (turn_first == NULL)
        turn_end = &turn_first;
    return g;
}

static void seat_open(struct town *t, struct guest *g, str site, str egress, str tenant,
                      str campaign)
{
    struct shaper_way way = {.number = 1, .weight = 1, .site = site, .egress = egress};
    *g = (struct guest){0};
    shaper_seat_open(t->shaper,
                     &(struct shaper_seat_options){
                         .ways = &way,
                         .way_count = 1,
                         .flow = {.tenant = tenant, .campaign = campaign},
                         .called = called_in_turn,
                         .arg = g
    },
                     &g->seat);
}

static bool take(struct guest *g, struct shaper_wait *ret_wait)
{
    return shaper_take(g->seat, 1, 0, &g->grant, ret_wait);
}

static void end_well(struct guest *g)
{
    shaper_end(&g->grant, &(struct shaper_result){.connected = true, .accepted = 1, .code = 250});
    g->sent++;
}

TEST(shaper_connections)
{
    struct town t;
    struct event_sink sink;
    struct guest guests[4];
    struct shaper_wait wait;
    town_open(&t, &sink);
    t.config->outbound.connections = 3;
    shaper_configure(t.shaper, t.config);
    for (int i = 0; i < 4; i++)
        seat_open(&t, &guests[i], S("a.example"), S("default"), S(""), S(""));
    for (int i = 0; i < 3; i++)
        CHECK(take(&guests[i], &wait), "as many as connections are allowed");
    CHECK(!take(&guests[3], &wait) && wait.why == SHAPER_CONNECTIONS, "and no more");
    shaper_wait(guests[3].seat, 1, 0);
    CHECK(guests[3].called == 0, "it waits");
    end_well(&guests[0]);
    CHECK(guests[3].called == 1, "and is called");
    CHECK(!take(&guests[0], &wait), "what is kept for it is not anybody else's");
    CHECK(take(&guests[3], &wait), "it takes what was kept");
    for (int i = 1; i < 4; i++)
        end_well(&guests[i]);
    for (int i = 0; i < 4; i++)
        shaper_seat_close(guests[i].seat);
    town_close(&t);
}

/* 10,000 destinations of one tenant and one of another get the same share of a site. */
/* Refused, called, and only then does its owner come to ask for a place in line: what is kept for
 * it would run out unnoticed. */
TEST(shaper_called_before_it_waits)
{
    struct town t;
    struct event_sink sink;
    struct guest first, second;
    struct shaper_wait wait;
    town_open(&t, &sink);
    shaper_configure(t.shaper, t.config);
    seat_open(&t, &first, S("one.example"), S("default"), S(""), S(""));
    seat_open(&t, &second, S("one.example"), S("default"), S(""), S(""));
    struct shaper_grant grants[100];
    int count = 0;
    while (count < 100 && shaper_take(first.seat, 1, 0, &grants[count], &wait))
        count++;
    CHECK(count > 0 && count < 100, "its connections are bounded");
    CHECK(!take(&second, &wait), "full");
    shaper_wait(second.seat, 1, 0);
    CHECK(second.called == 0, "in line");
    shaper_return(&grants[--count]);
    CHECK(second.called == 1, "called");
    shaper_wait(second.seat, 1, 0);
    CHECK(second.called == 2, "called again");
    CHECK(take(&second, &wait), "its turn");
    end_well(&second);
    while (count > 0)
        shaper_return(&grants[--count]);
    shaper_seat_close(first.seat);
    shaper_seat_close(second.seat);
    town_close(&t);
}

TEST(shaper_fair)
{
    enum { MANY = 10000, MESSAGES = 4000 };
    struct town t;
    struct event_sink sink;
    struct shaper_wait wait;
    struct guest *guests = mem_alloc((MANY + 1) * sizeof *guests);
    town_open(&t, &sink);
    t.config->outbound.connections = 2;
    shaper_configure(t.shaper, t.config);
    for (int i = 0; i <= MANY; i++) {
        seat_open(&t, &guests[i], S("a.example"), S("default"), i < MANY ? S("big") : S("small"),
                  S(""));
        if (!take(&guests[i], &wait))
            shaper_wait(guests[i].seat, 1, 0);
    }
    int served[2] = {0};
    struct shaper_grant out[2] = {guests[0].grant, guests[1].grant};
    for (int i = 0; i < MESSAGES; i++) {
        shaper_end(&out[i % 2], &(struct shaper_result){.connected = true, .accepted = 1});
        struct guest *g = next_turn();
        if (g == NULL || !take(g, &wait)) {
            CHECK(false, "whose turn it is gets a grant");
            break;
        }
        served[g == &guests[MANY]]++;
        out[i % 2] = g->grant;
        CHECK(!take(g, &wait), "nobody overtakes");
        shaper_wait(g->seat, 1, 0); /* it has more */
    }
    shaper_return(&out[0]);
    shaper_return(&out[1]);
    int more = served[0] - served[1];
    CHECK(served[1] > 100 && more > -3 && more < 3, "both get the same");
    for (int i = 0; i <= MANY; i++)
        shaper_seat_close(guests[i].seat);
    town_close(&t);
    mem_free(guests);
}

static const struct shaper_result delivered = {.connected = true, .accepted = 1, .code = 250};
static const struct shaper_result nobody = {.class = OUTCOME_NETWORK};

/* 1,000 tenants with 100 destinations each stand in line for a site that is full: another site goes
 * on, and a release there looks at few of them. */
TEST(shaper_sites_apart)
{
    enum { TENANTS = 1000, EACH = 100, MANY = TENANTS * EACH };
    struct town t;
    struct event_sink sink;
    struct shaper_wait wait;
    struct guest *guests = mem_alloc(MANY * sizeof *guests), other;
    int served[TENANTS] = {0}, uneven = 0;
    char name[20];
    town_open(&t, &sink);
    t.config->outbound.connections = 1;
    shaper_configure(t.shaper, t.config);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "t%d", i % TENANTS);
        seat_open(&t, &guests[i], S("full.example"), S("default"), str_of(name), S(""));
        if (!take(&guests[i], &wait))
            shaper_wait(guests[i].seat, 1, 0);
    }
    seat_open(&t, &other, S("free.example"), S("default"), S("t1"), S(""));
    for (int i = 0; i < 1000; i++) {
        CHECK(take(&other, &wait), "another site waits for nobody");
        end_well(&other);
    }
    struct shaper_grant out = guests[0].grant;
    for (int i = 1; i <= 2 * TENANTS; i++) {
        shaper_end(&out, &delivered);
        struct guest *g = next_turn();
        if (g == NULL || !take(g, &wait)) {
            CHECK(false, "one is called for each that ends");
            break;
        }
        served[(g - guests) % TENANTS]++;
        out = g->grant;
    }
    for (int i = 0; i < TENANTS; i++)
        uneven += served[i] < 1 || served[i] > 3;
    CHECK(uneven == 0, "two rounds: each tenant twice, one more or less at the ends");
    if (out.lane)
        shaper_return(&out);
    for (int i = 0; i < MANY; i++)
        shaper_seat_close(guests[i].seat);
    shaper_seat_close(other.seat);
    town_close(&t);
    mem_free(guests);
}

/* A tenant at its own limit holds up nobody but itself, and goes on when it has room again. */
TEST(shaper_tenant_limit)
{
    struct town t;
    struct event_sink sink;
    struct shaper_wait wait;
    struct guest a[3], b;
    struct config_shaping_rule rule = {.name = S("a"), .connections = 2};
    town_open(&t, &sink);
    t.config->shaping.tenants = &rule;
    t.config->shaping.tenant_count = 1;
    shaper_configure(t.shaper, t.config);
    for (int i = 0; i < 3; i++)
        seat_open(&t, &a[i], i == 0 ? S("one.example") : S("two.example"), S("default"), S("a"),
                  S(""));
    seat_open(&t, &b, S("two.example"), S("default"), S("b"), S(""));
    CHECK(take(&a[0], &wait) && take(&a[1], &wait), "two of it, wherever");
    CHECK(!take(&a[2], &wait) && wait.why == SHAPER_TENANT, "not a third");
    shaper_wait(a[2].seat, 1, 0);
    CHECK(take(&b, &wait), "the other tenant goes");
    end_well(&a[0]);
    CHECK(a[2].called == 1 && take(&a[2], &wait), "then it goes, at another site");
    end_well(&a[1]);
    end_well(&a[2]);
    end_well(&b);
    for (int i = 0; i < 3; i++)
        shaper_seat_close(a[i].seat);
    shaper_seat_close(b.seat);
    town_close(&t);
}

static void two_hops(struct town *t, struct guest *g, const struct config_quota *quota)
{
    struct shaper_way ways[] = {
        {.number = 1,
         .weight = 1,
         .site = S("via a"),
         .egress = S("default"),
         .account = S("a"),
         .quota = quota},
        {.number = 2,           .rank = 1, .weight = 1, .site = S("via b"), .egress = S("default")},
    };
    *g = (struct guest){0};
    shaper_seat_open(t->shaper,
                     &(struct shaper_seat_options){
                         .ways = ways, .way_count = 2, .called = called_in_turn, .arg = g},
                     &g->seat);
}

/* The first hop is waited for when it has room soon; with its quota used up, or down, the second is
 * taken; a message that must go by the first waits. */
TEST(shaper_fallback)
{
    struct town t;
    struct event_sink sink;
    struct shaper_wait wait;
    struct guest g;
    struct config_quota quota = {.per_hour = 4, .spread = QUOTA_SPREAD_NONE};
    town_open(&t, &sink);
    t.config->outbound.connections = 1;
    shaper_configure(t.shaper, t.config);
    two_hops(&t, &g, &quota);
    CHECK(take(&g, &wait) && g.grant.way == 1, "the first");
    struct shaper_grant held = g.grant;
    CHECK(!take(&g, &wait) && wait.why == SHAPER_CONNECTIONS, "full for a moment: wait");
    now_ns += 61 * 1000000000LL;
    CHECK(take(&g, &wait) && g.grant.way == 2, "full for a minute: the second");
    end_well(&g);
    shaper_end(&held, &delivered);
    for (int i = 0; i < 3; i++) {
        CHECK(take(&g, &wait) && g.grant.way == 1, "the first again");
        end_well(&g);
    }
    CHECK(t.events[EVENT_QUOTA_NEAR] == 0 && t.events[EVENT_QUOTA_FULL] == 1, "told once");
    CHECK(take(&g, &wait) && g.grant.way == 2, "its quota is used up");
    end_well(&g);
    CHECK(!shaper_take(g.seat, 1, 1, &g.grant, &wait), "this one must go by the first");
    now_ns += 3600 * 1000000000LL;
    for (int i = 0; i < 3; i++) {
        CHECK(take(&g, &wait) && g.grant.way == 1, "an hour later");
        shaper_end(&g.grant, &nobody);
    }
    CHECK(t.events[EVENT_SHAPING_PAUSED] == 1, "down");
    now_ns += 31 * 1000000000LL;
    CHECK(take(&g, &wait) && g.grant.way == 1 && g.grant.probe, "a probe");
    shaper_end(&g.grant, &nobody);
    shaper_seat_close(g.seat);
    town_close(&t);
}

/* One refused login stops all that would log in with that account, whatever the site. */
TEST(shaper_login_refused)
{
    struct town t;
    struct event_sink sink;
    struct shaper_wait wait;
    struct guest g[2];
    const struct shaper_result refused = {
        .connected = true, .login_refused = true, .code = 535, .text = S("5.7.8 no")};
    town_open(&t, &sink);
    for (int i = 0; i < 2; i++) {
        struct shaper_way way = {.number = 1,
                                 .weight = 1,
                                 .egress = S("default"),
                                 .site = i ? S("via b") : S("via a"),
                                 .account = S("acc")};
        g[i] = (struct guest){0};
        shaper_seat_open(t.shaper,
                         &(struct shaper_seat_options){
                             .ways = &way, .way_count = 1, .called = called_in_turn, .arg = &g[i]},
                         &g[i].seat);
    }
    int64_t pause_ms = SHAPER_LOGIN_PROBE_MS;
    CHECK(take(&g[0], &wait), "the first");
    CHECK(!shaper_login_is_shut(t.shaper, S("acc")), "nothing is known");
    shaper_end(&g[0].grant, &refused);
    CHECK(shaper_login_is_shut(t.shaper, S("acc")), "nobody who is connected says more");
    CHECK(t.events[EVENT_LOGIN_PAUSED] == 1, "told");
    for (int i = 0; i < 7; i++) {
        CHECK(!take(&g[0], &wait) && !take(&g[1], &wait), "nobody logs in");
        CHECK(wait.why == SHAPER_LOGIN && wait.until_ms == fake_real() + pause_ms, "until then");
        now_ns += pause_ms * 1000000;
        CHECK(take(&g[1], &wait) && g[1].grant.probe, "one finds out");
        CHECK(!shaper_login_is_shut(t.shaper, S("acc")), "this one may log in");
        CHECK(!take(&g[0], &wait), "and no other");
        shaper_end(&g[1].grant, &refused);
        pause_ms =
            pause_ms * 2 < SHAPER_LOGIN_PROBE_MS_MAX ? pause_ms * 2 : SHAPER_LOGIN_PROBE_MS_MAX;
    }
    shaper_wait(g[0].seat, 1, 0);
    CHECK(g[0].called == 0, "it waits");
    shaper_login_changed(t.shaper, S("acc"));
    CHECK(g[0].called == 1 && take(&g[0], &wait) && g[0].grant.probe, "another secret: at once");
    end_well(&g[0]);
    CHECK(t.events[EVENT_LOGIN_RESUMED] == 1, "told");
    CHECK(take(&g[0], &wait) && take(&g[1], &wait), "all go");
    end_well(&g[0]);
    end_well(&g[1]);
    shaper_seat_close(g[0].seat);
    shaper_seat_close(g[1].seat);
    town_close(&t);
}

/* What one message costs that meets no other; `SHAPER_BENCH=1 build/tests/unit shaper_pair`. */
TEST(shaper_pair)
{
    struct town t;
    struct event_sink sink;
    struct guest g;
    struct shaper_wait wait;
    bool bench = getenv("SHAPER_BENCH") != NULL;
    town_open(&t, &sink);
    if (bench)
        clock_use(NULL);
    t.config->outbound.connections = 20;
    shaper_configure(t.shaper, t.config);
    seat_open(&t, &g, S("a.example"), S("default"), S("acme"), S("news"));
    int64_t before_ns = clock_steady_ns();
    int count = bench ? 5000000 : 1000;
    for (int i = 0; i < count; i++) {
        CHECK(take(&g, &wait), "there is room");
        end_well(&g);
    }
    if (bench)
        fprintf(stderr, "take and end: %.0f ns\n", (double)(clock_steady_ns() - before_ns) / count);
    shaper_seat_close(g.seat);
    town_close(&t);
}
