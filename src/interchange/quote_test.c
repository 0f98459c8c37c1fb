/* Values that are made to break out of where they stand. */
#include "interchange/quote.h"
#include "tests/test.h"

enum { TEXT_BYTES = 4096 };

#define NASTY "a\"b'c\\d$e`f<g>{h};i^j%k ?>"

TEST(interchange_quote)
{
    static const struct {
        const char *label;
        err (*quote)(struct buf *, str);
        const char *value, *text;
    } rows[] = {
        {"a word for a shell",          interchange_quote_sh,      "me@x.example", "me@x.example"                              },
        {"nothing for a shell",         interchange_quote_sh,      "",             "''"                                        },
        {"a shell",                     interchange_quote_sh,      NASTY,          "'a\"b'\"'\"'c\\d$e`f<g>{h};i^j%k ?>'"      },
        {"an option is quoted as well", interchange_quote_sh,      "-e $(id)",     "'-e $(id)'"                                },
        {"C's family",                  interchange_quote_c,       NASTY,          "\"a\\\"b'c\\\\d$e`f\\u003cg>{h};i^j%k ?>\""},
        {"a page's end",                interchange_quote_c,       "</script>",    "\"\\u003c/script>\""                       },
        {"PHP",                         interchange_quote_php,     NASTY,          "'a\"b\\'c\\\\d$e`f<g>{h};i^j%k ?>'"        },
        {"PHP, a backslash at the end", interchange_quote_php,     "a\\",          "'a\\\\'"                                   },
        {"Postfix",                     interchange_quote_postfix, "a$b${c}",      "a$$b$${c}"                                 },
        {"Exim",                        interchange_quote_exim,    NASTY,          "a\"b'c\\\\d\\$e`f<g>\\{h\\};;i^^j%k ?>"    },
        {"a label",                     interchange_quote_label,   "a b\n*/?>c.1", "a-b-----c.1"                               },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, TEXT_BYTES);
        CHECK_DONE(rows[i].quote(&out, str_of(rows[i].value)), rows[i].label);
        CHECK_STR(buf_str(&out), rows[i].text, rows[i].label);
    }
}

TEST(interchange_quote_check)
{
    static const struct {
        str value;
        bool good;
    } rows[] = {
        {S(NASTY),           true },
        {S("j\xc3\xb6rg"),   true },
        {S("a\nb"),          false},
        {S("a\rb"),          false},
        {S("a\0b"),          false},
        {S("a\x7f"),         false},
        {S("a\xe2\x80\xa8"), false},
        {S("a\xe2\x80\xa9"), false},
        {S("a\xc2\x85"),     false},
        {S("a\xff"),         false},
        {S("a\tb"),          false},
        {S("a\x1b[2J"),      false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err e = interchange_quote_check("user", rows[i].value);
        CHECK((e == NULL) == rows[i].good, rows[i].value.ptr);
        CHECK(e == NULL || str_starts(e->text, S("user: ")), rows[i].value.ptr);
        err_forget();
    }
}
