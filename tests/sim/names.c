#include "tests/sim/names.h"
#include "base/mem.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"

enum { WAIT_MS_MAX = 40 * 1000, WAIT_WELL_MS_MAX = 60 };

struct names {
    struct dns_transport transport;
    struct dns_zone *zone;
    struct group waiting;
};

struct question {
    struct names *names;
    struct dns_query *query;
    int64_t wait_ms;
    bool fails;
};

static bool troubled;

void sim_names_trouble(bool now) { troubled = now; }

static void answer(void *arg)
{
    struct question q = *(struct question *)arg;
    mem_free(arg);
    err e = fiber_sleep(deadline_after(q.wait_ms));
    struct dns_query *query = q.query;
    if (q.fails || e)
        query->answer = dns_answer_none(DNS_SERVFAIL, DNS_INDETERMINATE);
    else
        query->answer =
            dns_zone_answer(q.names->zone, str_of(query->name), query->type, query->arena);
    dns_transport_answered(query);
    err_forget();
}

static void ask(struct dns_transport *t, struct dns_query *query)
{
    struct names *n = CONTAINER_OF(t, struct names, transport);
    struct question *q = MEM_NEW(struct question);
    *q = (struct question){.names = n, .query = query};
    q->wait_ms = sim_plan_chance(50) ? 0 : sim_plan_between(0, WAIT_WELL_MS_MAX);
    if (troubled && sim_plan_chance(40))
        q->wait_ms = sim_plan_between(0, WAIT_MS_MAX);
    q->fails = troubled && sim_plan_chance(40);
    if (troubled)
        sim_trace("names", "%s type %d: %lld ms%s", query->name, (int)query->type,
                  (long long)q->wait_ms, q->fails ? ", fails" : "");
    fiber_spawn(&n->waiting, "name", answer, q);
}

static void close_names(struct dns_transport *t)
{
    struct names *n = CONTAINER_OF(t, struct names, transport);
    group_close(&n->waiting);
    dns_zone_close(n->zone);
    mem_free(n);
}

struct dns_transport *sim_names_transport(void *arg, struct dns_zone *zone)
{
    struct names *n = MEM_NEW(struct names);
    (void)arg;
    n->transport = (struct dns_transport){ask, close_names};
    n->zone = zone;
    group_init(&n->waiting);
    return &n->transport;
}
