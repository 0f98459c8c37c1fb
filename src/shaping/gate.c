#include "shaping/gate.h"
#include "base/assert.h"

#define SECOND_NS 1000000000LL
#define PLAN(list)                                                 \
    {                                                              \
        .seconds = (list), .count = sizeof(list) / sizeof(*(list)) \
    }

static const int32_t blocked[] = {300, 900, 3600};
static const int32_t down[] = {30, 60, 120, 240, 480, 900};
static const int32_t login[] = {900, 1800, 3600, 7200, 14400};
const struct shaping_gate_plan shaping_gate_blocked = PLAN(blocked);
const struct shaping_gate_plan shaping_gate_down = PLAN(down);
const struct shaping_gate_plan shaping_gate_login = PLAN(login);

enum shaping_gate_answer shaping_gate_ask(const struct shaping_gate *gate, int64_t now_ns)
{
    if (gate->state == SHAPING_GATE_OPEN)
        return SHAPING_GATE_GO;
    bool over = gate->state == SHAPING_GATE_SHUT && now_ns >= gate->until_ns;
    return over ? SHAPING_GATE_PROBE : SHAPING_GATE_WAIT;
}

void shaping_gate_probe(struct shaping_gate *gate)
{
    ASSERT(gate->state == SHAPING_GATE_SHUT);
    gate->state = SHAPING_GATE_PROBING;
}

void shaping_gate_unprobe(struct shaping_gate *gate)
{
    if (gate->state == SHAPING_GATE_PROBING)
        gate->state = SHAPING_GATE_SHUT;
}

static int64_t longest_ns(const struct shaping_gate_plan *plan)
{
    return plan->seconds[plan->count - 1] * SECOND_NS;
}

bool shaping_gate_plain(struct shaping_gate *gate, const struct shaping_gate_plan *plan,
                        int64_t now_ns)
{
    if (gate->state == SHAPING_GATE_OPEN && now_ns - gate->since_ns >= longest_ns(plan))
        gate->level = 0;
    return gate->state == SHAPING_GATE_OPEN && gate->level == 0;
}

void shaping_gate_shut(struct shaping_gate *gate, const struct shaping_gate_plan *plan,
                       int64_t now_ns, int64_t at_least_until_ns)
{
    if (gate->state != SHAPING_GATE_SHUT) {
        shaping_gate_plain(gate, plan, now_ns);
        if (gate->state == SHAPING_GATE_OPEN)
            gate->since_ns = now_ns;
        gate->until_ns = now_ns + plan->seconds[gate->level] * SECOND_NS;
        if (gate->level + 1u < plan->count)
            gate->level++;
        gate->state = SHAPING_GATE_SHUT;
    }
    if (at_least_until_ns > gate->until_ns)
        gate->until_ns = at_least_until_ns;
}

void shaping_gate_open(struct shaping_gate *gate, int64_t now_ns)
{
    gate->state = SHAPING_GATE_OPEN;
    gate->since_ns = now_ns;
}
