#include "config/text_test.h"
#include "inbound/verdict.h"
#include "tests/test.h"

static const char config_text[] =
    "hostname: mx.example.com\n"
    "listeners: [{ address: \"127.0.0.1:2525\", role: mx, tls: none }]\n"
    "mailauth: { policy: enforce }\n"
    "domains:\n"
    "    strict.example: { deliver: \"lmtp://127.0.0.1:24\" }\n"
    "    mild.example: { deliver: \"lmtp://127.0.0.1:24\", mailauth: mark }\n"
    "    open.example: { deliver: \"lmtp://127.0.0.1:24\", mailauth: none }\n";

static struct config *open_config(void) { return config_text_test(str_of(config_text)); }

TEST(inbound_verdict_judging)
{
    static const struct {
        const char *label, *rcpt;
        struct inbound_relay_peer peer;
        enum config_judging want;
    } cases[] = {
        {"enforced",            "a@strict.example",          {ROLE_MX, false, false},        JUDGING_ENFORCE},
        {"in another spelling", "a@STRICT.example",          {ROLE_MX, false, false},        JUDGING_ENFORCE},
        {"an @ in quotes",
         "\"a@open.example\"@strict.example",                {ROLE_MX, false, false},
         JUDGING_ENFORCE                                                                                    },
        {"marked",              "a@mild.example",            {ROLE_MX, false, false},        JUDGING_MARK   },
        {"neither",             "a@open.example",            {ROLE_MX, false, false},        JUDGING_NONE   },
        {"ourselves",           "postmaster@mx.example.com", {ROLE_MX, false, false},        JUDGING_ENFORCE},
        {"from a trusted host", "a@strict.example",          {ROLE_MX, true, false},         JUDGING_NONE   },
        {"to a relay",          "a@strict.example",          {ROLE_RELAY, false, false},     JUDGING_NONE   },
        {"submitted",           "a@strict.example",          {ROLE_SUBMISSION, false, true}, JUDGING_NONE   },
    };
    struct config *c = open_config();
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        struct envelope_rcpt rcpt = {.address = str_of(cases[i].rcpt)};
        struct envelope env = {.rcpts = &rcpt, .rcpt_count = 1};
        CHECK(inbound_verdict_judging(c, &cases[i].peer, &env) == cases[i].want, cases[i].label);
    }
    config_close(c);
}

/* A recipient that wants less takes a policy from no other, nor does one that wants more. */
TEST(inbound_verdict_fits)
{
    static const struct {
        const char *label, *before, *rcpt;
        struct inbound_relay_peer peer;
        bool fits;
    } cases[] = {
        {"the first",                             NULL, "a@strict.example",          {ROLE_MX, false, false}, true},
        {"of the same domain",
         "a@strict.example",                            "b@strict.example",
         {ROLE_MX, false, false},
         true                                                                                                     },
        {"of another that wants the same",
         "a@strict.example",                            "postmaster@mx.example.com",
         {ROLE_MX, false, false},
         true                                                                                                     },
        {"one that wants less",
         "a@strict.example",                            "a@mild.example",
         {ROLE_MX, false, false},
         false                                                                                                    },
        {"one that wants nothing",
         "a@mild.example",                              "a@open.example",
         {ROLE_MX, false, false},
         false                                                                                                    },
        {"one that wants more",
         "a@open.example",                              "a@strict.example",
         {ROLE_MX, false, false},
         false                                                                                                    },
        {"from a trusted host nothing is judged",
         "a@strict.example",                            "a@mild.example",
         {ROLE_MX, true, false},
         true                                                                                                     },
        {"nor what was submitted",
         "a@strict.example",                            "a@open.example",
         {ROLE_SUBMISSION, false, true},
         true                                                                                                     },
    };
    struct config *c = open_config();
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        struct envelope_rcpt before = {.address = str_of(cases[i].before)};
        struct envelope env = {.rcpts = &before, .rcpt_count = cases[i].before != NULL};
        CHECK(inbound_verdict_fits(c, &cases[i].peer, &env, str_of(cases[i].rcpt)) == cases[i].fits,
              cases[i].label);
    }
    config_close(c);
}

TEST(inbound_verdict_of)
{
    static const struct {
        const char *label;
        enum config_judging judging;
        enum config_dns_trouble trouble;
        enum mailauth_result dmarc;
        enum mailauth_dmarc_policy disposition;
        bool sealer_unknown;
        enum inbound_verdict want;
        const char *answer;
    } cases[] = {
        {"pass",                               JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_PASS,      MAILAUTH_DMARC_NONE,   false,
         INBOUND_VERDICT_ACCEPT,                                                                                                                                  ""                              },
        {"reject",                             JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,      MAILAUTH_DMARC_REJECT, false,
         INBOUND_VERDICT_REJECT,                                                                                                                                  "550 5.7.1 DMARC: why"          },
        {"reject, marked only",                JUDGING_MARK,    DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,
         MAILAUTH_DMARC_REJECT,                                                                                                false, INBOUND_VERDICT_ACCEPT,     ""                              },
        {"quarantine",                         JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,
         MAILAUTH_DMARC_QUARANTINE,                                                                                            false, INBOUND_VERDICT_QUARANTINE, ""                              },
        {"quarantine, marked only",            JUDGING_MARK,    DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,
         MAILAUTH_DMARC_QUARANTINE,                                                                                            false, INBOUND_VERDICT_ACCEPT,     ""                              },
        {"reports are all it asks for",        JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,
         MAILAUTH_DMARC_NONE,                                                                                                  false, INBOUND_VERDICT_ACCEPT,     ""                              },
        {"a trusted sealer cannot be checked", JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_FAIL,
         MAILAUTH_DMARC_REJECT,                                                                                                true,  INBOUND_VERDICT_DEFER,
         "451 4.7.0 Try again later: its ARC seal cannot be checked now"                                                                                                                          },
        {"attack 113: trouble is accepted",    JUDGING_ENFORCE, DNS_TROUBLE_ACCEPT, MAILAUTH_TEMPERROR,
         MAILAUTH_DMARC_NONE,                                                                                                  false, INBOUND_VERDICT_ACCEPT,     ""                              },
        {"attack 113: trouble is deferred",    JUDGING_ENFORCE, DNS_TROUBLE_DEFER,  MAILAUTH_TEMPERROR,
         MAILAUTH_DMARC_NONE,                                                                                                  false, INBOUND_VERDICT_DEFER,      "451 4.7.0 Try again later: why"},
        {"marking never refuses",              JUDGING_MARK,    DNS_TROUBLE_DEFER,  MAILAUTH_TEMPERROR,
         MAILAUTH_DMARC_NONE,                                                                                                  false, INBOUND_VERDICT_ACCEPT,     ""                              },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_mailauth c = {.dns_trouble = cases[i].trouble};
        struct mailauth_judgement j = {.disposition = cases[i].disposition,
                                       .reason = S("why"),
                                       .sealer_unknown = cases[i].sealer_unknown};
        struct smtp_answer a = {0};
        char text[400] = "";
        j.dmarc.result = cases[i].dmarc;
        enum inbound_verdict v = inbound_verdict_of(&c, cases[i].judging, &j);
        CHECK(v == cases[i].want, cases[i].label);
        if (v == INBOUND_VERDICT_REJECT || v == INBOUND_VERDICT_DEFER) {
            inbound_verdict_answer(v, &j, &a);
            snprintf(text, sizeof text, "%d %s %s", a.code, a.enhanced, a.text);
        }
        CHECK_STR(str_of(text), cases[i].answer, cases[i].label);
    }
}
