#include "dns/zone.h"
#include "mailauth/spf.h"
#include "runtime/sim.h"
#include "tests/test.h"

static const char zone_text[] =
    "$ORIGIN example.com.\n"
    "@          TXT   \"v=spf1 mx a:www include:_spf.example.net ~all exp=exp.%{d}\"\n"
    "ok         TXT   \"other=text\"\n"
    "           TXT   \"v=spf1 mx a:www.example.com/28 include:_spf.example.net -all\"\n"
    "           TXT   \"exp=%{d}\"\n"
    "           MX    10 mx1\n"
    "           MX    20 mx6\n"
    "mx1        A     192.0.2.1\n"
    "mx6        AAAA  2001:db8::6\n"
    "www        A     192.0.2.33\n"
    "_spf.example.net.  TXT \"v=spf1 ip4:198.51.100.0/24 \" \"ip6:2001:db8:1::/48 ?all\"\n"
    "plain      TXT   \"v=spf1 ip4:192.0.2.7 -all exp=exp.%{d}\"\n"
    "exp.plain  TXT   \"%{i} may not send for %{o}, says %{r}%{_}\"\n"
    "told       TXT   \"v=spf1 -all exp=exp.told.example.com\"\n"
    "exp.told   TXT   \"%{l}: %{c} may not send for %{o}, says %{r}\"\n"
    "long       TXT   \"v=spf1 -all exp=exp.long.example.com\"\n"
    "exp.long   TXT   \"%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}\"\n"
    "inner      TXT   \"v=spf1 include:told.example.com ip4:192.0.2.1 -all\"\n"
    "outer      TXT   \"v=spf1 redirect=told.example.com exp=exp.long.example.com\"\n"
    "open       TXT   \"v=spf1 ip4:192.0.2.7\"\n"
    "two        TXT   \"v=spf1 -all\"\n"
    "           TXT   \"v=spf1 +all\"\n"
    "bad        TXT   \"v=spf1 a -all moo\"\n"
    "slow       FAIL  timeout\n"
    "failing    FAIL  servfail\n"
    "forged     FAIL  bogus\n"
    "inc-slow   TXT   \"v=spf1 include:slow.example.com -all\"\n"
    "inc-none   TXT   \"v=spf1 include:www.example.com -all\"\n"
    "inc-bad    TXT   \"v=spf1 include:bad.example.com -all\"\n"
    "red-none   TXT   \"v=spf1 redirect=www.example.com\"\n"
    "red-name   TXT   \"v=spf1 redirect=%{l}..example.com\"\n"
    "a-slow     TXT   \"v=spf1 a:slow.example.com -all\"\n"
    "mx-slow    TXT   \"v=spf1 mx -all\"\n"
    "           MX    10 slow\n"
    "null-mx    TXT   \"v=spf1 mx -all\"\n"
    "           MX    0 .\n"
    "mapped     TXT   \"v=spf1 ip6:::ffff:192.0.2.1 -all\"\n"
    "odd        TXT   \"v=spf1 a:%{l}.example.com ?all\"\n"
    "bs         TXT   \"v=spf1 exists:%{l}.bs.example.com -all\"\n"
    "a\\092b.bs A     127.0.0.2\n"
    "macro      TXT   \"v=spf1 exists:%{l1r-}.%{d2}.x.example.com ?all\"\n"
    "ptr        TXT   \"v=spf1 ptr -all\"\n"
    "ptr2       TXT   \"v=spf1 ptr:example.com -all\"\n"
    "host.ptr   A     192.0.2.50\n"
    "liar.ptr   A     192.0.2.99\n"
    "p          TXT   \"v=spf1 exists:%{p}.ok.example.com exists:%{p}.ok.example.com -all\"\n"
    "host.ptr.example.com.ok A 127.0.0.2\n"
    "\\195\\164 TXT   \"v=spf1 -all\"\n"
    "xn--4ca    TXT   \"v=spf1 +all\"\n"
    /* what attacks 108 to 110 need */
    "ten        TXT   \"v=spf1 a a a a a a a a a a ip4:192.0.2.9 -all\"\n"
    "           A     192.0.2.200\n"
    "eleven     TXT   \"v=spf1 a a a a a a a a a a a ip4:192.0.2.9 -all\"\n"
    "           A     192.0.2.200\n"
    "void2      TXT   \"v=spf1 a:n1.example.com mx:n2.example.com ip4:192.0.2.9 -all\"\n"
    "void3      TXT   \"v=spf1 a:n1.example.com mx:n2.example.com exists:n3.example.com +all\"\n"
    "void-mx    TXT   \"v=spf1 mx +all\"\n"
    "           MX    1 n1\n"
    "           MX    1 n2\n"
    "           MX    1 n3\n"
    "six-mx     TXT   \"v=spf1 mx mx mx mx -all\"\n"
    "           MX    1 mx6\n"
    "self       TXT   \"v=spf1 include:self.example.com -all\"\n"
    "self2      TXT   \"v=spf1 redirect=self2.example.com\"\n"
    "loop-a     TXT   \"v=spf1 include:loop-b.example.com -all\"\n"
    "loop-b     TXT   \"v=spf1 a redirect=loop-a.example.com\"\n"
    "           A     192.0.2.200\n"
    "deep       TXT   \"v=spf1 include:%{d}.deep.example.com -all\"\n"
    "*.deep     TXT   \"v=spf1 include:a.%{d} -all\"\n"
    "$ORIGIN 2.0.192.in-addr.arpa.\n"
    "50         PTR   liar.ptr.example.com.\n"
    "           PTR   host.ptr.example.com.\n"
    "51         FAIL  servfail\n";

struct bench {
    struct dns_resolver *resolver;
    struct dns_zone *zone;
    struct arena *arena;
    struct mailauth_ask ask;
    struct dns_budget budget;
    struct mailauth_story story;
    void (*body)(struct bench *);
};

static void bench_fiber(void *arg)
{
    struct bench *b = arg;
    b->ask = (struct mailauth_ask){b->arena, b->resolver, &b->budget, DEADLINE_NEVER, 0};
    dns_budget_init(&b->budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    mailauth_story_init(&b->story, b->arena);
    b->body(b);
}

static void on_bench(str zone, void (*body)(struct bench *))
{
    struct bench b = {.body = body, .arena = arena_open(4 << 20)};
    CHECK_DONE(dns_zone_parse(zone, "zone.txt", &b.zone), "the zone");
    b.resolver = dns_resolver_open(dns_zone_transport(b.zone), NULL);
    sim_run(7, bench_fiber, &b);
    dns_resolver_close(b.resolver);
    arena_close(b.arena);
}

static struct mailauth_spf check(struct bench *b, const char *ip, const char *helo, str sender)
{
    struct address address = {0};
    struct mailauth_spf spf = {.result = MAILAUTH_POLICY};
    CHECK_DONE(address_parse_ip(str_of(ip), &address), ip);
    struct mailauth_spf_args args = {
        .ip = &address, .helo = str_of(helo), .sender = sender, .receiver = S("mx.example.org")};
    b->story.count = 0;
    dns_budget_init(&b->budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    size_t used = arena_used(b->arena);
    CHECK_DONE(mailauth_spf_check(&b->ask, &args, NULL, &spf), ip);
    CHECK(arena_used(b->arena) - used <= MAILAUTH_SPF_BYTES_MAX, "what is promised to the arena");
    CHECK_DONE(mailauth_spf_check(&b->ask, &args, &b->story, &spf), ip);
    CHECK(b->story.depth == 0, "the story ends where it began");
    return spf;
}

static void results_body(struct bench *b)
{
    /* clang-format off */
    static const struct {
        const char *ip, *sender, *result, *mechanism;
        unsigned lookups, voids;
    } cases[] = {
        {"192.0.2.1",         "a@ok.example.com",    "pass",      "mx",                        1, 0},
        {"192.0.2.40",        "a@ok.example.com",    "pass",      "a:www.example.com/28",      2, 0},
        {"198.51.100.77",     "a@ok.example.com",    "pass",      "include:_spf.example.net",  3, 0},
        {"::ffff:198.51.100.7", "a@ok.example.com",  "pass",      "include:_spf.example.net",  3, 0},
        {"2001:db8:1::7",     "a@ok.example.com",    "pass",      "include:_spf.example.net",  3, 1},
        {"2001:db8::6",       "a@ok.example.com",    "pass",      "mx",                        1, 0},
        {"203.0.113.1",       "a@ok.example.com",    "fail",      "-all",                      3, 0},
        {"192.0.2.7",         "a@OK.EXAMPLE.com.",   "fail",      "-all",                      3, 0},
        {"192.0.2.7",         "plain.example.com",   "pass",      "ip4:192.0.2.7",             0, 0},
        {"192.0.2.8",         "a@open.example.com",  "neutral",   "",                          0, 0},
        {"192.0.2.8",         "a@example.com",       "permerror", "",                          0, 0},
        {"192.0.2.8",         "a@www.example.com",   "none",      "",                          0, 0},
        {"192.0.2.8",         "a@gone.example.com",  "none",      "",                          0, 0},
        {"192.0.2.8",         "a@com",               "none",      "",                          0, 0},
        {"192.0.2.8",         "a@[192.0.2.8]",       "none",      "",                          0, 0},
        {"192.0.2.8",         "a@b..example.com",    "none",      "",                          0, 0},
        {"192.0.2.8",         "a@two.example.com",   "permerror", "",                          0, 0},
        {"192.0.2.8",         "a@bad.example.com",   "permerror", "",                          0, 0},
        {"192.0.2.8",         "a@inc-none.example.com", "permerror", "",                       1, 0},
        {"192.0.2.8",         "a@inc-bad.example.com",  "permerror", "",                       1, 0},
        {"192.0.2.8",         "a@red-none.example.com", "permerror", "",                       1, 0},
        {"192.0.2.8",         "a@red-name.example.com", "permerror", "",                       1, 0},
        {"192.0.2.8",         "a@null-mx.example.com",  "fail",      "-all",                   1, 0},
        {"192.0.2.1",         "a@mapped.example.com",   "fail",      "-all",                   0, 0},
        {"::ffff:192.0.2.1",  "a@mapped.example.com",   "fail",      "-all",                   0, 0},
        /* attack 113: the DNS fails */
        {"192.0.2.8",         "a@slow.example.com",     "temperror", "",                       0, 0},
        {"192.0.2.8",         "a@failing.example.com",  "temperror", "",                       0, 0},
        {"192.0.2.8",         "a@forged.example.com",   "temperror", "",                       0, 0},
        {"192.0.2.8",         "a@inc-slow.example.com", "temperror", "",                       1, 0},
        {"192.0.2.8",         "a@a-slow.example.com",   "temperror", "",                       1, 0},
        {"192.0.2.8",         "a@mx-slow.example.com",  "temperror", "",                       1, 0},
        /* names that cannot be, out of macros: no match, no question */
        {"192.0.2.8",         ".@odd.example.com",      "neutral",   "?all",                   1, 0},
        {"192.0.2.8",         "a\\b@bs.example.com",    "pass",  "exists:%{l}.bs.example.com", 1, 0},
        /* section 5.5 */
        {"192.0.2.50",        "a@ptr.example.com",   "pass",      "ptr",                       1, 0},
        {"192.0.2.50",        "a@ptr2.example.com",  "pass",      "ptr:example.com",           1, 0},
        {"192.0.2.50",        "a@p.example.com",     "pass",  "exists:%{p}.ok.example.com",    2, 0},
        {"192.0.2.51",        "a@ptr.example.com",   "fail",      "-all",                      1, 0},
        {"192.0.2.52",        "a@ptr.example.com",   "fail",      "-all",                      1, 0},
        {"192.0.2.52",        "a@p.example.com",     "fail",      "-all",                      3, 2},
        /* attack 108, attack 109, attack 110: no end, or too much */
        {"192.0.2.9",         "a@ten.example.com",     "pass",      "ip4:192.0.2.9",          10, 0},
        {"192.0.2.9",         "a@eleven.example.com",  "permerror", "",                       11, 0},
        {"192.0.2.9",         "a@void2.example.com",   "pass",      "ip4:192.0.2.9",           2, 2},
        {"192.0.2.9",         "a@void3.example.com",   "permerror", "",                        3, 3},
        {"192.0.2.9",         "a@void-mx.example.com", "permerror", "",                        1, 3},
        {"192.0.2.9",         "a@six-mx.example.com",  "fail",      "-all",                    4, 0},
        {"192.0.2.9",         "a@self.example.com",    "permerror", "",                       11, 0},
        {"192.0.2.9",         "a@self2.example.com",   "permerror", "",                       11, 0},
        {"192.0.2.9",         "a@loop-a.example.com",  "permerror", "",                       11, 0},
        {"192.0.2.9",         "a@deep.example.com",    "permerror", "",                       11, 0},
        /* a domain in Unicode is the A-label's (section 4.3) */
        {"192.0.2.9",         "a@\xc3\xa4.example.com", "pass",     "+all",                    0, 0},
        {"192.0.2.9",         "a@\xff.example.com",     "none",     "",                        0, 0},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_spf spf =
            check(b, cases[i].ip, "mail.example.org", str_of(cases[i].sender));
        char label[200];
        snprintf(label, sizeof label, "%s from %s: %.*s %u %u", cases[i].sender, cases[i].ip,
                 STR_ARG(spf.reason), spf.lookups, spf.void_lookups);
        CHECK_STR(mailauth_result_name(spf.result), cases[i].result, label);
        CHECK_STR(spf.mechanism, cases[i].mechanism, label);
        CHECK(spf.lookups == cases[i].lookups, label);
        CHECK(spf.void_lookups == cases[i].voids, label);
        bool odd = spf.result == MAILAUTH_NONE || spf.result == MAILAUTH_PERMERROR ||
                   spf.result == MAILAUTH_TEMPERROR;
        CHECK(odd == (spf.reason.len > 0), label);
    }
}

TEST(mailauth_spf_results) { on_bench(str_of(zone_text), results_body); }

/* Sections 2.3, 2.4. */
static void identity_body(struct bench *b)
{
    struct mailauth_spf spf = check(b, "192.0.2.7", "plain.example.com", S(""));
    CHECK(spf.result == MAILAUTH_PASS, "the null path");
    CHECK_STR(spf.sender, "postmaster@plain.example.com", "the null path");
    CHECK_STR(spf.domain, "plain.example.com", "the null path");
    spf = check(b, "192.0.2.7", "x", S("@plain.example.com"));
    CHECK_STR(spf.sender, "postmaster@plain.example.com", "no local part");
    CHECK(spf.result == MAILAUTH_PASS, "no local part");

    struct address ip = {
        .family = ADDRESS_IP4, .ip = {192, 0, 2, 8}
    };
    struct mailauth_spf_args args = {.identity = MAILAUTH_SPF_HELO,
                                     .ip = &ip,
                                     .helo = S("plain.example.com"),
                                     .sender = S("a@ok.example.com")};
    CHECK_DONE(mailauth_spf_check(&b->ask, &args, NULL, &spf), "HELO");
    CHECK(spf.result == MAILAUTH_FAIL && spf.identity == MAILAUTH_SPF_HELO, "HELO");
    args.helo = S("[192.0.2.8]");
    CHECK_DONE(mailauth_spf_check(&b->ask, &args, NULL, &spf), "a literal");
    CHECK(spf.result == MAILAUTH_NONE, "a literal");

    static char longest[MAILAUTH_SPF_INPUT_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    spf = check(b, "192.0.2.7", "x", (str){longest, sizeof longest});
    CHECK(spf.result == MAILAUTH_NONE && spf.reason.len > 0, "longer than any sender");
    ip.family = ADDRESS_UNIX;
    CHECK_DONE(mailauth_spf_check(&b->ask, &args, NULL, &spf), "a socket");
    CHECK(spf.result == MAILAUTH_NONE, "a client without an IP address");
}

TEST(mailauth_spf_identity) { on_bench(str_of(zone_text), identity_body); }

/* Section 6.2. */
static void explanation_body(struct bench *b)
{
    struct mailauth_spf spf = check(b, "192.0.2.1", "x", S("bob@told.example.com"));
    CHECK_STR(spf.explanation,
              "bob: 192.0.2.1 may not send for told.example.com, says mx.example.org", "told");
    spf = check(b, "192.0.2.1", "x", S("b\xc3\xa4\r\n250 ok\x1b[2J@told.example.com"));
    CHECK_STR(spf.explanation,
              "b????250 ok?[2J: 192.0.2.1 may not send for told.example.com, says mx.example.org",
              "attack 111: what the sender chose is printable");
    spf = check(b, "192.0.2.1", "x", S("bob@plain.example.com"));
    CHECK(spf.result == MAILAUTH_FAIL, "a bad macro in the explanation leaves the result");
    CHECK_STR(spf.explanation, "", "a bad macro in the explanation");
    spf = check(b, "192.0.2.2", "x", S("bob@inner.example.com"));
    CHECK(spf.result == MAILAUTH_FAIL, "inside an include");
    CHECK_STR(spf.explanation, "", "an include's explanation is not the domain's");
    spf = check(b, "192.0.2.2", "x", S("bob@outer.example.com"));
    CHECK_STR(spf.explanation,
              "bob: 192.0.2.2 may not send for outer.example.com, says mx.example.org",
              "a redirect's explanation takes the place");
    CHECK_STR(spf.policy, "told.example.com", "whose word it is");

    static char sender[] = "0123456789012345678901234567890123456789012345678901234567890123"
                           "@long.example.com";
    spf = check(b, "192.0.2.1", "x", str_of(sender));
    CHECK(spf.explanation.len == MAILAUTH_SPF_EXPLANATION_BYTES_MAX, "a long one is cut");
}

TEST(mailauth_spf_explanation) { on_bench(str_of(zone_text), explanation_body); }

static void story_body(struct bench *b)
{
    static const struct {
        unsigned depth;
        const char *text;
    } want[] = {
        {0, "may 198.51.100.9 send as a@ok.example.com? (MAIL FROM; HELO h.example.org)"          },
        {0, "ok.example.com says \"v=spf1 mx a:www.example.com/28 include:_spf.example.net -all\""},
        {0, "mx does not match (lookup 1 of 10)"                                                  },
        {0, "a:www.example.com/28 does not match (lookup 2 of 10)"                                },
        {0, "include:_spf.example.net (lookup 3 of 10)"                                           },
        {1, "_spf.example.net says \"v=spf1 ip4:198.51.100.0/24 ip6:2001:db8:1::/48 ?all\""       },
        {1, "ip4:198.51.100.0/24 matches"                                                         },
        {0, "include:_spf.example.net: pass inside, so it matches"                                },
        {0, "SPF pass by include:_spf.example.net"                                                },
    };
    check(b, "198.51.100.9", "h.example.org", S("a@ok.example.com"));
    CHECK(b->story.count == ARRAY_LEN(want), "as many steps");
    for (size_t i = 0; i < ARRAY_LEN(want) && i < b->story.count; i++) {
        CHECK_STR(b->story.steps[i].text, want[i].text, "step");
        CHECK(b->story.steps[i].depth == want[i].depth, want[i].text);
    }
}

TEST(mailauth_spf_story) { on_bench(str_of(zone_text), story_body); }

/* ---- what a policy may cost: attacks 112, 113, 114 ---- */

static void greedy_body(struct bench *b)
{
    struct mailauth_spf spf = check(b, "192.0.2.1", "x", S("a@eleven.test"));
    CHECK(spf.result == MAILAUTH_PERMERROR, "attack 112: eleven MX hosts");
    CHECK(str_contains(spf.reason, S("11 MX hosts")), "attack 112: eleven MX hosts");

    uint64_t before = dns_zone_questions(b->zone);
    spf = check(b, "192.0.2.1", "x", S("a@ptr.test"));
    CHECK(spf.result == MAILAUTH_FAIL,
          "attack 112: the twelfth name of an address is not looked at");
    uint64_t asked = dns_zone_questions(b->zone) - before;
    CHECK(asked == 2 * (1 + 1 + MAILAUTH_SPF_PTR_NAMES_MAX), "attack 112: twice TXT, PTR, ten A");

    before = dns_zone_questions(b->zone);
    spf = check(b, "192.0.2.1", "x", S("a@greedy.test"));
    asked = dns_zone_questions(b->zone) - before;
    CHECK(spf.result == MAILAUTH_TEMPERROR, "attack 114: a hundred questions");
    CHECK(str_contains(spf.reason, S("too many DNS questions")), "attack 114: its reason");
    CHECK(asked == DNS_BUDGET_QUESTIONS, "attack 114: as many as were granted to both checks");
}

TEST(mailauth_spf_greedy)
{
    struct buf zone;
    buf_init(&zone, 64 << 10);
    err e = buf_add(&zone, S("$ORIGIN test.\neleven TXT \"v=spf1 mx -all\"\n"
                             "ptr TXT \"v=spf1 ptr -all\"\n"
                             "greedy TXT \"v=spf1 mx mx mx mx mx mx mx mx mx mx -all\"\n"));
    for (int i = 0; i < 11 && e == NULL; i++)
        e = buf_addf(&zone, "eleven MX %d h%d\nh%d A 192.0.2.77\n", i, i, i);
    for (int i = 0; i < 10 && e == NULL; i++)
        e = buf_addf(&zone, "greedy MX %d h%d\n", i, i);
    for (int i = 0; i < 11 && e == NULL; i++)
        e = buf_addf(&zone, "1.2.0.192.in-addr.arpa. PTR n%d.ptr.test.\nn%d.ptr A 192.0.2.%d\n", i,
                     i, i == 10 ? 1 : 77);
    CHECK_DONE(e, "the zone");
    on_bench(buf_str(&zone), greedy_body);
    buf_release(&zone);
}

static void deadline_body(struct bench *b)
{
    struct mailauth_spf spf;
    int64_t start = clock_steady_ms();
    spf = check(b, "192.0.2.8", "x", S("a@a-slow.example.com"));
    CHECK(spf.result == MAILAUTH_TEMPERROR, "attack 113");
    CHECK(clock_steady_ms() - start <= 2 * DNS_BUDGET_MS, "attack 113: the budget's time");
}

TEST(mailauth_spf_deadline) { on_bench(str_of(zone_text), deadline_body); }

static void canceled_fiber(void *arg)
{
    struct bench *b = arg;
    struct address ip = {.family = ADDRESS_IP4};
    struct mailauth_spf spf = {.lookups = 77};
    struct mailauth_spf_args args = {.ip = &ip, .helo = S("x"), .sender = S("a@slow.example.com")};
    err e = mailauth_spf_check(&b->ask, &args, &b->story, &spf);
    CHECK(e && e->kind == ERR_CANCELED && spf.lookups == 77, "canceled");
}

static void cancel_body(struct bench *b)
{
    struct group g;
    group_init(&g);
    fiber_spawn(&g, "check", canceled_fiber, b);
    CHECK_DONE(fiber_sleep(deadline_after(10)), "sleep");
    group_close(&g);
}

TEST(mailauth_spf_canceled) { on_bench(str_of(zone_text), cancel_body); }
