#include "base/buf.h"
#include "message/header.h"
#include "tests/test.h"

TEST(message_header_next)
{
    static const struct {
        const char *label, *input, *name, *value, *left;
        uint8_t flags;
    } cases[] = {
        {"plain",                                     "Subject: hi\r\nTo: x\r\n",            "Subject",   " hi",             "To: x\r\n",   0                               },
        {"folded",                                    "Subject: a\r\n b\r\n\tc\r\nX: y\r\n", "Subject",   " a\r\n b\r\n\tc", "X: y\r\n",
         0                                                                                                                                                                  },
        {"no value",                                  "Subject:\r\n\r\nbody",                "Subject",   "",                "\r\nbody",    0                               },
        {"folded right after the colon",              "Subject:\r\n a\r\n",                  "Subject",   "\r\n a",          "",            0                               },
        {"attack 90: no colon",                       "hello\r\nX: y\r\n",                   "",          "hello",           "X: y\r\n",    FIELD_NO_COLON                  },
        {"attack 90: empty name",                     ": x\r\n",                             "",          " x",              "",            FIELD_EMPTY_NAME                },
        {"attack 90: blank name",                     " : x\r\n",                            "",          " x",              "",
         FIELD_EMPTY_NAME | FIELD_LEADING_SPACE | FIELD_SPACE_BEFORE_COLON                                                                                                  },
        {"attack 90: __proto__",                      "__proto__: x\r\n",                    "__proto__", " x",              "",            0                               },
        {"attack 118: leading space",                 " From: x\r\n",                        "From",      " x",              "",            FIELD_LEADING_SPACE             },
        {"attack 118: space before the colon",        "From : x\r\n",                        "From",      " x",              "",
         FIELD_SPACE_BEFORE_COLON                                                                                                                                           },
        {"attack 118: fold before the colon",         "From\r\n : x\r\n",                    "From",      " x",              "",
         FIELD_SPACE_BEFORE_COLON                                                                                                                                           },
        {"attack 118: LF and space before the colon", "From\n : x\r\n",                      "From",      " x",              "",
         FIELD_SPACE_BEFORE_COLON | FIELD_BARE_BYTES                                                                                                                        },
        {"bare LF hides no field",                    "A: b\nFrom: x\r\n",                   "A",         " b",              "From: x\r\n", FIELD_BARE_BYTES                },
        {"bare CR",                                   "A: b\rc\r\n",                         "A",         " b\rc",           "",            FIELD_BARE_BYTES                },
        {"blank inside the name",                     "A b: c\r\n",                          "A b",       " c",              "",            FIELD_BAD_NAME                  },
        {"8-bit name",                                "\xc3\xa9: c\r\n",                     "\xc3\xa9",  " c",              "",            FIELD_BAD_NAME                  },
        {"cut short",                                 "A: b",                                "A",         " b",              "",            FIELD_UNENDED                   },
        {"cut short at CR",                           "A: b\r",                              "A",         " b",              "",            FIELD_UNENDED | FIELD_BARE_BYTES},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str rest = str_of(cases[i].input);
        struct message_field f;
        bool found = message_header_next(&rest, &f);
        CHECK(found, cases[i].label);
        if (!found)
            continue;
        CHECK_STR(f.name, cases[i].name, cases[i].label);
        CHECK_STR(f.value, cases[i].value, cases[i].label);
        CHECK_STR(rest, cases[i].left, cases[i].label);
        CHECK(f.flags == cases[i].flags, cases[i].label);
    }
}

TEST(message_header_end)
{
    str rest = S("\r\nbody");
    struct message_field f;
    CHECK(!message_header_next(&rest, &f), "an empty line ends the header");
    CHECK(message_header_end(&rest), "the empty line");
    CHECK_STR(rest, "body", "behind the empty line");
    CHECK(!message_header_end(&rest), "only once");
}

TEST(message_header_find)
{
    str header = S("To: a\r\nFROM: b\r\nFrom\r\n : c\r\nX-From: d\r\n\r\nFrom: body\r\n");
    struct message_field f;
    CHECK(message_header_count(header, S("from")) == 2, "attack 117: both are seen");
    CHECK(message_header_find(header, S("From"), &f), "the first");
    CHECK_STR(f.value, " b", "the first");
    CHECK(!message_header_find(header, S("Bcc"), &f), "not there");
}

/* Attack 90: the work stays linear: each byte belongs to one field, however many there are. */
TEST(message_header_next_of)
{
    static const struct {
        const char *label, *header, *found; /* the values */
    } cases[] = {
        {"some",               "A: 1\r\nB: 2\r\nc: 3\r\n\r\nB: 4\r\n", "[2][3]"       },
        {"odd names",          "b: 1\r\nB : 2\r\nBc\r\nB\r\n",         "[1][2][Bc][B]"},
        {"continued",          "A: 1\r\n B: 2\r\nB: 3\r\n\tC: 4\r\n",  "[3\r\n\tC: 4]"},
        {"a blank in front",   "  B: 1\r\nA: 2\r\n",                   "[1]"          },
        {"bare line ends",     "A: 1\nB: 2\rC: 3\nc: 4\n\nB: 5\n",     "[2\rC: 3][4]" },
        {"a CR in front",      "\rB: 1\r\nA: 2\r\n",                   "[1]"          },
        {"lines in front",     "  \r\n B: 1\r\nA: 2\r\n",              "[1]"          },
        {"none",               "A: 1\r\n",                             ""             },
        {"nothing but blanks", "  ",                                   ""             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf all;
        struct message_field f;
        str header = str_of(cases[i].header);
        buf_init(&all, 100);
        while (message_header_next_of(&header, "bc", &f))
            CHECK_DONE(buf_addf(&all, "[%.*s]", STR_ARG(str_trim(f.value))), cases[i].label);
        CHECK(str_eq(buf_str(&all), str_of(cases[i].found)), cases[i].label);
        buf_release(&all);
    }
}

TEST(message_header_many_fields)
{
    CLEANUP(buf_release) struct buf b;
    buf_init(&b, 16 << 20);
    for (int i = 0; i < 100000; i++)
        CHECK_DONE(buf_add(&b, S("X: y\r\n")), "100,000 fields");
    CHECK_DONE(buf_add(&b, S("Long: ")), "a long field");
    for (int i = 0; i < 1 << 20; i++)
        CHECK_DONE(buf_add(&b, S("0123456789")), "a field of 10 MiB");
    size_t count = 0, bytes = 0;
    str rest = buf_str(&b);
    struct message_field f;
    while (message_header_next(&rest, &f)) {
        count++;
        bytes += f.raw.len;
    }
    CHECK(count == 100001, "all were seen");
    CHECK(bytes == b.len, "each byte once");
}
