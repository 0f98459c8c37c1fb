/* msmtp's configuration as its manual has it: inheritance, defaults, what is refused. */
#include "personality/msmtprc.h"
#include "tests/test.h"

static const struct msmtprc_account *read_one(struct arena *arena, const char *text,
                                              const char *name, err *ret_err)
{
    struct msmtprc *rc = ARENA_NEW(arena, struct msmtprc);
    *ret_err = personality_msmtprc_read(rc, str_of(text), arena);
    return personality_msmtprc_find(rc, str_of(name));
}

TEST(personality_msmtprc_inherits)
{
    struct arena *arena = arena_open(8 << 20);
    err e;
    const struct msmtprc_account *a =
        read_one(arena,
                 "# a comment\ndefaults\nport 587\ntls\n\naccount one\nhost a.example\n"
                 "user \" joe \"\naccount two : one\nfrom x@y\ntls off\naccount default : two\n",
                 "default", &e);
    CHECK(e == NULL && a != NULL, "read");
    CHECK_STR(a->values[MSMTPRC_HOST], "a.example", "of the grandparent");
    CHECK_STR(a->values[MSMTPRC_PORT], "587", "of the defaults");
    CHECK_STR(a->values[MSMTPRC_USER], " joe ", "in quotes");
    CHECK_STR(a->values[MSMTPRC_FROM], "x@y", "of the parent");
    CHECK(a->values[MSMTPRC_LOGFILE].ptr == NULL, "not set");
    arena_close(arena);
}

TEST(personality_msmtprc_refuses)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"account a\nfoo bar\n",               "line 2: unknown command foo"                              },
        {"account a : b\n",                    "line 1: account b not (yet) defined"                      },
        {"account a\nport 0\n",                "line 2: invalid argument 0 for command port"              },
        {"account a\ntls maybe\n",             "line 2: invalid argument maybe for command tls"           },
        {"account a\n\naccount a\n",           "line 3: account a was already defined"                    },
        {"eval echo host x\n",                 "line 1: eval is not allowed here"                         },
        {"account a,b\n",                      "line 1: an account name must not contain colons or commas"},
        {"account a\ntls_fingerprint 00:11\n",
         "line 2: invalid argument 00:11 for command tls_fingerprint"                                     },
        {"account a\nsyslog LOG_KERN\n",       "line 2: invalid argument LOG_KERN for command syslog"     },
    };
    struct arena *arena = arena_open(16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err e;
        read_one(arena, rows[i].text, "a", &e);
        CHECK(e != NULL, rows[i].text);
        if (e)
            CHECK_STR(e->text, rows[i].why, rows[i].text);
        err_forget();
    }
    arena_close(arena);
}

TEST(personality_msmtprc_older_words)
{
    struct arena *arena = arena_open(8 << 20);
    err e;
    const struct msmtprc_account *a =
        read_one(arena,
                 "account a\nconnect_timeout 7\ntls_nocertcheck\ntls_nostarttls\n"
                 "tls_force_sslv3\nadd_missing_date_header off\nadd_missing_from_header\nsyslog\n",
                 "a", &e);
    CHECK(e == NULL && a != NULL, "read");
    CHECK_STR(a->values[MSMTPRC_TIMEOUT], "7", "timeout");
    CHECK_STR(a->values[MSMTPRC_TLS_CERTCHECK], "off", "no check");
    CHECK_STR(a->values[MSMTPRC_TLS_STARTTLS], "off", "from the first byte");
    CHECK_STR(a->values[MSMTPRC_SET_DATE_HEADER], "off", "date");
    CHECK_STR(a->values[MSMTPRC_SET_FROM_HEADER], "auto", "from");
    CHECK_STR(a->values[MSMTPRC_SYSLOG], "on", "a bare word is on");
    arena_close(arena);
}

TEST(personality_msmtprc_print)
{
    static const struct {
        const char *text;
        size_t count;
    } rows[] = {
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff",             16},
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff:00:01:02:03", 20},
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff:"
         "00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff",    32},
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff:"
         "00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff:00", 0 },
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff:",            0 },
        {"0011:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:ff",              0 },
        {"00:11:22:33:44:55:66:77:88:99:aA:Bb:cc:dd:ee:fg",             0 },
        {"00:11:22",                                                    0 },
        {"",                                                            0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t print[MSMTPRC_PRINT_BYTES_MAX];
        size_t count = personality_msmtprc_print(str_of(rows[i].text), print);
        CHECK(count == rows[i].count, rows[i].text);
        if (count)
            CHECK(print[1] == 0x11 && print[10] == 0xaa && print[15] == 0xff, rows[i].text);
    }
}

TEST(personality_msmtprc_stands_for)
{
    static const struct {
        const char *from, *address;
        bool yes;
    } rows[] = {
        {"me@x.example",   "me@x.example",      true },
        {"me@x.example",   "ME@X.EXAMPLE",      true },
        {"me@x.example",   "me+list@x.example", true },
        {"me+a@x.example", "me+a@x.example",    true },
        {"me+a@x.example", "me@x.example",      false},
        {"me@x.example",   "+me@x.example",     false},
        {"me@x.example",   "me@x.example.org",  false},
        {"*@x.example",    "anybody@X.example", true },
        {"*@x.example",    "a@y.example",       false},
        {"j?e@x.example",  "joe+z@x.example",   true },
        {"[ab]@x.example", "b@x.example",       true },
        {"[ab]@x.example", "c@x.example",       false},
        {"",               "",                  false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK(personality_msmtprc_stands_for(str_of(rows[i].from), str_of(rows[i].address)) ==
                  rows[i].yes,
              rows[i].address);
}
