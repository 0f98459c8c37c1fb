#include "base/clock.h"
#include "secret/command.h"
#include "secret/secret.h"
#include "tests/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(const char *label, err e, struct buf *got, const char *want, enum err_kind kind)
{
    if (want) {
        CHECK_DONE(e, label);
        CHECK_STR(buf_str(got), want, label);
    } else {
        CHECK(e && e->kind == kind, label);
        CHECK(got->len == 0, label);
    }
    secret_wipe(got);
    err_forget();
}

TEST(secret_read)
{
    char folder[] = "/tmp/smtptool-secret-XXXXXX", path[64], reference[80];
    static const struct {
        const char *label, *content;
        mode_t mode;
        const char *want;
    } files[] = {
        {"as it is",            "s3cret",     0600, "s3cret"  },
        {"one line end is cut", "s3cret\n\n", 0640, "s3cret\n"},
        {"CRLF",                "s3cret\r\n", 0400, "s3cret"  },
        {"world-readable",      "s3cret",     0644, NULL      },
        {"world-writable",      "s3cret",     0602, NULL      },
        {"empty",               "\n",         0600, NULL      },
    };
    struct buf got;
    buf_init(&got, SECRET_BYTES_MAX);
    if (mkdtemp(folder) == NULL) {
        test_skip("no folder for a file");
        return;
    }
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(reference, sizeof reference, "file:%s", path);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        FILE *file = fopen(path, "w");
        fputs(files[i].content, file);
        fclose(file);
        chmod(path, files[i].mode);
        check(files[i].label, secret_read(str_of(reference), &got), &got, files[i].want,
              ERR_CONFIG);
        unlink(path);
    }
    check("no file", secret_read(str_of(reference), &got), &got, NULL, ERR_SYSTEM);
    snprintf(reference, sizeof reference, "file:%s", folder);
    check("a folder", secret_read(str_of(reference), &got), &got, NULL, ERR_CONFIG);
    rmdir(folder);
    setenv("SMTPTOOL_TEST_SECRET", "from env", 1);
    check("env", secret_read(S("env:SMTPTOOL_TEST_SECRET"), &got), &got, "from env", 0);
    check("not set", secret_read(S("env:SMTPTOOL_TEST_NONE"), &got), &got, NULL, ERR_CONFIG);

    err e = secret_read(S("hunter2"), &got); /* attack 147 */
    char why[256];
    err_describe(e, why, sizeof why);
    CHECK(strstr(why, "hunter2") == NULL, "a secret in the place of a reference is not repeated");
    check("no reference", e, &got, NULL, ERR_CONFIG);
}

TEST(secret_command_split)
{
    static const struct {
        const char *input, *words; /* each behind a "|" */
    } cases[] = {
        {"pass show relay",   "|pass|show|relay"  },
        {"  a\t b  ",         "|a|b"              },
        {"a 'b c' \"d e\"",   "|a|b c|d e"        },
        {"a'b'\"c\"",         "|abc"              },
        {"a '' b",            "|a||b"             },
        {"a $(b) `c` \\d ;e", "|a|$(b)|`c`|\\d|;e"},
        {"a 'b",              NULL                },
        {"",                  NULL                },
        {"   ",               NULL                },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char chars[SECRET_COMMAND_BYTES_MAX];
        char *words[SECRET_COMMAND_WORDS_MAX + 1], joined[256] = "";
        err e = secret_command_split(str_of(cases[i].input), chars, words);
        CHECK((e == NULL) == (cases[i].words != NULL), cases[i].input);
        size_t used = 0;
        for (size_t w = 0; e == NULL && words[w]; w++)
            used += (size_t)snprintf(joined + used, sizeof joined - used, "|%s", words[w]);
        CHECK_STR(str_of(joined), cases[i].words, cases[i].input);
    }
}

TEST(secret_command_run)
{
    static const struct {
        const char *label, *command, *want;
        enum err_kind kind;
    } cases[] = {
        {"prints",                      "printf 's3cret\\n'",              "s3cret",   0          },
        {"no shell",                    "echo $HOME;id",                   "$HOME;id", 0          },
        {"fails",                       "sh -c 'echo s3cret; exit 3'",     NULL,       ERR_CONFIG },
        {"is killed",                   "sh -c 'kill -9 $$'",              NULL,       ERR_CONFIG },
        {"says nothing",                "true",                            NULL,       ERR_CONFIG },
        {"is not there",                "/nonexistent/program",            NULL,       ERR_SYSTEM },
        {"says too much",               "yes",                             NULL,       ERR_LIMIT  },
        {"attack 144: hangs",           "sleep 100",                       NULL,       ERR_TIMEOUT},
        {"attack 144: its child hangs", "sh -c 'sleep 100 & echo s3cret'", NULL,       ERR_TIMEOUT},
    };
    struct buf got;
    buf_init(&got, SECRET_BYTES_MAX);
    int64_t start = clock_steady_ms();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t timeout_ms = cases[i].kind == ERR_TIMEOUT ? 300 : 10000;
        check(cases[i].label,
              secret_command_run(str_of(cases[i].command), NULL, 0, timeout_ms, &got), &got,
              cases[i].want, cases[i].kind);
    }
    CHECK(clock_steady_ms() - start < 20000, "nothing is waited for");
}
