/* `smtptool oauth` as people call it, without a provider: what it says and what it exits with. */
#include "cli/run_test.h"
#include <stdlib.h>
#include <unistd.h>

TEST(cli_oauth)
{
    static const struct {
        const char *words[8];
        int exit;
        const char *said;
    } cases[] = {
        {{"setup"},                                                                       CLI_OK,     "microsoft  Microsoft 365, Outlook.com\n"      },
        {{"setup", "google"},                                                             CLI_OK,     "scopes    https://mail.google.com/\n"         },
        {{"setup", "microsoft", "--tenant", "example.com"},
         CLI_OK,                                                                                      "microsoftonline.com/example.com/oauth2"       },
        {{"setup", "microsoft", "--tenant", "a/b"},                                       CLI_CONFIG, "a tenant is a domain or an id"                },
        {{"setup", "zoho"},                                                               CLI_CONFIG, "none for SMTP"                                },
        {{"setup", "nobody"},                                                             CLI_CONFIG, "is no provider of ours"                       },
        {{"setup", "http://example.com"},                                                 CLI_CONFIG, "https:// is wanted"                           },
        {{"ls"},                                                                          CLI_OK,     ""                                             },
        {{"status"},                                                                      CLI_OK,     ""                                             },
        {{"status", "me"},                                                                CLI_DATA,   "there is no login me: smtptool oauth login me"},
        {{"token", "me"},                                                                 CLI_DATA,   "there is no login me"                         },
        {{"revoke", "me"},                                                                CLI_DATA,   "there is no login me"                         },
        {{"login", "../me", "--provider", "google"},                                      CLI_USAGE,  "letters, digits"                              },
        {{"login", "me"},                                                                 CLI_USAGE,  "--provider is wanted"                         },
        {{"login", "me", "--provider", "google"},                                         CLI_USAGE,  "--client-id is wanted"                        },
        {{"login", "me", "--provider", "google", "--client-id", "x", "--device"},
         CLI_CONFIG,                                                                                  "use --loopback"                               },
        {{"login", "me", "--provider", "google", "--client-id", "x", "--port=0"},
         CLI_USAGE,                                                                                   "--port"                                       },
        {{"login", "me", "--provider", "google", "--client-id", "x", "--wait=2h"},
         CLI_USAGE,                                                                                   "--wait"                                       },
        {{"login", "me", "--provider=google", "--client-id=x", "--device", "--loopback"},
         CLI_USAGE,                                                                                   "one of them"                                  },
        {{"token"},                                                                       CLI_USAGE,  "usage: smtptool oauth token NAME"             },
    };
    char home[] = "/tmp/cli-oauth-XXXXXX";
    const char *before = getenv("XDG_DATA_HOME");
    CHECK(mkdtemp(home) != NULL, "a folder");
    setenv("XDG_DATA_HOME", home, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1 << 14], label[100];
        const char *argv[12] = {"smtptool", "-C", "/dev/null", "oauth"};
        for (size_t k = 0; k < 8; k++)
            argv[k + 4] = cases[i].words[k];
        snprintf(label, sizeof label, "row %zu: %s", i, cases[i].words[0]);
        CHECK(run_test_cli(argv, text, sizeof text) == cases[i].exit, label);
        if (strstr(text, cases[i].said) == NULL)
            test_fail(__FILE__, __LINE__, label, text);
    }
    if (before)
        setenv("XDG_DATA_HOME", before, 1);
    else
        unsetenv("XDG_DATA_HOME");
    CHECK(rmdir(home) == 0, "nothing was made");
}
