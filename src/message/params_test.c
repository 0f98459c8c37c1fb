#include "message/params.h"
#include "tests/test.h"

/* "value|name=text|name=text", guesses with "~" before the name */
static str describe(const struct message_params *params, struct buf *out)
{
    CHECK_DONE(buf_add(out, params->value), "describe");
    for (size_t i = 0; i < params->count; i++)
        CHECK_DONE(buf_addf(out, "|%s%.*s=%.*s", params->items[i].flags & PARAM_GUESS ? "~" : "",
                            STR_ARG(params->items[i].name), STR_ARG(params->items[i].value)),
                   "describe");
    return buf_str(out);
}

TEST(message_params_parse)
{
    static const struct {
        const char *label, *input, *want;
        uint16_t flags;
    } cases[] = {
        {"plain",                          " text/plain; charset=us-ascii",                              "text/plain|charset=us-ascii",                   0                                      },
        {"comments",                       "text/plain (a (b)); charset=us-ascii (Plain text)",
         "text/plain|charset=us-ascii",                                                                                                                   0                                      },
        {"case and blanks",                "Text / HTML ;CharSet = \"UTF-8\"",                           "text/html|charset=UTF-8",                       0                                      },
        {"no value",                       "",                                                           "",                                              0                                      },
        {"pairs",                          "a; b=\"c\\\"d\\\\e\"",                                       "a|b=c\"d\\e",                                   0                                      },
        {"folded",                         "a;\r\n\tb=\"c\r\n d\"",                                      "a|b=c d",                                       0                                      },
        {"RFC 2231 section 3",             "a; URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/\"",
         "a|url=ftp://cs.utk.edu/",                                                                                                                       PARAM_CONTINUED                        },
        {"RFC 2231 section 4",             "a; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
         "a|title=This is ***fun***",                                                                                                                     PARAM_EXTENDED                         },
        {"RFC 2231 section 4.1",
         "a; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; "
         "title*2=\"isn't it!\"",                                                                        "a|title=This is even more ***fun*** isn't it!", PARAM_EXTENDED | PARAM_CONTINUED       },
        {"sections in any order",          "a; n*1=b; n*0=a",                                            "a|n=ab",                                        PARAM_CONTINUED                        },
        {"a character in two sections",    "a; n*0*=utf-8''%C3; n*1*=%A9",                               "a|n=\xc3\xa9",
         PARAM_EXTENDED | PARAM_CONTINUED                                                                                                                                                        },
        {"attack 130: two boundaries",     "multipart/mixed; boundary=a; boundary=b",
         "multipart/mixed|boundary=a|boundary=b",                                                                                                         PARAM_DUPLICATE                        },
        {"attack 133: plain and extended", "a; filename=\"x.txt\"; filename*=utf-8''x.exe",
         "a|filename=x.txt|filename=x.exe",                                                                                                               PARAM_EXTENDED                         },
        {"attack 133: a section missing",  "a; n*0=x.; n*2=exe",                                         "a|n=x.|~n=x.exe",
         PARAM_CONTINUED | PARAM_BAD_CONTINUATION | PARAM_GUESS                                                                                                                                  },
        {"attack 133: section twice",      "a; n*0=x; n*0=y",                                            "a|n=x",
         PARAM_CONTINUED | PARAM_BAD_CONTINUATION                                                                                                                                                },
        {"attack 133: folded between",     "a; filename*0=\"evil\";\r\n filename*1=\".exe\"",
         "a|filename=evil.exe",                                                                                                                           PARAM_CONTINUED                        },
        {"section with a zero",            "a; n*00=x",                                                  "a|n=x",                                         PARAM_EXTENDED | PARAM_BAD_CONTINUATION},
        {"unknown charset",                "a; n*=x-none''a%41",                                         "a|n=aA",                                        PARAM_EXTENDED | PARAM_BAD_EXTENDED    },
        {"no charset",                     "a; n*=text",                                                 "a|n=text",                                      PARAM_EXTENDED | PARAM_BAD_EXTENDED    },
        {"bad percent",                    "a; n*=utf-8''a%4",                                           "a|n=a%4",                                       PARAM_EXTENDED | PARAM_BAD_EXTENDED    },
        {"a hidden line end",              "a; n*=utf-8''a%0D%0Ab",                                      "a|n=ab",
         PARAM_EXTENDED | PARAM_BAD_EXTENDED                                                                                                                                                     },
        {"no closing quote",               "a; n=\"b; c=d",                                              "a|n=b; c=d|~n=b",                               PARAM_UNENDED_QUOTE | PARAM_GUESS      },
        {"blanks without quotes",          "a; n=my file.txt; c=d",                                      "a|n=my file.txt|~n=my|c=d",
         PARAM_UNQUOTED | PARAM_GUESS                                                                                                                                                            },
        {"specials without quotes",        "a; n=a/b=c",                                                 "a|n=a/b=c",                                     PARAM_UNQUOTED                         },
        {"no semicolon",                   "a; n=b c=d",                                                 "a|n=b|c=d",                                     PARAM_NO_SEMICOLON                     },
        {"no semicolon behind quotes",     "a; n=\"b\" c=d",                                             "a|n=b|c=d",                                     PARAM_NO_SEMICOLON                     },
        {"no semicolon behind the type",   "text/html charset=x",                                        "text/html|charset=x",
         PARAM_NO_SEMICOLON                                                                                                                                                                      },
        {"an encoded word",                "a; n=\"=?utf-8?Q?b=2Eexe?=\"",                               "a|n==?utf-8?Q?b=2Eexe?=|~n=b.exe",
         PARAM_ENCODED_WORD | PARAM_GUESS                                                                                                                                                        },
        {"a path of Windows",              "a; n=\"C:\\dir\\x\"",                                        "a|n=C:dirx|~n=C:\\dir\\x",                      PARAM_GUESS                            },
        {"junk",                           "a; b; =c; ;d=e",                                             "a|d=e",                                         PARAM_JUNK                             },
        {"empty",                          "a; n=; c=\"\"",                                              "a|n=|c=",                                       PARAM_EMPTY                            },
        {"raw 8-bit",                      "a; n=\"\xe9\"",                                              "a|n=\xef\xbf\xbd",                              PARAM_RAW                              },
        {"a comment without an end",       "a; n=b (c",                                                  "a|n=b",                                         PARAM_JUNK                             },
        {"two words",                      "a b; c=d",                                                   "a|c=d",                                         PARAM_JUNK                             },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        struct message_params params = {0};
        CHECK_DONE(message_params_parse(str_of(cases[i].input), arena, &params), cases[i].label);
        CHECK_STR(describe(&params, &out), cases[i].want, cases[i].label);
        if (params.flags != cases[i].flags)
            test_fail(__FILE__, __LINE__, cases[i].label, "flags");
    }
}

TEST(message_params_find)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct message_params params = {0};
    CHECK_DONE(message_params_parse(S("a; n=x; n=y; N*=utf-8''z; m=1"), arena, &params), "parse");
    CHECK_STR(message_params_find(&params, S("n"))->value, "z", "extended wins");
    CHECK_STR(message_params_find(&params, S("M"))->value, "1", "plain");
    CHECK(message_params_find(&params, S("o")) == NULL, "none");
    CHECK(message_params_count(&params, S("n")) == 3, "count");
}

TEST(message_params_add)
{
    static const struct {
        const char *label, *value, *want;
        size_t column;
    } cases[] = {
        {"token",                      "a.txt",                                                                            "; filename=a.txt",                 20},
        {"quoted",                     "a \"b\".txt",                                                                      "; filename=\"a \\\"b\\\".txt\"",   20},
        {"next line",                  "a.txt",                                                                            ";\r\n filename=a.txt",             70},
        {"other letters",              "caf\xc3\xa9.txt",                                                                  "; filename*=utf-8''caf%C3%A9.txt", 20},
        {"looks like an encoded word", "=?a",                                                                              "; filename*=utf-8''%3D%3Fa",       20},
        {"long",                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         ";\r\n filename*0*=utf-8''aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;\r\n "
         "filename*1*=aaaaaaaaaaaaaaaaaaaaaaaaaaa",                                                                                                            20},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        size_t column = cases[i].column;
        CHECK_DONE(message_params_add("filename", str_of(cases[i].value), &column, &out),
                   cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}
