/* Files as people have them: what becomes of each login, and what is told of the rest. */
#include "config/value.h"
#include "interchange/import.h"
#include "tests/test.h"

static err read_text(const char *program, const char *text, struct arena *arena,
                     struct interchange_import *ret_import)
{
    *ret_import = (struct interchange_import){0};
    interchange_import_init(ret_import, arena);
    return interchange_import_find(str_of(program))->read(ret_import, str_of(text));
}

static bool has_note(const struct interchange_import *m, size_t line, const char *option)
{
    for (size_t i = 0; i < m->note_count; i++)
        if (m->notes[i].line == line && str_eq(m->notes[i].option, str_of(option)))
            return m->notes[i].advice.len > 0;
    return false;
}

/* One account of each file; secrets that are passwords are marked by "!". */
static const struct {
    const char *label, *program, *text, *server, *user, *secret, *mechanism, *from;
} ones[] = {
    {"msmtp",                           "msmtp",
     "account a\nhost m.example\nport 587\nauth on\ntls on\nuser me\npassword p w\nfrom me@x\n",       "smtp://m.example:587",         "me",   "!p w",                                "",            "me@x"},
    {"msmtp, TLS from the first byte",  "msmtp",
     "account a\nhost m.example\nauth login\ntls\ntls_starttls off\nuser me\npasswordeval pass x\n",   "smtps://m.example",            "me",   "command:pass x",                      "LOGIN",       ""    },
    {"msmtp, netrc",                    "msmtp",
     "account a\nhost m.example\nport 465\nauth\ntls\ntls_starttls off\nuser me\n",                    "smtps://m.example:465",        "me",   "netrc:m.example/me",                  "",            ""    },
    {"attack 73: msmtp without TLS",    "msmtp",
     "account a\nhost m.example\nport 587\nauth\nuser me\npassword p\n",                               "smtp://m.example:587",
     "me",                                                                                                                                     "!p",                                  "",            ""    },
    {"msmtp, this machine in clear",    "msmtp",
     "account a\nhost localhost\nauth\nuser me\npassword p\n",                                         "smtp://localhost:25?tls=none", "me",
     "!p",                                                                                                                                                                            "",            ""    },
    {"msmtp, a token",                  "msmtp",
     "account a\nhost m.example\nport 587\nauth xoauth2\ntls\nuser me\npasswordeval get $TOKEN\n",     "smtp://m.example:587",         "me",   "command:/bin/sh -c 'get $TOKEN'",     "XOAUTH2",     ""    },
    {"swaks",                           "swaks",
     "# mine\nserver m.example\nport 587\ntls\nauth LOGIN\nauth-user me\nauth-password p w "
     "\n--from me@x\n",                                                                                "smtp://m.example:587",         "me",   "!p w ",                               "LOGIN",       "me@x"},
    {"swaks, short and long",           "swaks", "-s m.example:465\n-tlsc\n-au me\n-ap p\n-a\n",
     "smtps://m.example:465",                                                                                                          "me",   "!p",                                  "",            ""    },
    {"swaks, by its protocol",          "swaks", "s m.example:2465\nprotocol ESSMTPA\nau me\n",
     "smtps://m.example:2465",                                                                                                         "me",   "",                                    "",            ""    },
    {"attack 73: swaks without TLS",    "swaks", "s m.example:587\na\nau me\nap p\n",
     "smtp://m.example:587",                                                                                                           "me",   "!p",                                  "",            ""    },
    {"netrc",                           "netrc", "machine smtp.m.example login me password \"p w\"\n",
     "smtp://smtp.m.example",                                                                                                          "me",   "!p w",                                "",            ""    },
    {"authinfo",                        "netrc", "machine m.example login me password p port 465\n",
     "smtps://m.example:465",                                                                                                          "me",   "!p",                                  "",            ""    },
    {"mutt",                            "mutt",
     "set smtp_url=\"smtps://me%40x@m.example:465/\" # there\nset smtp_pass='p`w'\nset from=me@x\n",   "smtps://m.example:465",        "me@x", "!p`w",                                "",            "me@x"},
    {"mutt, blanks and variables",      "mutt",
     "set my_host = m.example\nset smtp_url = \"smtp://me@$my_host:587\"; set smtp_pass = `pass "
     "x`\n"
     "set smtp_authenticators=\"plain\" from = 'Me <me@x>'\n",                                         "smtp://m.example:587",         "me",   "command:pass x",                      "PLAIN",       "me@x"},
    {"mutt, a command by its variable", "mutt",
     "set imap_pass=\"`pass x`\" imap_user=me@x\nset smtp_url=smtp://$imap_user@m.example:587\n"
     "set smtp_pass=$imap_pass\n",                                                                     "smtp://m.example:587",         "me@x", "command:pass x",                      "",            ""    },
    {"authinfo, a service's name",      "netrc",
     "machine m.example port submissions login me password p\n",                                       "smtps://m.example:465",        "me",
     "!p",                                                                                                                                                                            "",            ""    },
    {"authinfo, another service's",     "netrc",
     "machine m.example port submission login me password p\n",                                        "smtp://m.example:587",         "me",   "!p",
     "",                                                                                                                                                                                             ""    },
    {"mutt, a line that goes on",       "mutt",
     "set smtp_url=\\\n  smtp://m.example:587 smtp_user=me\nset smtp_pass=\"`gpg -d ~/p.gpg`\"\n",     "smtp://m.example:587",         "me",   "command:/bin/sh -c 'gpg -d ~/p.gpg'", "",            ""    },
    {"attack 73: mutt without TLS",     "mutt",
     "set smtp_url=smtp://me:p@m.example:587\nunset ssl_starttls\n",                                   "smtp://m.example:587",         "me",
     "!p",                                                                                                                                                                            "",            ""    },
    {"mutt, port 25",                   "mutt",  "set smtp_url=smtp://me:p@m.example\n",               "smtp://m.example",             "me",
     "!p",                                                                                                                                                                            "",            ""    },
    {"mutt, tokens",                    "mutt",
     "set smtp_url=smtp://me@m.example:587\nset smtp_authenticators=\"oauthbearer:xoauth2\"\n"
     "set smtp_oauth_refresh_command=\"mutt_oauth2.py me\"\n",                                         "smtp://m.example:587",         "me",   "command:mutt_oauth2.py me",           "OAUTHBEARER", ""    },
};

TEST(interchange_import_one)
{
    for (size_t i = 0; i < ARRAY_LEN(ones); i++) {
        struct arena *arena = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
        struct interchange_import m;
        CHECK_DONE(read_text(ones[i].program, ones[i].text, arena, &m), ones[i].label);
        CHECK(m.count == 1, ones[i].label);
        const struct interchange_account *a = &m.accounts[0];
        bool clear = ones[i].secret[0] == '!';
        CHECK_STR(a->server, ones[i].server, ones[i].label);
        CHECK_STR(a->user, ones[i].user, ones[i].label);
        CHECK_STR(a->secret, ones[i].secret + clear, ones[i].label);
        CHECK(a->secret_clear == clear, ones[i].label);
        CHECK_STR(a->mechanism, ones[i].mechanism, ones[i].label);
        CHECK_STR(a->from, ones[i].from, ones[i].label);
        arena_close(arena);
    }
}

TEST(interchange_import_notes)
{
    static const struct {
        const char *program, *text;
        size_t line;
        const char *option;
    } rows[] = {
        {"msmtp", "account a\nhost m.example\nauth\ntls\nport 587\nuser a\ntls_certcheck off\n", 7,
         "tls_certcheck"                                                                                            },
        {"msmtp", "defaults\ntls_trust_file /x\naccount a\nhost m.example\nauth\nuser a\n",      2,
         "tls_trust_file"                                                                                           },
        {"msmtp", "account a\nhost m.example\nauth ntlm\ntls\nuser a\n",                         3, "auth"          },
        {"msmtp", "account a\nhost m.example\nauth\nuser a\ntls\nport 25\n",                     6, "port"          },
        {"msmtp", "account a\nhost m.example\nauth\nuser a\ntls off\n",                          5, "tls"           },
        {"msmtp", "account a\nhost m.example\n",                                                 1, "a"             },
        {"msmtp", "account a\nhost m.example\nauth\n",                                           3, "a"             },
        {"msmtp", "account a\nhost m.example\nauth\nuser a\nfrom *@x\n",                         1, "from"          },
        {"swaks", "s m.example:587\ntls\na\nau me\nh-Subject x\nto a@b\n",                       6, "to"            },
        {"swaks", "s m.example:587\ntls-cert /x\n",                                              2, "tls-cert"      },
        {"swaks", "s m.example:587\ntls\n",                                                      1, "m.example"     },
        {"swaks", "tls\n",                                                                       0, "server"        },
        {"netrc", "machine git.example login a password b\n",                                    1, "git.example"   },
        {"netrc", "machine smtp.x.example\nlogin a\n",                                           1, "smtp.x.example"},
        {"netrc", "\ndefault login a password b\n",                                              2, "default"       },
        {"mutt",  "set realname='Me'\nset smtp_url=smtp://a:b@m.example:587\n",                  1, "realname"      },
        {"mutt",  "set smtp_url=smtp://a@m.example:587\nset smtp_pass=\"x`y`\"\n",               2, "smtp_pass"     },
        {"mutt",  "\nsource \"gpg -d x |\"\n",                                                   2, "source"        },
        {"mutt",  "source ~/other\n",                                                            1, "source"        },
        {"mutt",  "account-hook x 'set smtp_url=smtp://y'\n",                                    1, "account-hook"  },
        {"mutt",  "set my_p=`a`\nset smtp_url=smtp://a@m.example:587 smtp_pass=\"x$my_p\"\n",    2,
         "smtp_pass"                                                                                                },
        {"mutt",  "set smtp_url=ssl://x\n",                                                      1, "smtp_url"      },
        {"mutt",  "set smtp_url=imap://x\n",                                                     1, "smtp_url"      },
        {"mutt",  "set sendmail='/usr/bin/msmtp -a x'\n",                                        1, "sendmail"      },
        {"mutt",  "set smtp_url=smtp://a:b@m.example:587\nset nossl_verify_host\n",              2,
         "ssl_verify_host"                                                                                          },
        {"mutt",  "set smtp_url=smtp://a:b@$HOST:587\n",                                         1, "smtp_url"      },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
        struct interchange_import m;
        CHECK_DONE(read_text(rows[i].program, rows[i].text, arena, &m), rows[i].text);
        CHECK(has_note(&m, rows[i].line, rows[i].option), rows[i].text);
        arena_close(arena);
    }
}

TEST(interchange_import_refuses)
{
    static const struct {
        const char *program, *text, *why;
    } rows[] = {
        {"msmtp", "account a\nfoo bar\n",     "line 2: unknown command foo"},
        {"msmtp", "eval echo host x\n",       "line 1: eval is not allowed"},
        {"swaks", "server x\n\nbogus\n",      "line 3"                     },
        {"netrc", "machine a\nbogus\n",       "line 2"                     },
        {"netrc", "machine a password \"b\n", "line 2"                     },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
        struct interchange_import m;
        char why[512] = "";
        err e = read_text(rows[i].program, rows[i].text, arena, &m);
        CHECK(e && e->kind == ERR_CONFIG, rows[i].text);
        err_reason(e, why, sizeof why);
        CHECK(str_contains(str_of(why), str_of(rows[i].why)), why);
        err_forget();
        arena_close(arena);
    }
}

TEST(interchange_import_msmtp_default)
{
    struct arena *arena = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
    struct interchange_import m;
    CHECK_DONE(read_text("msmtp",
                         "defaults\nauth\ntls\nport 587\naccount a\nhost a.example\nuser a\n"
                         "account b : a\nuser b\naccount default : b\n",
                         arena, &m),
               "read");
    CHECK(m.count == 2, "accounts");
    CHECK(!m.accounts[0].is_default && m.accounts[1].is_default, "b is the default");
    CHECK_STR(m.accounts[1].server, "smtp://a.example:587", "inherited");
    arena_close(arena);
}

static err include(void *arg, str path, struct arena *arena, str *ret_text)
{
    int *count = arg;
    (void)arena;
    (*count)++;
    if (str_eq(path, S("pass")))
        *ret_text = S("\nset smtp_pass=secret\nset hostname=x\n");
    else if (str_eq(path, S("loop")))
        *ret_text = S("source loop\n");
    else
        return err_new(ERR_SYSTEM, "open it");
    return NULL;
}

TEST(interchange_import_mutt_source)
{
    struct arena *arena = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
    struct interchange_import m = {0};
    int count = 0;
    interchange_import_init(&m, arena);
    m.include = include;
    m.arg = &count;
    CHECK_DONE(
        interchange_import_find(S("mutt"))->read(
            &m, S("source pass\nsource gone\nsource loop\nset smtp_url=smtp://a@m.example:587\n")),
        "read");
    CHECK(m.count == 1, "accounts");
    CHECK_STR(m.accounts[0].secret, "secret", "of the other file");
    CHECK(has_note(&m, 2, "source"), "the one that is not there");
    CHECK(count < 16, "a loop ends");
    bool named = false;
    for (size_t i = 0; i < m.note_count; i++)
        named |= str_eq(m.notes[i].file, S("pass")) && str_eq(m.notes[i].option, S("hostname"));
    CHECK(named, "a note names the file it is of");
    arena_close(arena);
}
