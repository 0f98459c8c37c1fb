#include "bulk/json.h"
#include "tests/test.h"

TEST(bulk_json_read)
{
    static const struct {
        const char *label, *input, *want; /* "a|b|c", or the err */
    } cases[] = {
        {"texts",               "{\"a\":\"x\",\"b\":\"y\"}",                   "x|y|"                                         },
        {"blanks",              " { \"a\" : \"x\" , \"c\" : null } ",          "x||"                                          },
        {"numbers as written",  "{\"a\":1.50,\"b\":-2e3}",                     "1.50|-2e3|"                                   },
        {"booleans",            "{\"a\":true,\"b\":false}",                    "true|false|"                                  },
        {"a list",              "{\"a\":[\"x\",1,[2],{\"d\":3}]}",             "x, 1||"                                       },
        {"what nobody wants",   "{\"z\":{\"a\":1,\"y\":[1,{}]},\"a\":\"x\"}",  "x||"                                          },
        {"empty",               "{}",                                          "||"                                           },
        {"escapes",             "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\"}", "é😀\n/\"||"                                },
        {"the last of two",     "{\"a\":1,\"a\":2}",                           "2||"                                          },
        {"half a character",    "{\"a\":\"\\ud83d\"}",                         "byte 13: half of a character"                 },
        {"no object",           "[1]",                                         "byte 1: an object is wanted: {\"email\": ...}"},
        {"no end",              "{\"a\":\"x\"",                                "byte 9: \",\" or the end is wanted here"      },
        {"a text without end",  "{\"a\":\"x",                                  "byte 8: the text has no end"                  },
        {"more behind it",      "{\"a\":1} x",                                 "byte 9: something stands behind the object"   },
        {"a bare word",         "{\"a\":yes}",                                 "byte 6: a value is wanted here"               },
        {"a control character", "{\"a\":\"x\ny\"}",                            "byte 8: a control character in a text"        },
        {"no name",             "{a:1}",                                       "byte 2: a name in quotes is wanted here"      },
        {"a comma too many",    "{\"a\":1,}",                                  "byte 8: a name in quotes is wanted here"      },
        {"deep",                "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", "byte 22: nested too deeply"                   },
        {"no UTF-8",            "{\"a\":\"\xff\"}",                            "bytes that are no UTF-8"                      },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct template_names *names = template_names_open(arena);
    const char *const wanted[] = {"a", "b", "c"};
    size_t slot;
    for (size_t i = 0; i < 3; i++)
        CHECK_DONE(template_names_add(names, str_of(wanted[i]), &slot), wanted[i]);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_value slots[3] = {0};
        err e = bulk_json_read(str_of(cases[i].input), names, arena, slots);
        str got = e ? e->text : S("");
        for (size_t k = 0; e == NULL && k < 3; k++)
            got = k < 2 ? arena_printf(arena, "%.*s%.*s|", STR_ARG(got),
                                       STR_ARG(template_value_as_text(&slots[k], arena)))
                        : got;
        CHECK_STR(got, cases[i].want, cases[i].label);
        err_forget();
    }
    template_names_close(names);
}
