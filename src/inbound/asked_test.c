#include "inbound/asked.h"
#include "tests/test.h"

enum { NOW_S = 1795000000 };
static const int64_t now_ms = NOW_S * 1000LL;

TEST(inbound_asked_priority)
{
    static const struct {
        const char *label, *fields;
        bool has;
        int want;
    } cases[] = {
        {"a number",     "MT-Priority: 4\r\n",                   true,  4 },
        {"below zero",   "mt-priority: -3\r\n",                  true,  -3},
        {"a comment",    "MT-Priority: 3 (urgent)\r\n",          true,  3 },
        {"none",         "Subject: MT-Priority: 3\r\n",          false, 0 },
        {"no number",    "MT-Priority: high\r\n",                false, 0 },
        {"out of range", "MT-Priority: 10\r\n",                  false, 0 },
        {"twice",        "MT-Priority: 1\r\nMT-Priority: 9\r\n", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inbound_asked asked = {0};
        struct message_refusal no = inbound_asked_read(str_of(cases[i].fields), now_ms, &asked);
        CHECK(no.code == 0, cases[i].label);
        CHECK(asked.has_priority == cases[i].has, cases[i].label);
        CHECK(asked.priority == cases[i].want, cases[i].label);
    }
}

TEST(inbound_asked_expires)
{
    static const struct {
        const char *label, *fields;
        int64_t want_ms; /* -1: refused */
    } cases[] = {
        {"four hours",     "Smtptool-Expires: 4h\r\n",                         NOW_S * 1000LL + 14400000},
        {"folded",         "Smtptool-Expires:\r\n 90s\r\n",                    NOW_S * 1000LL + 90000   },
        {"a date",         "smtptool-expires: 2026-11-20T00:00:00Z\r\n",       1795132800000            },
        {"not there",      "Subject: x\r\n",                                   0                        },
        {"nonsense",       "Smtptool-Expires: soon\r\n",                       -1                       },
        {"no unit",        "Smtptool-Expires: 30\r\n",                         -1                       },
        {"empty",          "Smtptool-Expires:\r\n",                            -1                       },
        {"no time at all", "Smtptool-Expires: 0s\r\n",                         -1                       },
        {"in the past",    "Smtptool-Expires: 2020-01-01T00:00:00Z\r\n",       -1                       },
        {"in a century",   "Smtptool-Expires: 2126-01-01T00:00:00Z\r\n",       -1                       },
        {"too many days",  "Smtptool-Expires: 367d\r\n",                       -1                       },
        {"twice",          "Smtptool-Expires: 1h\r\nSmtptool-Expires: 2h\r\n", -1                       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inbound_asked asked = {0};
        struct message_refusal no = inbound_asked_read(str_of(cases[i].fields), now_ms, &asked);
        CHECK((no.code == 554) == (cases[i].want_ms < 0), cases[i].label);
        CHECK(asked.expires_ms == (cases[i].want_ms < 0 ? 0 : cases[i].want_ms), cases[i].label);
    }
}
