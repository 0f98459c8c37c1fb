/* `smtptool secret` as people call it: values come by stdin, and none is shown. */
#include "cli/run_test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char folder[40], file[60], key[60], editor[60], input[60], config[60];
};

static void put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    close(fd);
}

/* input NULL: nothing can be read. */
static int run(const struct place *p, const char *const *words, const char *input, char *ret_text,
               size_t size)
{
    const char *argv[12] = {"smtptool", "-C", p->config, "secret"};
    int argc = 4, kept = dup(STDIN_FILENO);
    for (; words[argc - 4]; argc++)
        argv[argc] = words[argc - 4];
    put(p->input, input ? input : "", 0600);
    int fd = open(p->input, O_RDONLY);
    dup2(fd, STDIN_FILENO);
    clearerr(stdin);
    fseek(stdin, 0, SEEK_SET);
    int code = run_test_cli(argv, ret_text, size);
    dup2(kept, STDIN_FILENO);
    close(kept);
    close(fd);
    return code;
}

static bool make_place(struct place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/smtptool-secret-XXXXXX");
    if (mkdtemp(p->folder) == NULL)
        return false;
    snprintf(p->file, sizeof p->file, "%s/sealed", p->folder);
    snprintf(p->key, sizeof p->key, "%s/key", p->folder);
    snprintf(p->editor, sizeof p->editor, "%s/editor", p->folder);
    snprintf(p->config, sizeof p->config, "%s/c.yaml", p->folder);
    snprintf(p->input, sizeof p->input, "%s/input", p->folder);
    return true;
}

TEST(cli_secret)
{
    struct place p;
    char text[4096], reference[100], editor[80];
    if (!make_place(&p))
        return test_skip("no folder for files");
    snprintf(reference, sizeof reference, "encrypted:%s#relay", p.file);
    put(p.config, "hostname: mail.example.com\n", 0600);
    put(p.editor, "printf '%s\\n' edited >> \"$1\"\ncp \"$1\" \"$1~\"\n", 0700);
    snprintf(editor, sizeof editor, "sh %s", p.editor);
    setenv("SMTPTOOL_TEST_SECRET", "hunter2", 1);
    setenv("EDITOR", editor, 1);
    unsetenv("VISUAL");
    const struct {
        const char *label, *words[7], *input;
        int exit;
        const char *said, *not_said;
    } cases[] = {
        {"set",
         {"set", "--key-file", p.key, p.file, "relay"},
         "hunter2\n",                                                     CLI_OK,
         "#relay: set\n",                                                                                         "hunter2"},
        {"set another",         {"set", p.file, "pem"},       "a\nb\n\n", CLI_OK,       "#pem: set\n",            NULL     },
        {"nothing",             {"set", p.file, "x"},         NULL,       CLI_CONFIG,   "no value",               NULL     },
        {"no name",             {"set", p.file, "a#b"},       "x",        CLI_CONFIG,   "a name has no blank",    NULL     },
        {"ls",                  {"ls", p.file},               NULL,       CLI_OK,       "pem\nrelay\n",           "hunter2"},
        {"ls --json",           {"ls", "--json", p.file},     NULL,       CLI_OK,       "{\"name\":\"relay\"}\n", "hunter2"},
        {"get",                 {"get", p.file, "pem"},       NULL,       CLI_OK,       "a\nb\n",                 NULL     },
        {"get --check",
         {"get", "--check", p.file, "relay"},
         NULL,                                                            CLI_OK,
         "relay: 7 bytes\n",                                                                                      "hunter2"},
        {"no such",             {"get", p.file, "none"},      NULL,       CLI_CONFIG,   "has no entry none",      NULL     },
        {"test",
         {"test", reference},
         NULL,                                                            CLI_OK,
         "#relay: 7 bytes; asked each time\n",                                                                    "hunter2"},
        {"test two",
         {"test", "env:SMTPTOOL_TEST_SECRET", "env:NONE"},
         NULL,                                                            CLI_FINDINGS,
         "env:SMTPTOOL_TEST_SECRET: 7 bytes; asked each time\nenv:NONE: the environment has no "
         "NONE",                                                                                                  "hunter2"},
        {"test --json",
         {"test", "--json", "env:SMTPTOOL_TEST_SECRET"},
         NULL,                                                            CLI_OK,
         "\"ok\":true,\"bytes\":7",                                                                               "hunter2"},
        {"a secret by mistake",
         {"test", "hunter2"},
         NULL,                                                            CLI_FINDINGS,
         "(no reference): a secret does not stand here",                                                          "hunter2"},
        {"edit",                {"edit", p.file, "relay"},    NULL,       CLI_OK,       "#relay: changed\n",      "hunter2"},
        {"edited",              {"get", p.file, "relay"},     NULL,       CLI_OK,       "hunter2edited",          NULL     },
        {"rm",                  {"rm", p.file, "relay"},      NULL,       CLI_OK,       "#relay: removed\n",      NULL     },
        {"gone",                {"test", reference},          NULL,       CLI_FINDINGS, "has no entry relay",     NULL     },
        {"two locks",
         {"ls", "--passphrase", "--key-file", p.key, p.file},
         NULL,                                                            CLI_CONFIG,
         "one of --passphrase",                                                                                   NULL     },
        {"a relative key",
         {"set", "--key-file", "key", p.file, "a"},
         "x",                                                             CLI_CONFIG,
         "an absolute path",                                                                                      NULL     },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int code = run(&p, cases[i].words, cases[i].input, text, sizeof text);
        CHECK(code == cases[i].exit, cases[i].label);
        if (strstr(text, cases[i].said) == NULL)
            test_fail(__FILE__, __LINE__, cases[i].label, text);
        CHECK(cases[i].not_said == NULL || strstr(text, cases[i].not_said) == NULL, cases[i].label);
        err_forget();
    }
    unlink(p.file);
    unlink(p.key);
    unlink(p.editor);
    unlink(p.input);
    unlink(p.config);
    CHECK(rmdir(p.folder) == 0, "nothing else is left there");
    unsetenv("EDITOR");
    unsetenv("SMTPTOOL_TEST_SECRET");
}
