/* Every program: what it is told, that values cannot break out, and that TLS never becomes less. */
#include "config/value.h"
#include "interchange/export.h"
#include "tests/test.h"
#include <string.h>

#define NASTY "a\"b'c\\d$e<f>;^g?>@x.example"

static err export(const char *program, const struct config_account *account, struct arena *arena,
                  struct buf *out)
{
    struct interchange_way way;
    const struct interchange_export *found = interchange_export_find(str_of(program));
    buf_clear(out);
    TRY(interchange_way_of(account, S("me@x.example"), (str){0}, arena, &way));
    return found->write(&way, out);
}

static struct config_account make(const char *url, struct arena *arena)
{
    struct config_hop *hop = ARENA_NEW(arena, struct config_hop);
    CHECK_DONE(config_value_hop(str_of(url), arena, hop), url);
    return (struct config_account){
        .name = S("we ird*/"),
        .user = S("me@x.example"),
        .secret = S("file:/etc/s"),
        .hops = hop,
        .hop_count = 1,
    };
}

/* attacks 20 and 73: the words that make TLS a must, by way and program. */
TEST(interchange_export_tls)
{
    static const struct {
        const char *program, *starttls, *implicit;
    } rows[] = {
        {"msmtp",       "tls on\ntls_starttls on\n",                         "tls on\ntls_starttls off\n"  },
        {"postfix",     "smtp_tls_security_level = secure\n",                "smtp_tls_wrappermode = yes\n"},
        {"exim",        "  hosts_require_tls = *\n  tls_verify_hosts = *\n",
         "  protocol = smtps\n  hosts_require_tls = *\n"                                                   },
        {"swaks",       "tls\ntls-verify\n",                                 "tls-on-connect\ntls-verify\n"},
        {"nodemailer",  "    secure: false,\n    requireTLS: true,\n",       "    secure: true,\n"         },
        {"smtplib",     "server.starttls(context=context)",
         "SMTP_SSL(HOST, PORT, timeout=60, "
         "context=context)"                                                                                },
        {"phpmailer",   "PHPMailer::ENCRYPTION_STARTTLS",                    "PHPMailer::ENCRYPTION_SMTPS" },
        {"thunderbird", "try_ssl\", 2);",                                    "try_ssl\", 3);"              },
        {"env",         "SMTP_TLS=starttls\n",                               "SMTP_TLS=implicit\n"         },
    };
    static const char *const weak[] = {"smtp://m.example?tls=opportunistic",
                                       "smtps://m.example?tls=opportunistic"};
    struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_account a = make("smtp://m.example", arena);
        CHECK_DONE(export(rows[i].program, &a, arena, &out), rows[i].program);
        CHECK(str_contains(buf_str(&out), str_of(rows[i].starttls)), buf_chars(&out));
        a = make(weak[0], arena);
        CHECK_DONE(export(rows[i].program, &a, arena, &out), rows[i].program);
        CHECK(str_contains(buf_str(&out), str_of(rows[i].starttls)), buf_chars(&out));
        a = make(weak[1], arena);
        CHECK_DONE(export(rows[i].program, &a, arena, &out), rows[i].program);
        CHECK(str_contains(buf_str(&out), str_of(rows[i].implicit)), buf_chars(&out));
        a = make("smtp://m.example?tls=none", arena);
        CHECK(export(rows[i].program, &a, arena, &out) != NULL, rows[i].program);
        err_forget();
    }
    CHECK(interchange_export_find(S("sendmail")) == NULL, "none");
    CHECK(interchange_export_table[ARRAY_LEN(rows)].program == NULL, "all of them");
    arena_close(arena);
}

TEST(interchange_export_values)
{
    static const struct {
        const char *program, *text;
    } rows[] = {
        {"msmtp",       "\nuser \"a\"b'c\\d$e<f>;^g?>@x.example\"\n"                 },
        {"postfix",     " 'a\"b'\"'\"'c\\d$e<f>;^g?>@x.example' \"$(cat /etc/s)\" > "},
        {"exim",        "client_send = <; ^a\"b'c\\\\d\\$e<f>;;^^g?>@x.example^${sg{"},
        {"swaks",       "\nauth-user a\"b'c\\d$e<f>;^g?>@x.example\n"                },
        {"nodemailer",  "user: \"a\\\"b'c\\\\d$e\\u003cf>;^g?>@x.example\","         },
        {"smtplib",     "USER = \"a\\\"b'c\\\\d$e\\u003cf>;^g?>@x.example\"\n"       },
        {"phpmailer",   "Username = 'a\"b\\'c\\\\d$e<f>;^g?>@x.example';"            },
        {"thunderbird", ".username\", \"a\\\"b'c\\\\d$e\\u003cf>;^g?>@x.example\");" },
        {"env",         "\nSMTP_USER='a\"b'\"'\"'c\\d$e<f>;^g?>@x.example'\n"        },
    };
    struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_account a = make("smtp://m.example", arena);
        a.user = S(NASTY);
        CHECK_DONE(export(rows[i].program, &a, arena, &out), rows[i].program);
        CHECK(str_contains(buf_str(&out), str_of(rows[i].text)), buf_chars(&out));
        CHECK(!str_contains(buf_str(&out), S("we ird")), rows[i].program);
        a.user = S("a\nb@x.example");
        CHECK(export(rows[i].program, &a, arena, &out) != NULL, rows[i].program);
        err_forget();
    }
    arena_close(arena);
}

/* A comment of PHP ends where its page does. */
TEST(interchange_export_comments)
{
    struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    struct config_account a = make("smtp://m.example", arena);
    a.secret = S("file:/etc/?>x");
    CHECK_DONE(export("phpmailer", &a, arena, &out), "it has another comment");
    CHECK(!str_contains(buf_str(&out), S("?>")), buf_chars(&out));
    a.secret = S("env:MY_PASSWORD");
    CHECK_DONE(export("nodemailer", &a, arena, &out), "a variable of one's own");
    CHECK(str_contains(buf_str(&out), S("process.env.MY_PASSWORD")), buf_chars(&out));
    arena_close(arena);
}

/* Tokens and mechanisms: by the right name, or refused with a sentence. */
TEST(interchange_export_logins)
{
    static const struct {
        const char *program, *mechanism, *secret, *text; /* text NULL: refused */
    } rows[] = {
        {"msmtp",       "",              "oauth:me",           "auth xoauth2\n"                     },
        {"msmtp",       "OAUTHBEARER",   "oauth:me",           "auth oauthbearer\n"                 },
        {"msmtp",       "SCRAM-SHA-256", "file:/etc/s",        "auth scram-sha-256\n"               },
        {"msmtp",       "",              "netrc:m.example/me", "# the password is in ~/.netrc"      },
        {"postfix",     "",              "oauth:me",           NULL                                 },
        {"postfix",     "CRAM-MD5",      "file:/etc/s",        "mechanism_filter = CRAM-MD5\n"      },
        {"exim",        "",              "oauth:me",           NULL                                 },
        {"exim",        "CRAM-MD5",      "file:/etc/s",        "  driver = cram_md5\n"              },
        {"exim",        "SCRAM-SHA-256", "file:/etc/s",        NULL                                 },
        {"swaks",       "",              "oauth:me",           NULL                                 },
        {"swaks",       "LOGIN",         "file:/etc/s",        "\nauth LOGIN\n"                     },
        {"nodemailer",  "",              "oauth:me",           "accessToken: process.env.SMTP_TOKEN"},
        {"nodemailer",  "OAUTHBEARER",   "oauth:me",           NULL                                 },
        {"smtplib",     "",              "oauth:me",           "server.auth(\"XOAUTH2\""            },
        {"phpmailer",   "",              "oauth:me",           "AuthType = 'XOAUTH2';"              },
        {"thunderbird", "",              "oauth:me",           "authMethod\", 10);"                 },
        {"thunderbird", "CRAM-MD5",      "file:/etc/s",        "authMethod\", 4);"                  },
        {"env",         "",              "oauth:me",           "SMTP_AUTH=XOAUTH2\n"                },
    };
    struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_account a = make("smtp://m.example", arena);
        a.mechanism = str_of(rows[i].mechanism);
        a.secret = str_of(rows[i].secret);
        err e = export(rows[i].program, &a, arena, &out);
        CHECK((e == NULL) == (rows[i].text != NULL), rows[i].program);
        CHECK(e || str_contains(buf_str(&out), str_of(rows[i].text)), buf_chars(&out));
        err_forget();
    }
    arena_close(arena);
}

TEST(interchange_export_refuses)
{
    static const struct {
        const char *program, *url, *user, *why;
    } rows[] = {
        {"postfix", "smtp://m.example",         "a:b",      "a colon"        },
        {"swaks",   "smtp://m.example",         "-a",       "something else" },
        {"exim",    "smtp://m.example",         "^a",       "begins or ends" },
        {"smtplib", "smtp://m.example",         "\xc3\xb6", "not ASCII"      },
        {"msmtp",   "lmtp://127.0.0.1",         "a",        "LMTP"           },
        {"msmtp",   "smtp://[2001:db8::1]:587", "a",        "an IPv6 address"},
    };
    struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_account a = make(rows[i].url, arena);
        a.user = str_of(rows[i].user);
        err e = export(rows[i].program, &a, arena, &out);
        CHECK(e && str_contains(e->text, str_of(rows[i].why)), rows[i].program);
        err_forget();
    }
    arena_close(arena);
}
