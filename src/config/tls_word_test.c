/* Words of other programs are mapped, or refused with the right one. */
#include "config/tls_word.h"
#include "config/value.h"
#include "tests/test.h"

TEST(config_tls_word_server)
{
    static const struct {
        const char *input, *url; /* url NULL: refused, and the next tells how */
        const char *advice;
    } cases[] = {
        {"mail.example.com",              "smtp://mail.example.com",               NULL                            },
        {"mail.example.com:587",          "smtp://mail.example.com:587",           NULL                            },
        {"mail.example.com:465",          "smtps://mail.example.com:465",          NULL                            },
        {"mail.example.com:465?tls=none", "smtps://mail.example.com:465?tls=none", NULL                            },
        {"[2001:db8::1]:465",             "smtps://[2001:db8::1]:465",             NULL                            },
        {"ssl://mail.example.com",        "smtps://mail.example.com",              NULL                            },
        {"SSL/TLS://mail.example.com",    "smtps://mail.example.com",              NULL                            },
        {"tls/ssl://m.example",           "smtps://m.example",                     NULL                            },
        {"submissions://m.example:465",   "smtps://m.example:465",                 NULL                            },
        {"starttls://m.example",          "smtp://m.example",                      NULL                            },
        {"submission://m.example",        "smtp://m.example",                      NULL                            },
        {"smtp://m.example?tls=none",     "smtp://m.example?tls=none",             NULL                            },
        {"lmtp+unix:///run/lmtp",         "lmtp+unix:///run/lmtp",                 NULL                            },
        {"tls://m.example",               NULL,                                    "STARTTLS (port 587) is smtp://"},
        {"smtp+notls://m.example",        NULL,                                    "?tls=none"                     },
        {"http://m.example",              "http://m.example",                      NULL                            },
        {"",                              "smtp://",                               NULL                            },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str url = {0};
        err e = config_tls_word_server(str_of(cases[i].input), arena, &url);
        if (cases[i].url)
            CHECK_STR(url, cases[i].url, cases[i].input);
        else
            CHECK(e != NULL && str_contains(e->text, str_of(cases[i].advice)), cases[i].input);
    }
}

TEST(config_tls_word_in_urls)
{
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"ssl://m.example",               "TLS from the first byte is smtps://"   },
        {"ssl/tls://m.example",           "TLS from the first byte is smtps://"   },
        {"starttls://m.example",          "STARTTLS is smtp://"                   },
        {"tls://m.example",               "is smtps://, STARTTLS"                 },
        {"smtp://m.example?tls=ssl",      "smtps://, without ?tls="               },
        {"smtp://m.example?tls=SSL/TLS",  "smtps://, without ?tls="               },
        {"smtp://m.example?tls=starttls", "STARTTLS, a must and verified"         },
        {"smtp://m.example?tls=on",       "TLS is a must without ?tls="           },
        {"smtp://m.example?tls=off",      "?tls=none"                             },
        {"smtp://m.example?tls=nonsense", "is not ?tls=opportunistic or ?tls=none"},
        {"ftp://m.example",               "does not start with"                   },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_hop hop;
        err e = config_value_hop(str_of(cases[i].url), arena, &hop);
        CHECK(e != NULL && str_contains(e->text, str_of(cases[i].says)), cases[i].url);
        err_forget();
    }
}
