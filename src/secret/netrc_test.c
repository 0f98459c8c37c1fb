#include "secret/netrc.h"
#include "tests/test.h"

TEST(secret_netrc_find)
{
    static const char plain[] =
        "# mail\n"
        "machine smtp.example.com login me@example.com password hunter2\n"
        "machine other.example\n\tlogin you\n\tpassword \"two words \\\" \\\\\"\n"
        "macdef init\nmachine trap password trap\n\n"
        "machine smtp.example.com login you password second account x\n"
        "machine twice password a password b\n"
        "machine nologin password n\n"
        "machine nopass login me\n"
        "default login anonymous password d\n"
        "machine late password l\n";
    static const struct {
        const char *label, *text, *host, *user, *want;
    } cases[] = {
        {"the first of the host",      plain,                            "smtp.example.com", "",               "hunter2"        },
        {"whatever its case",          plain,                            "SMTP.Example.com", "me@example.com", "hunter2"        },
        {"by its login",               plain,                            "smtp.example.com", "you",            "second"         },
        {"quotes",                     plain,                            "other.example",    "",               "two words \" \\"},
        {"not inside a macro",         plain,                            "trap",             "",               "d"              },
        {"the last one said",          plain,                            "twice",            "",               "b"              },
        {"default",                    plain,                            "new.example",      "",               "d"              },
        {"default has a login",        plain,                            "new.example",      "you",            NULL             },
        {"no login is not this login", plain,                            "nologin",          "",               "n"              },
        {"no password: default",       plain,                            "nopass",           "",               "d"              },
        {"behind default",             plain,                            "late",             "",               "d"              },
        {"no such host",               "machine a password b\n",         "c",                "",               NULL             },
        {"no such login",              "machine a login b password c\n", "a",                "d",              NULL             },
        {"a login is asked for",       "machine a password c\n",         "a",                "d",              NULL             },
        {"login behind",               "machine a password c login d\n", "a",                "d",              "c"              },
        {"no end of line",             "machine a password c",           "a",                "",               "c"              },
        {"CRLF",                       "machine a\r\npassword c\r\n",    "a",                "",               "c"              },
        {"an open quote",              "machine a password \"c\n",       "a",                "",               NULL             },
        {"nothing behind",             "machine a password",             "a",                "",               NULL             },
        {"another word",               "machine a secret b",             "a",                "",               NULL             },
        {"empty",                      "",                               "a",                "",               NULL             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf got;
        char why[256] = "";
        buf_init(&got, SECRET_BYTES_MAX);
        err e = secret_netrc_find(str_of(cases[i].text), str_of(cases[i].host),
                                  str_of(cases[i].user), &got);
        if (cases[i].want) {
            CHECK_DONE(e, cases[i].label);
            CHECK_STR(buf_str(&got), cases[i].want, cases[i].label);
        } else {
            CHECK(e && e->kind == ERR_CONFIG && got.len == 0, cases[i].label);
            err_describe(e, why, sizeof why);
            CHECK(strstr(why, "password c") == NULL, cases[i].label);
        }
        secret_wipe(&got);
        err_forget();
    }
}

TEST(secret_netrc_login)
{
    str text = S("machine a login u1 password p1\nmachine b\n login u2\n password p2\n"
                 "machine a login u3 password p3\nmachine n password p4\n"
                 "default login d password e\n");
    static const struct {
        const char *host, *user, *want_login, *want_password;
    } cases[] = {
        {"a", "",   "u1", "p1"},
        {"b", "",   "u2", "p2"},
        {"a", "u3", "u3", "p3"},
        {"A", "",   "u1", "p1"},
        {"n", "",   "",   "p4"},
        {"c", "",   "d",  "e" },
        {"b", "x",  "",   ""  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf login, password;
        buf_init(&login, SECRET_NETRC_WORD_BYTES_MAX);
        buf_init(&password, SECRET_NETRC_WORD_BYTES_MAX);
        err e = secret_netrc_find_login(text, str_of(cases[i].host), str_of(cases[i].user), &login,
                                        &password);
        CHECK((e == NULL) == (cases[i].want_password[0] != '\0'), cases[i].host);
        CHECK_STR(buf_str(&login), cases[i].want_login, cases[i].host);
        CHECK_STR(buf_str(&password), cases[i].want_password, cases[i].host);
        secret_wipe(&login);
        secret_wipe(&password);
        err_forget();
    }
}
