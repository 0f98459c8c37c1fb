#include "smtp/command.h"
#include "tests/test.h"

TEST(smtp_command_split)
{
    static const struct {
        const char *label, *input, *args;
        enum smtp_verb verb;
        int code; /* of smtp_command_check_args() */
    } cases[] = {
        {"case does not matter",           "mAiL FROM:<>",     "FROM:<>",     SMTP_MAIL,     0  },
        {"no arguments",                   "QUIT",             "",            SMTP_QUIT,     0  },
        {"blanks at the end",              "QUIT  \t",         "",            SMTP_QUIT,     0  },
        {"attack 17: STARTTLS foo",        "STARTTLS foo",     "foo",         SMTP_STARTTLS, 501},
        {"EHLO needs one",                 "EHLO",             "",            SMTP_EHLO,     501},
        {"HELP may",                       "HELP me",          "me",          SMTP_HELP,     0  },
        {"no verb",                        "MAILS FROM:<>",    "FROM:<>",     SMTP_UNKNOWN,  0  },
        {"nothing",                        "",                 "",            SMTP_UNKNOWN,  0  },
        {"a blank in front",               " QUIT",            "QUIT",        SMTP_UNKNOWN,  0  },
        {"attack 149: HTTP",               "POST / HTTP/1.1",  "/ HTTP/1.1",  SMTP_HTTP,     0  },
        {"attack 44: SQL in ETRN is text", "ETRN '; drop t--", "'; drop t--", SMTP_ETRN,     0  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_command c = smtp_command_split(str_of(cases[i].input));
        CHECK(c.verb == cases[i].verb, cases[i].label);
        CHECK_STR(c.args, cases[i].args, cases[i].label);
        smtp_refusal no = smtp_command_check_args(&c);
        CHECK((no ? no->code : 0) == cases[i].code, cases[i].label);
    }
    struct smtp_command nul = smtp_command_split(S("EHLO a\0b"));
    CHECK(smtp_command_check_args(&nul), "NUL");
}

TEST(smtp_command_parse_mail)
{
    static const struct {
        const char *label, *input, *from, *envid, *auth;
        int code;
        const char *enhanced;
        uint64_t size;
        enum envelope_body body;
        enum envelope_ret ret;
        bool smtputf8;
    } cases[] = {
        {.label = "null",         .input = "FROM:<>", .from = ""                           },
        {                                                                                                             .label = "blank behind the colon", .input = "from: <a@b>",      .from = "a@b"                                     },
        {                                                                                                .label = "all",
         .input = "FROM:<a@b> SIZE=10 BODY=8bitmime RET=hdrs ENVID=x+2By AUTH=c@d SMTPUTF8",
         .from = "a@b",
         .size = 10,
         .body = BODY_8BITMIME,
         .ret = RET_HDRS,
         .envid = "x+y",
         .auth = "c@d",
         .smtputf8 = true},
        {                                                                                                                                                                                  .label = "AUTH=<>",           .input = "FROM:<a@b> AUTH=<>",                            .from = "a@b"                                                                },
        {"AUTH, UTF-8 in xtext before SMTPUTF8",          "FROM:<a@b> AUTH=+C3+BC@d SMTPUTF8", .from = "a@b",
         .auth = "\xc3\xbc@d", .smtputf8 = true},
        {                       .label = "no colon",    .input = "FROM <a@b>",      .code = 501,                                           .enhanced = "5.5.2"},
        {                                                                                                              "no path",            "FROM:",      .code = 501, .enhanced = "5.1.7"},
        {.label = "attack 55: text behind the path",
         .input = "FROM:<a@b>c@d",
         .code = 501,
         .enhanced = "5.5.2"},
        {                                                                                                                       "unknown",             "FROM:<a@b> FOO=1",                         .code = 555,                                                              .enhanced = "5.5.4"},
        {                                           .label = "a parameter of RCPT",
         .input = "FROM:<a@b> NOTIFY=NEVER",
         .code = 555,
         .enhanced = "5.5.4"},
        {"REQUIRETLS with a value",             "FROM:<a@b> REQUIRETLS=1",                         .code = 501,                                                              .enhanced = "5.5.4"},
        {                                                                                                                                                   "twice",            "FROM:<a@b> SIZE=1 size=2",.code = 501,.enhanced = "5.5.4"},
        {.label = "SIZE without a value",
         .input = "FROM:<a@b> SIZE",
         .code = 501,
         .enhanced = "5.5.4"},
        {                                                                                                                                                                                                                                                                    "SIZE with an empty one",             "FROM:<a@b> SIZE=",                         .code = 501,                                                              .enhanced = "5.5.4"},
        {.label = "SIZE with a sign",
         .input = "FROM:<a@b> SIZE=-1",
         .code = 501,
         .enhanced = "5.5.4"},
        {                                                                                                                                                              "attack 89: SIZE of twenty digits",             "FROM:<a@b> SIZE=99999999999999999999",                         .from = "a@b",
         .size = INT64_MAX},
        {.label = "SMTPUTF8 with a value",
         .input = "FROM:<a@b> SMTPUTF8=1",
         .code = 501,
         .enhanced = "5.5.4"},
        {                                                                                                                                                                  "SMTPUTF8 with an equals sign",             "FROM:<a@b> SMTPUTF8=",                         .code = 501,                                                              .enhanced = "5.5.4"},
        {.label = "BODY unknown",
         .input = "FROM:<a@b> BODY=9BIT",
         .code = 501,
         .enhanced = "5.5.4"},
        {                                                                      "attack 43: ENVID with CR",             "FROM:<a@b> ENVID=x+0D+0Ay",                         .code = 501,                                                              .enhanced = "5.5.4"},
        {                                                                           .label = "attack 43: AUTH with LF",
         .input = "FROM:<a@b> AUTH=a+0Ab",
         .code = 501,
         .enhanced = "5.5.4"},
        {"AUTH is no mailbox",             "FROM:<a@b> AUTH=bob",                         .code = 501,                                                              .enhanced = "5.5.4"},
        {                                                                                                                                                                                            .label = "ENVID is no xtext",
         .input = "FROM:<a@b> ENVID=+0",
         .code = 501,
         .enhanced = "5.5.4"},
        {"attack 153: not ASCII",             "FROM:<\xc3\xbc@b>",                         .code = 553,                                                              .enhanced = "5.6.7"},
        {                                                                                                                                                                                                                                                                                                    .label = "attack 153: only the domain",
         .input = "FROM:<a@\xc3\xbc.x>",
         .code = 553,
         .enhanced = "5.6.7"},
        {"attack 153: said so",             "FROM:<\xc3\xbc@b> SMTPUTF8",                         .from = "\xc3\xbc@b",
         .smtputf8 = true},
        {                                                                                                                                                                                                                                                                                                                                                                                                                        .label = "attack 154: not UTF-8",
         .input = "FROM:<\xff@b> SMTPUTF8",
         .code = 501,
         .enhanced = "5.1.7"},
        {"too many",             "FROM:<a@b> SIZE=1 SIZE=1 A B C D E F G H I J K L M N O",                         .code = 501,
         .enhanced = "5.5.4"},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_mail m = {0};
        smtp_refusal no = smtp_command_parse_mail(str_of(cases[i].input), arena, &m);
        CHECK((no ? no->code : 0) == cases[i].code, cases[i].label);
        if (no)
            CHECK_STR(str_of(no->enhanced), cases[i].enhanced, cases[i].label);
        CHECK_STR(m.from.text, cases[i].from, cases[i].label);
        CHECK_STR(m.envid, cases[i].envid, cases[i].label);
        CHECK_STR(m.auth_sender, cases[i].auth, cases[i].label);
        CHECK(m.size == cases[i].size, cases[i].label);
        CHECK(m.body == cases[i].body && m.ret == cases[i].ret, cases[i].label);
        CHECK(m.smtputf8 == cases[i].smtputf8, cases[i].label);
    }
}

TEST(smtp_command_parse_rcpt)
{
    static const struct {
        const char *label, *input, *to, *orcpt;
        int code;
        uint8_t notify;
        bool smtputf8;
    } cases[] = {
        {.label = "plain",                         .input = "TO:<a@b>",                   .to = "a@b"                           },
        {.label = "postmaster",                    .input = "TO:<Postmaster>",            .to = "postmaster"                    },
        {.label = "NOTIFY",
         .input = "TO:<a@b> NOTIFY=success,DELAY",
         .to = "a@b",
         .notify = NOTIFY_SUCCESS | NOTIFY_DELAY},
        {.label = "NOTIFY=NEVER",
         .input = "TO:<a@b> NOTIFY=NEVER",
         .to = "a@b",
         .notify = NOTIFY_NEVER},
        {.label = "NEVER goes alone",                   .input = "TO:<a@b> NOTIFY=NEVER,DELAY",                                                        .code = 501                                                                   },
        {.label = "a comma too many",                             .input = "TO:<a@b> NOTIFY=DELAY,",           .code = 501},
        {.label = "attack 71: ORCPT is not the address",
         .input = "TO:<v@remote.example> ORCPT=rfc822;bob@our.example",
         .to = "v@remote.example",
         .orcpt = "rfc822;bob@our.example"},
        {.label = "ORCPT decoded",
         .input = "TO:<a@b> ORCPT=rfc822;a+2Bb@c",
         .to = "a@b",
         .orcpt = "rfc822;a+b@c"},
        {.label = "attack 43: ORCPT with LF",
         .input = "TO:<a@b> ORCPT=rfc822;a+0Ab@x",
         .code = 501                                                                                                },
        {.label = "ORCPT without a type",      .input = "TO:<a@b> ORCPT=a@x",                                        .code = 501                                                                                                            },
        {.label = "ORCPT without an address",          .input = "TO:<a@b> ORCPT=rfc822;",             .code = 501},
        {.label = "ORCPT, utf-8",
         .input = "TO:<a@b> ORCPT=utf-8;\xc3\xbc@x",
         .to = "a@b",
         .orcpt = "utf-8;\xc3\xbc@x",
         .smtputf8 = true},
        {.label = "ORCPT, utf-8 without SMTPUTF8",
         .input = "TO:<a@b> ORCPT=utf-8;\xc3\xbc@x",
         .code = 501                                                                                                            },
        {.label = "SIZE is not for RCPT",                         .input = "TO:<a@b> SIZE=1",                                                              .code = 555                                                            },
        {.label = "the null path",                              .input = "TO:<>",                                                                   .code = 501},
        {.label = "attack 153: not ASCII",                             .input = "TO:<\xc3\xbc@b>",     .code = 553},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_rcpt r = {0};
        smtp_refusal no =
            smtp_command_parse_rcpt(str_of(cases[i].input), cases[i].smtputf8, arena, &r);
        CHECK((no ? no->code : 0) == cases[i].code, cases[i].label);
        CHECK_STR(r.to.text, cases[i].to, cases[i].label);
        CHECK_STR(r.orcpt, cases[i].orcpt, cases[i].label);
        CHECK(r.notify == cases[i].notify, cases[i].label);
    }
}

TEST(smtp_command_parse_bdat)
{
    static const struct {
        const char *label, *input;
        bool ok, last;
        uint64_t size;
    } cases[] = {
        {"plain",                     "1000",                 true,  false, 1000      },
        {"attack 27: empty and last", "0 last",               true,  true,  0         },
        {"the largest",               "2147483647",           true,  false, 2147483647},
        {"above it",                  "2147483648",           false, false, 0         },
        {"attack 26: negative",       "-1",                   false, false, 0         },
        {"attack 26: hex",            "0x10",                 false, false, 0         },
        {"attack 26: overflow",       "99999999999999999999", false, false, 0         },
        {"attack 26: nothing",        "",                     false, false, 0         },
        {"attack 26: another word",   "5 FOO",                false, false, 0         },
        {"a word behind LAST",        "5 LAST LAST",          false, false, 0         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_bdat b = {0};
        smtp_refusal no = smtp_command_parse_bdat(str_of(cases[i].input), &b);
        CHECK((no == NULL) == cases[i].ok, cases[i].label);
        CHECK(b.size == cases[i].size && b.last == cases[i].last, cases[i].label);
    }
}

TEST(smtp_command_parse_auth)
{
    static const struct {
        const char *label, *input, *mechanism, *initial;
        bool ok, has_initial;
    } cases[] = {
        {"alone",                     "PLAIN",                 "PLAIN",    "",     true,  false},
        {"with an answer",            "plain AAA=",            "plain",    "AAA=", true,  true },
        {"an empty one",              "EXTERNAL =",            "EXTERNAL", "",     true,  true },
        {"attack 38: a blank inside", "PLAIN AA AA",           "",         "",     false, false},
        {"no mechanism",              "",                      "",         "",     false, false},
        {"too long",                  "ABCDEFGHIJKLMNOPQRSTU", "",         "",     false, false},
        {"no letter",                 "PL*IN",                 "",         "",     false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_auth a = {0};
        smtp_refusal no = smtp_command_parse_auth(str_of(cases[i].input), &a);
        CHECK((no == NULL) == cases[i].ok, cases[i].label);
        CHECK_STR(a.mechanism, cases[i].mechanism, cases[i].label);
        CHECK_STR(a.initial, cases[i].initial, cases[i].label);
        CHECK(a.has_initial == cases[i].has_initial, cases[i].label);
    }
}

TEST(smtp_command_parse_once)
{
    static const struct {
        const char *label, *input;
        int code;
    } cases[] = {
        {"a key",           "FROM:<a@b> XONCE=000102030405060708090a0B0c0D0e0F",        0  },
        {"small",           "FROM:<a@b> xonce=000102030405060708090a0b0c0d0e0f SIZE=1", 0  },
        {"short",           "FROM:<a@b> XONCE=000102030405060708090a0b0c0d0e",          501},
        {"odd",             "FROM:<a@b> XONCE=000102030405060708090a0b0c0d0e0",         501},
        {"long",            "FROM:<a@b> XONCE=000102030405060708090a0b0c0d0e0f00",      501},
        {"no hex",          "FROM:<a@b> XONCE=000102030405060708090a0b0c0d0e0g",        501},
        {"empty",           "FROM:<a@b> XONCE=",                                        501},
        {"without a value", "FROM:<a@b> XONCE",                                         501},
        {"twice",
         "FROM:<a@b> XONCE=000102030405060708090a0b0c0d0e0f "
         "XONCE=000102030405060708090a0b0c0d0e0f",                                      501},
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_mail mail = {0};
        smtp_refusal no = smtp_command_parse_mail(str_of(cases[i].input), arena, &mail);
        CHECK((no ? no->code : 0) == cases[i].code, cases[i].label);
        CHECK(mail.has_once == (cases[i].code == 0), cases[i].label);
        for (uint8_t k = 0; k < SMTP_COMMAND_ONCE_BYTES && mail.has_once; k++)
            CHECK(mail.once[k] == k, cases[i].label);
    }
    arena_close(arena);
}
