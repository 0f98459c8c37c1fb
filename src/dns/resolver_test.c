#include "base/buf.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "dns/ptr.h"
#include "dns/resolver.h"
#include "dns/zone.h"
#include "runtime/fiber.h"
#include "tests/test.h"

static const char zone_text[] =
    "$ORIGIN test.\n"
    "$SECURE signed\n"
    "two        MX 20 mx2\n"
    "           MX 10 mx1\n"
    "null       MX 0 .\n"
    "mixed      MX 0 .\n"
    "           MX 10 mx1\n"
    "odd        MX 10 a\\010b\n"
    "           MX 20 192.0.2.1.\n"
    "same       MX 10 mx1\n"
    "           MX 10 mx1\n"
    "plain      A 192.0.2.7\n"
    "alias      CNAME two\n"
    "bad        FAIL servfail\n"
    "slow       FAIL timeout\n"
    "forged     FAIL bogus\n"
    "mx1        A 192.0.2.1\n"
    "           A 192.0.2.2\n"
    "           A 0.0.0.0\n"
    "           AAAA 2001:db8::1\n"
    "mx2        A 192.0.2.3\n"
    "www        CNAME mx1\n"
    "zero       A 0.0.0.0\n"
    "mx.signed  A 192.0.2.8\n"
    "signed     MX 1 mx.signed\n"
    "route      A 192.0.2.99\n"
    "$ORIGIN 2.0.192.in-addr.arpa.\n"
    "1          PTR mx1.test.\n"
    "2          PTR liar.test.\n"
    "           PTR mx1.test.\n"
    "3          PTR mx1.test.\n"
    "4          PTR a\\027b.test.\n"
    "5          PTR bad.test.\n"
    "6          FAIL servfail\n"
    "$ORIGIN ip6.arpa.\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 PTR mx1.test.\n";

/* What every test here needs: a zone, a resolver on it, a fiber. */
struct bench {
    struct dns_resolver *resolver;
    struct dns_zone *zone;
    struct arena *arena;
    void (*body)(struct bench *);
};

static void bench_fiber(void *arg)
{
    struct bench *b = arg;
    b->body(b);
}

static void on_bench(void (*body)(struct bench *))
{
    struct bench b = {.body = body, .arena = arena_open(1 << 20)};
    CHECK_DONE(dns_zone_parse(str_of(zone_text), "zone.txt", &b.zone), "the zone");
    b.resolver = dns_resolver_open(
        dns_zone_transport(b.zone),
        dns_hosts_parse(S("# local\n192.0.2.77 route.test Short # x\n"
                          "2001:db8::77 route.test\nnonsense here\n192.0.2.5\n")));
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "test", bench_fiber, &b);
    loop_close(loop);
    dns_resolver_close(b.resolver);
    arena_close(b.arena);
}

static void ask_body(struct bench *b)
{
    struct dns_budget budget;
    struct dns_answer a;
    dns_budget_init(&budget, 2, DNS_BUDGET_MS);
    CHECK_DONE(
        dns_resolver_ask(b->resolver, &budget, S("MX1.Test."), DNS_A, b->arena, &a, DEADLINE_NEVER),
        "any spelling");
    CHECK(a.status == DNS_OK && a.count == 3, "any spelling");
    CHECK_DONE(
        dns_resolver_ask(b->resolver, &budget, S("a..b"), DNS_A, b->arena, &a, DEADLINE_NEVER),
        "no name");
    CHECK(a.status == DNS_NXDOMAIN && budget.questions_left == 1, "no name, no question");
    CHECK_DONE(
        dns_resolver_ask(b->resolver, &budget, S("x.test"), DNS_A, b->arena, &a, DEADLINE_NEVER),
        "the last question");
    err e =
        dns_resolver_ask(b->resolver, &budget, S("x.test"), DNS_A, b->arena, &a, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_LIMIT, "attack 114: one more than the budget");
    CHECK(dns_zone_questions(b->zone) == 2, "attack 114: questions asked");

    int64_t start = clock_steady_ms();
    CHECK_DONE(dns_resolver_ask(b->resolver, NULL, S("slow.test"), DNS_A, b->arena, &a,
                                deadline_after(50)),
               "attack 113: a timeout is an answer");
    CHECK(a.status == DNS_TIMEOUT, "attack 113: a timeout is an answer");
    CHECK(clock_steady_ms() - start >= 50, "a timeout takes its time");
    dns_budget_init(&budget, 10, 30);
    CHECK_DONE(
        dns_resolver_ask(b->resolver, &budget, S("slow.test"), DNS_A, b->arena, &a, DEADLINE_NEVER),
        "the budget's time");
    CHECK(a.status == DNS_TIMEOUT, "the budget's time");
}

TEST(dns_resolver_ask) { on_bench(ask_body); }

struct purse {
    size_t room, asked;
};

static err hold(void *arg, size_t bytes)
{
    struct purse *p = arg;
    p->asked = bytes;
    return bytes > p->room ? err_new(ERR_LIMIT, "no room") : NULL;
}

static err ask_mx1(struct bench *b, struct dns_budget *budget, struct dns_answer *ret_answer)
{
    return dns_resolver_ask(b->resolver, budget, S("mx1.test"), DNS_A, b->arena, ret_answer,
                            DEADLINE_NEVER);
}

/* Attack 114: what is said counts, not only how often is asked. */
static void bytes_body(struct bench *b)
{
    struct dns_budget budget;
    struct dns_answer a;
    struct purse purse = {.room = SIZE_MAX};
    dns_budget_init(&budget, 10, DNS_BUDGET_MS);
    CHECK(budget.bytes_left == DNS_BUDGET_BYTES_LEAST, "few questions, one large answer");
    budget.hold = hold;
    budget.hold_arg = &purse;
    CHECK_DONE(ask_mx1(b, &budget, &a), "it has room");
    size_t one = budget.bytes;
    CHECK(one >= a.count * sizeof *a.records, "its records count");
    CHECK(purse.asked == one && budget.bytes_left == DNS_BUDGET_BYTES_LEAST - one, "once");
    purse.room = one;
    err e = ask_mx1(b, &budget, &a);
    CHECK(e && e->kind == ERR_LIMIT && purse.asked == 2 * one, "nobody has room for it");
    CHECK(budget.bytes == one, "so it was not kept");
    purse.room = SIZE_MAX;
    budget.bytes_left = one - 1;
    e = ask_mx1(b, &budget, &a);
    CHECK(e && e->kind == ERR_LIMIT && purse.asked == 2 * one, "more than a message has");
    dns_budget_init(&budget, INT32_MAX, DNS_BUDGET_MS);
    CHECK(budget.bytes_left == DNS_BUDGET_BYTES_MAX, "many questions");
}

TEST(dns_resolver_bytes) { on_bench(bytes_body); }

static void asker(void *arg)
{
    struct bench *b = arg;
    struct dns_answer a = {.status = DNS_BOGUS};
    err e =
        dns_resolver_ask(b->resolver, NULL, S("slow.test"), DNS_A, b->arena, &a, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_CANCELED, "canceled while asking");
    CHECK(a.status == DNS_BOGUS, "untouched");
}

static void cancel_body(struct bench *b)
{
    struct group g;
    group_init(&g);
    fiber_spawn(&g, "asker", asker, b);
    CHECK_DONE(fiber_sleep(deadline_after(10)), "sleep");
    group_close(&g);
}

TEST(dns_resolver_canceled) { on_bench(cancel_body); }

static void mx_body(struct bench *b)
{
    static const struct {
        const char *domain, *hosts;
        enum dns_status status;
        bool null_mx, implicit;
        size_t unusable;
    } cases[] = {
        {"two.test",     "mx1.test mx2.test", DNS_OK,       false, false, 0},
        {"alias.test",   "mx1.test mx2.test", DNS_OK,       false, false, 0},
        {"null.test",    "",                  DNS_OK,       true,  false, 0},
        {"mixed.test",   "mx1.test",          DNS_OK,       false, false, 1},
        {"odd.test",     "",                  DNS_OK,       false, false, 2},
        {"same.test",    "mx1.test",          DNS_OK,       false, false, 0},
        {"plain.test",   "plain.test",        DNS_OK,       false, true,  0},
        {"PLAIN.test.",  "plain.test",        DNS_OK,       false, true,  0},
        {"nothing.test", "",                  DNS_NXDOMAIN, false, false, 0},
        {"bad.test",     "",                  DNS_SERVFAIL, false, false, 0},
        {"forged.test",  "",                  DNS_BOGUS,    false, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_mx mx;
        struct buf hosts;
        buf_init(&hosts, 1000);
        CHECK_DONE(
            dns_mx_hosts(b->resolver, NULL, str_of(cases[i].domain), b->arena, &mx, DEADLINE_NEVER),
            cases[i].domain);
        for (size_t j = 0; j < mx.count; j++)
            CHECK_DONE(buf_addf(&hosts, "%s%.*s", j ? " " : "", STR_ARG(mx.hosts[j].name)),
                       cases[i].domain);
        CHECK_STR(buf_str(&hosts), cases[i].hosts, cases[i].domain);
        CHECK(mx.status == cases[i].status, cases[i].domain);
        CHECK(mx.null_mx == cases[i].null_mx, cases[i].domain);
        CHECK(mx.implicit == cases[i].implicit, cases[i].domain);
        CHECK(mx.unusable == cases[i].unusable, cases[i].domain);
        buf_release(&hosts);
    }
    struct dns_mx mx;
    CHECK_DONE(dns_mx_hosts(b->resolver, NULL, S("signed.test"), b->arena, &mx, DEADLINE_NEVER),
               "signed");
    CHECK(mx.security == DNS_SECURE, "signed");
}

TEST(dns_mx_hosts) { on_bench(mx_body); }

/* Attack 112: of many hosts the best ones are kept; equal preferences come in changing order. */
static void many_body(struct bench *b)
{
    static char text[20000];
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "many.test. MX %d h%d.test.\n",
                                i < 100 ? 9 : 1, i);
    struct dns_zone *zone = NULL;
    CHECK_DONE(dns_zone_parse((str){text, len}, "many", &zone), "the zone");
    struct dns_resolver *r = dns_resolver_open(dns_zone_transport(zone), NULL);
    struct dns_mx mx, again;
    CHECK_DONE(dns_mx_hosts(r, NULL, S("many.test"), b->arena, &mx, DEADLINE_NEVER), "many");
    CHECK_DONE(dns_mx_hosts(r, NULL, S("many.test"), b->arena, &again, DEADLINE_NEVER), "many");
    CHECK(mx.count == DNS_MX_HOSTS_MAX, "as many as allowed");
    bool differs = false;
    for (size_t i = 0; i < mx.count && i < again.count; i++) {
        CHECK(mx.hosts[i].preference == 1, "the best ones");
        differs |= !str_eq(mx.hosts[i].name, again.hosts[i].name);
    }
    CHECK(differs, "shuffled");
    dns_resolver_close(r);
}

TEST(dns_mx_many) { on_bench(many_body); }

static void host_body(struct bench *b)
{
    static const struct {
        const char *host, *addresses;
        enum dns_host_source source;
        enum dns_status status;
    } cases[] = {
        {"mx1.test",     "2001:db8::1 192.0.2.1 192.0.2.2", DNS_HOST_OF_MX,    DNS_OK      },
        {"www.test",     "2001:db8::1 192.0.2.1 192.0.2.2", DNS_HOST_OF_MX,    DNS_OK      },
        {"mx2.test",     "192.0.2.3",                       DNS_HOST_OF_MX,    DNS_OK      },
        {"zero.test",    "",                                DNS_HOST_OF_MX,    DNS_NODATA  },
        {"two.test",     "",                                DNS_HOST_OF_MX,    DNS_NODATA  },
        {"nothing.test", "",                                DNS_HOST_OF_MX,    DNS_NXDOMAIN},
        {"bad.test",     "",                                DNS_HOST_OF_MX,    DNS_SERVFAIL},
        {"forged.test",  "",                                DNS_HOST_OF_MX,    DNS_BOGUS   },
        {"localhost",    "::1 127.0.0.1",                   DNS_HOST_OF_MX,    DNS_OK      },
        {"a.localhost.", "::1 127.0.0.1",                   DNS_HOST_OF_ROUTE, DNS_OK      },
        {"192.0.2.1",    "192.0.2.1",                       DNS_HOST_OF_ROUTE, DNS_OK      },
        {"2001:db8::5",  "2001:db8::5",                     DNS_HOST_OF_ROUTE, DNS_OK      },
        {"192.0.2.1",    "",                                DNS_HOST_OF_MX,    DNS_NXDOMAIN},
        {"Route.test",   "192.0.2.77 2001:db8::77",         DNS_HOST_OF_ROUTE, DNS_OK      },
        {"short",        "192.0.2.77",                      DNS_HOST_OF_ROUTE, DNS_OK      },
        {"route.test",   "192.0.2.99",                      DNS_HOST_OF_MX,    DNS_OK      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_host h;
        struct buf all;
        buf_init(&all, 1000);
        CHECK_DONE(dns_host_addresses(b->resolver, NULL, str_of(cases[i].host), cases[i].source,
                                      b->arena, &h, DEADLINE_NEVER),
                   cases[i].host);
        for (size_t j = 0; j < h.count; j++) {
            char ip[ADDRESS_CHARS];
            address_format_ip(&h.addresses[j], ip);
            CHECK_DONE(buf_addf(&all, "%s%s", j ? " " : "", ip), cases[i].host);
        }
        CHECK_STR(buf_str(&all), cases[i].addresses, cases[i].host);
        CHECK(h.status == cases[i].status, cases[i].host);
        buf_release(&all);
    }
    struct dns_host h;
    CHECK_DONE(dns_host_addresses(b->resolver, NULL, S("www.test"), DNS_HOST_OF_MX, b->arena, &h,
                                  DEADLINE_NEVER),
               "alias");
    CHECK_STR(h.canonical, "mx1.test", "alias");
    CHECK_DONE(dns_host_addresses(b->resolver, NULL, S("mx.signed.test"), DNS_HOST_OF_MX, b->arena,
                                  &h, DEADLINE_NEVER),
               "signed");
    CHECK(h.security == DNS_SECURE, "signed");
}

TEST(dns_host_addresses) { on_bench(host_body); }

static void ptr_body(struct bench *b)
{
    static const struct {
        const char *label, *ip, *name, *claimed;
        enum dns_status status;
    } cases[] = {
        {"confirmed",                "192.0.2.1",   "mx1.test",  "mx1.test",  DNS_OK      },
        {"the second name agrees",   "192.0.2.2",   "mx1.test",  "liar.test", DNS_OK      },
        {"IPv6",                     "2001:db8::1", "mx1.test",  "mx1.test",  DNS_OK      },
        {"does not agree",           "192.0.2.3",   "",          "mx1.test",  DNS_NODATA  },
        {"attack 37: control bytes", "192.0.2.4",   "",          "",          DNS_NODATA  },
        {"forward lookup fails",     "192.0.2.5",   "",          "bad.test",  DNS_SERVFAIL},
        {"reverse lookup fails",     "192.0.2.6",   "",          "",          DNS_SERVFAIL},
        {"no name",                  "192.0.2.50",  "",          "",          DNS_NXDOMAIN},
        {"loopback",                 "127.0.0.1",   "localhost", "localhost", DNS_OK      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        struct dns_ptr p;
        CHECK_DONE(address_parse_ip(str_of(cases[i].ip), &a), cases[i].label);
        CHECK_DONE(dns_ptr_name(b->resolver, NULL, &a, b->arena, &p, DEADLINE_NEVER),
                   cases[i].label);
        CHECK_STR(p.name, cases[i].name, cases[i].label);
        CHECK_STR(p.claimed, cases[i].claimed, cases[i].label);
        CHECK(p.status == cases[i].status, cases[i].label);
    }
}

TEST(dns_ptr_name) { on_bench(ptr_body); }
