#include "config/config.h"
#include "config/share.h"
#include "config/value.h"
#include "tests/test.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

static struct config *load(const char *text, struct buf *lines)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_from_text(str_of(text), S("t"), &config, &errors);
    CHECK((e == NULL) == (errors.count == 0), text);
    CHECK_DONE(config_errors_print(&errors, lines), text);
    config_errors_release(&errors);
    err_forget();
    return config;
}

#define OUT1 "egress: { out1: { address: 192.0.2.10 } }\n"

TEST(config_warmup_mistakes)
{
    static const struct {
        const char *text, *told; /* NULL: none */
    } cases[] = {
        {OUT1 "warmup: { out1: {} }",                                                   NULL                                },
        {"warmup: { default: {} }",                                                     NULL                                },
        {"warmup: { out1: {} }",                                                        "there is no egress \"out1\""       },
        {OUT1 "warmup: { out1: { plan: quick } }",                                      "there are: default, slow, sendgrid"},
        {OUT1 "warmup: { out1: { sites: { google: none } } }",                          NULL                                },
        {OUT1 "warmup: { out1: { sites: { google: quick } } }",                         "no warm-up plan \"quick\""         },
        {OUT1 "warmup: { out1: { sites: { google: { volumes: [10, 20] } } } }",         NULL                                },
        {OUT1 "warmup: { out1: { sites: { google: { volumes: [0] } } } }",              "not between 1 and"                 },
        {OUT1 "warmup: { out1: { start: 2026-11-21, zone: \"+01:00\", hours: 8-20 } }", NULL                                },
        {OUT1 "warmup: { out1: { start: 2026-02-30 } }",                                "is not a date"                     },
        {OUT1 "warmup: { out1: { start: tomorrow } }",                                  "is not a date"                     },
        {OUT1 "warmup: { out1: { zone: CET } }",                                        "is not an offset"                  },
        {OUT1 "warmup: { out1: { hours: 8-8 } }",                                       "are not hours"                     },
        {OUT1 "warmup: { out1: { hours: 8-25 } }",                                      "are not hours"                     },
        {OUT1 "warmup: { out1: { overflow: drop } }",                                   "is not wait or next"               },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf lines;
        buf_init(&lines, TEXT_BYTES_MAX);
        struct config *config = load(cases[i].text, &lines);
        CHECK((config != NULL) == (cases[i].told == NULL), cases[i].text);
        CHECK(cases[i].told == NULL || str_contains(buf_str(&lines), str_of(cases[i].told)),
              cases[i].text);
        config_close(config);
    }
}

static const struct config_warmup_track *track_of(const struct config *c, str site)
{
    for (size_t i = 0; i < c->warmup[0].track_count; i++)
        if (str_eq(c->warmup[0].tracks[i].site, site))
            return &c->warmup[0].tracks[i];
    return NULL;
}

TEST(config_warmup_tracks)
{
    static const struct {
        const char *site;
        int days, first, last;
    } want[] = {
        {"google", 3,  10,  30    }, /* its volumes */
        {"yahoo",  42, 100, 86685 }, /* another plan */
        {"web.de", 30, 240, 480851}, /* as all others */
        {"apple",  0,  0,   0     }, /* none */
        {"others", 30, 240, 480851},
    };
    CLEANUP(buf_release) struct buf lines;
    buf_init(&lines, TEXT_BYTES_MAX);
    struct config *config =
        load(OUT1 "warmup: { out1: { sites: { google: { volumes: [10, 20, 30] },"
                  " yahoo: slow, web.de: default, apple: none } } }",
             &lines);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct config_warmup_track *t = track_of(config, str_of(want[i].site));
        CHECK(t && t->days == want[i].days, want[i].site);
        CHECK(t && (t->days == 0 || t->caps[0] == want[i].first), want[i].site);
        CHECK(t && (t->days == 0 || t->caps[t->days - 1] == want[i].last), want[i].site);
    }
    CHECK(track_of(config, S("google"))->rules.spam == 30, "0.3 %");
    config_close(config);
}

/* SendGrid's table of hourly caps, 24 times: our plan of that name never lets more go. */
TEST(config_warmup_as_published)
{
    static const int hourly[] = {20,   28,    39,    55,    77,    108,   151,   211,  295,
                                 413,  579,   810,   1000,  1587,  2222,  3111,  4356, 6098,
                                 8583, 11953, 16734, 23427, 32798, 45917, 64284, 89998};
    CLEANUP(buf_release) struct buf lines;
    buf_init(&lines, TEXT_BYTES_MAX);
    struct config *config = load(OUT1 "warmup: { out1: { plan: sendgrid } }", &lines);
    const struct config_warmup_track *t = track_of(config, S("others"));
    for (size_t i = 0; i < ARRAY_LEN(hourly); i++)
        CHECK(t->caps[i] <= hourly[i] * 24 * 115 / 100 && t->caps[i] >= hourly[i] * 24 * 95 / 100,
              "within 15 %");
    config_close(config);
}

TEST(config_value_hours_and_others)
{
    static const struct {
        const char *input, *shown; /* NULL: refused */
        int hours;
    } hours[] = {
        {"0-24",  "0-24",  0xffffff},
        {"8-20",  "8-20",  0x0fff00},
        {"22-6",  "22-6",  0xc0003f},
        {"22-24", "22-24", 0xc00000},
        {"22-0",  "22-24", 0xc00000},
        {"0-1",   "0-1",   1       },
        {"23-1",  "23-1",  0x800001},
        {"0-0",   NULL,    0       },
        {"24-1",  NULL,    0       },
        {"8",     NULL,    0       },
        {"8-20h", NULL,    0       },
    };
    static const struct {
        const char *input;
        int hundredths; /* -1: refused */
    } shares[] = {
        {"40%",     4000   },
        {"0.3%",    30     },
        {"0.25%",   25     },
        {"10000%",  1000000},
        {"10001%",  -1     },
        {"1.234%",  -1     },
        {"1.%",     -1     },
        {"40",      -1     },
        {"%",       -1     },
        {"-1%",     -1     },
        {"999999%", -1     },
    };
    for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
        CLEANUP(buf_release) struct buf out;
        int bits = 7;
        buf_init(&out, 100);
        err e = config_value_hours(str_of(hours[i].input), &bits);
        CHECK((e == NULL) == (hours[i].shown != NULL), hours[i].input);
        CHECK(bits == (e ? 7 : hours[i].hours), hours[i].input);
        if (e == NULL) {
            CHECK_DONE(config_value_format_hours(bits, &out), hours[i].input);
            CHECK_STR(buf_str(&out), hours[i].shown, hours[i].input);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        int value = 7;
        err e = config_value_percent(str_of(shares[i].input), &value);
        CHECK((e == NULL) == (shares[i].hundredths >= 0), shares[i].input);
        CHECK(value == (e ? 7 : shares[i].hundredths), shares[i].input);
    }
    err_forget();
}
