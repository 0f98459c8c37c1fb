#include "tests/test.h"
#include "tlspolicy/sts_policy.h"

#define HEAD "version: STSv1\nmode: enforce\n"

/* "mode max_age pattern pattern..." */
static void tell(const struct tlspolicy_sts_policy *p, char *ret_text, size_t size)
{
    int n =
        snprintf(ret_text, size, "%s %u", tlspolicy_sts_policy_mode_name(p->mode), p->max_age_s);
    for (size_t i = 0; i < p->mx_count; i++)
        n += snprintf(ret_text + n, size - (size_t)n, " %.*s", STR_ARG(p->mx[i]));
}

TEST(tlspolicy_sts_policy_parse)
{
    static const struct {
        const char *clause, *text, *want; /* NULL: refused */
    } cases[] = {
        {"RFC 8461 3.2, its example",
         "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
         "mx: backupmx.example.com\r\nmax_age: 604800\r\n",                                                        "enforce 604800 mail.example.com *.example.net backupmx.example.com"},
        {"3.2: LF ends lines, too",                  HEAD "mx: a.example\nmax_age: 1\n",                           "enforce 1 a.example"                                               },
        {"3.2: no line end at the end",              HEAD "mx: a.example\nmax_age: 1",                             "enforce 1 a.example"                                               },
        {"3.2: any order",                           "max_age: 1\nmx: a.example\nmode: testing\nversion: STSv1\n",
         "testing 1 a.example"                                                                                                                                                         },
        {"3.2: no blank behind the colon",           "version:STSv1\nmode:enforce\nmx:a.example\nmax_age:1",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: blanks at the end",
         "version: STSv1 \nmode: enforce\t\nmx: a.example  \r\nmax_age: 1",                                        "enforce 1 a.example"                                               },
        {"blank lines are skipped",                  HEAD "\nmx: a.example\r\n\r\nmax_age: 1\n\n\n",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: mode none needs no mx",               "version: STSv1\nmode: none\nmax_age: 86400",                 "none 86400"                                                        },
        {"3.2: enforce without mx",                  HEAD "max_age: 86400",                                        NULL                                                                },
        {"3.2: testing without mx",                  "version: STSv1\nmode: testing\nmax_age: 86400",              NULL                                                                },
        {"3.2: no version",                          "mode: enforce\nmx: a.example\nmax_age: 1",                   NULL                                                                },
        {"3.2: no mode",                             "version: STSv1\nmx: a.example\nmax_age: 1",                  NULL                                                                },
        {"3.2: no max_age",                          HEAD "mx: a.example\n",                                       NULL                                                                },
        {"3.2: another version",                     "version: STSv2\nmode: none\nmax_age: 1",                     NULL                                                                },
        {"3.2: the version in lower case",           "version: stsv1\nmode: none\nmax_age: 1",                     NULL                                                                },
        {"3.2: another mode",                        "version: STSv1\nmode: doubt\nmx: a.example\nmax_age: 1",     NULL                                                                },
        {"3.2: max_age is no number",                HEAD "mx: a.example\nmax_age: xxx",                           NULL                                                                },
        {"3.2: max_age is negative",                 HEAD "mx: a.example\nmax_age: -1",                            NULL                                                                },
        {"3.2: max_age has a unit",                  HEAD "mx: a.example\nmax_age: 7d",                            NULL                                                                },
        {"3.2: max_age is empty",                    HEAD "mx: a.example\nmax_age:",                               NULL                                                                },
        {"3.2: max_age of 11 digits",                HEAD "mx: a.example\nmax_age: 00000000001",                   NULL                                                                },
        {"3.2: max_age of 0",                        HEAD "mx: a.example\nmax_age: 0",                             "enforce 0 a.example"                                               },
        {"3.2: the greatest max_age",                HEAD "mx: a.example\nmax_age: 31557600",
         "enforce 31557600 a.example"                                                                                                                                                  },
        {"3.2: one above counts as the greatest",    HEAD "mx: a.example\nmax_age: 31557601",
         "enforce 31557600 a.example"                                                                                                                                                  },
        {"3.2: and so does any other",               HEAD "mx: a.example\nmax_age: 9999999999",
         "enforce 31557600 a.example"                                                                                                                                                  },
        {"3.2: of two modes the first counts",       HEAD "mode: none\nmx: a.example\nmax_age: 1",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: even when the second is none at all", HEAD "mode: x\nmx: a.example\nmax_age: 1",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: of two max_age the first counts",     HEAD "mx: a.example\nmax_age: 1\nmax_age: 2",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: unknown fields are skipped",          HEAD "x-y.z_1: any thing\nmx: a.example\nmax_age: 1",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: UTF-8 in their values",               HEAD "note: gr\xc3\xbc\xc3\x9f\nmx: a.example\nmax_age: 1",
         "enforce 1 a.example"                                                                                                                                                         },
        {"3.2: what is not UTF-8 there",             HEAD "note: gr\xfc\nmx: a.example\nmax_age: 1",               NULL                                                                },
        {"3.2: names are told apart by case",        HEAD "MX: a.example\nmax_age: 1",                             NULL                                                                },
        {"3.2: a line without a colon",              HEAD "mx a.example\nmx: a.example\nmax_age: 1",               NULL                                                                },
        {"3.2: a blank before the colon",            HEAD "mx : a.example\nmx: a.example\nmax_age: 1",             NULL                                                                },
        {"garbage",                                  "garbage",                                                    NULL                                                                },
        {"a page",                                   "<html><head><title>404: not here</title></head></html>",     NULL                                                                },
        {"nothing",                                  "",                                                           NULL                                                                },
        {"3.2: an mx in capitals",                   HEAD "mx: MAIL.Example.COM\nmax_age: 1",
         "enforce 1 mail.example.com"                                                                                                                                                  },
        {"3.2: the star is no label of its own",     HEAD "mx: *\nmax_age: 1",                                     NULL                                                                },
        {"3.2: a star and nothing behind it",        HEAD "mx: *.\nmax_age: 1",                                    NULL                                                                },
        {"3.2: two stars",                           HEAD "mx: *.*.example\nmax_age: 1",                           NULL                                                                },
        {"3.2: a star inside a label",               HEAD "mx: m*.example\nmax_age: 1",                            NULL                                                                },
        {"3.2: a star in the middle",                HEAD "mx: a.*.example\nmax_age: 1",                           NULL                                                                },
        {"3.2: a pattern as it once was",            HEAD "mx: .example.com\nmax_age: 1",                          NULL                                                                },
        {"RFC 5321 4.1.2: a dot at the end",         HEAD "mx: a.example.\nmax_age: 1",                            NULL                                                                },
        {"RFC 5321 4.1.2: U-labels are no domain",   HEAD "mx: b\xc3\xbc.example\nmax_age: 1",                     NULL                                                                },
        {"3.2: an address is no host",               HEAD "mx: 192.0.2.1\nmax_age: 1",                             NULL                                                                },
        {"3.2: several in one line",                 HEAD "mx: a.example, b.example\nmax_age: 1",                  NULL                                                                },
        {"a NUL",                                    HEAD "mx: a.example\nmax_age: 1\n\0",                         "enforce 1 a.example"                                               },
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tlspolicy_sts_policy p;
        char got[200] = "";
        err e = tlspolicy_sts_policy_parse(str_of(cases[i].text), arena, &p);
        CHECK((e == NULL) == (cases[i].want != NULL), cases[i].clause);
        if (e == NULL)
            tell(&p, got, sizeof got);
        CHECK_STR(str_of(got), cases[i].want ? cases[i].want : "", cases[i].clause);
        err_forget();
    }
    arena_close(arena);
}

TEST(tlspolicy_sts_policy_limits)
{
    struct arena *arena = arena_open(4 << 20);
    struct tlspolicy_sts_policy p;
    struct buf text;
    buf_init(&text, 1 << 20);
    err e = buf_add(&text, S(HEAD "max_age: 1\n"));
    for (int i = 0; e == NULL && i < TLSPOLICY_STS_POLICY_MX_MAX; i++)
        e = buf_addf(&text, "mx: m%d.example\n", i);
    CHECK_DONE(e, "a text");
    CHECK_DONE(tlspolicy_sts_policy_parse(buf_str(&text), arena, &p), "as many as may be");
    CHECK(p.mx_count == TLSPOLICY_STS_POLICY_MX_MAX, "all of them");
    CHECK_DONE(buf_add(&text, S("mx: x.example\n")), "one more");
    e = tlspolicy_sts_policy_parse(buf_str(&text), arena, &p);
    CHECK(e && e->kind == ERR_LIMIT, "one more");
    buf_clear(&text);
    e = buf_add(&text, S(HEAD "max_age: 1\nmx: x.example\n"));
    while (e == NULL && text.len <= TLSPOLICY_STS_POLICY_BYTES_MAX)
        e = buf_add_char(&text, '\n');
    e = e ? e : tlspolicy_sts_policy_parse(buf_str(&text), arena, &p);
    CHECK(e && e->kind == ERR_LIMIT, "64 KiB and one byte (3.3)");
    err_forget();
    CHECK_DONE(tlspolicy_sts_policy_parse(str_slice(buf_str(&text), 0, text.len - 1), arena, &p),
               "64 KiB");
    buf_release(&text);
    arena_close(arena);
}

/* Attack 208: a host that the policy does not name. */
TEST(tlspolicy_sts_policy_matches)
{
    static const struct {
        const char *clause, *pattern, *host;
        bool fits;
    } cases[] = {
        {"RFC 8461 4.1: the same",               "mx.example.com", "mx.example.com",    true },
        {"4.1: in any case",                     "mx.example.com", "MX.Example.Com",    true },
        {"a root dot does not count",            "mx.example.com", "mx.example.com.",   true },
        {"4.1: another",                         "mx.example.com", "mx2.example.com",   false},
        {"4.1: a name below",                    "mx.example.com", "a.mx.example.com",  false},
        {"4.1: a name above",                    "mx.example.com", "example.com",       false},
        {"4.1: one label for the star",          "*.example.com",  "mx.example.com",    true },
        {"4.1: in any case",                     "*.example.com",  "mx.EXAMPLE.com",    true },
        {"4.1: not two labels",                  "*.example.com",  "a.b.example.com",   false},
        {"4.1: not none",                        "*.example.com",  "example.com",       false},
        {"4.1: not an empty one",                "*.example.com",  ".example.com",      false},
        {"4.1: not the end of a label",          "*.example.com",  "mx.badexample.com", false},
        {"4.1: a host of one label",             "*.com",          "com",               false},
        {"4.1: a star above a top-level domain", "*.com",          "example.com",       true },
        {"4.1: a host that calls itself a star", "mx.example.com", "*.example.com",     false},
        {"nothing",                              "mx.example.com", "",                  false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str pattern = str_of(cases[i].pattern);
        struct tlspolicy_sts_policy p = {.mx = &pattern, .mx_count = 1};
        CHECK(tlspolicy_sts_policy_matches(&p, str_of(cases[i].host)) == cases[i].fits,
              cases[i].clause);
    }
}

TEST(tlspolicy_sts_policy_write)
{
    str mx[] = {S("mx.example.com"), S("*.example.net")};
    struct tlspolicy_sts_policy p = {TLSPOLICY_STS_TESTING, 86400, false, mx, 2}, again;
    struct arena *arena = arena_open(1 << 20);
    struct buf text;
    buf_init(&text, 1000);
    CHECK_DONE(tlspolicy_sts_policy_write(&p, &text), "written");
    CHECK_STR(buf_str(&text),
              "version: STSv1\r\nmode: testing\r\nmx: mx.example.com\r\nmx: *.example.net\r\n"
              "max_age: 86400\r\n",
              "a file");
    CHECK_DONE(tlspolicy_sts_policy_parse(buf_str(&text), arena, &again), "read again");
    CHECK(again.mode == p.mode && again.mx_count == 2 && again.max_age_s == 86400, "the same");
    buf_release(&text);
    arena_close(arena);
}
