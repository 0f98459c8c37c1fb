#include "base/buf.h"
#include "dns/zone.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "tests/test.h"
#include "tlspolicy/decide.h"
#include "tlspolicy/sts.h"

/* ---- a clock that can be put forward ---------------------------------------------------- */

static int64_t ahead_ms;

static int64_t steady_ahead_ns(void) { return clock_system.steady_ns() + ahead_ms * 1000000; }
static int64_t real_ahead_ms(void) { return clock_system.real_ms() + ahead_ms; }

static const struct clock_source clock_ahead = {steady_ahead_ns, real_ahead_ms};

/* ---- a web server that says what the row wants ------------------------------------------ */

struct web {
    struct tlspolicy_fetcher fetcher;
    struct tlspolicy_fetcher_answer answer;
    int fetches;
    int64_t takes_ms;
};

static err web_fetch(struct tlspolicy_fetcher *fetcher, const struct tlspolicy_fetcher_request *r,
                     struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer,
                     deadline until)
{
    struct web *w = CONTAINER_OF(fetcher, struct web, fetcher);
    (void)arena, (void)until;
    w->fetches++;
    CHECK_STR(r->host, "mta-sts.example.com", "the host of the policy (3.3)");
    CHECK_STR(r->path, "/.well-known/mta-sts.txt", "its place (3.3)");
    if (w->takes_ms > 0)
        TRY(fiber_sleep(deadline_after(w->takes_ms)));
    *ret_answer = w->answer;
    return NULL;
}

/* ---- a delivery, after another one ------------------------------------------------------ */

#define RECORD(id) "_mta-sts.example.com. TXT \"v=STSv1; id=" id "\"\n"
#define WEB "mta-sts.example.com. A 192.0.2.9\n"
#define POLICY(mode) \
    "version: STSv1\nmode: " mode "\nmx: mx.example.com\nmx: *.mx.example.net\nmax_age: 604800\n"
#define ENFORCE POLICY("enforce")
#define TESTING POLICY("testing")
#define NONE POLICY("none")
#define DAY 86400

/* The clause is of RFC 8461 unless it says so. want is "mode step level failure fetches". */
struct sts_case {
    const char *clause;
    const char *old;  /* a policy that was fetched with id 1 before; NULL: none */
    int64_t age_s;    /* that long ago */
    const char *zone; /* of today */
    const char *body;
    int status;       /* 0: 200 */
    const char *type; /* NULL: text/plain */
    enum tlspolicy_fetcher_result result;
    const char *host, *want;
};

#define MX "mx.example.com"

/* clang-format off */
static const struct sts_case cases[] = {
    /* Nothing is known of the domain. */
    {"3.1: no record: no policy", NULL, 0, WEB, ENFORCE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.1: the DNS fails: no policy", NULL, 0, WEB "_mta-sts.example.com. FAIL servfail\n", ENFORCE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.1: another TXT record alone", NULL, 0, WEB "_mta-sts.example.com. TXT \"v=spf1 -all\"\n", ENFORCE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.1: another TXT record beside it", NULL, 0, WEB RECORD("1") "_mta-sts.example.com. TXT other\n", ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"3.1: two records: no policy", NULL, 0, WEB RECORD("1") RECORD("2"), ENFORCE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.1: a record that cannot be read: no policy", NULL, 0, WEB RECORD("-"), ENFORCE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.1: a record in several strings", NULL, 0, WEB "_mta-sts.example.com. TXT \"v=STSv1; \" \"id=1\"\n", ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"8.2: a record behind an alias", NULL, 0, WEB "_mta-sts.example.com. CNAME sts.provider.example.\nsts.provider.example. TXT \"v=STSv1; id=1\"\n", ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"3.2: enforce", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"3.2: testing verifies and delivers anyway", NULL, 0, WEB RECORD("1"), TESTING, 0, NULL, 0, MX, "testing use may success 1"},
    {"3.2: none is as good as no policy", NULL, 0, WEB RECORD("1"), NONE, 0, NULL, 0, MX, "none use may success 1"},

    /* Hosts. */
    {"4.1: a host that is not named is not used", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, 0, "mx2.example.com", "enforce skip may validation-failure 1"},
    {"4.1: in testing it is, and told", NULL, 0, WEB RECORD("1"), TESTING, 0, NULL, 0, "mx2.example.com", "testing use may validation-failure 1"},
    {"4.1: in none nobody asks", NULL, 0, WEB RECORD("1"), NONE, 0, NULL, 0, "mx2.example.com", "none use may success 1"},
    {"4.1: a star", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, 0, "a.mx.example.net", "enforce use verify success 1"},
    {"4.1: a star is one label", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, 0, "a.b.mx.example.net", "enforce skip may validation-failure 1"},
    {"4.1: case", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, 0, "MX.example.COM", "enforce use verify success 1"},

    /* The first fetch fails. */
    {"3.3: no host mta-sts", NULL, 0, RECORD("1"), ENFORCE, 0, NULL, 0, MX, "none use may sts-policy-fetch-error 0"},
    {"3.3: its addresses do not come", NULL, 0, "mta-sts.example.com. FAIL servfail\n" RECORD("1"), ENFORCE, 0, NULL, 0, MX, "none use may sts-policy-fetch-error 0"},
    {"3.3: nobody answers", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, TLSPOLICY_FETCHER_UNREACHABLE, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: too slow", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, TLSPOLICY_FETCHER_TOO_SLOW, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: too large", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, TLSPOLICY_FETCHER_TOO_LARGE, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: a certificate that is not trusted", NULL, 0, WEB RECORD("1"), ENFORCE, 0, NULL, TLSPOLICY_FETCHER_UNTRUSTED, MX, "none use may sts-webpki-invalid 1"},
    {"3.3: 301 is not followed", NULL, 0, WEB RECORD("1"), ENFORCE, 301, NULL, 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: 307 neither", NULL, 0, WEB RECORD("1"), ENFORCE, 307, NULL, 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: 404", NULL, 0, WEB RECORD("1"), ENFORCE, 404, NULL, 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: 500", NULL, 0, WEB RECORD("1"), ENFORCE, 500, NULL, 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.3: 206 is not 200", NULL, 0, WEB RECORD("1"), ENFORCE, 206, NULL, 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.2: a page is not text/plain", NULL, 0, WEB RECORD("1"), ENFORCE, 0, "text/html", 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.2: no type", NULL, 0, WEB RECORD("1"), ENFORCE, 0, "", 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.2: text/plainer is another type", NULL, 0, WEB RECORD("1"), ENFORCE, 0, "text/plainer", 0, MX, "none use may sts-policy-fetch-error 1"},
    {"3.2: text/plain with parameters, in any case", NULL, 0, WEB RECORD("1"), ENFORCE, 0, "Text/Plain ; charset=utf-8", 0, MX, "enforce use verify success 1"},
    {"3.2: a policy that cannot be read", NULL, 0, WEB RECORD("1"), "garbage", 0, NULL, 0, MX, "none use may sts-policy-invalid 1"},
    {"3.2: a policy without mx", NULL, 0, WEB RECORD("1"), "version: STSv1\nmode: enforce\nmax_age: 1\n", 0, NULL, 0, MX, "none use may sts-policy-invalid 1"},
    {"3.2: a max_age of 0 holds for this delivery", NULL, 0, WEB RECORD("1"), "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 0\n", 0, NULL, 0, MX, "enforce use verify success 1"},

    /* There is an older policy. */
    {"3.3: the same id: nothing is fetched", ENFORCE, 3600, WEB RECORD("1"), NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"3.3: another id: fetched", ENFORCE, 3600, WEB RECORD("2"), TESTING, 0, NULL, 0, MX, "testing use may success 1"},
    {"3.3: enforce can be taken back with mode none", ENFORCE, 3600, WEB RECORD("2"), NONE, 0, NULL, 0, MX, "none use may success 1"},
    {"3.3: testing becomes enforce", TESTING, 3600, WEB RECORD("2"), ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"3.3: another id and no web server: the old one holds", ENFORCE, 3600, WEB RECORD("2"), NONE, 0, NULL, TLSPOLICY_FETCHER_UNREACHABLE, MX, "enforce use verify sts-policy-fetch-error 1"},
    {"3.3: another id and a forged web server: the old one holds", ENFORCE, 3600, WEB RECORD("2"), NONE, 0, NULL, TLSPOLICY_FETCHER_UNTRUSTED, MX, "enforce use verify sts-webpki-invalid 1"},
    {"3.3: another id and a redirect: the old one holds (attack 173)", ENFORCE, 3600, WEB RECORD("2"), NONE, 301, NULL, 0, MX, "enforce use verify sts-policy-fetch-error 1"},
    {"3.3: another id and garbage: the old one holds", ENFORCE, 3600, WEB RECORD("2"), "garbage", 0, NULL, 0, MX, "enforce use verify sts-policy-invalid 1"},
    {"3.1: the record has gone: the old one holds", ENFORCE, 3600, WEB, NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"3.1: the record cannot be read: the old one holds", ENFORCE, 3600, WEB RECORD("-"), NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"10.2: the DNS is kept from us: the old one holds", ENFORCE, 3600, "_mta-sts.example.com. FAIL servfail\n", NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"10.2: forged records: the old one holds", ENFORCE, 3600, "_mta-sts.example.com. FAIL bogus\n", NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"10.2: older than a day: fetched ahead of its end", ENFORCE, DAY + 60, WEB RECORD("1"), ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"10.2: and when that fails it goes on", ENFORCE, DAY + 60, WEB RECORD("1"), NONE, 503, NULL, 0, MX, "enforce use verify sts-policy-fetch-error 1"},
    {"3.2: just before its end", ENFORCE, 7 * DAY - 60, WEB, NONE, 0, NULL, 0, MX, "enforce use verify success 0"},
    {"3.2: after its end, no record", ENFORCE, 7 * DAY + 60, WEB, NONE, 0, NULL, 0, MX, "none use may success 0"},
    {"3.2: after its end, no web server", ENFORCE, 7 * DAY + 60, RECORD("1"), NONE, 0, NULL, 0, MX, "none use may sts-policy-fetch-error 0"},
    {"3.2: after its end, fetched anew", ENFORCE, 7 * DAY + 60, WEB RECORD("1"), ENFORCE, 0, NULL, 0, MX, "enforce use verify success 1"},
    {"4.1: the old one does not name the host", ENFORCE, 3600, WEB RECORD("1"), ENFORCE, 0, NULL, 0, "evil.example", "enforce skip may validation-failure 0"},
};
/* clang-format on */

struct bench {
    struct web web;
    struct dns_resolver *resolver;
    struct tlspolicy_sts *sts;
    const struct sts_case *row;
    char got[200];
};

static struct dns_zone *put_zone(struct bench *b, const char *text)
{
    struct dns_zone *zone = NULL;
    CHECK_DONE(dns_zone_parse(str_of(text), "zone", &zone), text);
    b->resolver->transport = dns_zone_transport(zone);
    return zone;
}

static void bench_init(struct bench *b, const char *folder)
{
    *b = (struct bench){.web = {.fetcher = {.fetch = web_fetch}}};
    b->resolver = dns_resolver_open(NULL, NULL);
    struct tlspolicy_sts_options o = {
        {b->resolver, &b->web.fetcher, true},
        folder
    };
    CHECK_DONE(tlspolicy_sts_open(&o, &b->sts), "opened");
}

static void bench_release(struct bench *b)
{
    tlspolicy_sts_close(b->sts);
    b->resolver->transport = NULL;
    dns_resolver_close(b->resolver);
}

static void answer_with(struct bench *b, const char *body, int status, const char *type,
                        enum tlspolicy_fetcher_result result)
{
    b->web.fetches = 0;
    b->web.answer = (struct tlspolicy_fetcher_answer){
        .result = result,
        .reason = result ? S("it did not work") : S(""),
        .status = status ? status : 200,
        .type = type ? str_of(type) : S("text/plain"),
        .body = str_of(body),
    };
}

static void deliver(struct bench *b, const char *host, struct arena *arena)
{
    struct tlspolicy_sts_found found = {0};
    CHECK_DONE(
        tlspolicy_sts_find(b->sts, NULL, S("Example.Com."), arena, &found, deadline_after(1000)),
        b->row->clause);
    struct tlspolicy_decide_input in = {.sts = &found, .host = str_of(host)};
    struct tlspolicy_decision d = tlspolicy_decide(&in);
    static const char *const steps[] = {"use", "skip", "later"};
    CHECK(found.reason.len > 0, b->row->clause);
    CHECK(d.testing == (found.mode == TLSPOLICY_STS_TESTING), b->row->clause);
    snprintf(b->got, sizeof b->got, "%s %s %s %s %d", tlspolicy_sts_policy_mode_name(found.mode),
             steps[d.step], tlspolicy_decide_level_name(d.level), tlspolicy_result_name(d.failure),
             b->web.fetches);
}

static void row_fiber(void *arg)
{
    struct bench *b = arg;
    const struct sts_case *row = b->row;
    struct arena *arena = arena_open(8 << 20);
    if (row->old) {
        struct dns_zone *before = put_zone(b, WEB RECORD("1"));
        answer_with(b, row->old, 0, NULL, 0);
        deliver(b, MX, arena);
        CHECK(b->web.fetches == 1, row->clause);
        dns_zone_close(before);
        ahead_ms += row->age_s * 1000;
    }
    struct dns_zone *today = put_zone(b, row->zone);
    answer_with(b, row->body, row->status, row->type, row->result);
    deliver(b, row->host, arena);
    CHECK_STR(str_of(b->got), row->want, row->clause);
    dns_zone_close(today);
    arena_close(arena);
}

static void run(void (*fiber)(void *), void *arg)
{
    clock_use(&clock_ahead);
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "sts", fiber, arg);
    loop_close(loop);
    clock_use(NULL);
}

/* Attacks 173 and 208. */
TEST(tlspolicy_sts_decisions)
{
    CHECK(ARRAY_LEN(cases) >= 40, "the table");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        bench_init(&b, NULL);
        b.row = &cases[i];
        run(row_fiber, &b);
        bench_release(&b);
    }
}

/* ---- several at a time, failures, refreshing -------------------------------------------- */

static const struct sts_case plain = {.clause = "several"};

static void one_of_many(void *arg)
{
    struct bench *b = arg;
    struct arena *arena = arena_open(1 << 20);
    deliver(b, MX, arena);
    CHECK(strncmp(b->got, "enforce use verify success 1", 28) == 0, b->got);
    arena_close(arena);
}

static void many_fiber(void *arg)
{
    struct bench *b = arg;
    struct group group;
    struct dns_zone *zone = put_zone(b, WEB RECORD("1"));
    answer_with(b, ENFORCE, 0, NULL, 0);
    b->web.takes_ms = 5;
    group_init(&group);
    for (int i = 0; i < 20; i++)
        fiber_spawn(&group, "delivery", one_of_many, b);
    CHECK_DONE(group_wait(&group, deadline_after(10000)), "all of them");
    group_close(&group);
    CHECK(b->web.fetches == 1, "one fetch for twenty deliveries");
    dns_zone_close(zone);
}

TEST(tlspolicy_sts_one_fetch_for_many)
{
    struct bench b;
    bench_init(&b, NULL);
    b.row = &plain;
    run(many_fiber, &b);
    bench_release(&b);
}

/* The first asker leaves: the next one fetches for himself. */
static void canceled_fiber(void *arg)
{
    struct bench *b = arg;
    struct arena *arena = arena_open(1 << 20);
    struct tlspolicy_sts_found found;
    err e =
        tlspolicy_sts_find(b->sts, NULL, S("example.com"), arena, &found, deadline_after(60000));
    CHECK(e && e->kind == ERR_CANCELED, "canceled");
    arena_close(arena);
}

static void leave_fiber(void *arg)
{
    struct bench *b = arg;
    struct group leaving, staying;
    struct dns_zone *zone = put_zone(b, WEB RECORD("1"));
    answer_with(b, ENFORCE, 0, NULL, 0);
    b->web.takes_ms = 30000;
    group_init(&leaving);
    group_init(&staying);
    fiber_spawn(&leaving, "leaves", canceled_fiber, b);
    CHECK_DONE(fiber_sleep(deadline_after(5)), "under way");
    CHECK(b->web.fetches == 1, "under way");
    b->web.fetches = 0;
    b->web.takes_ms = 0;
    fiber_spawn(&staying, "stays", one_of_many, b);
    CHECK_DONE(fiber_sleep(deadline_after(5)), "it waits");
    group_close(&leaving);
    CHECK_DONE(group_wait(&staying, deadline_after(10000)), "it has its policy");
    group_close(&staying);
    dns_zone_close(zone);
}

TEST(tlspolicy_sts_who_fetches_may_leave)
{
    struct bench b;
    bench_init(&b, NULL);
    b.row = &plain;
    run(leave_fiber, &b);
    bench_release(&b);
}

static void failures_fiber(void *arg)
{
    struct bench *b = arg;
    struct arena *arena = arena_open(1 << 20);
    struct dns_zone *zone = put_zone(b, WEB RECORD("1"));
    answer_with(b, "", 404, NULL, 0);
    deliver(b, MX, arena);
    CHECK_STR(str_of(b->got), "none use may sts-policy-fetch-error 1", "the first");
    ahead_ms += 4 * 60 * 1000;
    deliver(b, MX, arena);
    CHECK_STR(str_of(b->got), "none use may sts-policy-fetch-error 1", "after four minutes");
    ahead_ms += 2 * 60 * 1000;
    answer_with(b, ENFORCE, 0, NULL, 0);
    deliver(b, MX, arena);
    CHECK_STR(str_of(b->got), "enforce use verify success 1", "after six");
    dns_zone_close(zone);
    arena_close(arena);
}

/* RFC 8461 section 3.3: five minutes between fetches that fail. */
TEST(tlspolicy_sts_failures_are_remembered)
{
    struct bench b;
    bench_init(&b, NULL);
    b.row = &plain;
    run(failures_fiber, &b);
    bench_release(&b);
}

static void refresh_fiber(void *arg)
{
    struct bench *b = arg;
    struct arena *arena = arena_open(1 << 20);
    struct dns_zone *zone = put_zone(b, WEB RECORD("1"));
    answer_with(b, ENFORCE, 0, NULL, 0);
    deliver(b, MX, arena);
    CHECK_DONE(tlspolicy_sts_refresh(b->sts, deadline_after(5000)), "nothing to do");
    CHECK(b->web.fetches == 1, "it is new");
    for (int day = 0; day < 10; day++) {
        ahead_ms += DAY * 1000 + 1000;
        CHECK_DONE(tlspolicy_sts_refresh(b->sts, deadline_after(5000)), "each day");
    }
    CHECK(b->web.fetches == 11, "once a day");
    deliver(b, MX, arena);
    CHECK_STR(str_of(b->got), "enforce use verify success 11", "longer than its max_age, unbroken");
    dns_zone_close(zone);
    zone = put_zone(b, "");
    ahead_ms += DAY * 1000 + 1000;
    CHECK_DONE(tlspolicy_sts_refresh(b->sts, deadline_after(5000)), "the record has gone");
    CHECK(b->web.fetches == 11, "nothing is fetched without one");
    dns_zone_close(zone);
    arena_close(arena);
}

TEST(tlspolicy_sts_refresh)
{
    struct bench b;
    bench_init(&b, NULL);
    b.row = &plain;
    run(refresh_fiber, &b);
    bench_release(&b);
}

/* Attack 167, 170: whoever receives our mail does not choose whom we connect to. */
static void private_fiber(void *arg)
{
    struct bench *b = arg;
    struct arena *arena = arena_open(1 << 20);
    static const char *const zones[] = {
        "mta-sts.example.com. A 127.0.0.1\n",
        "mta-sts.example.com. A 8.8.8.8\nmta-sts.example.com. A 10.0.0.1\n",
        "mta-sts.example.com. A 8.8.8.8\nmta-sts.example.com. AAAA ::1\n",
        "mta-sts.example.com. CNAME localhost.\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        char text[400];
        snprintf(text, sizeof text, "%s%s", zones[i], RECORD("1"));
        struct dns_zone *zone = put_zone(b, text);
        answer_with(b, ENFORCE, 0, NULL, 0);
        deliver(b, MX, arena);
        CHECK_STR(str_of(b->got), "none use may sts-policy-fetch-error 0", zones[i]);
        dns_zone_close(zone);
        ahead_ms += TLSPOLICY_STS_AGAIN_MS + 1;
    }
    arena_close(arena);
}

TEST(tlspolicy_sts_private_addresses)
{
    struct bench b;
    bench_init(&b, NULL);
    tlspolicy_sts_close(b.sts);
    struct tlspolicy_sts_options o = {
        {b.resolver, &b.web.fetcher, false},
        NULL
    };
    CHECK_DONE(tlspolicy_sts_open(&o, &b.sts), "opened");
    b.row = &plain;
    run(private_fiber, &b);
    bench_release(&b);
}
