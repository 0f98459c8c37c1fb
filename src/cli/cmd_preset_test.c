/* `smtptool preset` as people call it: what it prints and what it exits with. */
#include "cli/run_test.h"
#include <stdlib.h>
#include <unistd.h>

/* One run with stdout and stderr in a file; what was printed goes into ret_text. */
static int run(const char *const *words, char *ret_text, size_t size)
{
    const char *argv[8] = {"smtptool"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    return run_test_cli(argv, ret_text, size);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL, path);
    fputs(text, file);
    fclose(file);
}

TEST(cli_preset)
{
    static const struct {
        const char *words[5];
        int exit;
        const char *said, *not_said;
    } cases[] = {
        {{"preset", "ls"},                       CLI_OK,       "gmail                       Gmail\n",              NULL   },
        {{"preset", "ls", "GOOGLEMAIL"},         CLI_OK,       "gmail ",                                           "yahoo"},
        {{"preset", "ls", "nobody at all"},      CLI_FINDINGS, "no provider has that",                             "gmail"},
        {{"preset", "show", "gmail"},
         CLI_OK,                                               "personal: 500 a day, 100 recipients of a message",
         NULL                                                                                                             },
        {{"preset", "show", "nobody"},           CLI_FINDINGS, "there is no preset \"nobody\"",                    NULL   },
        {{"preset", "show", "office365"},        CLI_FINDINGS, "; perhaps microsoft365?",                          "ls"   },
        {{"preset", "ls", "office365"},          CLI_OK,       "microsoft365 ",                                    "gmail"},
        {{"preset", "show", "--json", "tuta"},   CLI_OK,       "\"unavailable\":\"Tuta has no SMTP",               NULL   },
        {{"preset", "show", "--json", "resend"},
         CLI_OK,                                               "\"paid\":{\"per_minute\":\"unknown\"",
         NULL                                                                                                             },
        {{"preset", "show"},                     CLI_USAGE,    "usage: smtptool preset show NAME...",              NULL   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1 << 16], label[100];
        const char *words[8] = {"-C", "/dev/null"};
        for (size_t k = 0; k < 5; k++)
            words[k + 2] = cases[i].words[k];
        snprintf(label, sizeof label, "%s %s", cases[i].words[1],
                 cases[i].words[2] ? cases[i].words[2] : "");
        CHECK(run(words, text, sizeof text) == cases[i].exit, label);
        if (strstr(text, cases[i].said) == NULL)
            test_fail(__FILE__, __LINE__, label, text);
        CHECK(cases[i].not_said == NULL || strstr(text, cases[i].not_said) == NULL, label);
    }
}

/* The operator's own file; one with mistakes; a configuration that names a preset there is not. */
TEST(cli_preset_own_file)
{
    char folder[] = "/tmp/smtptool-preset-XXXXXX", config[100], own[100], text[4096];
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(config, sizeof config, "%s/c.yaml", folder);
    snprintf(own, sizeof own, "%s/presets.yaml", folder);
    snprintf(text, sizeof text, "share: %s\n", folder);
    write_file(config, text);
    const char *ours[] = {"-C", config, "preset", "show", "ours", NULL};
    write_file(own,
               "presets:\n  ours: {like: gmail, name: Our own, servers: [\"smtp://a.example\"]}\n");
    CHECK(run(ours, text, sizeof text) == CLI_OK, "ours");
    CHECK(strstr(text, "ours: Our own\n  servers   smtp://a.example\n") != NULL, text);
    CHECK(strstr(text, "personal: 500 a day") != NULL, "the rest is like Gmail");
    write_file(
        own,
        "presets:\n  ours: {like: gmail, name: Our own, servers: [\"smtp://a.example:465\"]}\n");
    CHECK(run(ours, text, sizeof text) == CLI_CONFIG, "a port of TLS without TLS");
    CHECK(strstr(text, "presets.ours.servers: smtps:// is for ports 465") != NULL, text);
    write_file(config, "accounts: {a: {user: u, secret: 'env:X', preset: nobody}}\n");
    const char *gmail[] = {"-C", config, "preset", "show", "gmail", NULL};
    CHECK(run(gmail, text, sizeof text) == CLI_OK, "it helps to mend the configuration");
    CHECK(strstr(text, "only the presets that ship") != NULL, text);
    CHECK(unlink(own) == 0 && unlink(config) == 0 && rmdir(folder) == 0, "clean up");
}
