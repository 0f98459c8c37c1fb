#include "base/clock.h"
#include "config/text_test.h"
#include "inbound/asked.h"
#include "tests/test.h"

static const char yaml[] = "hostname: mail.our.example\n"
                           "tenants:\n"
                           "  shop:\n"
                           "    logins: [shop@our.example]\n"
                           "    senders: [shop.example]\n"
                           "  lab:\n"
                           "    networks: [10.1.0.0/16]\n"
                           "    senders: [shop.example, lab.example]\n";

static struct config *load(void) { return config_text_test(str_of(yaml)); }

#define LONG48 "123456789012345678901234567890123456789012345678"

TEST(asked_read)
{
    static const struct {
        const char *label, *fields, *left; /* left NULL: refused */
        const char *tenant, *stream, *campaign, *says;
    } cases[] = {
        {"nothing",                                "Subject: a\r\n",                               "Subject: a\r\n",           "",     "",     "",              ""                 },
        {"a stream",                               "Smtptool-Stream: receipts\r\nSubject: a\r\n",  "Subject: a\r\n",           "",
         "receipts",                                                                                                                           "",              ""                 },
        {"all three, in any case, between others",
         "A: 1\r\nSMTPTOOL-stream:news\r\nB: 2\r\nsmtptool-Campaign:\r\n spring_2026.b \r\n"
         "Smtptool-Tenant: shop\r\nC: 3\r\n",                                                      "A: 1\r\nB: 2\r\nC: 3\r\n", "shop", "news", "spring_2026.b", ""                 },
        {"48 letters",                             "Smtptool-Campaign: " LONG48 "\r\n",            "",                         "",     "",     LONG48,          ""                 },
        {"49 letters",                             "Smtptool-Campaign: 1" LONG48 "\r\n",           NULL,                       "",     "",     "",              "Campaign: 1 to 48"},
        {"empty",                                  "Smtptool-Stream:\r\n",                         NULL,                       "",     "",     "",              "Stream: 1 to 48"  },
        {"a colon would be a part of Feedback-ID", "Smtptool-Stream: a:b\r\n",                     NULL,                       "",     "",     "",
         "Stream: 1 to 48"                                                                                                                                                         },
        {"a fold inside",                          "Smtptool-Stream: a\r\n b\r\n",                 NULL,                       "",     "",     "",              "Stream: 1 to 48"  },
        {"8 bits",                                 "Smtptool-Stream: caf\xc3\xa9\r\n",             NULL,                       "",     "",     "",              "Stream: 1 to 48"  },
        {"twice",                                  "Smtptool-Stream: a\r\nSmtptool-Stream: a\r\n", NULL,                       "",     "",     "",
         "Stream: it is"                                                                                                                                                           },
        {"unknown",                                "Smtptool-Strem: a\r\n",                        NULL,                       "",     "",     "",              "does not know"    },
        {"a blank before the colon",               "Smtptool-Stream : a\r\n",                      NULL,                       "",     "",     "",              "malformed"        },
        {"another's name",                         "X-Smtptool-Stream: a\r\n",                     "X-Smtptool-Stream: a\r\n", "",     "",     "",              ""                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct inbound_asked a;
        struct smtp_answer refusal = {0};
        struct buf left;
        buf_init(&left, 4096);
        inbound_asked_read(str_of(cases[i].fields), arena, &a, &refusal);
        CHECK((refusal.code == 550) == (cases[i].left == NULL), cases[i].label);
        CHECK(str_contains(str_of(refusal.text), str_of(cases[i].says)), cases[i].label);
        if (cases[i].left) {
            CHECK_DONE(inbound_asked_strip(str_of(cases[i].fields), &left), cases[i].label);
            CHECK_STR(buf_str(&left), cases[i].left, cases[i].label);
            CHECK_STR(a.flow.tenant, cases[i].tenant, cases[i].label);
            CHECK_STR(a.flow.stream, cases[i].stream, cases[i].label);
            CHECK_STR(a.flow.campaign, cases[i].campaign, cases[i].label);
        }
        buf_release(&left);
        arena_close(arena);
    }
}

TEST(asked_tenant)
{
    static const struct {
        const char *label, *login, *peer, *sender, *tenant;
    } cases[] = {
        {"nobody's",                      "",                 "192.0.2.1", "a@other.example", ""    },
        {"by login, in any case",         "SHOP@our.example", "10.1.2.3",  "a@lab.example",   "shop"},
        {"by network, before the sender", "",                 "10.1.2.3",  "a@shop.example",  "lab" },
        {"by sender: the first",          "",                 "192.0.2.1", "a@shop.example",  "shop"},
        {"by sender",                     "bob",              "192.0.2.1", "a@LAB.example",   "lab" },
        {"the null sender",               "",                 "192.0.2.1", "",                ""    },
    };
    struct config *c = load();
    for (size_t i = 0; c && i < ARRAY_LEN(cases); i++) {
        struct address peer;
        CHECK_DONE(address_parse(str_of(cases[i].peer), 25, &peer), cases[i].label);
        str got = inbound_asked_tenant(c, str_of(cases[i].login), &peer, str_of(cases[i].sender));
        CHECK_STR(got, cases[i].tenant, cases[i].label);
    }
    config_close(c);
}

TEST(asked_flow)
{
    static const struct {
        const char *label, *claimed, *own;
        bool may_name;
        const char *tenant; /* NULL: refused */
    } cases[] = {
        {"its own",                          "",     "shop", false, "shop"},
        {"its own, named",                   "shop", "shop", false, "shop"},
        {"another's",                        "lab",  "shop", false, NULL  },
        {"another's, trusted, but a tenant", "lab",  "shop", true,  NULL  },
        {"named by who relays for many",     "lab",  "",     true,  "lab" },
        {"named by anybody",                 "lab",  "",     false, NULL  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct inbound_asked a = {.flow = {.tenant = str_of(cases[i].claimed)}};
        struct smtp_answer refusal = {0};
        struct envelope_flow f =
            inbound_asked_flow(&a, str_of(cases[i].own), cases[i].may_name, &refusal);
        CHECK((refusal.code == 550) == (cases[i].tenant == NULL), cases[i].label);
        if (cases[i].tenant)
            CHECK_STR(f.tenant, cases[i].tenant, cases[i].label);
    }
}

TEST(asked_feedback_id)
{
    struct config *c = load();
    struct arena *arena = arena_open(1 << 20);
    struct inbound_asked none = {0}, has = {.feedback_id = true};
    struct envelope_flow nobody = {0}, flow = {S("shop"), S("news"), S("spring")},
                         part = {.stream = S("news")};
    if (c) {
        CHECK_STR(inbound_asked_feedback_id(&none, &flow, c, arena),
                  "Feedback-ID: spring:news:shop:mailourexample\r\n", "all");
        CHECK_STR(inbound_asked_feedback_id(&none, &part, c, arena),
                  "Feedback-ID: :news::mailourexample\r\n", "a stream alone");
        CHECK(inbound_asked_feedback_id(&none, &nobody, c, arena).len == 0, "nobody's");
        CHECK(inbound_asked_feedback_id(&has, &flow, c, arena).len == 0, "it is there");
    }
    arena_close(arena);
    config_close(c);
}

static struct inbound_asked read_one(const char *fields, int *ret_code)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct inbound_asked a = {0};
    struct smtp_answer refusal = {0};
    inbound_asked_read(str_of(fields), arena, &a, &refusal);
    *ret_code = refusal.code;
    return a;
}

TEST(asked_priority)
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
        int code;
        struct inbound_asked a = read_one(cases[i].fields, &code);
        CHECK(code == 0, cases[i].label);
        CHECK(a.has_priority == cases[i].has, cases[i].label);
        CHECK(a.priority == cases[i].want, cases[i].label);
    }
    struct buf left;
    buf_init(&left, 1000);
    CHECK_DONE(inbound_asked_strip(S("A: b\r\nMT-Priority: 4\r\nC: d\r\n"), &left), "strip");
    CHECK_STR(buf_str(&left), "A: b\r\nC: d\r\n", "it does not travel");
    buf_release(&left);
}

static int64_t steady_zero(void) { return 0; }
static int64_t real_new_year(void) { return 1767225600000; } /* 2026-01-01T00:00:00Z */
static const struct clock_source new_year = {steady_zero, real_new_year};

TEST(asked_expires)
{
    static const struct {
        const char *label, *fields;
        int64_t want_ms; /* from now on; -1: refused */
    } cases[] = {
        {"four hours",     "Smtptool-Expires: 4h\r\n",                         14400000},
        {"folded",         "Smtptool-Expires:\r\n 90s\r\n",                    90000   },
        {"a date",         "smtptool-expires: 2026-01-02T00:00:00Z\r\n",       86400000},
        {"nonsense",       "Smtptool-Expires: soon\r\n",                       -1      },
        {"no unit",        "Smtptool-Expires: 30\r\n",                         -1      },
        {"empty",          "Smtptool-Expires:\r\n",                            -1      },
        {"no time at all", "Smtptool-Expires: 0s\r\n",                         -1      },
        {"in the past",    "Smtptool-Expires: 2020-01-01T00:00:00Z\r\n",       -1      },
        {"in a century",   "Smtptool-Expires: 2126-01-01T00:00:00Z\r\n",       -1      },
        {"too many days",  "Smtptool-Expires: 367d\r\n",                       -1      },
        {"twice",          "Smtptool-Expires: 1h\r\nSmtptool-Expires: 2h\r\n", -1      },
    };
    clock_use(&new_year);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code;
        struct inbound_asked a = read_one(cases[i].fields, &code);
        CHECK((code == 550) == (cases[i].want_ms < 0), cases[i].label);
        CHECK(cases[i].want_ms < 0 || a.expires_ms == 1767225600000 + cases[i].want_ms,
              cases[i].label);
    }
    clock_use(NULL);
}
