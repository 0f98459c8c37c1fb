#include "config/text_test.h"
#include "dns/zone.h"
#include "outbound/egress_watch.h"
#include "runtime/sim.h"
#include "tests/test.h"

static const char yaml[] =
    "hostname: mail.example.com\n"
    "egress:\n"
    "  out1: { address: [192.0.2.10, \"2001:db8::10\"], hello: out1.example.com }\n"
    "  told: { address: 192.0.2.11, hello: told.example.com, on_listed: alert }\n"
    "  inside: { address: 10.0.0.1 }\n"
    "  proxied: { via: \"socks5://127.0.0.1:1080\" }\n"
    "egress_watch: { dnsbl: [bl.example], every: 6h }\n";

#define OUT1_IP4 "10.2.0.192.in-addr.arpa PTR out1.example.com.\nout1.example.com A 192.0.2.10\n"
#define OUT1_IP6                                                                    \
    "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR " \
    "out1.example.com.\nout1.example.com AAAA 2001:db8::10\n"
#define TOLD "11.2.0.192.in-addr.arpa PTR told.example.com.\ntold.example.com A 192.0.2.11\n"
#define GOOD OUT1_IP4 OUT1_IP6 TOLD
#define HOUR (3600 * 1000LL)

struct step {
    const char *zone;
    int64_t wait_ms;         /* then */
    const char *out1, *told; /* their standing */
    const char *event;       /* the last one; the empty text: none came */
};

struct scene {
    const char *label;
    const struct step *steps;
    const struct config *config;
    struct buf events;
};

static const struct config *give_config(void *arg)
{
    return config_hold(((struct scene *)arg)->config);
}

static void note_event(void *arg, const struct event *e)
{
    struct scene *s = arg;
    buf_clear(&s->events);
    CHECK_DONE(buf_addf(&s->events, "%.*s %.*s %.*s", STR_ARG(event_kind_name(e->kind)),
                        STR_ARG(e->egress), STR_ARG(e->reason)),
               s->label);
}

static struct dns_resolver *open_resolver(const char *text)
{
    char whole[2000];
    struct dns_zone *zone = NULL;
    snprintf(whole, sizeof whole, "$ORIGIN .\n%s", text);
    CHECK_DONE(dns_zone_parse(str_of(whole), "zone", &zone), text);
    return dns_resolver_open(dns_zone_transport(zone), NULL);
}

static void check_step(struct scene *s, struct outbound_egress_watch *w, const struct step *step)
{
    struct dns_resolver *before = w->resolver;
    buf_clear(&s->events);
    w->resolver = open_resolver(step->zone);
    dns_resolver_close(before);
    CHECK_DONE(fiber_sleep(deadline_after(step->wait_ms)), s->label);
    struct outbound_egress_state out1 = outbound_egress_health_get(w->health, S("out1"));
    struct outbound_egress_state told = outbound_egress_health_get(w->health, S("told"));
    CHECK_STR(str_of(outbound_egress_health_name(out1.standing)), step->out1, s->label);
    CHECK_STR(str_of(outbound_egress_health_name(told.standing)), step->told, s->label);
    CHECK_STR(buf_str(&s->events), step->event, s->label);
}

static void play(void *arg)
{
    struct scene *s = arg;
    struct event_sink sink = {note_event, s};
    struct group fibers;
    struct outbound_egress_watch w = {.config = give_config,
                                      .config_arg = s,
                                      .resolver = open_resolver(s->steps[0].zone),
                                      .health = outbound_egress_health_open(),
                                      .events = &sink};
    group_init(&fibers);
    buf_init(&s->events, 10000);
    fiber_spawn(&fibers, "watch", outbound_egress_watch_run, &w);
    for (const struct step *step = s->steps; step->zone; step++)
        check_step(s, &w, step);
    group_close(&fibers);
    struct outbound_egress_state inside = outbound_egress_health_get(w.health, S("inside"));
    CHECK(inside.standing == EGRESS_CLEAN, "nobody outside sees it");
    CHECK(outbound_egress_health_get(w.health, S("proxied")).standing == EGRESS_UNCHECKED,
          "it has no address that we know");
    outbound_egress_health_close(w.health);
    dns_resolver_close(w.resolver);
    buf_release(&s->events);
}

#define LISTED "10.2.0.192.bl.example A 127.0.0.2\n"

TEST(outbound_egress_watch)
{
    static const struct step listed[] = {
        {GOOD,                                                             HOUR, "clean", "clean", ""},
        {GOOD LISTED,                                                         6 * HOUR, "out", "clean",
         "egress_out out1 192.0.2.10 is listed by bl.example (127.0.0.2)"},
        {GOOD LISTED,                                                              6 * HOUR, "out", "clean", ""},
        {GOOD,                                                      HOUR, "back soon", "clean", ""},
        {GOOD,                                                           HOUR, "clean", "clean", "egress_in out1 "},
        {0},
    };
    static const struct step renamed[] = {
        {GOOD,                                                 HOUR, "clean", "clean", ""},
        {OUT1_IP4 TOLD "out1.example.com AAAA 2001:db8::10\n",                                             6 * HOUR, "out", "clean",
         "egress_out out1 2001:db8::10 has no name in the DNS (PTR)"},
        {GOOD,                                                  2 * HOUR, "clean", "clean", "egress_in out1 "},
        {0},
    };
    static const struct step only_told[] = {
        {GOOD "11.2.0.192.bl.example A 127.0.0.4\n",                         HOUR, "clean", "tainted",
         "egress_alert told 192.0.2.11 is listed by bl.example (127.0.0.4)"},
        {GOOD "11.2.0.192.bl.example A 127.0.0.4\n",                                                           12 * HOUR, "clean", "tainted", ""},
        {GOOD, 6 * HOUR, "clean", "clean", ""},
        {0                        },
    };
    static const struct step never_right[] = {
        {TOLD,                                                        HOUR, "tainted", "clean",
         "egress_alert out1 192.0.2.10 has no name in the DNS (PTR)"},
        {TOLD OUT1_IP6 "10.2.0.192.in-addr.arpa PTR liar.example.\n",                                                  6 * HOUR, "tainted", "clean",
         "egress_alert out1 192.0.2.10 is called liar.example in the DNS, which does not lead back "
         "to it"},
        {TOLD OUT1_IP6 "10.2.0.192.in-addr.arpa PTR a.example.\na.example A 192.0.2.10\n", 6 * HOUR,
         "tainted", "clean",
         "egress_alert out1 192.0.2.10 is called a.example in the DNS, and out1.example.com does "
         "not lead to it"},
        {TOLD OUT1_IP6 "10.2.0.192.in-addr.arpa PTR a.example.\na.example A 192.0.2.10\n"
                       "out1.example.com A 192.0.2.10\n", 6 * HOUR, "clean", "clean", ""},
        {0                                                 },
    };
    static const struct step no_answer[] = {
        {GOOD "10.2.0.192.bl.example FAIL servfail\n", HOUR / 2, "uncertain", "clean", ""},
        {GOOD,                                 HOUR, "clean", "clean", ""},
        {GOOD "10.2.0.192.bl.example A 127.255.255.254\n",                                          6 * HOUR, "uncertain", "clean", ""},
        {GOOD "10.2.0.192.bl.example A 198.51.100.1\n",                                         HOUR, "clean", "clean", ""},
        {OUT1_IP6 TOLD "10.2.0.192.in-addr.arpa FAIL servfail\n",                                     6 * HOUR, "uncertain", "clean",
         ""},
        {0                                         },
    };
    struct scene scenes[] = {
        {.label = "listed, and back after two clean checks", .steps = listed     },
        {.label = "its name is gone",                        .steps = renamed    },
        {.label = "only told",                               .steps = only_told  },
        {.label = "a name that never was right",             .steps = never_right},
        {.label = "nobody knows",                            .steps = no_answer  },
    };
    struct config *config = config_text_test(str_of(yaml));
    for (size_t i = 0; config && i < ARRAY_LEN(scenes); i++) {
        scenes[i].config = config;
        sim_run(7, play, &scenes[i]);
    }
    config_close(config);
}
