#include "sasl/name.h"
#include "tests/test.h"

TEST(sasl_name_equal)
{
    static const struct {
        const char *label, *a, *b;
        bool equal;
    } cases[] = {
        {"ASCII, other case",                           "Bob@Example.com",           "bob@example.COM",          true },
        {"another name",                                "bob",                       "rob",                      false},
        {"attack 155: NFC and NFD",                     "jos\xc3\xa9",               "jose\xcc\x81",             true },
        {"attack 155: in an address",                   "jos\xc3\xa9.p@x.example",   "jose\xcc\x81.p@x.example", true },
        {"attack 155: capitals",                        "\xc3\x89lodie",             "e\xcc\x81lodie",           true },
        {"with a tag",                                  "jos\xc3\xa9+shop",          "JOSE\xcc\x81+shop",        true },
        {"another tag",                                 "jos\xc3\xa9+shop",          "jos\xc3\xa9-shop",         false},
        {"without its accent",                          "jos\xc3\xa9",               "jose",                     false},
        {"attack 155: Cyrillic looks alike and is not", "p\xd0\xb0ypal",             "paypal",                   false},
        {"sharp s is no ss",                            "stra\xc3\x9f\x65",          "strasse",                  false},
        {"what is no letter is itself",                 "\xe2\x98\x83",              "\xe2\x98\x83",             true },
        {"two that are none",                           "\xe2\x98\x83",              "\xe2\x98\x84",             false},
        {"no full stop comes from elsewhere",           "a\xe3\x80\x82\x62\xc3\xa9", "a.b\xc3\xa9",              false},
        {"no UTF-8",                                    "a\xff",                     "A\xff",                    true },
        {"no UTF-8, two",                               "a\xff",                     "a\xfe",                    false},
        {"empty",                                       "",                          "",                         true },
        {"empty and not",                               "",                          "\xc3\xa9",                 false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(sasl_name_equal(str_of(cases[i].a), str_of(cases[i].b)) == cases[i].equal,
              cases[i].label);
        CHECK(sasl_name_equal(str_of(cases[i].b), str_of(cases[i].a)) == cases[i].equal,
              cases[i].label);
    }
}

TEST(sasl_name_fold_has_bounds)
{
    char room[4];
    size_t len;
    CHECK(sasl_name_fold(S("ABCD"), room, sizeof room, &len) && len == 4, "it fits");
    CHECK(memcmp(room, "abcd", 4) == 0, "lower case");
    CHECK(!sasl_name_fold(S("abcde"), room, sizeof room, &len), "too long");
    CHECK(!sasl_name_fold(S("abc\xc3\xa9"), room, sizeof room, &len), "too long, beyond ASCII");
}
