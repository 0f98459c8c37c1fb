#include "config/client_policy.h"
#include "config/suggest.h"
#include "config/value.h"
#include "tests/test.h"

enum { BAD = -1 };

TEST(config_value_duration)
{
    static const struct {
        const char *input;
        int64_t ms;
    } cases[] = {
        {"500ms",                 500      },
        {"10s",                   10000    },
        {"5m",                    300000   },
        {"4h",                    14400000 },
        {"5d",                    432000000},
        {"0s",                    0        },
        {"",                      BAD      },
        {"5",                     BAD      },
        {"m",                     BAD      },
        {"5 m",                   BAD      },
        {"-5m",                   BAD      },
        {"05m",                   BAD      },
        {"1.5h",                  BAD      },
        {"5M",                    BAD      },
        {"1h30m",                 BAD      },
        {"5min",                  BAD      },
        {"5ms ",                  BAD      },
        {"+5s",                   BAD      },
        {"0x5s",                  BAD      },
        {"99999999999999999999s", BAD      },
        {"9223372036854775807d",  BAD      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 77;
        err e = config_value_duration(str_of(cases[i].input), &ms);
        CHECK((e == NULL) == (cases[i].ms != BAD), cases[i].input);
        CHECK(ms == (e ? 77 : cases[i].ms), cases[i].input);
        CHECK(e == NULL || e->kind == ERR_CONFIG, cases[i].input);
        err_forget();
    }
}

TEST(config_value_size)
{
    static const struct {
        const char *input;
        int64_t bytes;
    } cases[] = {
        {"100B",             100       },
        {"1KiB",             1024      },
        {"50MiB",            52428800  },
        {"10MB",             10000000  },
        {"1GiB",             1073741824},
        {"3KB",              3000      },
        {"2GB",              2000000000},
        {"0B",               0         },
        {"100",              BAD       },
        {"1K",               BAD       },
        {"1kb",              BAD       },
        {"1 MiB",            BAD       },
        {"1.5MiB",           BAD       },
        {"1Mib",             BAD       },
        {"",                 BAD       },
        {"9999999999999GiB", BAD       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t bytes = 77;
        err e = config_value_size(str_of(cases[i].input), &bytes);
        CHECK((e == NULL) == (cases[i].bytes != BAD), cases[i].input);
        CHECK(bytes == (e ? 77 : cases[i].bytes), cases[i].input);
        err_forget();
    }
}

TEST(config_value_format)
{
    static const struct {
        int64_t amount;
        const char *duration, *size;
    } cases[] = {
        {0,        "0ms",          "0B"      },
        {1,        "1ms",          "1B"      },
        {1000,     "1s",           "1KB"     },
        {1024,     "1024ms",       "1KiB"    },
        {90000,    "90s",          "90KB"    },
        {86400000, "1d",           "84375KiB"},
        {10000000, "10000s",       "10MB"    },
        {1 << 30,  "1073741824ms", "1GiB"    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100);
        CHECK_DONE(config_value_format_duration(cases[i].amount, &out), cases[i].duration);
        CHECK_STR(buf_str(&out), cases[i].duration, "duration");
        buf_clear(&out);
        CHECK_DONE(config_value_format_size(cases[i].amount, &out), cases[i].size);
        CHECK_STR(buf_str(&out), cases[i].size, "size");
    }
}

TEST(config_value_hop)
{
    static const struct {
        const char *input, *host; /* NULL: refused */
        int port;
        bool lmtp, implicit;
        enum config_hop_tls tls;
    } cases[] = {
        {"smtp://mail.example.net",   "mail.example.net", 587, false, false, HOP_TLS_VERIFIED},
        {"smtp://Mail.Example.NET:25/",                        "mail.example.net", 25, false, false, HOP_TLS_VERIFIED},
        {"smtps://mail.example.net",                      "mail.example.net", 465, false, true, HOP_TLS_VERIFIED},
        {"lmtp://mail.example.net",                           "mail.example.net", 24, true, false, HOP_TLS_VERIFIED},
        {"lmtp://127.0.0.1","127.0.0.1", 24, true, false, HOP_TLS_OPPORTUNISTIC},
        {"lmtp+unix:///run/lmtp",                      "/run/lmtp", 0, true, false, HOP_TLS_NONE},
        {"smtp://[2001:db8::1]:26",           "2001:db8::1", 26, false, false, HOP_TLS_VERIFIED},
        {"smtp://b\xc3\xbc"
         "cher.example",  "xn--bcher-kva.example", 587, false, false, HOP_TLS_VERIFIED},
        {"smtp://a.example?tls=none",                        "a.example", 587, false, false, HOP_TLS_NONE},
        {"smtps://a.example?tls=opportunistic",                       "a.example", 465, false, true,
         HOP_TLS_OPPORTUNISTIC},
        {.input = "smtps://a.example?tls=none"                          },
        {.input = "smtp://a.example?tls="},
        {.input = "smtp://a.example?"                      },
        {.input = "smtp://a.example?tls=none&tls=none"          },
        {.input = "smtp://a.example/path"         },
        {.input = "smtp://a.example//"                        },
        {.input = "smtp://user:secret@a.example"                     },
        {.input = "smtp://"                          },
        {.input = "smtp:///"},
        {.input = "smtp://a.example:"                      },
        {.input = "smtp://a.example:0"              },
        {.input = "smtp://a.example:65536"  },
        {.input = "smtp://a.example:25x"                        },
        {.input = "smtp://[::1"                     },
        {.input = "smtp://[::1]25"                          },
        {.input = "smtp://::1"  },
        {.input = "smtp://1.2.3"                     },
        {.input = "smtp://a b"          },
        {.input = "smtp://a..example"},
        {.input = "SMTP://a.example"                       },
        {.input = "http://a.example"                     },
        {.input = "lmtp+unix://run/lmtp"                          },
        {.input = "mail.example.net"},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_hop hop = {.port = 1};
        err e = config_value_hop(str_of(cases[i].input), arena, &hop);
        CHECK((e == NULL) == (cases[i].host != NULL), cases[i].input);
        CHECK(e == NULL || hop.port == 1, cases[i].input);
        CHECK(e == NULL || !str_contains(e->text, S("secret")), cases[i].input);
        if (e == NULL && cases[i].host) {
            CHECK_STR(hop.host, cases[i].host, cases[i].input);
            CHECK_STR(hop.url, cases[i].input, cases[i].input);
            CHECK(hop.port == cases[i].port, cases[i].input);
            CHECK(hop.lmtp == cases[i].lmtp, cases[i].input);
            CHECK(hop.implicit_tls == cases[i].implicit, cases[i].input);
            CHECK(hop.tls == cases[i].tls, cases[i].input);
        }
        err_forget();
    }
}

TEST(config_value_secret)
{
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {
        {"file:/etc/x",                       true },
        {"file:x",                            false},
        {"env:RELAY_1",                       true },
        {"env:1",                             false},
        {"command:pass show x",               true },
        {"command: ",                         false},
        {"keyring:smtp.example.com/me",       true },
        {"keyring:smtp.example.com",          false},
        {"keyring:/me",                       false},
        {"netrc:smtp.example.com",            true },
        {"netrc:smtp.example.com/me",         true },
        {"netrc:",                            false},
        {"vault:secret/relay#password",       true },
        {"vault:secret/relay",                true },
        {"vault:relay#password",              false},
        {"vault:#a/b",                        false},
        {"aws-sm:mail/relay#password",        true },
        {"aws-sm:arn:aws:secretsmanager:a:b", true },
        {"aws-sm:#a",                         false},
        {"aws-sm:a\nb",                       false},
        {"credential:relay",                  true },
        {"credential:../relay",               false},
        {"encrypted:/etc/sealed#relay",       true },
        {"encrypted:/etc/sealed",             false},
        {"encrypted:sealed#relay",            false},
        {"hunter2",                           false},
        {"",                                  false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err e = config_value_secret(str_of(cases[i].text));
        CHECK((e == NULL) == cases[i].fits, cases[i].text);
        CHECK(e == NULL || strstr(e->text.ptr, "hunter2") == NULL, "never repeated");
        err_forget();
    }
}

TEST(config_value_hop_is_local)
{
    static const struct {
        const char *url;
        bool local;
    } cases[] = {
        {"smtp://localhost",          true },
        {"smtp://127.9.9.9",          true },
        {"smtp://[::1]",              true },
        {"smtp://[::ffff:127.0.0.1]", true },
        {"lmtp+unix:///run/x",        true },
        {"smtp://10.0.0.1",           false},
        {"smtp://localhost.example",  false},
        {"smtp://127.0.0.1.example",  false},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_hop hop;
        CHECK_DONE(config_value_hop(str_of(cases[i].url), arena, &hop), cases[i].url);
        CHECK(config_value_hop_is_local(&hop) == cases[i].local, cases[i].url);
    }
}

TEST(config_suggest)
{
    static const struct {
        const char *wrong, *best;
    } cases[] = {
        {"hostnam",                                             "hostname" },
        {"listener",                                            "listeners"},
        {"ruotes",                                              "routes"   },
        {"zzz",                                                 ""         },
        {"",                                                    ""         },
        {"smarthost",                                           "routes"   },
        {"LISTENERS",                                           "listeners"},
        {"a-word-that-is-longer-than-any-key-of-ours-could-be", ""         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_suggest s;
        config_suggest_init(&s, str_of(cases[i].wrong));
        config_suggest_offer(&s, S("hostname"));
        config_suggest_offer(&s, S("listeners"));
        config_suggest_offer(&s, S("routes"));
        CHECK_STR(s.best, cases[i].best, cases[i].wrong);
    }
    static const char *const foreign[] = {"ssl", "SSL/TLS", "tls/ssl", "smtps"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        struct config_suggest s;
        config_suggest_init(&s, str_of(foreign[i]));
        config_suggest_offer(&s, S("none"));
        config_suggest_offer(&s, S("implicit"));
        config_suggest_offer(&s, S("starttls"));
        CHECK_STR(s.best, "implicit", foreign[i]);
    }
    CHECK(config_suggest_distance(S("abcd"), S("abdc")) == 1, "a swap is one step");
    CHECK(config_suggest_distance(S("abc"), S("")) == 3, "all gone");
}

TEST(config_client_policy)
{
    const struct config_client_policy *p = &config_client_policy;
    for (int i = 0; i < p->retries; i++) {
        int64_t least = 5000LL << i;
        for (int draw = 0; draw < 100; draw++) {
            int64_t wait_ms = config_client_policy_wait_ms(p, i);
            CHECK(wait_ms >= least, "never sooner");
            CHECK(wait_ms <= least + least / 5, "at most 20 % later");
        }
    }
}
