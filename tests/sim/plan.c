#include "tests/sim/plan.h"
#include "base/rand.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

static const struct {
    const char *host, *address;
} places[SIM_PLAN_REMOTES] = {
    {"mx1.example.net",     "198.51.100.1"},
    {"mx2.example.net",     "198.51.100.2"},
    {"mx3.example.net",     "198.51.100.3"},
    {"mx4.example.net",     "198.51.100.4"},
    {"mailbox.our.example", "192.0.2.30"  },
    {"smart.example.net",   "198.51.100.6"},
};

static const char zone_text[] = "mx1.example.net.      A   198.51.100.1\n"
                                "mx2.example.net.      A   198.51.100.2\n"
                                "mx3.example.net.      A   198.51.100.3\n"
                                "mx4.example.net.      A   198.51.100.4\n"
                                "smart.example.net.    A   198.51.100.6\n"
                                "d1.example.           MX  10 mx1.example.net.\n"
                                "d2.example.           MX  10 mx1.example.net.\n"
                                "                      MX  20 mx2.example.net.\n"
                                "d3.example.           MX  10 mx3.example.net.\n"
                                "                      MX  10 mx4.example.net.\n"
                                "d4.example.           MX  5 gone.example.net.\n"
                                "                      MX  10 mx4.example.net.\n"
                                "d5.example.           A   198.51.100.2\n";

bool sim_plan_chance(unsigned percent) { return rand_below(100) < percent; }

int64_t sim_plan_between(int64_t low, int64_t high)
{
    return low + (int64_t)rand_below((uint64_t)(high - low) + 1);
}

int64_t sim_plan_about_ms(int64_t ms)
{
    int64_t scaled = ms * 4 >> rand_below(6); /* 4, 2, 1, 1/2, 1/4, 1/8 */
    return sim_plan_between(scaled / 2, scaled);
}

/* Days are rare: they take long, for something happens in every second of them. */
static int64_t draw_scale(int64_t often, int64_t sometimes, int64_t rarely)
{
    uint64_t dice = rand_below(100);
    return dice < 70 ? often : dice < 96 ? sometimes : rarely;
}

static void draw_remote(struct sim_plan *p, int i)
{
    struct sim_plan_remote *r = &p->remotes[i];
    *r = (struct sim_plan_remote){.host = places[i].host, .address = places[i].address};
    r->lmtp = i == SIM_PLAN_MAILBOX;
    r->old = !r->lmtp && sim_plan_chance(5);
    r->pipelining = sim_plan_chance(70);
    r->dsn = sim_plan_chance(40);
    r->chunking = sim_plan_chance(40);
    r->eight_bit = sim_plan_chance(80);
    if (sim_plan_chance(50))
        r->size_max = sim_plan_chance(20) ? 20000 : 50 << 20;
    if (sim_plan_chance(15))
        r->rcpt_max = (int)sim_plan_between(1, 3);
}

static void draw_config(struct sim_plan *p, struct arena *arena)
{
    p->give_up_ms = draw_scale(2 * HOUR_MS, 12 * HOUR_MS, 120 * HOUR_MS);
    p->warn_after_ms = p->give_up_ms / sim_plan_between(3, 30) / SECOND_MS * SECOND_MS;
    p->longest_ms = sim_plan_chance(50) ? 4 * HOUR_MS : 20 * MINUTE_MS;
    p->smart_host = sim_plan_chance(30);
    bool may_fill = sim_plan_chance(50);
    int64_t connections = sim_plan_between(1, 4), messages = sim_plan_between(1, 20);
    int64_t idle_s = sim_plan_between(0, 60);
    const char *route =
        p->smart_host ? "[{ to: \"*\", via: \"smtp://smart.example.net:25?tls=none\" }]" : "mx";
    p->config = arena_printf(
        arena,
        "listeners:\n"
        "    - { address: \"192.0.2.25:25\", role: mx }\n"
        "    - { address: \"127.0.0.1:587\", role: submission, tls: none,"
        " plain_login_on_loopback: true }\n"
        "    - { address: \"127.0.0.1:2526\", role: relay }\n"
        "retry: { first: 5m, longest: %llds, give_up: %llds, warn_after: %llds }\n"
        "limits: { message: 2MiB, draft_memory: 1MiB, free_space: %s, recipients: 50 }\n"
        "outbound: { connections: %lld, messages_per_connection: %lld, idle: %llds }\n"
        "domains:\n"
        "    our.example: { deliver: \"lmtp://mailbox.our.example:24?tls=none\" }\n"
        "suppression: { on: false }\n"
        "routes: %s\n",
        (long long)(p->longest_ms / 1000), (long long)(p->give_up_ms / 1000),
        (long long)(p->warn_after_ms / 1000), may_fill ? "0B" : "4MiB", (long long)connections,
        (long long)messages, (long long)idle_s, route);
}

static void draw_faults(struct sim_plan *p)
{
    p->chaos_ms = sim_plan_about_ms(draw_scale(10 * MINUTE_MS, 3 * HOUR_MS, 48 * HOUR_MS));
    p->calm_between_ms = p->chaos_ms / sim_plan_between(4, 24) + SECOND_MS;
    p->crash_weight = sim_plan_chance(70) ? (unsigned)rand_below(5) : 0;
    p->disk_weight = sim_plan_chance(50) ? (unsigned)rand_below(4) : 0;
    p->network_weight = (unsigned)rand_below(3);
    p->remote_weight = 1 + (unsigned)rand_below(6);
    p->name_weight = (unsigned)rand_below(3);
    p->stop_weight = (unsigned)rand_below(3);
    p->latency_ms_max = sim_plan_chance(70) ? sim_plan_between(1, 300) : 0;
    p->read_bytes_max = sim_plan_chance(20) ? (size_t)sim_plan_between(16, 3000) : 0;
    p->pipe_bytes_max = sim_plan_chance(20) ? (size_t)sim_plan_between(512, 8192) : 0;
}

void sim_plan_draw(struct sim_plan *p, unsigned size, struct arena *arena)
{
    *p = (struct sim_plan){.size = size, .zone = str_of(zone_text)};
    p->clients = (int)(sim_plan_between(1, 5) * size);
    p->mails_each = (int)sim_plan_between(1, 5);
    for (int i = 0; i < SIM_PLAN_REMOTES; i++)
        draw_remote(p, i);
    draw_config(p, arena);
    draw_faults(p);
    p->alone = (enum sim_plan_alone)rand_below(SIM_ALONE_WAYS);
}
