/* `smtptool account` as people call it, in a folder of its own. */
#include "cli/run_test.h"
#include <stdlib.h>
#include <string.h>

static int run(char *text, size_t size, const char *const *words)
{
    const char *argv[16] = {"smtptool"};
    size_t count = 1;
    for (; *words && count < 15; words++)
        argv[count++] = *words;
    return run_test_cli(argv, text, size);
}

TEST(cli_account)
{
    char folder[] = "/tmp/smtptool-account-XXXXXX", text[8192];
    CHECK(mkdtemp(folder) != NULL, "a folder");
    setenv("XDG_CONFIG_HOME", folder, 1);
    static const struct {
        const char *words[10];
        int code;
        const char *says;
    } cases[] = {
        {{"account", "ls"},                                                                      CLI_OK,       "there are no accounts"                    },
        {{"account", "add", "no address"},                                                       CLI_USAGE,    "is no mail address"                       },
        {{"account", "add", "me@gmail.com", "--secret", "env:NOT_HERE"},                         CLI_FINDINGS, "--yes"                                    },
        {{"account", "add", "me@gmail.com", "--secret", "hunter2", "--yes"},                     CLI_USAGE,    "--secret"                                 },
        {{"account", "add", "me@gmail.com", "--secret", "env:NOT_HERE", "--yes"},
         CLI_OK,                                                                                               "https://myaccount.google.com/apppasswords"},
        {{"account", "add", "me@gmail.com", "--secret", "env:X", "--yes"},                       CLI_FINDINGS, "already"                                  },
        {{"account", "add", "x@y.test", "--server", "smtps://mail.y.test", "--secret", "env:X"},
         CLI_OK,                                                                                               "account y is there"                       },
        {{"account", "add", "x@y.test", "--preset", "sendgrid", "--secret", "env:X"},
         CLI_OK,                                                                                               "user     apikey"                          },
        {{"account", "ls"},                                                                      CLI_OK,       "* gmail "                                 },
        {{"account", "default", "y"},                                                            CLI_OK,       ""                                         },
        {{"account", "default"},                                                                 CLI_OK,       "y\n"                                      },
        {{"account", "show", "gmail"},                                                           CLI_OK,       "500 a day"                                },
        {{"account", "show", "nobody"},                                                          CLI_FINDINGS, "there is no account"                      },
        {{"account", "test", "gmail"},                                                           CLI_FINDINGS, "NOT_HERE"                                 },
        {{"account", "rm", "y"},                                                                 CLI_OK,       ""                                         },
        {{"account", "rm", "y"},                                                                 CLI_FINDINGS, "there is no account"                      },
        {{"account", "rm", "gmail"},                                                             CLI_OK,       ""                                         },
        {{"account", "rm", "sendgrid"},                                                          CLI_OK,       ""                                         },
        {{"account", "ls"},                                                                      CLI_OK,       "there are no accounts"                    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code = run(text, sizeof text, cases[i].words);
        CHECK(code == cases[i].code, cases[i].says);
        CHECK(strstr(text, cases[i].says) != NULL, cases[i].says);
    }
    unsetenv("XDG_CONFIG_HOME");
}
