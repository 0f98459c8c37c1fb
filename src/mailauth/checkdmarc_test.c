/* What checkdmarc's tests say of SPF policies, and of DMARC records that are looked for. It is a
 * linter, so compared is whether we have a mistake to tell; its mocked DNS is a zone here. Its
 * records of DMARC and BIMI are judged in dmarc_record_test.c and bimi_test.c. */
#include "base/buf.h"
#include "mailauth/dmarc_external.h"
#include "mailauth/dmarc_test.h"
#include "mailauth/spf_tree.h"
#include "tests/test.h"
#include <jansson.h>
#include <string.h>

enum { ZONE_BYTES_MAX = 64 << 10 };

/* What the policies of the suite name and the tests expect to be there. */
static const char known_hosts[] =
    "$ORIGIN .\n"
    "example.com A 192.0.2.1\n"
    "example.com MX 10 mx.example.com\n"
    "mx.example.com A 192.0.2.2\n"
    "proton.me MX 10 mail.protonmail.ch\n"
    "mail.protonmail.ch A 192.0.2.3\n"
    "mail.cohaesio.net A 192.0.2.4\n"
    "surftown.dk A 192.0.2.5\n"
    "surftown.dk MX 10 surftown.dk\n"
    "_spf.salesforce.com TXT \"v=spf1 exists:%{i}._spf.mta.salesforce.com -all\"\n"
    "spf.protection.outlook.com TXT \"v=spf1 ip4:192.0.2.0/28 -all\"\n"
    "spf.constantcontact.com TXT \"v=spf1 ip4:192.0.2.16/28 ?all\"\n"
    "_spf.elasticemail.com TXT \"v=spf1 ip4:192.0.2.32/28 ~all\"\n"
    "servers.mcsv.net TXT \"v=spf1 ip4:192.0.2.48/28 ?all\"\n"
    "_spf.google.com TXT \"v=spf1 include:n1.google.com include:n2.google.com ~all\"\n"
    "n1.google.com TXT \"v=spf1 ip4:192.0.2.64/28 ~all\"\n"
    "n2.google.com TXT \"v=spf1 ip4:192.0.2.80/28 ~all\"\n"
    "service-now.com TXT \"v=spf1 ip4:192.0.2.96/28 ~all\"\n"
    "example.com._spf.example.com TXT \"v=spf1 -all\"\n"
    "exp.example TXT \"%{i} may not\"\n";

/* What the mocks of one test add, or have in place of the rest. */
static const struct {
    const char *test, *zone;
} mocks[] = {
    {"testSPFMissingMXRecord",                          "seanthegeek.net A 192.0.2.1\n"                     },
    {"testSPFMissingMXRecordMocked",                    "seanthegeek.net A 192.0.2.1\n"                     },
    {"testTooManyMxRecords",
     "a.example A 192.0.2.9\nexample.com MX 1 m1.example\nexample.com MX 2 m2.example\n"
     "example.com MX 3 m3.example\nexample.com MX 4 m4.example\nexample.com MX 5 m5.example\n"
     "example.com MX 6 m6.example\nexample.com MX 7 m7.example\nexample.com MX 8 m8.example\n"
     "example.com MX 9 m9.example\nexample.com MX 11 m11.example\n"                                         },
    {"testMxHostMissingARecords",
     "example.com MX 1 none1.example\nexample.com MX 2 none2.example\nexample.com MX 3 "
     "none3.example\n"                                                                                      },
    {"testRedirectFollowed",                            "other.example TXT \"v=spf1 -all\"\n"               },
    {"testRedirectTargetDnsException",                  "other.example FAIL servfail\n"                     },
    {"testSPFRecordNotFound",                           ""                                                  },
    {"testSPFMultipleRecords",
     "example.com TXT \"v=spf1 -all\"\nexample.com TXT \"v=spf1 ~all\"\n"                                   },
    {"testNXDOMAINReraises",                            ""                                                  },
    {"testDNSExceptionBecomesSPFRecordNotFound",        "example.com FAIL servfail\n"                       },
 /* DMARC */
    {"testDMARCRecordStartsWithWhitespace",             "_dmarc.example.com TXT \" v=DMARC1; p=none\"\n"    },
    {"testDMARCMultipleRecords",                        "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com "
                                 "TXT \"v=DMARC1; p=reject\"\n"             },
    {"testDMARCUnrelatedRecords",
     "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.example.com TXT \"v=spf1 -all\"\n"                },
    {"testApexFallbackWrongLocation",                   "example.com TXT \"v=DMARC1; p=none\"\n"            },
    {"testDNSExceptionAtSelectorWraps",                 "_dmarc.example.com FAIL servfail\n"                },
    {"testWalkReraisesDMARCError",
     "_dmarc.sub.example.com TXT \"v=DMARC1; p=none\"\n_dmarc.sub.example.com TXT \"v=DMARC1; "
     "p=reject\"\n"                                                                                         },
    {"testUnrelatedRecordRaises",                       "*._report._dmarc.example.com TXT \"v=spf1 -all\"\n"},
    {"testUnrelatedRecordsBecomeUnverifiedDestination",
     "example.com._report._dmarc.other.example.org TXT \"v=spf1 -all\"\n"                                   },
};

/* Where we see no mistake and the suite does, or the other way round; by the suite's test. */
static const struct {
    const char *test, *why;
} differences[] = {
    {"testIncludeMissingSPF",
     "RFC 7208 section 5.2: an include of a domain without a policy is a permerror"          },
    {"testIncludeMissingSPFMocked",              "the same"                                  },
    {"testTextAfterExpValueWarns",
     "RFC 7208 section 4.6: a word that is no mechanism makes all of it a permerror"         },
    {"testDNSExceptionBecomesSPFRecordNotFound",
     "RFC 7208 section 4.4: no answer is a temperror; whether there is a policy is not known"},
    {"testDMARCUnrelatedRecords",
     "RFC 9989 section 4.10, step 2: what does not begin with v=DMARC1 is discarded, the rest "
     "counts"                                                                                },
};

/* Who judges what. */
static const struct judged {
    const char *function, *where; /* where: NULL here */
} functions[] = {
    {"parse_spf_record",                          NULL                               },
    {"query_spf_record",                          NULL                               },
    {"_query_dmarc_record",                       NULL                               },
    {"query_dmarc_record",                        NULL                               },
    {"check_wildcard_dmarc_report_authorization", NULL                               },
    {"verify_dmarc_report_destination",           NULL                               },
    {"parse_dmarc_record",                        "dmarc_record_test.c"              },
    {"parse_dmarc_report_uri",                    "dmarc_record_test.c"              },
    {"parse_bimi_record",                         "bimi_test.c"                      },
    {"get_svg_metadata",                          "bimi_test.c"                      },
    {"_query_bimi_record",                        "nobody looks for BIMI records yet"},
    {"query_bimi_record",                         "nobody looks for BIMI records yet"},
    {"parse_mta_sts_record",                      "MTA-STS is not of this folder"    },
    {"parse_mta_sts_policy",                      "MTA-STS is not of this folder"    },
    {"query_mta_sts_record",                      "MTA-STS is not of this folder"    },
    {"download_mta_sts_policy",                   "MTA-STS is not of this folder"    },
    {"parse_smtp_tls_reporting_record",           "nor is TLS-RPT"                   },
    {"query_smtp_tls_reporting_record",           "nor is TLS-RPT"                   },
};

struct suite_case {
    const char *function, *test, *record, *other; /* other: its first argument */
    bool want;                                    /* a mistake is to be told */
    bool flawed;                                  /* we tell one */
};

static bool differs(const char *test)
{
    for (size_t i = 0; i < ARRAY_LEN(differences); i++)
        if (strcmp(test, differences[i].test) == 0)
            return true;
    return false;
}

static const char *mock_of(const char *test)
{
    for (size_t i = 0; i < ARRAY_LEN(mocks); i++)
        if (strcmp(test, mocks[i].test) == 0)
            return mocks[i].zone;
    return NULL;
}

/* ---- SPF ------------------------------------------------------------------------------------- */

static void spf_body(struct mailauth_ask *ask, void *arg)
{
    struct suite_case *c = arg;
    struct dns_budget budget;
    struct mailauth_spf_tree tree;
    struct mailauth_ask wide = *ask;
    dns_budget_init(&budget, MAILAUTH_SPF_TREE_QUESTIONS, DNS_BUDGET_MS);
    wide.budget = &budget;
    CHECK_DONE(mailauth_spf_tree_read(&wide, str_of(c->other ? c->other : c->record), &tree),
               c->test);
    for (size_t i = 0; i < tree.finding_count; i++)
        c->flawed |= tree.findings[i].weight == MAILAUTH_SPF_TREE_ERROR;
}

/* The record as the policy of the test's domain; some of them are written in quotes, as strings. */
static void judge_spf(struct suite_case *c)
{
    CLEANUP(buf_release) struct buf zone;
    const char *mock = mock_of(c->test), *quote = c->record[0] == '"' ? "" : "\"";
    buf_init(&zone, ZONE_BYTES_MAX);
    if (c->other == NULL || strstr(c->test, "Mx") != NULL)
        CHECK_DONE(buf_addf(&zone, "%s", mock), "a mock");
    else
        CHECK_DONE(buf_addf(&zone, "%s%s", known_hosts, mock ? mock : ""), "known hosts");
    if (c->other)
        CHECK_DONE(buf_addf(&zone, "%s. TXT %s%s%s\n", c->other, quote, c->record, quote), "zone");
    mailauth_dmarc_test_on(buf_chars(&zone), spf_body, c);
}

/* ---- DMARC ----------------------------------------------------------------------------------- */

static void walk_body(struct mailauth_ask *ask, void *arg)
{
    struct suite_case *c = arg;
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_walk walk;
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    CHECK_DONE(mailauth_dmarc_walk(&walks, str_of(c->record), &walk), c->test);
    c->flawed = walk.policy == NULL;
}

/* May reports about the record's domain go to the other? */
static void external_body(struct mailauth_ask *ask, void *arg)
{
    struct suite_case *c = arg;
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_external got;
    struct mailauth_dmarc_uri uri;
    bool about_all = c->other == NULL; /* then it is the record's domain that takes them */
    str text = arena_printf(ask->arena, "mailto:a@%s", about_all ? c->record : c->other);
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    CHECK_DONE(mailauth_dmarc_uri_parse(text, ask->arena, &uri), c->test);
    CHECK_DONE(mailauth_dmarc_external_check(&walks, about_all ? S("any.test") : str_of(c->record),
                                             &uri, &got),
               c->test);
    c->flawed = got.verdict == MAILAUTH_DMARC_EXTERNAL_REFUSED;
}

/* ---- the suite ------------------------------------------------------------------------------- */

static void judge_dmarc(struct suite_case *c)
{
    const char *mock = mock_of(c->test);
    bool external = strstr(c->function, "report") != NULL;
    mailauth_dmarc_test_on(mock && mock[0] ? mock : "x A 192.0.2.1\n",
                           external ? external_body : walk_body, c);
}

static bool is_judged_here(const char *function)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (strcmp(function, functions[i].function) == 0)
            return functions[i].where == NULL;
    CHECK(false, function);
    return false;
}

static bool check_case(const json_t *json)
{
    const char *error = json_string_value(json_object_get(json, "error"));
    struct suite_case c = {
        .function = json_string_value(json_object_get(json, "function")),
        .test = json_string_value(json_object_get(json, "test")),
        .record = json_string_value(json_object_get(json, "record")),
        .other = json_string_value(json_array_get(json_object_get(json, "args"), 0)),
        .want = error != NULL,
    };
    if (!is_judged_here(c.function) || (error && strcmp(error, "RuntimeError") == 0))
        return false; /* a fault of its own program, which is passed on */
    if (strstr(c.function, "spf"))
        judge_spf(&c);
    else
        judge_dmarc(&c);
    CHECK(c.flawed == (c.want != differs(c.test)), c.test);
    return true;
}

TEST(mailauth_checkdmarc)
{
    char path[600], line[8192];
    int count = 0, all = 0;
    if (test_suites("records-checkdmarc/cases.jsonl", path, sizeof path) == NULL)
        return;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        json_t *c = json_loads(line, 0, NULL);
        CHECK(c != NULL, line);
        count += check_case(c);
        all++;
        json_decref(c);
    }
    if (file)
        fclose(file);
    CHECK(all == 196, "every line of the suite");
    CHECK(count == 88, "72 of SPF, 13 of DMARC in the DNS, 3 of where reports go");
}
