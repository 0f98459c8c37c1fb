#include "tests/test.h"

TEST(str_split)
{
    static const struct {
        const char *label, *input, *head, *tail;
    } cases[] = {
        {"in the middle", "a b c", "a",   "b c"},
        {"not there",     "abc",   "abc", ""   },
        {"at the end",    "abc ",  "abc", ""   },
        {"at the start",  " abc",  "",    "abc"},
        {"empty",         "",      "",    ""   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str head, tail;
        str_split(str_of(cases[i].input), ' ', &head, &tail);
        CHECK_STR(head, cases[i].head, cases[i].label);
        CHECK_STR(tail, cases[i].tail, cases[i].label);
    }
}

TEST(str_to_u64)
{
    static const struct {
        const char *label, *input;
        uint64_t max, value;
        bool ok;
    } cases[] = {
        {"plain",       "1234",                 9999,       1234,       true },
        {"at max",      "9999",                 9999,       9999,       true },
        {"above max",   "10000",                9999,       0,          false},
        {"sign",        "+1",                   9999,       0,          false},
        {"blank",       " 1",                   9999,       0,          false},
        {"empty",       "",                     9999,       0,          false},
        {"overflow",    "99999999999999999999", UINT64_MAX, 0,          false},
        {"largest",     "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
        {"hex is junk", "0x10",                 9999,       0,          false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 77;
        bool ok = str_to_u64(str_of(cases[i].input), cases[i].max, &value);
        CHECK(ok == cases[i].ok, cases[i].label);
        CHECK(value == (ok ? cases[i].value : 77), cases[i].label);
    }
}

TEST(str_is_utf8)
{
    static const struct {
        const char *label, *input;
        bool ok;
    } cases[] = {
        {"ascii",           "abc",              true },
        {"two bytes",       "\xc3\xa9",         true },
        {"four bytes",      "\xf0\x9f\x98\x80", true },
        {"overlong slash",  "\xc0\xaf",         false},
        {"overlong three",  "\xe0\x80\xaf",     false},
        {"surrogate",       "\xed\xa0\x80",     false},
        {"beyond U+10FFFF", "\xf4\x90\x80\x80", false},
        {"cut short",       "\xe2\x82",         false},
        {"lone tail",       "\x80",             false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(str_is_utf8(str_of(cases[i].input)) == cases[i].ok, cases[i].label);
}

/* Eight bytes at a time must not miss one, wherever it stands. */
TEST(str_is_ascii)
{
    char text[40];
    for (size_t len = 0; len <= sizeof text; len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof text);
            CHECK(str_is_ascii((str){text, len}) && str_is_utf8((str){text, len}), "plain");
            text[at] = '\x80';
            CHECK(!str_is_ascii((str){text, len}) && !str_is_utf8((str){text, len}), "one byte");
            if (at + 1 < len)
                memcpy(text + at, "\xc3\xa9", 2);
            CHECK(str_is_utf8((str){text, len}) == (at + 1 < len), "two bytes");
        }
}
