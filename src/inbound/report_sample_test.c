#include "base/mem.h"
#include "config/text_test.h"
#include "inbound/report_sample.h"
#include "tests/test.h"

static struct config *open_config(const char *reports)
{
    char text[400];
    snprintf(text, sizeof text, "hostname: mx.example.net\nmailauth: { reports: { %s } }\n",
             reports);
    return config_text_test(str_of(text));
}

static const char mail[] = "From: a@example.com\r\nSubject: hello\r\n\r\n";
static const char report[] =
    "From: a@example.com\r\nSubject: report domain: x Submitter: y\r\n\r\n";
static const char feedback[] =
    "From: a@example.com\r\nContent-Type: multipart/report; report-type=x\r\n\r\n";
static const char automatic[] = "From: a@example.com\r\nAuto-Submitted: auto-replied\r\n\r\n";

static const char both[] = "aggregate: on, failure: on";
static const char rua[] = "v=DMARC1; p=reject; rua=mailto:a@example.com; ruf=mailto:f@example.com";
static const char any[] = "v=DMARC1; p=none; ruf=mailto:f@example.com; fo=1";
static const char signature[] = "v=DMARC1; p=none; ruf=mailto:f@example.com; fo=d";
static const char spf[] = "v=DMARC1; p=none; ruf=mailto:f@example.com; fo=s";

#define PASS MAILAUTH_PASS
#define FAIL MAILAUTH_FAIL
TEST(inbound_report_sample_wanted)
{
    static const struct {
        const char *label, *reports, *policy, *header, *sender;
        enum mailauth_result dmarc, spf;
        bool counts;
        const char *failure;
    } cases[] = {
        /* clang-format off */
        {"pass",                  both,                                    rua,                                       mail,      "a@example.com", PASS,               PASS, true,  NULL   },
        {"fail",                  both,                                    rua,                                       mail,      "a@example.com", FAIL,               FAIL, true,  "dmarc"},
        {"off",                   "aggregate: off",                        rua,                                       mail,      "a@example.com", FAIL,               FAIL, false, NULL   },
        {"a dry run",             "aggregate: dry-run",                    rua,                                       mail,      "a@example.com", FAIL,               FAIL, true,  NULL   },
        {"failures alone",        "failure: on",                           rua,                                       mail,      "a@example.com", FAIL,               FAIL, false, "dmarc"},
        {"excluded",              "aggregate: on, exclude: [example.com]", rua,                                       mail,      "a@example.com", FAIL,
         FAIL,                                                                                                                                                              false, NULL   },
        {"nobody asks",           both,                                    "v=DMARC1; p=reject",                      mail,      "a@example.com", FAIL,               FAIL, false, NULL   },
        {"not by mail",           both,                                    "v=DMARC1; p=none; rua=https://x.example", mail,      "a@example.com",
         FAIL,                                                                                                                                                        FAIL, false, NULL   },
        {"a report",              both,                                    rua,                                       report,    "a@example.com", PASS,               PASS, false, NULL   },
        {"a feedback report",     both,                                    rua,                                       feedback,  "a@example.com", PASS,               PASS, false, NULL   },
        {"it only says so",       both,                                    rua,                                       report,    "a@example.com", FAIL,               FAIL, true,  NULL   },
        {"automatic",             both,                                    rua,                                       automatic, "a@example.com", FAIL,               FAIL, true,  NULL   },
        {"from nobody",           both,                                    rua,                                       mail,      "",              FAIL,               FAIL, true,  NULL   },
        {"nobody can tell",       both,                                    rua,                                       mail,      "a@example.com", MAILAUTH_TEMPERROR, FAIL, false,
         NULL                                                                                                                                                                             },
        {"one of both",           both,                                    any,                                       mail,      "a@example.com", PASS,               PASS, false, "dmarc"},
        {"no signature failed",   both,                                    signature,                                 mail,      "a@example.com", PASS,               PASS, false, NULL   },
        {"SPF failed, elsewhere", both,                                    spf,                                       mail,      "a@example.com", PASS,               FAIL, false, "spf"  },
        {"SPF did not",           both,                                    spf,                                       mail,      "a@example.com", PASS,               PASS, false, NULL   },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct config *c = open_config(cases[i].reports);
        struct mailauth_dmarc_record record;
        struct address ip;
        CHECK_DONE(address_parse_ip(S("192.0.2.1"), &ip), cases[i].label);
        CHECK_DONE(mailauth_dmarc_record_parse(str_of(cases[i].policy), arena, &record),
                   cases[i].label);
        struct mailauth_judgement j = {0};
        struct mailauth_dmarc *dmarc = &j.dmarc;
        j.peer.ip = &ip;
        j.peer.sender = str_of(cases[i].sender);
        j.spf.result = cases[i].spf;
        j.spf.domain = S("bounces .example\x01");
        dmarc->result = cases[i].dmarc;
        dmarc->spf_aligned = cases[i].dmarc == PASS;
        dmarc->author = dmarc->policy_domain = dmarc->organizational = S("example.com");
        dmarc->record = &record;
        dmarc->disposition = MAILAUTH_DMARC_REJECT;
        struct inbound_report_seen seen = {.config = c,
                                           .judgement = &j,
                                           .verdict = INBOUND_VERDICT_REJECT,
                                           .header = str_of(cases[i].header),
                                           .now_ms = 1767225600000};
        struct inbound_report_sample *s = inbound_report_sample_make(&seen, arena);
        CHECK((s && s->counts) == cases[i].counts, cases[i].label);
        CHECK((s && s->fails) == (cases[i].failure != NULL), cases[i].label);
        if (s && s->fails)
            CHECK_STR(s->failure, cases[i].failure, cases[i].label);
        if (s) {
            CHECK(s->day == 20454 && s->disposition == MAILAUTH_DMARC_REJECT, cases[i].label);
            CHECK_STR(str_from(s->spf, 5), "bounces?.example?", "no blank, no control byte");
            CHECK(s->header.len == (s->fails ? strlen(cases[i].header) : 0), "the header, or none");
        }
        mem_free(s);
        config_close(c);
    }
}
