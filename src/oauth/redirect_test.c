#include "oauth/redirect.h"
#include "tests/test.h"

#define HOST "\r\nHost: 127.0.0.1:4711\r\n\r\n"
#define GET(query) "GET /?" query " HTTP/1.1" HOST

static const struct oauth_redirect_wanted wanted = {
    .host = {"127.0.0.1:4711",    14},
    .path = {"/",                 1 },
    .state = {"s3cr3t",            6 },
    .issuer = {"https://i.example", 17}
};

TEST(oauth_redirect_read)
{
    static const struct {
        const char *label, *request, *code; /* code NULL: refused */
    } cases[] = {
        {"a code",                 GET("code=abc%2Fd&state=s3cr3t"),                                           "abc/d"},
        {"with the issuer",        GET("code=abc&state=s3cr3t&iss=https%3A%2F%2Fi.example"),                   "abc"  },
        {"with what browsers add",
         "GET /?state=s3cr3t&code=a HTTP/1.1\r\nhost: 127.0.0.1:4711\r\nUser-Agent: M\r\n\r\n",                "a"    },
        {"HTTP/1.0",               "GET /?state=s3cr3t&code=a HTTP/1.0" HOST,                                  "a"    },
        {"a refusal",              GET("error=access_denied&state=s3cr3t"),                                    ""     },
        {"another state",          GET("code=abc&state=s3cr3T"),                                               NULL   },
        {"a longer state",         GET("code=abc&state=s3cr3tt"),                                              NULL   },
        {"a shorter state",        GET("code=abc&state=s3cr3"),                                                NULL   },
        {"no state",               GET("code=abc"),                                                            NULL   },
        {"two states",             GET("code=abc&state=s3cr3t&state=x"),                                       NULL   },
        {"two codes",              GET("code=a&code=b&state=s3cr3t"),                                          NULL   },
        {"another issuer",         GET("code=abc&state=s3cr3t&iss=https%3A%2F%2Fmallory.example"),             NULL   },
        {"a code and an error",    GET("code=a&error=b&state=s3cr3t"),                                         NULL   },
        {"neither",                GET("state=s3cr3t"),                                                        NULL   },
        {"a code with a line end", GET("code=a%0d%0ab&state=s3cr3t"),                                          NULL   },
        {"another path",           "GET /favicon.ico HTTP/1.1" HOST,                                           NULL   },
        {"a path below",           "GET /x?code=a&state=s3cr3t HTTP/1.1" HOST,                                 NULL   },
        {"a POST",                 "POST /?code=a&state=s3cr3t HTTP/1.1" HOST,                                 NULL   },
        {"an absolute target",     "GET http://127.0.0.1:4711/?code=a&state=s3cr3t HTTP/1.1" HOST,
         NULL                                                                                                         },
        {"another host",           "GET /?code=a&state=s3cr3t HTTP/1.1\r\nHost: mallory.example:4711\r\n\r\n",
         NULL                                                                                                         },
        {"two hosts",
         "GET /?code=a&state=s3cr3t HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nHost: x\r\n\r\n",                      NULL   },
        {"no host",                "GET /?code=a&state=s3cr3t HTTP/1.1\r\n\r\n",                               NULL   },
        {"HTTP/2",                 "GET /?code=a&state=s3cr3t HTTP/2" HOST,                                    NULL   },
        {"no version",             "GET /?code=a&state=s3cr3t" HOST,                                           NULL   },
        {"a bare LF",              "GET /?code=a&state=s3cr3t HTTP/1.1\nHost: 127.0.0.1:4711\n\n",             NULL   },
        {"not its end",            "GET /?code=a&state=s3cr3t HTTP/1.1\r\nHost: 127.0.0.1:4711\r\n",           NULL   },
        {"SMTP",                   "EHLO x\r\n\r\n",                                                           NULL   },
        {"empty",                  "",                                                                         NULL   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        struct oauth_redirect r = {.code = S("untouched")};
        err e = oauth_redirect_read(str_of(cases[i].request), &wanted, arena, &r);
        CHECK((e == NULL) == (cases[i].code != NULL), cases[i].label);
        CHECK_STR(r.code, cases[i].code ? cases[i].code : "untouched", cases[i].label);
        err_forget();
    }
}
