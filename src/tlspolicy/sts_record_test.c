#include "tests/test.h"
#include "tlspolicy/report_record.h"
#include "tlspolicy/sts_record.h"

TEST(tlspolicy_sts_record_parse)
{
    static const struct {
        const char *clause, *text, *id; /* NULL: refused */
    } cases[] = {
        {"RFC 8461 3.1, its example",                       "v=STSv1; id=20160831085700Z;",                       "20160831085700Z"},
        {"3.1: no delimiter at the end",                    "v=STSv1; id=1",                                      "1"              },
        {"3.1: no blanks",                                  "v=STSv1;id=20180907T090909;",                        "20180907T090909"},
        {"3.1: blanks and tabs around delimiters",          "v=STSv1 \t; \t id=a1 \t;",                           "a1"             },
        {"3.1: an id of 32",                                "v=STSv1; id=0123456789abcdef0123456789abcdef",
         "0123456789abcdef0123456789abcdef"                                                                                        },
        {"3.1: an id of 33",                                "v=STSv1; id=0123456789abcdef0123456789abcdef0",      NULL             },
        {"3.1: an empty id",                                "v=STSv1; id=;",                                      NULL             },
        {"3.1: an id with a hyphen",                        "v=STSv1; id=a-b;",                                   NULL             },
        {"3.1: no id",                                      "v=STSv1;",                                           NULL             },
        {"3.1: another field alone",                        "v=STSv1; xyz=foo",                                   NULL             },
        {"3.1: another field beside it is skipped",         "v=STSv1; xyz=foo; id=a",                             "a"              },
        {"3.1: a name with all that may be in one",         "v=STSv1; a_b-c.9=x; id=a",                           "a"              },
        {"3.1: a name that begins with a hyphen",           "v=STSv1; -a=x; id=a",                                NULL             },
        {"3.1: a name of 33",                               "v=STSv1; a23456789012345678901234567890123=x; id=a", NULL             },
        {"3.1: a value with a blank",                       "v=STSv1; x=a b; id=a",                               NULL             },
        {"3.1: a value that is empty",                      "v=STSv1; x=; id=a",                                  NULL             },
        {"3.1: a field without =",                          "v=STSv1; x; id=a",                                   NULL             },
        {"3.1: two delimiters in a row",                    "v=STSv1;; id=a",                                     NULL             },
        {"3.1: two ids",                                    "v=STSv1; id=foo; id=bar",                            NULL             },
        {"3.1: the version is not first",                   "id=20180907T090909; v=STSv1;",                       NULL             },
        {"3.1: another version",                            "v=STSv12;id=20180907T090909;",                       NULL             },
        {"3.1: the version in lower case",                  "v=stsv1; id=a",                                      NULL             },
        {"3.1: the id's name in capitals is another field", "v=STSv1; ID=a",                                      NULL             },
        {"garbage",                                         "azazaza;asdasdasdasd",                               NULL             },
        {"another record",                                  "v=spf1 -all",                                        NULL             },
        {"nothing",                                         "",                                                   NULL             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tlspolicy_sts_record r = {0};
        err e = tlspolicy_sts_record_parse(str_of(cases[i].text), &r);
        CHECK((e == NULL) == (cases[i].id != NULL), cases[i].clause);
        if (cases[i].id)
            CHECK_STR(r.id, cases[i].id, cases[i].clause);
        err_forget();
    }
}

TEST(tlspolicy_report_record_parse)
{
    static const struct {
        const char *clause, *text, *uses; /* NULL: refused */
        size_t useless;
    } cases[] = {
        {"RFC 8460 3.1.1",                   "v=TLSRPTv1;rua=mailto:reports@example.com",                  "reports@example.com ", 0},
        {"3.1.2",                            "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
         "https://reporting.example.com/v1/tlsrpt ",                                                                               0},
        {"3: several, with blanks",          "v=TLSRPTv1; rua=mailto:a@example.com , https://b.example/;",
         "a@example.com https://b.example/ ",                                                                                      0},
        {"3: a scheme of no use beside one", "v=TLSRPTv1; rua=ftp://x/,mailto:a@example.com",
         "a@example.com ",                                                                                                         1},
        {"3: no scheme of use",              "v=TLSRPTv1; rua=ftp://x/",                                   NULL,                   0},
        {"3: http is not https",             "v=TLSRPTv1; rua=http://x.example/",                          NULL,                   0},
        {"3: https without slashes",         "v=TLSRPTv1; rua=https:x.example",                            NULL,                   0},
        {"3: https without a host",          "v=TLSRPTv1; rua=https://",                                   NULL,                   0},
        {"3: no rua",                        "v=TLSRPTv1;",                                                NULL,                   0},
        {"3: an empty rua",                  "v=TLSRPTv1; rua=",                                           NULL,                   0},
        {"3: two rua",                       "v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example", NULL,                   0},
        {"3: other fields are skipped",      "v=TLSRPTv1; x=y; rua=mailto:a@b.example",                    "a@b.example ",
         0                                                                                                                          },
        {"3: another version",               "v=TLSRPTv2; rua=mailto:a@b.example",                         NULL,                   0},
        {"3: the version is not first",      "rua=mailto:a@b.example; v=TLSRPTv1",                         NULL,                   0},
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tlspolicy_report_record r = {0};
        char uses[400] = "";
        err e = tlspolicy_report_record_parse(str_of(cases[i].text), arena, &r);
        CHECK((e == NULL) == (cases[i].uses != NULL), cases[i].clause);
        for (size_t u = 0; u < r.count; u++) {
            str use = r.uris[u].address.len ? r.uris[u].address : r.uris[u].text;
            snprintf(uses + strlen(uses), sizeof uses - strlen(uses), "%.*s ", STR_ARG(use));
        }
        CHECK_STR(str_of(uses), cases[i].uses ? cases[i].uses : "", cases[i].clause);
        CHECK(r.useless == cases[i].useless, cases[i].clause);
        err_forget();
    }
    arena_close(arena);
}
