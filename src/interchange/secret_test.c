/* References as commands of a shell, and a shell's lines as references. */
#include "config/value.h"
#include "interchange/secret.h"
#include "tests/test.h"

TEST(interchange_secret_command)
{
    static const struct {
        const char *reference, *command;
    } rows[] = {
        {"file:/etc/a b",                 "cat '/etc/a b'"                                 },
        {"env:PASSWORD",                  ""                                               },
        {"command:pass show 'a b'",       "pass show 'a b'"                                },
        {"command:/bin/sh -c \"a '$b'\"", "/bin/sh -c 'a '\"'\"'$b'\"'\"''"                },
        {"keyring:smtp.x/me@x",           "secret-tool lookup service smtp.x username me@x"},
        {"vault:secret/relay#password",   "vault kv get -field=password secret/relay"      },
        {"aws-sm:a#b",
         "aws secretsmanager get-secret-value --query SecretString --output text --secret-id a | "
         "jq -r --arg f b '.[$f]'"                                                         },
        {"credential:relay",              "cat \"$CREDENTIALS_DIRECTORY\"/relay"           },
        {"encrypted:/a/b c#relay",        "smtptool secret get '/a/b c' relay"             },
        {"oauth:me",                      "smtptool oauth token me"                        },
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str command = S("untouched");
        CHECK_DONE(interchange_secret_command(str_of(rows[i].reference), arena, &command),
                   rows[i].reference);
        CHECK_STR(command, rows[i].command, rows[i].reference);
    }
    str command = S("untouched");
    CHECK(interchange_secret_command(S("vault:secret/relay"), arena, &command) != NULL,
          "which field?");
    CHECK(interchange_secret_command(S("file:/a\nb"), arena, &command) != NULL,
          "a line of its own");
    CHECK_STR(command, "untouched", "refused");
    err_forget();
    arena_close(arena);
}

TEST(interchange_secret_of_shell)
{
    static const struct {
        const char *line, *reference;
    } rows[] = {
        {"pass show mail",        "command:pass show mail"                 },
        {"pass show \"my mail\"", "command:pass show \"my mail\""          },
        {"gpg -d ~/.x.gpg",       "command:/bin/sh -c 'gpg -d ~/.x.gpg'"   },
        {"LANG=C pass show x",    "command:/bin/sh -c 'LANG=C pass show x'"},
        {"echo \"open",           "command:/bin/sh -c 'echo \"open'"       },
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str reference = {0};
        CHECK_DONE(interchange_secret_of_shell(str_of(rows[i].line), arena, &reference),
                   rows[i].line);
        CHECK_STR(reference, rows[i].reference, rows[i].line);
        CHECK_DONE(config_value_secret(reference), rows[i].line);
    }
    CHECK_STR(interchange_secret_variable(S("env:MY_1"), "OTHER"), "MY_1", "its own");
    CHECK_STR(interchange_secret_variable(S("env:a b"), "OTHER"), "OTHER", "no name");
    CHECK_STR(interchange_secret_variable(S("file:/x"), "OTHER"), "OTHER", "elsewhere");
    arena_close(arena);
}
