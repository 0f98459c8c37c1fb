#include "bulk/csv.h"
#include "tests/test.h"

TEST(bulk_csv_take)
{
    static const struct {
        const char *label, *input, *want, *left;
        char separator;
        bool end;
    } cases[] = {
        {"plain",                                   "a,b,c\nd",                "a|b|c|",                                       "d",      ',', true },
        {"CRLF",                                    "a,b\r\nc",                "a|b|",                                         "c",      ',', true },
        {"no line end at the end",                  "a,b",                     "a|b|",                                         "",       ',', true },
        {"not whole yet",                           "a,b",                     "more",                                         "a,b",    ',', false},
        {"empty fields",                            ",,\n",                    "|||",                                          "",       ',', true },
        {"quotes",                                  "\"a,b\",\"c\"\"d\"\n",    "a,b|c\"d|",                                    "",       ',', true },
        {"a line end in quotes",                    "\"a\r\nb\",c\nd",         "a\r\nb|c|",                                    "d",      ',', true },
        {"a line end behind doubled quotes",        "\"a \"\"x\"\"\nb\",c\nd", "a \"x\"\nb|c|",                                "d",      ',',
         true                                                                                                                                      },
        {"not whole inside quotes",                 "\"a\nb",                  "more",                                         "\"a\nb", ',', false},
        {"a quote inside a bare field is a letter", "a\"b,c\n",                "a\"b|c|",                                      "",       ',', true },
        {"semicolons",                              "a;b,c\n",                 "a|b,c|",                                       "",       ';', true },
        {"empty line",                              "\nb",                     "",                                             "b",      ',', true },
        {"behind a quote",                          "\"a\"b,c\nd",             "bad: something stands behind a closing quote", "d",      ',',
         true                                                                                                                                      },
        {"never closed",                            "\"a\nb\nc",
         "bad: a quote is not closed, or the record is longer than 1 MiB",                                                     "b\nc",   ',', true },
        {"an empty quoted one",                     "\"\",x\n",                "|x|",                                          "",       ',', true },
        {"a field that ends the text",              "a,\n",                    "a||",                                          "",       ',', true },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    struct bulk_csv_record *record = ARENA_NEW(arena, struct bulk_csv_record);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str input = str_of(cases[i].input), got = S("");
        const char *why = "";
        enum bulk_csv_event event =
            bulk_csv_take(cases[i].separator, &input, cases[i].end, arena, record, &why);
        for (size_t k = 0; event == BULK_CSV_RECORD && k < record->count; k++)
            got = arena_printf(arena, "%.*s%.*s|", STR_ARG(got), STR_ARG(record->fields[k]));
        if (event != BULK_CSV_RECORD)
            got = event == BULK_CSV_MORE ? S("more") : arena_printf(arena, "bad: %s", why);
        CHECK_STR(got, cases[i].want, cases[i].label);
        CHECK_STR(input, cases[i].left, cases[i].label);
    }
}

TEST(bulk_csv_separator)
{
    CHECK(bulk_csv_separator(S("a;b;c,d")) == ';', "semicolons");
    CHECK(bulk_csv_separator(S("a\tb")) == '\t', "tabs");
    CHECK(bulk_csv_separator(S("\"a;b;c\",d\ne;f;g")) == ',', "quotes, and the first line only");
    CHECK(bulk_csv_separator(S("email")) == ',', "one column");
}

TEST(bulk_csv_add)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"plain",                  "a b",      "a b"            },
        {"quoted",                 "a,\"b\"",  "\"a,\"\"b\"\"\""},
        {"attack 166: a formula",  "=1+1",     "\"'=1+1\""      },
        {"attack 166: an at sign", "@SUM(A1)", "\"'@SUM(A1)\""  },
        {"a line end",             "a\nb",     "\"a\nb\""       },
    };
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        CHECK_DONE(bulk_csv_add(str_of(cases[i].input), &out), cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}
