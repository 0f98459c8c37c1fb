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
