#include "provider/rules.h"
#include "tests/test.h"

struct reading {
    struct arena *arena;
    struct config_errors errors;
    struct provider_rules rules;
    bool good;
};

static void start(struct reading *r, const char *text)
{
    r->arena = arena_open(PROVIDER_RULES_ARENA_BYTES_MAX);
    config_errors_init(&r->errors);
    r->good = provider_rules_read(str_of(text), S("r.yaml"), r->arena, &r->errors, &r->rules);
}

static void finish(struct reading *r)
{
    config_errors_release(&r->errors);
    arena_close(r->arena);
}

TEST(provider_rules_refused)
{
    static const struct {
        const char *text, *want; /* the first error as it is printed */
    } cases[] = {
        {"",                                                                           "r.yaml: \"rules\" is missing\n"                          },
        {"provider: gmail\n",                                                          "r.yaml:1:1: \"rules\" is missing\n"                      },
        {"provider: gmial\nrules: []\n",
         "r.yaml:1:11: provider: \"gmial\" is not known here (did you mean \"gmail\"?)\n"                                                        },
        {"rulez: []\nrules: []\n",                                                     "r.yaml:1:1: rulez: unknown key\n"                        },
        {"rules: 5\n",                                                                 "r.yaml:1:8: rules: a list of rules is wanted\n"          },
        {"rules:\n  - limit: 5/s\n",
         "r.yaml:2:5: rules[0]: a rule starts with its kind, such as \"rule: throttle\"\n"                                                       },
        {"rules:\n  - rule: throtle\n",                                                "r.yaml:2:11: rules[0].rule: \"throtle\" is not known here "
                                        "(did you mean \"throttle\"?)\n"                                  },
        {"rules:\n  - rule: throttle\n",
         "r.yaml:2:5: rules[0]: \"limit\" is missing, such as 1000/h\n"                                                                          },
        {"rules:\n  - rule: throttle\n    limt: 5/s\n    limit: 5/s\n",
         "r.yaml:3:5: rules[0].limt: unknown key (did you mean \"limit\"?)\n"                                                                    },
        {"rules:\n  - rule: storm\n    limit: 5/s\n",                                  "r.yaml:3:5: rules[0].limit: unknown key\n"               },
        {"rules:\n  - rule: throttle\n    limit: fast\n",
         "r.yaml:3:12: rules[0].limit: \"fast\" is not a limit such as 1000/h, 10/s or 30/15m\n"                                                 },
        {"rules:\n  - rule: throttle\n    limit: [5/s]\n",
         "r.yaml:3:12: rules[0].limit: one value is wanted\n"                                                                                    },
        {"rules:\n  - rule: throttle\n    limit: 5/s\n    burst: 9\n",
         "r.yaml:2:5: rules[0]: \"burst\" is for \"meter: bucket\"\n"                                                                            },
        {"rules:\n  - rule: throttle\n    limit: 5/s\n    say: 250 Fine\n",
         "r.yaml:4:10: rules[0].say: a refusal is wanted, such as \"421 4.7.0 Too fast\"\n"                                                      },
        {"rules:\n  - rule: throttle\n    limit: 5/s\n    at: {20m: 4/h}\n",
         "r.yaml:4:15: rules[0].at.20m: a change has the same time behind the \"/\" as the "
         "limit\n"                                                                                                                               },
        {"rules:\n  - rule: throttle\n    limit: 5/s\n    at: {20m: 4/s, 10m: 3/s}\n",
         "r.yaml:4:25: rules[0].at.10m: times since the start are wanted, each later than the "
         "last\n"                                                                                                                                },
        {"rules:\n  - rule: connections\n",
         "r.yaml:2:5: rules[0]: \"at_once\" or \"messages\" is missing\n"                                                                        },
        {"rules:\n  - rule: greylist\n",                                               "r.yaml:2:5: rules[0]: \"wait\" is missing, such as 5m\n" },
        {"rules:\n  - rule: block\n    within: 1m\n    lasts: 1h\n",
         "r.yaml:2:5: rules[0]: either \"after\" or \"over\" is wanted\n"                                                                        },
        {"rules:\n  - rule: block\n    over: 200%\n    within: 1m\n    lasts: 1h\n",
         "r.yaml:2:5: rules[0]: \"over\" needs a throttle above it to measure by\n"                                                              },
        {"rules:\n  - rule: recipients\n    local: a*b*\n    reply: full\n",
         "r.yaml:3:12: rules[0].local: at most one \"*\"\n"                                                                                      },
        {"rules:\n  - rule: recipients\n    share: 5\n    reply: full\n",
         "r.yaml:3:12: rules[0].share: \"5\" is not a share such as 5% or 0.25%\n"                                                               },
        {"rules:\n  - rule: recipients\n    share: 101%\n    reply: full\n",
         "r.yaml:2:5: rules[0]: more than all\n"                                                                                                 },
        {"rules:\n  - rule: slow\n",                                                   "r.yaml:2:5: rules[0]: \"delay\" or \"body\" is missing\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reading r;
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100000);
        start(&r, cases[i].text);
        CHECK(!r.good, cases[i].text);
        r.errors.count = r.errors.count > 1 ? 1 : r.errors.count;
        CHECK_DONE(config_errors_print(&r.errors, &out), cases[i].text);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].text);
        finish(&r);
    }
}

TEST(provider_rules_taken)
{
    struct reading r;
    start(&r, "provider: yahoo\nseed: 7\nrules:\n"
              "  - {rule: throttle, limit: 30/15m, meter: bucket, at: {20m: 120/15m, 1h: 0/15m}}\n"
              "  - {rule: quota, limit: 500/d}\n"
              "  - {rule: connections, messages: 20}\n"
              "  - {rule: login, begins: 5m, ends: 10m}\n"
              "  - {rule: storm, share: 0.25%, lasts: 30s, from: 127.0.0.0/8}\n"
              "  - {rule: recipients, local: \"gone*\", reply: unknown, stage: dot, close: true}\n"
              "  - {rule: block, over: 150%, within: 10m, lasts: 1h, sender: \"*.test\"}\n");
    const struct provider_rule *list = r.rules.list;
    CHECK(r.good, "taken");
    CHECK(r.rules.count == 7, "count");
    CHECK(r.rules.logins, "a quota is of a login");
    CHECK(r.rules.seed == 7, "seed");
    CHECK(list[0].limit.count == 30 && list[0].limit.window_ms == 15 * 60 * 1000, "limit");
    CHECK(list[0].limit.burst == 3, "burst: a tenth");
    CHECK_STR(str_slice(list[0].say, 0, 20), "421 4.7.0 [TSS04] Me", "yahoo's words");
    CHECK(list[0].close, "421 closes");
    CHECK(list[1].per == PROVIDER_PER_LOGIN && list[1].stage == PROVIDER_MAIL, "quota");
    CHECK(!list[1].close, "550 does not close");
    CHECK(list[2].stage == PROVIDER_MAIL, "messages of a connection are counted at MAIL");
    CHECK_STR(str_slice(list[3].say, 0, 9), "535 5.7.8", "a refused login");
    CHECK(list[3].begins_ms == 300000 && list[3].ends_ms == 600000, "times");
    CHECK(list[4].share == 25, "a quarter of a hundredth");
    CHECK(list[5].stage == PROVIDER_DOT && list[5].close, "what was written wins");
    CHECK(list[6].over == 15000, "150 %");
    static const struct {
        int64_t at_ms, count;
    } counts[] = {
        {0,       30 },
        {1199999, 30 },
        {1200000, 120},
        {3599999, 120},
        {3600000, 0  }
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        CHECK(provider_rules_count_at(&list[0], counts[i].at_ms) == counts[i].count, "count at");
    CHECK((int)provider_rules_allowed(&r.rules, 0, 15 * 60 * 1000) == 30, "a quarter");
    CHECK((int)provider_rules_allowed(&r.rules, 600000, 1800000) == 20 + 80, "over a change");
    CHECK((int)provider_rules_allowed(&r.rules, 3600000, 7200000) == 0, "nothing");
    finish(&r);
    start(&r, "rules: []\n");
    CHECK(r.good, "no rules");
    CHECK(provider_rules_allowed(&r.rules, 0, 1000) < 0, "nothing throttles");
    finish(&r);
}
