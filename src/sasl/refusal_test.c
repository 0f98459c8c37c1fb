#include "sasl/refusal.h"
#include "tests/test.h"

TEST(sasl_refusal_words)
{
    static const struct {
        const char *label, *json, *words;
    } cases[] = {
        {"RFC 7628",       "{\"status\":\"invalid_token\",\"scope\":\"a b\"}",
         "of the token it says: status invalid_token; it wants the scope a b"                                           },
        {"whose",          "{\"openid-configuration\":\"https://o.example/\"}",
         "of the token it says: it takes tokens of https://o.example/"                                                  },
        {"Gmail",          "{\"status\":\"400\",\"schemes\":\"Bearer\"}",
         "of the token it says: status 400"                                                                             },
        {"a line end",     "{\"status\":\"a\\r\\n250 ok\"}",                    "of the token it says: status a??250 ok"},
        {"a number",       "{\"status\":401}",                                  ""                                      },
        {"empty",          "",                                                  ""                                      },
        {"no JSON",        "go away",                                           ""                                      },
        {"cut off",        "{\"status\":\"4",                                   ""                                      },
        {"twice the same", "{\"status\":\"a\",\"status\":\"b\"}",               ""                                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf words;
        buf_init(&words, 4096);
        CHECK_DONE(sasl_refusal_words(str_of(cases[i].json), &words), cases[i].label);
        CHECK_STR(buf_str(&words), cases[i].words, cases[i].label);
        buf_release(&words);
    }
}
