#include "base/buf.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "dns/zone.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "tests/test.h"
#include "tlspolicy/dane.h"

#define H32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define H64 H32 H32
/* A key that a program can read: P-256. */
#define KEY                                                                                    \
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004c5a4ffa008eebc0369b974799f9479cb47" \
    "360544fafc02c4204fb3df31e88a1a4f18c85831e93f985c5b231094541b4316b5cb1c9c0c950886fe1143f3" \
    "9f6109"
#define CERT                                                                                   \
    "3081ec308193a003020102020101300a06082a8648ce3d0403023000301e170d313531323134303031303334" \
    "5a170d3135313231333030313033345a30003059301306072a8648ce3d020106082a8648ce3d030107034200" \
    "04c5a4ffa008eebc0369b974799f9479cb47360544fafc02c4204fb3df31e88a1a4f18c85831e93f985c5b23" \
    "1094541b4316b5cb1c9c0c950886fe1143f39f6109300a06082a8648ce3d040302034800304502206ae7b7a8" \
    "70df21081e9a9896020aaf8560984875c812b36d671631abc879f872022100b0889ad2b3814ee64bddd5a7f6" \
    "a98dea43cb435049469cb50a4404cbdeee1fd6"

/* The way that most rows have: a signed domain with one signed host. */
#define SIGNED                             \
    "$SECURE example.com\n"                \
    "example.com. MX 10 mx.example.com.\n" \
    "mx.example.com. A 192.0.2.1\n"
#define UNSIGNED                           \
    "example.com. MX 10 mx.example.com.\n" \
    "mx.example.com. A 192.0.2.1\n"
#define TLSA "_25._tcp.mx.example.com. TLSA "

/* Each row is a zone, and what it comes to for the first host of example.com:
 * "verdict base usage/selector/matching,... names". The clause is of RFC 7672 unless it says so. */
struct dane_case {
    const char *clause, *zone, *want;
};

/* clang-format off */
static const struct dane_case cases[] = {
    /* Is there anything at all? */
    {"2.2: records, signed, of use", SIGNED TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"2.2: no records in a signed zone", SIGNED, "none"},
    {"2.2: the name is there, TLSA records are not", SIGNED "_25._tcp.mx.example.com. TXT x\n", "none"},
    {"2.2: records in an unsigned zone count for nothing", UNSIGNED TLSA "3 1 1 " H32 "\n", "none"},
    {"2.2.3: records for another port", SIGNED "_465._tcp.mx.example.com. TLSA 3 1 1 " H32 "\n", "none"},
    {"2.2.3: records for another protocol", SIGNED "_25._udp.mx.example.com. TLSA 3 1 1 " H32 "\n", "none"},

    /* The DNS cannot say. */
    {"2.1.1: the records fail validation", SIGNED "_25._tcp.mx.example.com. FAIL bogus\n", "defer"},
    {"2.1.1: the records' server fails", SIGNED "_25._tcp.mx.example.com. FAIL servfail\n", "defer"},
    {"2.1.1: the records do not come", SIGNED "_25._tcp.mx.example.com. FAIL timeout\n", "defer"},
    {"2.1.1: the addresses fail validation",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. FAIL bogus\n", "defer"},
    {"2.1.1: the addresses' server fails",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. FAIL servfail\n", "defer"},
    {"2.1.2: an unsigned host's broken TLSA answers are never asked for",
     UNSIGNED "_25._tcp.mx.example.com. FAIL servfail\n", "none"},
    {"2.1.2: nor those that would be bogus", UNSIGNED "_25._tcp.mx.example.com. FAIL bogus\n", "none"},
    {"a host without addresses is not this module's trouble",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\n", "none"},

    /* Which records can be used? */
    {"3.1.3: usage 0 only: encrypted, whoever it is", SIGNED TLSA "0 0 1 " H32 "\n", "encrypt mx.example.com"},
    {"3.1.3: usage 1 only: the same", SIGNED TLSA "1 1 1 " H32 "\n", "encrypt mx.example.com"},
    {"3.1.3: usage 1 beside usage 3", SIGNED TLSA "1 1 1 " H32 "\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"3.1.2: usage 2", SIGNED TLSA "2 0 1 " H32 "\n",
     "verify mx.example.com 2/0/1 mx.example.com,example.com"},
    {"3.1: usage 2 and 3 side by side", SIGNED TLSA "2 1 1 " H32 "\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 2/1/1,3/1/1 mx.example.com,example.com"},
    {"RFC 6698 2.1.1: usage 4 means nothing", SIGNED TLSA "4 1 1 " H32 "\n", "encrypt mx.example.com"},
    {"RFC 7218 2.1: usage 255 is private", SIGNED TLSA "255 1 1 " H32 "\n", "encrypt mx.example.com"},
    {"RFC 6698 2.1.2: selector 2 means nothing", SIGNED TLSA "3 2 1 " H32 "\n", "encrypt mx.example.com"},
    {"RFC 6698 2.1.3: matching 3 means nothing", SIGNED TLSA "3 1 3 " H32 "\n", "encrypt mx.example.com"},
    {"RFC 6698 2.1.3: a SHA-256 of the wrong length", SIGNED TLSA "3 1 1 0011\n", "encrypt mx.example.com"},
    {"RFC 6698 2.1.3: a SHA-512 of the wrong length", SIGNED TLSA "3 1 2 " H32 "\n", "encrypt mx.example.com"},
    {"RFC 6698 2.1.3: SHA-512", SIGNED TLSA "3 1 2 " H64 "\n",
     "verify mx.example.com 3/1/2 mx.example.com,example.com"},
    {"2.1.1: a record that is cut short is there all the same", SIGNED TLSA "\\# 3 030101\n",
     "encrypt mx.example.com"},
    {"RFC 7671 5.1: a whole key", SIGNED TLSA "3 1 0 " KEY "\n",
     "verify mx.example.com 3/1/0 mx.example.com,example.com"},
    {"RFC 7671 5.1: a whole certificate", SIGNED TLSA "3 0 0 " CERT "\n",
     "verify mx.example.com 3/0/0 mx.example.com,example.com"},
    {"a whole key that nobody can read", SIGNED TLSA "3 1 0 " H32 "\n", "encrypt mx.example.com"},
    {"a certificate where a key should be", SIGNED TLSA "3 1 0 " CERT "\n", "encrypt mx.example.com"},
    {"a key where a certificate should be", SIGNED TLSA "3 0 0 " KEY "\n", "encrypt mx.example.com"},
    {"a whole key with bytes behind it", SIGNED TLSA "3 1 0 " KEY "00\n", "encrypt mx.example.com"},

    /* Two digests of one thing. */
    {"RFC 7671 9: the stronger digest alone counts", SIGNED TLSA "3 1 1 " H32 "\n" TLSA "3 1 2 " H64 "\n",
     "verify mx.example.com 3/1/2 mx.example.com,example.com"},
    {"RFC 7671 9: in any order", SIGNED TLSA "3 1 2 " H64 "\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/2 mx.example.com,example.com"},
    {"RFC 7671 9: selectors are apart", SIGNED TLSA "3 0 1 " H32 "\n" TLSA "3 1 2 " H64 "\n",
     "verify mx.example.com 3/0/1,3/1/2 mx.example.com,example.com"},
    {"RFC 7671 9: usages are apart", SIGNED TLSA "2 1 1 " H32 "\n" TLSA "3 1 2 " H64 "\n",
     "verify mx.example.com 2/1/1,3/1/2 mx.example.com,example.com"},
    {"RFC 7671 9: what is whole always counts", SIGNED TLSA "3 1 0 " KEY "\n" TLSA "3 1 2 " H64 "\n",
     "verify mx.example.com 3/1/0,3/1/2 mx.example.com,example.com"},
    {"a strong digest that is broken does not outdo a good one",
     SIGNED TLSA "3 1 2 " H32 "\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"RFC 7671 8.1: two keys at a rollover", SIGNED TLSA "3 1 1 " H32 "\n"
     TLSA "3 1 1 ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
     "verify mx.example.com 3/1/1,3/1/1 mx.example.com,example.com"},

    /* Names. */
    {"3.2.2: an unsigned MX record may not choose the name",
     "$SECURE mx.example.net\nexample.com. MX 10 mx.example.net.\nmx.example.net. A 192.0.2.1\n"
     "_25._tcp.mx.example.net. TLSA 2 1 1 " H32 "\n",
     "verify mx.example.net 2/1/1 mx.example.net"},
    {"3.2.2: a signed one to another domain",
     "$SECURE example.com\n$SECURE example.net\nexample.com. MX 10 mx.example.net.\n"
     "mx.example.net. A 192.0.2.1\n_25._tcp.mx.example.net. TLSA 2 1 1 " H32 "\n",
     "verify mx.example.net 2/1/1 mx.example.net,example.com"},
    {"3.2.2: the domain is an alias: its other name counts, too",
     "$SECURE example.com\n$SECURE example.net\nexample.com. CNAME other.example.net.\n"
     "other.example.net. MX 10 mx.example.net.\nmx.example.net. A 192.0.2.1\n"
     "_25._tcp.mx.example.net. TLSA 2 1 1 " H32 "\n",
     "verify mx.example.net 2/1/1 mx.example.net,example.com,other.example.net"},
    {"2.2.1: no MX record, signed: the domain is its own host",
     "$SECURE example.com\nexample.com. A 192.0.2.1\n_25._tcp.example.com. TLSA 3 1 1 " H32 "\n",
     "verify example.com 3/1/1 example.com"},
    {"2.2.1: the way to the host fails validation: nobody comes as far as this",
     "$SECURE example.com\nexample.com. FAIL bogus\n", "no host"},

    /* The host is an alias. */
    {"2.2.3: records at the end of a signed alias",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME real.example.com.\n"
     "real.example.com. A 192.0.2.1\n_25._tcp.real.example.com. TLSA 3 1 1 " H32 "\n",
     "verify real.example.com 3/1/1 real.example.com,example.com"},
    {"2.2.3: none there, so at its beginning",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME real.example.com.\n"
     "real.example.com. A 192.0.2.1\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"2.2.3: both: the end counts",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME real.example.com.\n"
     "real.example.com. A 192.0.2.1\n" TLSA "3 1 1 " H32 "\n_25._tcp.real.example.com. TLSA 2 1 1 " H32 "\n",
     "verify real.example.com 2/1/1 real.example.com,example.com"},
    {"2.2.3: nothing of use at the end is something",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME real.example.com.\n"
     "real.example.com. A 192.0.2.1\n" TLSA "3 1 1 " H32 "\n_25._tcp.real.example.com. TLSA 1 1 1 " H32 "\n",
     "encrypt real.example.com"},
    {"2.1.1: the end of the alias is broken",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME real.example.com.\n"
     "real.example.com. A 192.0.2.1\n" TLSA "3 1 1 " H32 "\n_25._tcp.real.example.com. FAIL servfail\n", "defer"},
    {"2.2.3: a signed alias to an unsigned host: records at its beginning",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME host.example.net.\n"
     "host.example.net. A 192.0.2.1\n" TLSA "3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"2.2.3: and none at its end, which is unsigned",
     "$SECURE example.com\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME host.example.net.\n"
     "host.example.net. A 192.0.2.1\n_25._tcp.host.example.net. TLSA 3 1 1 " H32 "\n", "none"},
    {"2.2.3: an unsigned alias to a signed host",
     "$SECURE example.net\nexample.com. MX 10 mx.example.com.\nmx.example.com. CNAME host.example.net.\n"
     "host.example.net. A 192.0.2.1\n_25._tcp.host.example.net. TLSA 3 1 1 " H32 "\n", "none"},
    {"RFC 7671 7: the records themselves stand behind an alias",
     SIGNED "_25._tcp.mx.example.com. CNAME tlsa.example.com.\ntlsa.example.com. TLSA 3 1 1 " H32 "\n",
     "verify mx.example.com 3/1/1 mx.example.com,example.com"},
    {"RFC 7671 7: an alias of theirs that ends in an unsigned zone",
     SIGNED "_25._tcp.mx.example.com. CNAME tlsa.example.net.\ntlsa.example.net. TLSA 3 1 1 " H32 "\n", "none"},
};
/* clang-format on */

struct dane_run {
    struct dns_resolver *resolver;
    struct arena *arena;
    const struct dane_case *row;
    struct buf got;
};

static err tell(const struct tlspolicy_dane *d, struct buf *out)
{
    TRY(buf_addf(out, "%s", tlspolicy_dane_verdict_name(d->verdict)));
    if (d->base.len > 0)
        TRY(buf_addf(out, " %.*s", STR_ARG(d->base)));
    for (size_t i = 0; i < d->count; i++)
        TRY(buf_addf(out, "%s%d/%d/%d", i ? "," : " ", d->records[i].usage, d->records[i].selector,
                     d->records[i].matching));
    for (size_t i = 0; i < d->name_count && d->count > 0; i++)
        TRY(buf_addf(out, "%s%.*s", i ? "," : " ", STR_ARG(d->names[i])));
    return NULL;
}

static err judge_first_host(struct dane_run *run, deadline until)
{
    struct dns_mx mx;
    struct dns_host host;
    struct tlspolicy_dane dane;
    TRY(dns_mx_hosts(run->resolver, NULL, S("example.com"), run->arena, &mx, until));
    if (mx.count == 0)
        return buf_add(&run->got, S("no host"));
    TRY(dns_host_addresses(run->resolver, NULL, mx.hosts[0].name, DNS_HOST_OF_MX, run->arena, &host,
                           until));
    struct tlspolicy_dane_hop hop = {
        .domain = S("example.com"),
        .domain_canonical = mx.canonical,
        .mx_security = mx.security,
        .host = mx.hosts[0].name,
        .host_canonical = host.canonical,
        .address_status = host.status,
        .address_security = host.security,
        .port = 25,
    };
    TRY(tlspolicy_dane_find(run->resolver, NULL, &hop, run->arena, &dane, until));
    CHECK(dane.reason.len > 0, run->row->clause);
    return tell(&dane, &run->got);
}

static void dane_fiber(void *arg)
{
    struct dane_run *run = arg;
    CHECK_DONE(judge_first_host(run, deadline_after(50)), run->row->clause);
}

/* Attack 207: what the DNS says, in all the ways in which it can say it. */
TEST(tlspolicy_dane_decisions)
{
    CHECK(ARRAY_LEN(cases) >= 40, "the table");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_zone *zone = NULL;
        CHECK_DONE(dns_zone_parse(str_of(cases[i].zone), "zone", &zone), cases[i].clause);
        struct dane_run run = {.row = &cases[i]};
        buf_init(&run.got, 4096);
        run.arena = arena_open(4 << 20);
        run.resolver = dns_resolver_open(dns_zone_transport(zone), NULL);
        struct loop *loop = loop_open(NULL);
        loop_run(loop, "dane", dane_fiber, &run);
        loop_close(loop);
        CHECK_STR(buf_str(&run.got), cases[i].want, cases[i].clause);
        dns_resolver_close(run.resolver);
        arena_close(run.arena);
        buf_release(&run.got);
    }
}

/* Nobody validates: there is no DANE, and nothing is deferred for it. */
TEST(tlspolicy_dane_indeterminate)
{
    struct arena *arena = arena_open(1 << 16);
    struct dns_record record = {.type = DNS_TLSA};
    record.tlsa = (struct dns_tlsa){true, 3, 1, 1, S("0123456789abcdef0123456789abcdef")};
    struct dns_answer a = {DNS_OK, DNS_INDETERMINATE, 60, S("x"), &record, 1};
    CHECK(tlspolicy_dane_judge(&a, arena).verdict == TLSPOLICY_DANE_NONE, "indeterminate");
    a.security = DNS_SECURE;
    CHECK(tlspolicy_dane_judge(&a, arena).verdict == TLSPOLICY_DANE_VERIFY, "secure");
    arena_close(arena);
}
