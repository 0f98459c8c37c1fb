#include "outcome/reply.h"
#include "tests/test.h"

TEST(outcome_reply_read)
{
    static const struct {
        const char *raw;
        int code;
        const char *enhanced, *text;
    } cases[] = {
        {"550 5.1.1 User unknown",                              550, "5.1.1",  "User unknown"                   },
        {"550-5.1.1 No such user 550-5.1.1 here 550 5.1.1 bye", 550, "5.1.1",
         "No such user here bye"                                                                                },
        {"550-5.1.1 No such user\n550 5.1.1 here",              550, "5.1.1",  "No such user here"              },
        {"550 #5.1.0 Address rejected.",                        550, "5.1.0",  "Address rejected."              },
        {"5.1.1 <bob@example.net>... User Unknown",             0,   "5.1.1",
         "<bob@example.net>... User Unknown"                                                                    },
        {"550: 5.2.2 Mailbox Full",                             550, "5.2.2",  "Mailbox Full"                   },
        {"554 554 5.7.0 Header error (state 18).",              554, "5.7.0",  "Header error (state 18)."       },
        {"5.7.1 550 User Unknown",                              550, "5.7.1",  "User Unknown"                   },
        {"550 5.7.1 550 User Unknown",                          550, "5.7.1",  "User Unknown"                   },
        {"sorry, no mailbox here (#5.1.1)",                     0,   "5.1.1",  "sorry, no mailbox here (#5.1.1)"},
        {"host mx[192.0.2.1] said: 451 4.3.0 Later",            451, "4.3.0",  "Later"                          },
        {"Remote Server returned '550 5.1.10 Not found'",       550, "5.1.10", "Not found'"                     },
        {"expired: [421 4.4.2 Connection timed out]",           421, "4.4.2",  "Connection timed out]"          },
        {"after initial connection: 571 No PTR",                571, "",       "No PTR"                         },
        {"connect to [192.0.2.1]:587: Connection refused",      0,   "",
         "connect to [192.0.2.1]:587: Connection refused"                                                       },
        {"at 23:34:45 from 192.0.2.1",                          0,   "",       "at 23:34:45 from 192.0.2.1"     },
        {"550",                                                 550, "",       ""                               },
        {"5500 units",                                          0,   "",       "5500 units"                     },
        {"550 5.1 half a status",                               550, "",       "5.1 half a status"              },
        {"550 192.0.2.1 blocked",                               550, "",       "192.0.2.1 blocked"              },
        {"",                                                    0,   "",       ""                               },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct outcome_reply r = outcome_reply_read(str_of(cases[i].raw), arena);
        CHECK(r.code == cases[i].code, cases[i].raw);
        CHECK_STR(r.enhanced, cases[i].enhanced, cases[i].raw);
        CHECK_STR(r.text, cases[i].text, cases[i].raw);
    }
}

enum { NOT_KNOWN = -1 };

/* What decides between "never again" and "perhaps". */
TEST(outcome_reply_hard)
{
    static const struct {
        const char *raw;
        int stage;
        const char *class;
        bool hard, temporary;
        const char *advice;
    } cases[] = {
        {"550 5.1.1 User unknown",                                                                SMTP_STAGE_RCPT,  "bad_mailbox",      true,  false, "suppress"         },
        {"550 User unknown",                                                                      SMTP_STAGE_RCPT,  "bad_mailbox",      true,  false, "suppress"         },
        {"550 5.1.1 User unknown",                                                                SMTP_STAGE_BODY,  "bad_mailbox",      true,  false, "suppress"         },
        {"550 User unknown",                                                                      SMTP_STAGE_BODY,  "filtered",         false, false, "suppress_if_again"},
        {"550 User unknown",                                                                      NOT_KNOWN,        "bad_mailbox",      false, false, "suppress_if_again"},
        {"User bob is unknown",                                                                   NOT_KNOWN,        "bad_mailbox",      true,  false, "suppress"         },
        {"450 4.1.1 User unknown",                                                                SMTP_STAGE_RCPT,  "bad_mailbox",      false, true,  "retry"            },
        {"550 5.2.1 The account is disabled",                                                     SMTP_STAGE_RCPT,  "disabled_mailbox", false, false,
         "suppress"                                                                                                                                                      },
        {"552 5.2.2 Mailbox full",                                                                SMTP_STAGE_RCPT,  "mailbox_full",     false, false, "retry"            },
        {"550 5.1.2 Host unknown",                                                                NOT_KNOWN,        "bad_domain",       true,  false, "suppress"         },
        {"556 5.1.10 null MX",                                                                    NOT_KNOWN,        "no_mail",          true,  false, "suppress"         },
        {"550 4.4.7 QUEUE.Expired; message expired",                                              NOT_KNOWN,        "expired",          false, true,
         "suppress_if_again"                                                                                                                                             },
        {"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
         SMTP_STAGE_RCPT,                                                                                           "blocked_ip",       false, false, "pause_site"       },
        {"535 5.7.8 Error: authentication failed",                                                SMTP_STAGE_AUTH,  "login",            false, false,
         "fix_login"                                                                                                                                                     },
        {"550 5.7.26 fails DMARC",                                                                SMTP_STAGE_BODY,  "auth",             false, false, "fix_auth"         },
        {"550-5.7.26 This mail has been blocked because the sender is unauthenticated.",
         SMTP_STAGE_BODY,                                                                                           "auth",             false, false, "fix_auth"         },
        {"550 no",                                                                                SMTP_STAGE_RCPT,  "permanent_other",  false, false, "contact"          },
        {"450 no",                                                                                SMTP_STAGE_RCPT,  "transient_other",  false, true,  "retry"            },
        {"250 2.0.0 ok, spam or not",                                                             SMTP_STAGE_BODY,  "delivered",        false, false, "nothing"          },
        {"550 5.1.1 no such user",                                                                SMTP_STAGE_MAIL,  "blocked_sender",   false, false, "fix_sender"       },
        {"501 invalid domain name",                                                               SMTP_STAGE_HELLO, "reverse_dns",      false, false,
         "fix_reverse_dns"                                                                                                                                               },
        {"550 <bob@example.net>: User unknown",                                                   NOT_KNOWN,        "bad_mailbox",      true,  false, "suppress"         },
        {"554 delivery error: dd This user doesn't have a yahoo.com account",                     SMTP_STAGE_BODY,
         "bad_mailbox",                                                                                                                 true,  false, "suppress"         },
        {"535 5.1.1 no such user",                                                                SMTP_STAGE_AUTH,  "login",            false, false, "fix_login"        },
        {"551 elsewhere",                                                                         SMTP_STAGE_RCPT,  "moved",            true,  false, "suppress"         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct outcome_reply r = outcome_reply_read(str_of(cases[i].raw), arena);
        r.stage_known = cases[i].stage != NOT_KNOWN;
        r.stage = r.stage_known ? (enum smtp_stage)cases[i].stage : SMTP_STAGE_CONNECT;
        struct outcome o = outcome_reply_judge(&r, arena);
        CHECK_STR(str_of(outcome_class_of(o.class)->name), cases[i].class, cases[i].raw);
        CHECK(o.hard == cases[i].hard, cases[i].raw);
        CHECK(o.temporary == cases[i].temporary, cases[i].raw);
        CHECK_STR(str_of(outcome_class_advice(o.advice)), cases[i].advice, cases[i].raw);
    }
}

TEST(outcome_provider)
{
    static const struct {
        const char *host, *text;
        enum outcome_provider provider;
    } cases[] = {
        {"gmail-smtp-in.l.google.com",        "",                       PROVIDER_GOOGLE   },
        {"ALT1.ASPMX.L.GOOGLE.COM.",          "",                       PROVIDER_GOOGLE   },
        {"mx.example.net",                    "550 5.7.1 no - gsmtp",   PROVIDER_GOOGLE   },
        {"notgoogle.com",                     "",                       PROVIDER_OTHER    },
        {"google.com.example.net",            "",                       PROVIDER_OTHER    },
        {"mta5.am0.yahoodns.net [192.0.2.1]", "",                       PROVIDER_YAHOO    },
        {"",                                  "",                       PROVIDER_OTHER    },
        {"",                                  "[AM0.PROD.OUTLOOK.COM]", PROVIDER_MICROSOFT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(outcome_provider_of(str_of(cases[i].host), str_of(cases[i].text)) ==
                  cases[i].provider,
              cases[i].host);
}
