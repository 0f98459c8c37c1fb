#include "tests/test.h"
#include "tlspolicy/decide.h"

enum { ABSENT = -1 };

/* A policy that names mx.example.com. */
static struct tlspolicy_sts_found make_sts(int mode, enum tlspolicy_result failure)
{
    static str mx = S("mx.example.com");
    struct tlspolicy_sts_found found = {.failure = failure, .reason = S("as the row says")};
    if (mode != ABSENT) {
        found.policy_there = true;
        found.mode = (enum tlspolicy_sts_mode)mode;
        found.policy = (struct tlspolicy_sts_policy){found.mode, 1000, false, &mx, 1};
    }
    return found;
}

#define NONE TLSPOLICY_STS_NONE
#define TESTING TLSPOLICY_STS_TESTING
#define ENFORCE TLSPOLICY_STS_ENFORCE
#define DANE_NONE TLSPOLICY_DANE_NONE
#define DANE_ENCRYPT TLSPOLICY_DANE_ENCRYPT
#define DANE_VERIFY TLSPOLICY_DANE_VERIFY
#define DANE_DEFER TLSPOLICY_DANE_DEFER
#define MAY TLSPOLICY_MAY
#define LEAST_ENCRYPT TLSPOLICY_ENCRYPT
#define LEAST_VERIFY TLSPOLICY_VERIFY
#define NO_WISH TLSPOLICY_WISH_NONE
#define REQUIRE TLSPOLICY_WISH_REQUIRE
#define WISH_NO TLSPOLICY_WISH_NO

/* want: "step level source failure", and "requiretls" or "testing" behind it. */
static const struct {
    const char *clause;
    int dane, sts;
    const char *host;
    enum tlspolicy_level least;
    enum tlspolicy_wish wish;
    const char *want;
} cases[] = {
  /* clang-format off */
    {"nobody asks for anything", ABSENT, ABSENT, "mx.example.com", MAY, NO_WISH, "use may none success"},
    {"the operator does", ABSENT, ABSENT, "mx.example.com", LEAST_ENCRYPT, NO_WISH, "use encrypt none success"},
    {"RFC 7672 2.2: records of use", DANE_VERIFY, ABSENT, "mx.example.com", MAY, NO_WISH, "use dane tlsa success"},
    {"RFC 7672 2.2: records of no use", DANE_ENCRYPT, ABSENT, "mx.example.com", MAY, NO_WISH, "use encrypt tlsa tlsa-invalid"},
    {"RFC 7672 2.2: and an operator who wants more", DANE_ENCRYPT, ABSENT, "mx.example.com", LEAST_VERIFY, NO_WISH, "use verify tlsa tlsa-invalid"},
    {"RFC 7672 2.1.1: the DNS cannot say", DANE_DEFER, ABSENT, "mx.example.com", MAY, NO_WISH, "later may tlsa dnssec-invalid"},
    {"RFC 8461 3.2: enforce", DANE_NONE, ENFORCE, "mx.example.com", MAY, NO_WISH, "use verify sts success"},
    {"RFC 8461 3.2: testing", DANE_NONE, TESTING, "mx.example.com", MAY, NO_WISH, "use may sts success testing"},
    {"RFC 8461 3.2: testing lowers no demand", DANE_NONE, TESTING, "mx.example.com", LEAST_VERIFY, NO_WISH, "use verify sts success testing"},
    {"RFC 8461 3.2: none", DANE_NONE, NONE, "mx.example.com", MAY, NO_WISH, "use may none success"},
    {"RFC 8461 4.1: a host that is not named", DANE_NONE, ENFORCE, "other.example.com", MAY, NO_WISH, "skip may sts validation-failure"},
    {"RFC 8461 2: DANE wins", DANE_VERIFY, ENFORCE, "mx.example.com", MAY, NO_WISH, "use dane tlsa success"},
    {"RFC 8461 2: even over a policy that does not name the host", DANE_VERIFY, ENFORCE, "other.example.com", MAY, NO_WISH, "use dane tlsa success"},
    {"RFC 8461 2: and testing overrides no DANE", DANE_VERIFY, TESTING, "other.example.com", MAY, NO_WISH, "use dane tlsa success"},
    {"RFC 8461 2: DANE that cannot be found out", DANE_DEFER, ENFORCE, "mx.example.com", MAY, NO_WISH, "later may tlsa dnssec-invalid"},
    {"RFC 8461 2: no DANE: MTA-STS", DANE_NONE, ENFORCE, "mx.example.com", LEAST_ENCRYPT, NO_WISH, "use verify sts success"},
    {"RFC 8689 4.2.1: REQUIRETLS, and nobody says that the host is right", DANE_NONE, ABSENT, "mx.example.com", MAY, REQUIRE, "never verify none success requiretls"},
    {"RFC 8689 4.2.1: DNSSEC says it", DANE_NONE, ABSENT, "named.example.com", MAY, REQUIRE, "use verify none success requiretls"},
    {"RFC 8689 4.2.1: MTA-STS says it", DANE_NONE, ENFORCE, "mx.example.com", MAY, REQUIRE, "use verify sts success requiretls"},
    {"RFC 8689 4.2.1: MTA-STS says another", DANE_NONE, ENFORCE, "other.example.com", MAY, REQUIRE, "skip verify sts validation-failure requiretls"},
    {"RFC 8689 4.2.1: in testing another is no host at all", DANE_NONE, TESTING, "other.example.com", MAY, REQUIRE, "never verify sts validation-failure requiretls"},
    {"RFC 8689 4.2.1: with DANE", DANE_VERIFY, ABSENT, "named.example.com", MAY, REQUIRE, "use dane tlsa success requiretls"},
    {"RFC 8689 4.2.1: with records of no use", DANE_ENCRYPT, ABSENT, "named.example.com", MAY, REQUIRE, "use verify tlsa tlsa-invalid requiretls"},
    {"RFC 8689 4.2.1: with testing, which is then no excuse", DANE_NONE, TESTING, "mx.example.com", MAY, REQUIRE, "use verify sts success requiretls"},
    {"RFC 8689 5: TLS-Required: No, and DANE", DANE_VERIFY, ABSENT, "mx.example.com", MAY, WISH_NO, "use may none success"},
    {"RFC 8689 5: and MTA-STS", DANE_NONE, ENFORCE, "other.example.com", MAY, WISH_NO, "use may none success"},
    {"RFC 8689 5: and a DNS that cannot say", DANE_DEFER, ENFORCE, "mx.example.com", MAY, WISH_NO, "use may none success"},
    {"RFC 8689 5: our own policy holds all the same", DANE_VERIFY, ENFORCE, "mx.example.com", LEAST_VERIFY, WISH_NO, "use verify none success"},
  /* clang-format on */
};

/* Attacks 208, 209 and 211. */
TEST(tlspolicy_decide_table)
{
    static const char *const steps[] = {"use", "skip", "later", "never"};
    static const char *const sources[] = {"none", "tlsa", "sts"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tlspolicy_dane dane = {.reason = S("as the row says")};
        struct tlspolicy_sts_found sts = make_sts(cases[i].sts, TLSPOLICY_SUCCESS);
        if (cases[i].dane != ABSENT)
            dane.verdict = (enum tlspolicy_dane_verdict)cases[i].dane;
        struct tlspolicy_decide_input in = {
            .dane = cases[i].dane == ABSENT ? NULL : &dane,
            .sts = cases[i].sts == ABSENT ? NULL : &sts,
            .host = str_of(cases[i].host),
            .named = str_starts(str_of(cases[i].host), S("named.")),
            .least = cases[i].least,
            .wish = cases[i].wish,
        };
        struct tlspolicy_decision d = tlspolicy_decide(&in);
        char got[200];
        snprintf(got, sizeof got, "%s %s %s %s%s%s", steps[d.step],
                 tlspolicy_decide_level_name(d.level), sources[d.source],
                 tlspolicy_result_name(d.failure), d.requiretls ? " requiretls" : "",
                 d.testing ? " testing" : "");
        CHECK_STR(str_of(got), cases[i].want, cases[i].clause);
        CHECK(d.reason.len > 0, cases[i].clause);
    }
}

/* A fetch that failed is told although nothing holds. */
TEST(tlspolicy_decide_tells_failures)
{
    struct tlspolicy_sts_found sts = make_sts(ABSENT, TLSPOLICY_STS_WEBPKI_INVALID);
    struct tlspolicy_decide_input in = {.sts = &sts, .host = S("mx.example.com")};
    struct tlspolicy_decision d = tlspolicy_decide(&in);
    CHECK(d.level == TLSPOLICY_MAY && d.step == TLSPOLICY_USE, "nothing holds");
    CHECK(d.failure == TLSPOLICY_STS_WEBPKI_INVALID, "and it is told");
}

/* Attack 210: what a connection was made under is what it may be used for. */
TEST(tlspolicy_decide_keys)
{
    char keys[8][TLSPOLICY_DECIDE_KEY_CHARS];
    str names[] = {S("mx.example.com"), S("example.com")};
    struct tls_dane_record records[] = {
        {3, 1, 1, S("aaaa")},
        {3, 1, 1, S("bbbb")},
        {2, 1, 1, S("aaaa")}
    };
    struct tlspolicy_dane one = {.verdict = TLSPOLICY_DANE_VERIFY,
                                 .records = &records[0],
                                 .count = 1,
                                 .names = {names[0]},
                                 .name_count = 1};
    struct tlspolicy_dane data = one, usage = one, more = one, name = one;
    data.records = &records[1];
    usage.records = &records[2];
    more.count = 2;
    name.names[1] = names[1];
    name.name_count = 2;
    const struct {
        struct tlspolicy_decision decision;
        const struct tlspolicy_dane *dane;
    } all[] = {
        {{.level = TLSPOLICY_MAY},     &one  },
        {{.level = TLSPOLICY_ENCRYPT}, &one  },
        {{.level = TLSPOLICY_VERIFY},  &one  },
        {{.level = TLSPOLICY_DANE},    &one  },
        {{.level = TLSPOLICY_DANE},    &data },
        {{.level = TLSPOLICY_DANE},    &usage},
        {{.level = TLSPOLICY_DANE},    &more },
        {{.level = TLSPOLICY_DANE},    &name },
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        tlspolicy_decide_key(&all[i].decision, all[i].dane, keys[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(keys[i], keys[j]) != 0, keys[i]);
    }
    struct tlspolicy_decision require = {.level = TLSPOLICY_VERIFY, .requiretls = true};
    tlspolicy_decide_key(&require, NULL, keys[0]);
    CHECK(strcmp(keys[0], keys[2]) != 0, "REQUIRETLS is a level of its own");
    tlspolicy_decide_key(&all[3].decision, &one, keys[0]);
    CHECK(strcmp(keys[0], keys[3]) == 0, "the same is the same");
}
