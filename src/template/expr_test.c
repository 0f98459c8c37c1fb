#include "base/clock.h"
#include "template/run.h"
#include "tests/test.h"

static const struct {
    const char *name, *value;
} row[] = {
    {"country",    "DE"                       },
    {"plan",       "pro"                      },
    {"age",        "41"                       },
    {"engaged",    "2026-10-01"               },
    {"empty",      ""                         },
    {"tags",       "red,new"                  },
    {"First name", "Ann"                      },
    {"first-name", "Bob"                      },
    {"joined",     "2026-11-21T08:00:00+02:00"},
    {"score",      "4.5"                      },
    {"other",      "DE"                       },
};

struct bench {
    struct arena *arena;
    struct template_names *names;
    struct template_scope scope;
};

static void set_up(struct bench *b)
{
    b->arena = arena_open(16 << 20);
    b->names = template_names_open(b->arena);
    struct template_value *slots = ARENA_ARRAY(b->arena, struct template_value, ARRAY_LEN(row));
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        size_t slot = 0;
        CHECK_DONE(template_names_add(b->names, str_of(row[i].name), &slot), row[i].name);
        slots[slot] = template_value_of_text(str_of(row[i].value));
    }
    b->names->closed = true;
    int64_t now_ms = 0;
    CHECK(template_value_read_day(S("2026-11-22"), &now_ms), "now");
    b->scope = (struct template_scope){
        .slots = slots, .slot_count = ARRAY_LEN(row), .now_ms = now_ms, .arena = b->arena};
}

static void tear_down(struct bench *b)
{
    template_names_close(b->names);
    arena_close(b->arena);
}

/* The value as text, or the err. */
static str work_out(struct bench *b, const char *text, char why[500])
{
    struct template_source source = {S("--segment"), str_of(text)};
    struct template_expr expr;
    err e = template_expr_compile(&source, source.text, b->names, NULL, b->arena, &expr);
    if (e) {
        err_words(e, why, 500);
        return str_of(why);
    }
    struct template_value v = template_run(&expr, &b->scope);
    return template_value_as_text(&v, b->arena);
}

TEST(template_expr)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"a field",                                       "country",                                   "DE"                                                   },
        {"equal, a bare word is a text",                  "country = DE",                              "true"                                                 },
        {"two equal signs",                               "country == DE",                             "true"                                                 },
        {"case counts",                                   "country = de",                              "false"                                                },
        {"lowered first",                                 "country | lower = de",                      "true"                                                 },
        {"right of it a field needs its @",               "country = @other",                          "true"                                                 },
        {"a word that is a field's name is a text there", "country = other",                           "false"                                                },
        {"numbers compare as such",                       "age > 5",                                   "true"                                                 },
        {"a fraction",                                    "score >= 4.5",                              "true"                                                 },
        {"a text is no number",                           "country > 5",                               "false"                                                },
        {"an age, younger",                               "engaged < 90d",                             "true"                                                 },
        {"an age, older",                                 "engaged < 30d",                             "false"                                                },
        {"a date",                                        "engaged < 2026-10-02",                      "true"                                                 },
        {"zone of a date",                                "joined < 2026-11-21T06:00:01Z",             "true"                                                 },
        {"zone of a date, the other way",                 "joined < 2026-11-21T05:59:59Z",             "false"                                                },
        {"and binds closer than or",                      "country = FR and plan = pro or age = 41",   "true"                                                 },
        {"brackets",                                      "country = FR and (plan = pro or age = 41)", "false"                                                },
        {"not binds closest",                             "not country = FR and plan = pro",           "true"                                                 },
        {"not of a bracket",                              "not (country = DE or plan = pro)",          "false"                                                },
        {"not twice",                                     "not not country",                           "true"                                                 },
        {"in",                                            "country in (FR, DE, \"US\")",               "true"                                                 },
        {"in, none",                                      "country in (FR, US)",                       "false"                                                },
        {"not in",                                        "country not in (FR, US)",                   "true"                                                 },
        {"in a list",                                     "DE in @country",                            "there is none"                                        },
        {"contains, whatever the case",                   "tags contains NEW",                         "true"                                                 },
        {"contains in a list is an item",                 "tags | split contains re",                  "false"                                                },
        {"contains in a list",                            "tags | split contains red",                 "true"                                                 },
        {"not contains",                                  "tags not contains blue",                    "true"                                                 },
        {"empty is missing",                              "empty",                                     ""                                                     },
        {"missing is equal to nothing",                   "empty = \"\"",                              "false"                                                },
        {"missing is different",                          "empty != x",                                "true"                                                 },
        {"missing is not less",                           "empty < 5",                                 "false"                                                },
        {"not of a missing one",                          "not empty",                                 "true"                                                 },
        {"default",                                       "empty | default: friend",                   "friend"                                               },
        {"default of two words",                          "empty | default: \"dear friend\"",          "dear friend"                                          },
        {"default is another field",                      "empty | default: @plan",                    "pro"                                                  },
        {"filters in a row",                              "plan | upper | truncate: 2, \"\"",          "PR"                                                   },
        {"a name in brackets",                            "[First name] = Ann",                        "true"                                                 },
        {"a name with a hyphen",                          "first-name",                                "Bob"                                                  },
        {"keywords in capitals",                          "country = DE AND NOT plan = team",          "true"                                                 },
        {"quotes and backslashes",                        "'it\\'s' | upper",                          "IT'S"                                                 },
        {"true and false",                                "true and not false",                        "true"                                                 },
        {"percent is for the eye",                        "age > 5%",                                  "true"                                                 },
        {"negative number",                               "age > -5",                                  "true"                                                 },
        {"misspelt field",                                "country = DE and plann = pro",
         "--segment:1:18: there is no field \"plann\" (did you mean \"plan\"?)"                                                                               },
        {"misspelt filter",                               "plan | uper",
         "--segment:1:8: there is no filter \"uper\" (did you mean \"upper\"?)"                                                                               },
        {"misspelt word",                                 "plan = pro ad age = 1",
         "--segment:1:12: \"and\", \"or\" or the end is wanted here (did you mean \"and\"?)"                                                                  },
        {"nothing right",                                 "plan =",
         "--segment:1:7: a value is wanted here: a word, \"a text\", a number, a date, or @field"                                                             },
        {"nothing",                                       "",                                          "--segment:1:1: a field or value is missing at the end"},
        {"open bracket",                                  "(plan = pro",                               "--segment:1:12: a \"(\" without its \")\""            },
        {"closed too often",                              "plan = pro)",                               "--segment:1:11: a \")\" without its \"(\""            },
        {"no text end",                                   "plan = \"pro",                              "--segment:1:8: a text without its closing \""         },
        {"two comparisons",                               "1 < age < 5",
         "--segment:1:9: one comparison at a time; join two with \"and\""                                                                                     },
        {"arguments",                                     "plan | default",
         "--segment:1:8: default takes 1 to 1 values behind its colon"                                                                                        },
        {"no number",                                     "age > 5x",
         "--segment:1:7: \"5x\" is no number, date (2026-11-21) or age (90d, 12h, 6mo, 1y); a text "
         "stands in quotes"                                                                                                                                   },
        {"a sign that is none",                           "plan & age",                                "--segment:1:6: \"&\" means nothing here"              },
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[500];
        str got = work_out(&b, cases[i].input, why);
        if (strcmp(cases[i].want, "there is none") == 0)
            CHECK(str_contains(got, S("there is no field \"DE\"")), cases[i].label);
        else
            CHECK_STR(got, cases[i].want, cases[i].label);
        err_forget();
    }
    tear_down(&b);
}

TEST(template_expr_open_names)
{
    struct bench b;
    char why[500];
    set_up(&b);
    b.names->closed = false;
    CHECK_STR(work_out(&b, "never_heard_of = 1", why), "false", "a name that rows may have");
    tear_down(&b);
}

TEST(template_expr_bounds)
{
    struct bench b;
    char text[4096] = "", why[500];
    set_up(&b);
    for (int i = 0; i < 60; i++)
        text[i] = '(';
    CHECK(str_contains(work_out(&b, text, why), S("nested too deeply")), "brackets");
    size_t len = (size_t)snprintf(text, sizeof text, "country in (a");
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ", DE");
    snprintf(text + len, sizeof text - len, ")");
    CHECK_STR(work_out(&b, text, why), "true", "a long list needs no deep stack");
    len = (size_t)snprintf(text, sizeof text, "age = 1");
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " or age=1");
    CHECK(str_contains(work_out(&b, text, why), S("too long")), "terms");
    tear_down(&b);
}

TEST(template_value_numbers)
{
    static const struct {
        const char *input;
        bool fine;
        double want;
    } cases[] = {
        {"0",                              true,  0   },
        {"12",                             true,  12  },
        {"-3.50",                          true,  -3.5},
        {"1e3",                            true,  1000},
        {"2.5E-1",                         true,  0.25},
        {"0.1",                            true,  0.1 },
        {"",                               false, 0   },
        {"-",                              false, 0   },
        {"1.",                             false, 0   },
        {".5",                             false, 0   },
        {"1,5",                            false, 0   },
        {"1e",                             false, 0   },
        {"1e999",                          false, 0   },
        {"inf",                            false, 0   },
        {"nan",                            false, 0   },
        {"0x10",                           false, 0   },
        {"1 ",                             false, 0   },
        {"123456789012345678901234567890", false, 0   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got = 0;
        bool fine = template_value_read_number(str_of(cases[i].input), &got);
        CHECK(fine == cases[i].fine && got == cases[i].want, cases[i].input);
    }
}
