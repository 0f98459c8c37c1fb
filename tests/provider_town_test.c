/* The town itself, tried with controllers whose outcome can be reckoned. */
#include "base/mem.h"
#include "tests/provider_town.h"
#include "tests/test.h"

/* Evenly so many an hour, whatever is said. */
struct even {
    double gap_ms, next_ms;
};

static bool even_may_send(void *self, int64_t now_ms, int64_t *ret_when_ms)
{
    struct even *e = self;
    *ret_when_ms = (int64_t)e->next_ms + 1;
    if ((double)now_ms < e->next_ms)
        return false;
    e->next_ms += e->gap_ms;
    return true;
}

static void even_told(void *self, int64_t now_ms, const struct provider_town_outcome *o)
{
    (void)self, (void)now_ms, (void)o;
}

/* As fast as it goes over so many connections. */
struct flood {
    int under_way, most;
};

static bool flood_may_send(void *self, int64_t now_ms, int64_t *ret_when_ms)
{
    struct flood *f = self;
    (void)now_ms;
    *ret_when_ms = INT64_MAX;
    if (f->under_way == f->most)
        return false;
    f->under_way++;
    return true;
}

static void flood_told(void *self, int64_t now_ms, const struct provider_town_outcome *o)
{
    (void)now_ms, (void)o;
    ((struct flood *)self)->under_way--;
}

/* A little faster with each message, half as fast when told so: the plainest loop there is. */
struct halving {
    double per_hour;
    int64_t next_ms, halved_ms;
};

static bool halving_may_send(void *self, int64_t now_ms, int64_t *ret_when_ms)
{
    struct halving *h = self;
    *ret_when_ms = h->next_ms;
    if (now_ms < h->next_ms)
        return false;
    h->next_ms = now_ms + (int64_t)(3600000 / h->per_hour) + 1;
    return true;
}

static void halving_told(void *self, int64_t now_ms, const struct provider_town_outcome *o)
{
    struct halving *h = self;
    if (o->accepted)
        h->per_hour *= 1.01;
    if (o->accepted || now_ms - h->halved_ms < 2000)
        return; /* what was under way then tells nothing new */
    h->halved_ms = now_ms;
    h->per_hour = h->per_hour / 2 > 60 ? h->per_hour / 2 : 60;
}

struct town_case {
    struct arena *arena;
    struct provider_rules rules;
    struct provider_town_result result;
};

static void run(struct town_case *c, const char *rules,
                const struct provider_town_controller *controller,
                struct provider_town_options options)
{
    struct config_errors errors;
    config_errors_init(&errors);
    c->arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    CHECK(provider_rules_read(str_of(rules), S("rules"), c->arena, &errors, &c->rules), rules);
    config_errors_release(&errors);
    options.rules = &c->rules;
    provider_town_run(&options, controller, &c->result);
    const struct provider_town_result *r = &c->result;
    CHECK(r->created == r->accepted + r->bounced + r->waiting + r->under_way, rules);
    CHECK(r->accepted == r->all.accepted, rules);
}

static void done(struct town_case *c)
{
    mem_free(c->result.minutes);
    arena_close(c->arena);
}

TEST(provider_town_even)
{
    struct even even = {.gap_ms = 3600000.0 / 900};
    struct provider_town_controller controller = {&even, even_may_send, even_told};
    struct town_case c;
    run(&c, "rules: [{rule: throttle, limit: 1000/h}]", &controller,
        (struct provider_town_options){.lasts_ms = 120LL * PROVIDER_TOWN_MINUTE_MS});
    double share = provider_town_share(&c.result, 0, 120);
    CHECK(share > 0.895 && share < 0.905, "nine tenths");
    CHECK(provider_throttled(&c.result.all) == 0, "below the limit nobody is throttled");
    CHECK(provider_town_minutes_to(&c.result, 0, 0.85) == 0, "from the first minute on");
    CHECK(provider_town_minutes_to(&c.result, 0, 0.95) == -1, "never");
    CHECK(c.result.minute_count == 120, "minutes");
    CHECK((int)(c.result.minutes[7].allowed * 100) == 1666, "a minute's part of 1000/h");
    done(&c);
}

TEST(provider_town_flood)
{
    struct flood flood = {.most = 10};
    struct provider_town_controller controller = {&flood, flood_may_send, flood_told};
    struct town_case c;
    run(&c,
        "rules: [{rule: throttle, limit: 10/s, meter: bucket, burst: 10}, "
        "{rule: block, after: 100, within: 1m, lasts: 10m}]",
        &controller, (struct provider_town_options){.lasts_ms = 30LL * PROVIDER_TOWN_MINUTE_MS});
    CHECK(c.result.all.blocks >= 2, "blocked, and again when that was over");
    CHECK(provider_town_share(&c.result, 0, 30) < 0.1, "little was accepted");
    CHECK(c.result.minutes[5].counts.accepted == 0, "nothing while it was blocked");
    CHECK(c.result.all.connections_max <= 10, "connections");
    CHECK(c.result.tries_max > 1, "what was deferred is tried again");
    done(&c);
    flood = (struct flood){.most = 4};
    run(&c,
        "rules: [{rule: connections, at_once: 2}, {rule: recipients, share: 10%, reply: unknown}]",
        &controller,
        (struct provider_town_options){.lasts_ms = 10LL * PROVIDER_TOWN_MINUTE_MS,
                                       .per_hour = 3600});
    CHECK(c.result.created <= 601 && c.result.created > 550, "one a second");
    CHECK(c.result.bounced > 30 && c.result.bounced < 90, "a tenth is nobody");
    done(&c);
}

TEST(provider_town_greylist)
{
    struct even even = {.gap_ms = 1000};
    struct provider_town_controller controller = {&even, even_may_send, even_told};
    struct town_case c;
    run(&c, "rules: [{rule: greylist, wait: 2m}]", &controller,
        (struct provider_town_options){.lasts_ms = 30LL * PROVIDER_TOWN_MINUTE_MS,
                                       .per_hour = 1000});
    CHECK(c.result.accepted > 400, "most are in");
    CHECK(c.result.all.said[PROVIDER_GREYLIST] > c.result.accepted, "each was told to wait");
    CHECK(c.result.tries_max >= 3, "a minute is too early, two are enough");
    done(&c);
}

TEST(provider_town_raised)
{
    struct halving halving = {.per_hour = 600};
    struct provider_town_controller controller = {&halving, halving_may_send, halving_told};
    struct town_case c;
    run(&c, "rules: [{rule: throttle, limit: 10/s, meter: bucket, at: {20m: 40/s}}]", &controller,
        (struct provider_town_options){.lasts_ms = 60LL * PROVIDER_TOWN_MINUTE_MS});
    CHECK((int)c.result.minutes[19].allowed == 600, "before");
    CHECK((int)c.result.minutes[20].allowed == 2400, "after");
    int found = provider_town_minutes_to(&c.result, 0, 0.6),
        again = provider_town_minutes_to(&c.result, 20, 0.6);
    CHECK(found > 0 && found < 20, "halving finds the half and more");
    CHECK(again >= 0 && again < 10, "and the new one");
    CHECK(provider_throttled(&c.result.all) > 0, "by being throttled");
    done(&c);
}
