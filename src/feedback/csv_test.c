#include "feedback/csv.h"
#include "tests/test.h"

static const struct feedback_entry defaults = {
    .reason = FEEDBACK_MANUAL, .since_ms = 7, .count = 1};

TEST(feedback_csv_read)
{
    static const struct {
        const char *label, *head, *line;
        const char *address; /* NULL: refused; "": nothing */
        const char *tenant, *source, *says;
        enum feedback_reason reason;
        int64_t since_ms;
    } cases[] = {
        {"only an address",                            "",                      "a@x.example",                                                   "a@x.example", "",     "",                   "",                  FEEDBACK_MANUAL,      7            },
        {"an empty line",                              "",                      " \r",                                                           "",            "",     "",                   "",                  0,                    0            },
        {"columns in another order",                   "source,reason,email",   "550 gone,hard_bounce,a@x.example",
         "a@x.example",                                                                                                                                         "",     "550 gone",           "",                  FEEDBACK_HARD_BOUNCE, 7            },
        {"columns that we do not know",                "address,colour,tenant", "a@x.example,red,shop",
         "a@x.example",                                                                                                                                         "shop", "",                   "",                  FEEDBACK_MANUAL,      7            },
        {"quotes",                                     "address,source",        "\"a@x.example\",\"says \"\"no\"\", twice\"",                    "a@x.example",
         "",                                                                                                                                                            "says \"no\", twice", "",                  FEEDBACK_MANUAL,      7            },
        {"a date",                                     "address,since",         "a@x.example,2026-06-01T00:00:00.250Z",                          "a@x.example", "",     "",
         "",                                                                                                                                                                                                       FEEDBACK_MANUAL,      1780272000250},
        {"a day",                                      "address,since",         "a@x.example,2026-06-01",                                        "a@x.example", "",     "",                   "",
         FEEDBACK_MANUAL,                                                                                                                                                                                                                1780272000000},
        {"attack 166: what we wrote against formulas", "address,source",
         "a@x.example,\"'=HYPERLINK(\"\"http://x\"\")\"",                                                                                        "a@x.example", "",
         "=HYPERLINK(\"http://x\")",                                                                                                                                                          "",                  FEEDBACK_MANUAL,      7            },
        {"JSON",                                       "",                      "{\"address\":\"a@x.example\",\"tenant\":\"shop\",\"count\":3}", "a@x.example",
         "shop",                                                                                                                                                        "",                   "",                  FEEDBACK_MANUAL,      7            },
        {"no address",                                 "",                      "nobody",                                                        NULL,          "",     "",                   "is not an address", 0,                    0            },
        {"an empty address",                           "address,tenant",        ",shop",                                                         NULL,          "",     "",                   "no address",        0,                    0            },
        {"a reason that is none",                      "address,reason",        "a@x.example,because",                                           NULL,          "",     "",
         "is not hard_b",                                                                                                                                                                                          0,                    0            },
        {"a date that is none",                        "address,since",         "a@x.example,2026-13-01",                                        NULL,          "",     "",
         "is not a date",                                                                                                                                                                                          0,                    0            },
        {"an open quote",                              "address,source",        "a@x.example,\"x",                                               NULL,          "",     "",                   "quotation",         0,                    0            },
        {"a quote inside",                             "address,source",        "a@x.example,x\"y",                                              NULL,          "",     "",                   "quotation",         0,                    0            },
        {"a tenant that is none",                      "address,tenant",        "a@x.example,a b",                                               NULL,          "",     "",                   "tenant",            0,
         0                                                                                                                                                                                                                                            },
        {"JSON that is none",                          "",                      "{\"address\":",                                                 NULL,          "",     "",                   "JSON",              0,                    0            },
        {"JSON with a list",                           "",                      "{\"address\":[\"a@x.example\"]}",                               NULL,          "",     "",                   "no text",           0,                    0            },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct feedback_csv c = {0};
        struct feedback_entry e = {0};
        bool found = false;
        if (cases[i].head[0]) {
            CHECK_DONE(feedback_csv_read(&c, str_of(cases[i].head), &defaults, arena, &e, &found),
                       cases[i].label);
            CHECK(!found, cases[i].label);
        }
        err got = feedback_csv_read(&c, str_of(cases[i].line), &defaults, arena, &e, &found);
        CHECK((got != NULL) == (cases[i].address == NULL), cases[i].label);
        if (got) {
            CHECK(str_contains(got->text, str_of(cases[i].says)), cases[i].label);
        } else if (found) {
            CHECK_STR(e.address, cases[i].address, cases[i].label);
            CHECK_STR(e.tenant, cases[i].tenant, cases[i].label);
            CHECK_STR(e.source, cases[i].source, cases[i].label);
            CHECK(e.reason == cases[i].reason && e.since_ms == cases[i].since_ms, cases[i].label);
        } else {
            CHECK(cases[i].address != NULL && cases[i].address[0] == '\0', cases[i].label);
        }
        err_forget();
        arena_close(arena);
    }
}

TEST(feedback_csv_write)
{
    struct feedback_entry e = {S("=cmd@x.example"), S("shop"), {0}, FEEDBACK_COMPLAINT,
                               1780272000250,       0,         2,   S("+1 \"no\"\r\nmore")};
    struct buf out;
    buf_init(&out, 4096);
    CHECK_DONE(feedback_csv_write(&e, &out), "CSV");
    CHECK_STR(buf_str(&out),
              "\"'=cmd@x.example\",\"shop\",\"\",\"complaint\",\"2026-06-01T00:00:00.250Z\",\"\",2,"
              "\"'+1 \"\"no\"\"  more\"\r\n",
              "attack 166: no cell begins a formula");
    buf_clear(&out);
    CHECK_DONE(feedback_csv_write_json(&e, &out), "JSON");
    CHECK_STR(
        buf_str(&out),
        "{\"count\":2,\"address\":\"=cmd@x.example\",\"tenant\":\"shop\",\"reason\":\"complaint\","
        "\"since\":\"2026-06-01T00:00:00.250Z\",\"source\":\"+1 \\\"no\\\"\\u000d\\u000amore\"}\n",
        "JSON");
    buf_release(&out);
}
