/* What a server finds out about port 25 at start, in a world where some answer and some do not. */
#include "outbound/port25_look.h"
#include "outbound/town_test.h"

#define BY_MX "hostname: mail.example.com\nroutes: mx\n"
#define SITE(domain, ip) domain ". MX 10 mx." domain ".\nmx." domain ". A " ip "\n"
#define FOUR                         \
    SITE("gmail.com", "192.1.0.1")   \
    SITE("outlook.com", "192.2.0.1") \
    SITE("yahoo.com", "192.3.0.1")   \
    SITE("icloud.com", "192.4.0.1") "mx.icloud.com. AAAA 2001:db8::25\n"
#define NAMES FOUR SITE("gmx.net", "192.5.0.1")

enum { MINUTE = 60 * 1000 };

static void silence(const char *ip)
{
    struct address a;
    CHECK_DONE(address_parse(str_of(ip), 25, &a), ip);
    sim_net_silence(&a);
}

static const struct config *give_config(void *arg)
{
    return config_hold(((struct town *)arg)->config);
}

static void look(struct town *t)
{
    struct outbound_port25_look *l = ARENA_NEW(t->arena, struct outbound_port25_look);
    *l = (struct outbound_port25_look){
        .config = give_config, .config_arg = t, .resolver = t->resolver, .port25 = t->port25};
    fiber_spawn(&t->fibers, "look", outbound_port25_look_run, l);
    town_wait(t, 2 * MINUTE);
}

static void silence_all(void)
{
    static const char *const all[] = {"192.1.0.1", "192.2.0.1", "192.3.0.1", "192.4.0.1",
                                      "192.5.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        silence(all[i]);
}

/* Told once, before any mail came; what comes then waits, and says why. */
static void nobody_answers(struct town *t)
{
    silence_all();
    look(t);
    CHECK(town_count(t, "port25_blocked") == 1, "told");
    town_check_event(t, "port25_blocked");
    town_check_event(t, "outbound port 25 looks blocked here");
    CHECK(outbound_port25_next_ms(t->port25) > 0, "mail waits");
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "attempt") == 0, "nobody is tried");
    town_wait(t, 61 * MINUTE);
    CHECK(town_count(t, "delivered b@example.net") == 1, "the hourly probe found it open");
    CHECK(town_count(t, "port25_open") == 1, "and that is told");
}

/* One provider that answers, even by a refusal, is enough. */
static void one_refuses(struct town *t)
{
    silence("192.1.0.1");
    silence("192.2.0.1");
    silence("192.3.0.1");
    silence("192.4.0.1");
    look(t);
    CHECK(town_count(t, "port25_blocked") == 0, "it is open");
    CHECK(outbound_port25_next_ms(t->port25) == 0, "nothing waits");
}

/* A connection, and not a word. */
static void one_greets(struct town *t)
{
    silence_all();
    look(t);
    CHECK(town_count(t, "port25_blocked") == 0, "the listener is gmx.net's here");
    CHECK(t->servers[1].connections == 1, "one connection");
    CHECK(t->servers[1].heard.len == 0, "nothing was said");
}

/* Silence of fewer than three networks proves nothing; the others are not in the DNS. */
static void few_are_known(struct town *t)
{
    silence_all();
    look(t);
    CHECK(town_count(t, "port25_blocked") == 0, "two are too few");
}

static void nothing_is_asked(struct town *t)
{
    silence_all();
    look(t);
    CHECK(town_count(t, "port25_blocked") == 0, "not tested, so not known");
}

static const struct {
    const char *label, *yaml, *names, *greeter;
    void (*body)(struct town *);
} cases[] = {
    {"nobody answers", BY_MX,           NAMES,               "192.0.2.9:25",    nobody_answers                                                               },
    {"one refuses",    BY_MX,           NAMES,               "192.0.2.9:25",    one_refuses                                                                  },
    {"one greets",     BY_MX,           FOUR SITE("gmx.net", "192.0.2.9"),      "192.0.2.9:25",                                                                one_greets},
    {"few are known",                BY_MX,                 SITE("gmail.com",                "192.1.0.1") SITE("outlook.com", "192.2.0.1"),
     "192.0.2.9:25", few_are_known},
    {"no DNS",   BY_MX,     NULL,                        "192.0.2.9:25",                                  nothing_is_asked                                                                                                       },
    {"switched off",  BY_MX "outbound: { port_25_test: false }\n", NAMES,"192.0.2.9:25",
     nothing_is_asked},
    {"a smart host",
     "hostname: mail.example.com\nroutes: [{ to: \"*\", via: \"smtp://192.0.2.1\" }]\n",                  NAMES,
     "192.0.2.9:25",                                         nothing_is_asked                                                                      },
    {"no route",   "hostname: mail.example.com\n",  NAMES,                     "192.0.2.9:25",nothing_is_asked},
    {"by a proxy",
     "hostname: mail.example.com\negress: { far: { via: \"socks5://192.0.2.77:1080\" } }\n"
     "routes: [{ name: out, to: \"*\", via: mx, egress: far }]\n", NAMES,"192.0.2.9:25",                  nothing_is_asked                                                                                            },
};

TEST(outbound_port25_look)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct town t = {.label = cases[i].label,
                         .yaml = cases[i].yaml,
                         .names = cases[i].names,
                         .body = cases[i].body};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                            .every = TOWN_GREET "S: 250 ok\nagain\n" TOWN_TAKE};
        t.servers[1] = (struct town_server){.at = cases[i].greeter, .every = TOWN_GREET};
        town_run(&t);
    }
}
