/* The scripts that are installed are the ones we would print (UPDATE=1 writes them anew), and a
 * real bash completes with its one. */
#include "base/mem.h"
#include "cli/completion.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

static void compare(const char *path, str got)
{
    char *want = NULL;
    size_t size = 0;
    FILE *file = fopen(path, getenv("UPDATE") ? "wb" : "rb");
    CHECK(file != NULL, path);
    if (file == NULL)
        return;
    if (getenv("UPDATE")) {
        fwrite(got.ptr, 1, got.len, file);
    } else {
        ssize_t len = getdelim(&want, &size, '\0', file);
        CHECK_STR(got, len > 0 ? want : "", path);
    }
    mem_free(want);
    fclose(file);
}

TEST(cli_completion_golden)
{
    static const struct {
        const char *shell, *path;
    } cases[] = {
        {"bash", "packaging/completions/smtptool.bash"},
        {"zsh",  "packaging/completions/_smtptool"    },
        {"fish", "packaging/completions/smtptool.fish"},
    };
    struct buf script;
    buf_init(&script, CLI_COMPLETION_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&script);
        CHECK_DONE(cli_completion_write(str_of(cases[i].shell), &script), cases[i].shell);
        compare(cases[i].path, buf_str(&script));
    }
    CHECK(cli_completion_write(S("tcsh"), &script) != NULL, "another shell");
    err_forget();
    buf_release(&script);
}

/* What a real bash offers when TAB is pressed behind these words, one a line. */
static void ask_bash(const char *words, char *ret_offers, size_t size)
{
    char command[400];
    snprintf(command, sizeof command,
             "bash --norc -c '. packaging/completions/smtptool.bash; COMP_WORDS=(%s); "
             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _smtptool; "
             "printf \"%%s \" \"${COMPREPLY[@]}\"'",
             words);
    FILE *shell = popen(command, "re"); // NOLINT(cert-env33-c): the words are ours
    CHECK(shell != NULL, words);
    size_t n = shell ? fread(ret_offers, 1, size - 1, shell) : 0;
    ret_offers[n] = '\0';
    CHECK(shell && pclose(shell) == 0, words);
}

TEST(cli_completion_in_bash)
{
    static const struct {
        const char *words, *offers;
    } cases[] = {
        {"smtptool se",                      "send sent secret serve sendmail "},
        {"smtptool queue r",                 "release retry rm "               },
        {"smtptool -C file queue r",         "release retry rm "               },
        {"smtptool --config=file queue r",   "release retry rm "               },
        {"smtptool --config = file queue r", "release retry rm "               },
        {"smtptool queue ls --h",            "--help --held "                  },
        {"smtptool queue --to ls r",         "release retry rm "               },
        {"smtptool queue --to \"\"",         " "                               },
        {"smtptool bench \"\"",              "send sink idle "                 },
        {"smtptool bench sink --l",          "--listen --lmtp "                },
        {"smtptool send --ser",              "--server "                       },
        {"smtptool user --pass",             "--password-file "                },
        {"smtptool completion z",            "zsh "                            },
        {"smtptool --vers",                  "--version "                      },
        {"smtptool queue --vers",            " "                               },
    };
    if (access("/bin/bash", X_OK) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char offers[2000];
        ask_bash(cases[i].words, offers, sizeof offers);
        CHECK_STR(str_of(offers), cases[i].offers, cases[i].words);
    }
}

/* How many apostrophes stand in the line, but for those that are quoted as this shell has it. */
static size_t open_quotes(str line, str quoted)
{
    size_t count = 0;
    while (line.len > 0) {
        if (str_skip(&line, quoted))
            continue;
        count += line.ptr[0] == '\'';
        line = str_from(line, 1);
    }
    return count;
}

/* A summary with an apostrophe ends no quotation: by our own count, and by the shells there are. */
TEST(cli_completion_quotes)
{
    static const struct {
        const char *shell, *quoted, *check;
    } cases[] = {
        {"bash", "'\\''", "bash -n packaging/completions/smtptool.bash"          },
        {"zsh",  "'\\''", "zsh -n packaging/completions/_smtptool"               },
        {"fish", "\\'",   "fish --no-execute packaging/completions/smtptool.fish"},
    };
    struct buf script;
    buf_init(&script, CLI_COMPLETION_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char command[200];
        buf_clear(&script);
        CHECK_DONE(cli_completion_write(str_of(cases[i].shell), &script), cases[i].shell);
        for (str rest = buf_str(&script), line; rest.len > 0;) {
            str_split(rest, '\n', &line, &rest);
            if (str_contains(line, S(" does it")))
                CHECK(open_quotes(line, str_of(cases[i].quoted)) % 2 == 0, cases[i].shell);
        }
        snprintf(command, sizeof command, "command -v %s >/dev/null || exit 0; %s 2>&1",
                 cases[i].shell, cases[i].check);
        CHECK(system(command) == 0, cases[i].check); // NOLINT(cert-env33-c): the words are ours
    }
    buf_release(&script);
}
