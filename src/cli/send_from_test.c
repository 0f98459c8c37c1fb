/* What `send --account` does about an author that the account is not. */
#include "cli/cli.h"
#include "cli/send_from.h"
#include "tests/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define OTHERS "From: Eve <e@e.example>\r\nSubject: x\r\n\r\nbody\r\n"

TEST(cli_send_from_fit)
{
    static const struct {
        const char *policy, *content, *after, *refused;
    } cases[] = {
        {"warn",    OTHERS,                                           OTHERS,                        NULL                         },
        {"off",     OTHERS,                                           OTHERS,                        NULL                         },
        {"refuse",  OTHERS,                                           NULL,
         "mail.eml: From e@e.example is neither the user of account out nor in its aliases"                                       },
        {"refuse",  "From: a@gmail.com\r\n\r\nFrom: e@e.example\r\n",
         "From: a@gmail.com\r\n\r\nFrom: e@e.example\r\n",                                           NULL                         },
        {"refuse",  "From: e@e.example\r\n",                          NULL,                          "From e@e.example is neither"},
        {"rewrite", OTHERS,
         "From: \"Eve\" <a@gmail.com>\r\nReply-To: Eve <e@e.example>\r\nSubject: x\r\n\r\nbody\r\n", NULL                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_account account = {.name = S("out"), .user = S("a@gmail.com")};
        CLEANUP(buf_release) struct buf content;
        buf_init(&content, 1 << 20);
        CHECK_DONE(cli_send_from_policy(cases[i].policy, &account), cases[i].policy);
        CHECK_DONE(buf_add(&content, str_of(cases[i].content)), "content");
        err e = cli_send_from_fit(&account, "mail.eml", true, &content);
        CHECK((e != NULL) == (cases[i].refused != NULL), cases[i].policy);
        if (e && cases[i].refused)
            CHECK(str_contains(e->text, str_of(cases[i].refused)), cases[i].refused);
        if (cases[i].after)
            CHECK_STR(buf_str(&content), cases[i].after, cases[i].policy);
        err_forget();
    }
}

TEST(cli_send_from_policy)
{
    struct config_account account = {.name = S("out"), .user = S("apikey")};
    CHECK_DONE(cli_send_from_policy(NULL, &account), "the account's own");
    err e = cli_send_from_policy("loudly", &account);
    CHECK(e && str_contains(e->text, S("\"loudly\" is not refuse, warn, rewrite or off")), "word");
    e = cli_send_from_policy("rewrite", &account);
    CHECK(e && str_contains(e->text, S("neither user nor aliases")), "to what?");
    err_forget();
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL, path);
    fputs(text, file);
    fclose(file);
}

/* From the command line: the account decides without any connection. */
TEST(cli_send_from_command)
{
    static const struct {
        const char *words[6];
        int exit;
    } cases[] = {
        {{"--dry-run", "--account", "g", "--from", "a@gmail.com"},                         CLI_OK   },
        {{"--dry-run", "--account", "g", "--from", "e@e.example"},                         CLI_OK   },
        {{"--dry-run", "--account", "g", "--from", "e@e.example", "--from-policy=refuse"},
         CLI_DATA                                                                                   },
        {{"--dry-run", "--account", "g", "--from", "b@c.example", "--from-policy=refuse"}, CLI_OK   },
        {{"--dry-run", "--account", "x", "--from", "a@gmail.com"},                         CLI_USAGE},
        {{"--dry-run", "--from", "a@gmail.com", "--from-policy=refuse"},                   CLI_USAGE},
    };
    char path[] = "/tmp/smtptool-send-from-XXXXXX";
    int file = mkstemp(path);
    write_file(path, "accounts: {g: {user: a@gmail.com, secret: 'env:X', preset: gmail, "
                     "aliases: [c.example]}}\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char label[100];
        char *argv[16] = {"smtptool", "-C", path, "-q", "send", "--text", "hi"};
        int argc = 7, null = open("/dev/null", O_WRONLY | O_CLOEXEC), kept = dup(STDOUT_FILENO);
        for (size_t k = 0; k < 6 && cases[i].words[k]; k++)
            argv[argc++] = (char *)cases[i].words[k];
        argv[argc++] = "b@example.net";
        snprintf(label, sizeof label, "case %zu", i);
        fflush(stdout);
        dup2(null, STDOUT_FILENO);
        int code = cli_main(argc, argv);
        fflush(stdout);
        dup2(kept, STDOUT_FILENO);
        close(kept);
        close(null);
        CHECK(code == cases[i].exit, label);
    }
    close(file);
    CHECK(unlink(path) == 0, "clean up");
}
