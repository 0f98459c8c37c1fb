#include "dns/zone.h"
#include "mailauth/spf_tree.h"
#include "runtime/sim.h"
#include "tests/test.h"

static const char zone_text[] =
    "$ORIGIN example.com.\n"
    "good       TXT \"v=spf1 ip4:192.0.2.17/28 mx/24 include:_spf.example.net a:h -all\"\n"
    "fine       TXT \"v=spf1 ip4:192.0.2.17/28 mx/24 include:_spf.example.net -all\"\n"
    "           MX  10 h\n"
    "h          A   198.51.100.9\n"
    "           AAAA 2001:db8::9\n"
    "_spf.example.net. TXT \"v=spf1 ip6:2001:db8:7::/48 exists:%{i}.x.example.net ?all\"\n"
    "many       TXT \"v=spf1 include:five.example.com include:six.example.com mx -all\"\n"
    "           MX  10 h\n"
    "five       TXT \"v=spf1 a a a a ~all\"\n"
    "           A   192.0.2.5\n"
    "six        TXT \"v=spf1 a a a a a redirect=end.example.com\"\n"
    "           A   192.0.2.6\n"
    "end        TXT \"v=spf1 ip4:192.0.2.7 -all\"\n"
    "loop       TXT \"v=spf1 include:loop2.example.com -all\"\n"
    "loop2      TXT \"v=spf1 include:loop.example.com -all\"\n"
    "voids      TXT \"v=spf1 a:n1.example.com mx:n2.example.com exists:n3.example.com -all\"\n"
    "odd        TXT \"v=spf1 ptr +all ip4:0.0.0.0/0 redirect=end.example.com\"\n"
    "noall      TXT \"v=spf1 ip4:192.0.2.1\"\n"
    "slow       TXT \"v=spf1 include:out.example.com -all\"\n"
    "out        FAIL timeout\n"
    "bad        TXT \"v=spf1 a:nowhere -all\"\n"
    "wide       TXT \"v=spf1 include:bad.example.com -all\"\n"
    "deep       TXT \"v=spf1 include:x.%{d} -all\"\n"
    "*.deep     TXT \"v=spf1 include:x.%{d} -all\"\n";

struct bench {
    struct dns_resolver *resolver;
    struct arena *arena;
    const char *domain;
    struct mailauth_spf_tree tree;
};

static void tree_fiber(void *arg)
{
    struct bench *b = arg;
    struct dns_budget budget;
    dns_budget_init(&budget, MAILAUTH_SPF_TREE_QUESTIONS, DNS_BUDGET_MS);
    struct mailauth_ask ask = {b->arena, b->resolver, &budget, DEADLINE_NEVER, 0};
    CHECK_DONE(mailauth_spf_tree_read(&ask, str_of(b->domain), &b->tree), b->domain);
}

/* The tree as lines: "depth term lookups/voids ranges..." */
static void write_rows(const struct mailauth_spf_tree *t, struct buf *out)
{
    err e = NULL;
    for (size_t i = 0; i < t->count && e == NULL; i++) {
        const struct mailauth_spf_tree_row *r = &t->rows[i];
        e = buf_addf(out, "%u %.*s %u/%u", r->depth, STR_ARG(r->term), r->lookups, r->void_lookups);
        for (size_t j = 0; j < r->range_count && e == NULL; j++)
            e = buf_addf(out, " %.*s", STR_ARG(r->ranges[j]));
        if (r->varies && e == NULL)
            e = buf_add(out, S(" varies"));
        if (r->problem.len && e == NULL)
            e = buf_addf(out, " (%.*s)", STR_ARG(r->problem));
        if (e == NULL)
            e = buf_add(out, S("\n"));
    }
    CHECK_DONE(e, "room");
}

static struct bench read_tree(const char *domain)
{
    struct bench b = {.domain = domain, .arena = arena_open(MAILAUTH_SPF_TREE_BYTES_MAX)};
    struct dns_zone *zone = NULL;
    CHECK_DONE(dns_zone_parse(str_of(zone_text), "zone.txt", &zone), "the zone");
    b.resolver = dns_resolver_open(dns_zone_transport(zone), NULL);
    sim_run(7, tree_fiber, &b);
    dns_resolver_close(b.resolver);
    return b;
}

TEST(mailauth_spf_tree_rows)
{
    static const struct {
        const char *domain, *rows;
    } cases[] = {
        {"fine.example.com",    "0  3/0\n"
                             "1 ip4:192.0.2.17/28 0/0 192.0.2.16/28\n"
                             "1 mx/24 1/0 198.51.100.0/24 2001:db8::9\n"
                             "1 include:_spf.example.net 2/0\n"
                             "2 ip6:2001:db8:7::/48 0/0 2001:db8:7::/48\n"
                             "2 exists:%{i}.x.example.net 1/0 varies\n"
                             "2 ?all 0/0\n"
                             "1 -all 0/0\n"        },
        {"loop.example.com",    "0  2/0\n"
                             "1 include:loop2.example.com 2/0\n"
                             "2 include:loop.example.com 1/0 (it leads back to itself)\n"
                             "2 -all 0/0\n"
                             "1 -all 0/0\n"        },
        {"voids.example.com",   "0  3/3\n"
                              "1 a:n1.example.com 1/1\n"
                              "1 mx:n2.example.com 1/1\n"
                              "1 exists:n3.example.com 1/1\n"
                              "1 -all 0/0\n"      },
        {"slow.example.com",    "0  1/0\n"
                             "1 include:out.example.com 1/0 "
                             "(the policy of out.example.com: no answer from the name servers)\n"
                             "1 -all 0/0\n"        },
        {"nothing.example.com", "0  0/0 (nothing.example.com does not exist)\n"},
        {"h.example.com",       "0  0/0 (h.example.com has no SPF record)\n"   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b = read_tree(cases[i].domain);
        CLEANUP(buf_release) struct buf rows;
        buf_init(&rows, 10000);
        write_rows(&b.tree, &rows);
        CHECK_STR(buf_str(&rows), cases[i].rows, cases[i].domain);
        arena_close(b.arena);
    }
}

/* What is found, in its order; a part of each finding's words. */
TEST(mailauth_spf_tree_findings)
{
    static const struct {
        const char *domain;
        unsigned lookups;
        struct {
            enum mailauth_spf_tree_weight weight;
            const char *what, *fix;
        } findings[5];
    } cases[] = {
        {"fine.example.com",    3, {{0}}                                                                                  },
        {"many.example.com",
         13,                       {{MAILAUTH_SPF_TREE_ERROR, "takes 13 DNS lookups",
           "include:six.example.com (7), include:five.example.com (5), mx (1)"}}                              },
        {"loop.example.com",
         2,                        {{MAILAUTH_SPF_TREE_ERROR, "include:loop.example.com: it leads back", "mend the term"}}},
        {"voids.example.com",
         3,                        {{MAILAUTH_SPF_TREE_ERROR, "3 of its names are not in the DNS", "nothing there"},
          {MAILAUTH_SPF_TREE_WARNING, "a:n1.example.com", "take it out"},
          {MAILAUTH_SPF_TREE_WARNING, "mx:n2.example.com", "take it out"},
          {MAILAUTH_SPF_TREE_WARNING, "exists:n3.example.com", "take it out"}}                                 },
        {"odd.example.com",
         1,                        {{MAILAUTH_SPF_TREE_WARNING, "\"ptr\" is slow", "ip4:"},
          {MAILAUTH_SPF_TREE_WARNING, "\"+all\" lets the whole world", "-all"},
          {MAILAUTH_SPF_TREE_WARNING, "very large network", "no more"},
          {MAILAUTH_SPF_TREE_WARNING, "behind \"+all\" has no effect", "last word"},
          {MAILAUTH_SPF_TREE_WARNING, "\"redirect=end.example.com\" beside", "one of the two"}}                },
        {"noall.example.com",   0, {{MAILAUTH_SPF_TREE_WARNING, "without \"all\"", "-all"}}                               },
        {"slow.example.com",
         1,                        {{MAILAUTH_SPF_TREE_UNKNOWN, "no answer from the name servers", "later"}}              },
        {"wide.example.com",
         1,                        {{MAILAUTH_SPF_TREE_ERROR, "term 1 \"a:nowhere\" at byte 7", "mend the term"}}         },
        {"nothing.example.com",
         0,                        {{MAILAUTH_SPF_TREE_ERROR, "does not exist", "publish one TXT record"}}                },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b = read_tree(cases[i].domain);
        size_t want = 0;
        while (want < ARRAY_LEN(cases[i].findings) && cases[i].findings[want].what)
            want++;
        CHECK(b.tree.lookups == cases[i].lookups, cases[i].domain);
        CHECK(b.tree.finding_count == want, cases[i].domain);
        for (size_t j = 0; j < want && j < b.tree.finding_count; j++) {
            const struct mailauth_spf_tree_finding *f = &b.tree.findings[j];
            CHECK(f->weight == cases[i].findings[j].weight, cases[i].findings[j].what);
            CHECK(str_contains(f->what, str_of(cases[i].findings[j].what)),
                  cases[i].findings[j].what);
            CHECK(str_contains(f->fix, str_of(cases[i].findings[j].fix)), cases[i].findings[j].fix);
        }
        arena_close(b.arena);
    }
}

/* Attack 110: a policy without an end is cut, and that is said. */
TEST(mailauth_spf_tree_endless)
{
    struct bench b = read_tree("deep.example.com");
    CHECK(b.tree.cut, "cut");
    CHECK(b.tree.count <= MAILAUTH_SPF_TREE_ROWS_MAX, "bounded");
    CHECK(b.tree.lookups == MAILAUTH_SPF_TREE_DEPTH_MAX, "as deep as may be");
    arena_close(b.arena);
}
