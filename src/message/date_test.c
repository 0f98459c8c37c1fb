#include "base/clock.h"
#include "message/date.h"
#include "tests/test.h"

TEST(message_date_parse)
{
    static const struct {
        const char *label, *input, *want; /* in UTC; NULL: refused */
        uint8_t flags;
    } cases[] = {
        {"RFC 5322",             " Fri, 21 Nov 1997 09:55:06 -0600",                                     "Fri, 21 Nov 1997 15:55:06 +0000", 0            },
        {"no weekday",           "21 Nov 1997 09:55:06 -0600",                                           "Fri, 21 Nov 1997 15:55:06 +0000", 0            },
        {"no seconds",           "21 Nov 97 09:55 GMT",                                                  "Fri, 21 Nov 1997 09:55:00 +0000", DATE_OBSOLETE},
        {"RFC 5322 A.5",         "Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)",
         "Fri, 14 Feb 1969 03:02:00 +0000",                                                                                                 0            },
        {"RFC 5322 A.6.3",       "Fri, 21 Nov 1997 09(comment): 55 : 06 -0600",
         "Fri, 21 Nov 1997 15:55:06 +0000",                                                                                                 DATE_OBSOLETE},
        {"one digit's day",      "1 Jan 2000 00:00:00 +0000",                                            "Sat, 01 Jan 2000 00:00:00 +0000", 0            },
        {"leap day",             "29 Feb 2000 12:00:00 +0000",                                           "Tue, 29 Feb 2000 12:00:00 +0000", 0            },
        {"no leap day",          "29 Feb 1900 12:00:00 +0000",                                           NULL,                              0            },
        {"leap second",          "31 Dec 2016 23:59:60 +0000",                                           "Sun, 01 Jan 2017 00:00:00 +0000",
         DATE_LEAP_SECOND                                                                                                                                },
        {"wrong weekday",        "Mon, 21 Nov 1997 09:55:06 -0600",                                      "Fri, 21 Nov 1997 15:55:06 +0000",
         DATE_WRONG_WEEKDAY                                                                                                                              },
        {"two-digit year, 2049", "1 Jan 49 00:00:00 +0000",                                              "Fri, 01 Jan 2049 00:00:00 +0000",
         DATE_OBSOLETE                                                                                                                                   },
        {"two-digit year, 1950", "1 Jan 50 00:00:00 +0000",                                              "Sun, 01 Jan 1950 00:00:00 +0000",
         DATE_OBSOLETE                                                                                                                                   },
        {"three-digit year",     "1 Jan 100 00:00:00 +0000",                                             "Sat, 01 Jan 2000 00:00:00 +0000",
         DATE_OBSOLETE                                                                                                                                   },
        {"named zone",           "1 Jan 2000 00:00:00 PDT",                                              "Sat, 01 Jan 2000 07:00:00 +0000", DATE_OBSOLETE},
        {"military zone",        "1 Jan 2000 00:00:00 A",                                                "Sat, 01 Jan 2000 00:00:00 +0000",
         DATE_OBSOLETE | DATE_ZONE_UNKNOWN                                                                                                               },
        {"zone not told",        "1 Jan 2000 00:00:00 -0000",                                            "Sat, 01 Jan 2000 00:00:00 +0000",
         DATE_ZONE_UNKNOWN                                                                                                                               },
        {"no zone",              "1 Jan 2000 00:00:00",                                                  "Sat, 01 Jan 2000 00:00:00 +0000",
         DATE_ODD | DATE_ZONE_UNKNOWN                                                                                                                    },
        {"zone with a colon",    "1 Jan 2000 00:00:00 +01:30",                                           "Fri, 31 Dec 1999 22:30:00 +0000",
         DATE_ODD                                                                                                                                        },
        {"zone name and number", "1 Jan 2000 00:00:00 GMT+0100",                                         "Fri, 31 Dec 1999 23:00:00 +0000",
         DATE_OBSOLETE | DATE_ODD                                                                                                                        },
        {"unknown zone",         "1 Jan 2000 00:00:00 MEZ",                                              "Sat, 01 Jan 2000 00:00:00 +0000",
         DATE_ODD | DATE_ZONE_UNKNOWN                                                                                                                    },
        {"dashes",               "21-Nov-1997 09:55:06 -0600",                                           "Fri, 21 Nov 1997 15:55:06 +0000", DATE_ODD     },
        {"whole names",          "Friday, 21 November 1997 09:55:06 -0600",
         "Fri, 21 Nov 1997 15:55:06 +0000",                                                                                                 DATE_ODD     },
        {"no comma",             "Fri 21 Nov 1997 09:55:06 -0600",                                       "Fri, 21 Nov 1997 15:55:06 +0000", DATE_ODD     },
        {"asctime",              "Fri Nov 21 09:55:06 1997",                                             "Fri, 21 Nov 1997 09:55:06 +0000",
         DATE_ODD | DATE_ZONE_UNKNOWN                                                                                                                    },
        {"date(1)",              "Fri Nov 21 09:55:06 EST 1997",                                         "Fri, 21 Nov 1997 14:55:06 +0000",
         DATE_ODD | DATE_OBSOLETE                                                                                                                        },
        {"month first",          "Nov 21, 1997 09:55:06 +0000",                                          "Fri, 21 Nov 1997 09:55:06 +0000", DATE_ODD     },
        {"one-digit hour",       "21 Nov 1997 9:55:06 +0000",                                            "Fri, 21 Nov 1997 09:55:06 +0000",
         DATE_ODD                                                                                                                                        },
        {"junk behind",          "21 Nov 1997 09:55:06 +0000 x",                                         "Fri, 21 Nov 1997 09:55:06 +0000",
         DATE_ODD                                                                                                                                        },
        {"hour 24",              "21 Nov 1997 24:00:00 +0000",                                           NULL,                              0            },
        {"day 0",                "0 Nov 1997 10:00:00 +0000",                                            NULL,                              0            },
        {"no month",             "21 Foo 1997 10:00:00 +0000",                                           NULL,                              0            },
        {"ISO 8601",             "1997-11-21T09:55:06Z",                                                 NULL,                              0            },
        {"zone of 99 minutes",   "21 Nov 1997 10:00:00 +0099",                                           NULL,                              0            },
        {"empty",                "",                                                                     NULL,                              0            },
        {"words",                "yesterday",                                                            NULL,                              0            },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message_date date = {.flags = 255};
        bool done = message_date_parse(str_of(cases[i].input), &date);
        CHECK(done == (cases[i].want != NULL), cases[i].label);
        if (!done || cases[i].want == NULL)
            continue;
        char text[CLOCK_RFC5322_BYTES];
        clock_rfc5322(date.real_ms, text);
        CHECK_STR(str_of(text), cases[i].want, cases[i].label);
        CHECK(date.flags == cases[i].flags, cases[i].label);
    }
}

TEST(message_date_rfc3339)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"in UTC",               "2026-11-21T08:48:16Z",         "2026-11-21T08:48:16.000Z"},
        {"small letters",        "2026-11-21t08:48:16z",         "2026-11-21T08:48:16.000Z"},
        {"an offset",            "2026-11-21T08:48:16+01:30",    "2026-11-21T07:18:16.000Z"},
        {"westward",             "2026-12-31T23:30:00-01:00",    "2027-01-01T00:30:00.000Z"},
        {"a fraction",           "2026-11-21T08:48:16.5Z",       "2026-11-21T08:48:16.500Z"},
        {"a fine fraction",      "2026-11-21T08:48:16.1239999Z", "2026-11-21T08:48:16.123Z"},
        {"a leap day",           "2028-02-29T00:00:00Z",         "2028-02-29T00:00:00.000Z"},
        {"no leap day",          "2027-02-29T00:00:00Z",         NULL                      },
        {"no zone",              "2026-11-21T08:48:16",          NULL                      },
        {"a date alone",         "2026-11-21",                   NULL                      },
        {"a blank for the T",    "2026-11-21 08:48:16Z",         NULL                      },
        {"no colon in a zone",   "2026-11-21T08:48:16+0100",     NULL                      },
        {"a zone of 24 hours",   "2026-11-21T08:48:16+24:00",    NULL                      },
        {"something behind",     "2026-11-21T08:48:16Z ",        NULL                      },
        {"an empty fraction",    "2026-11-21T08:48:16.Z",        NULL                      },
        {"month 13",             "2026-13-21T08:48:16Z",         NULL                      },
        {"month 0",              "2026-00-21T08:48:16Z",         NULL                      },
        {"hour 24",              "2026-11-21T24:00:00Z",         NULL                      },
        {"two digits of a year", "26-11-21T08:48:16Z",           NULL                      },
        {"nothing",              "",                             NULL                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = 0;
        char text[CLOCK_RFC3339_BYTES] = "";
        bool done = message_date_parse_rfc3339(str_of(cases[i].input), &ms);
        CHECK(done == (cases[i].want != NULL), cases[i].label);
        if (!done)
            continue;
        clock_rfc3339(ms, text);
        CHECK_STR(str_of(text), cases[i].want, cases[i].label);
    }
}
