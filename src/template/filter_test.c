#include "template/filter.h"
#include "tests/test.h"

TEST(template_filters)
{
    static const struct {
        const char *label, *filter, *input, *first, *second, *want;
    } cases[] = {
        {"upper",                        "upper",    "straße äöü éñ żółć λόγος жук", NULL,                     NULL,
         "STRAßE ÄÖÜ ÉÑ ŻÓŁĆ ΛόΓΟς ЖУК"                                                                                                          },
        {"lower",                        "lower",    "ÄÖÜ ŻÓŁĆ ЖУК ABC",                     NULL,                     NULL, "äöü żółć жук abc"},
        {"title",                        "title",    "ANNA-maria o'hara élise",                       NULL,                     NULL, "Anna-Maria O'hara Élise"  },
        {"trim",                         "trim",     "  a b \t",                                       NULL,                     NULL, "a b"                       },
        {"bytes that are no UTF-8 stay", "upper",    "a\xff z",                                        NULL,                     NULL, "A\xff Z"                   },
        {"truncate counts characters",   "truncate", "äöüß",                                       "3",                      NULL, "äöü..."                 },
        {"truncate leaves what fits",    "truncate", "äöü",                                         "3",                      NULL, "äöü"                    },
        {"default of blanks",            "default",  "  ",                                             "x",                      NULL, "x"                         },
        {"default of a value",           "default",  "y",                                              "x",                      NULL, "y"                         },
        {"date",                         "date",     "2026-11-21",                                     "%d.%m.%Y",               NULL, "21.11.2026"                },
        {"date in words",                "date",     "2026-03-01 09:05",                               "%A, %e %B %Y, %I:%M %p", NULL,
         "Sunday, 1 March 2026, 9:05 am"                                                                                                                           },
        {"date in its own zone",         "date",     "2026-11-21T23:30:00+02:00",                      "%Y-%m-%d %H:%M",         NULL,
         "2026-11-21 23:30"                                                                                                                                        },
        {"date of a header field",       "date",     "Sat, 21 Nov 2026 08:48:16 +0000",                "%j %y %b %a %S%%",
         NULL,                                                                                                                         "325 26 Nov Sat 16%"        },
        {"what is no date stays",        "date",     "soon",                                           "%Y",                     NULL, "soon"                      },
        {"before 1970",                  "date",     "1969-12-31",                                     "%Y",                     NULL, "1969"                      },
        {"number",                       "number",   "1234567",                                        NULL,                     NULL, "1,234,567"                 },
        {"number with decimals",         "number",   "1234.5",                                         "2",                      NULL, "1,234.50"                  },
        {"number as in Germany",         "number",   "-1234567.891",                                   "2",                      ".,", "-1.234.567,89"             },
        {"number without thousands",     "number",   "1234.5",                                         "1",                      ".",  "1234.5"                    },
        {"what is no number stays",      "number",   "many",                                           NULL,                     NULL, "many"                      },
        {"url",                          "url",      "a b&c=d/ä@~",                                   NULL,                     NULL, "a%20b%26c%3Dd%2F%C3%A4%40~"},
        {"split and its text",           "split",    "a; b;;c",                                        ";",                      NULL, "a, b, , c"                 },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct template_filter *f = template_filter_find(str_of(cases[i].filter));
        struct template_value input = template_value_of_text(str_of(cases[i].input));
        struct template_value args[2] = {template_value_of_text(str_of(cases[i].first)),
                                         template_value_of_text(str_of(cases[i].second))};
        int count = (cases[i].first != NULL) + (cases[i].second != NULL);
        struct template_value got = f->run(&input, args, count, arena);
        CHECK_STR(template_value_as_text(&got, arena), cases[i].want, cases[i].label);
    }
}
