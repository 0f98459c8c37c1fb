#include "cli/oauth_ask.h"
#include "cli/cli.h"
#include "config/value.h"
#include "oauth/form.h"
#include "oauth/url.h"
#include "secret/command.h"
#include <fcntl.h>
#include <spawn.h>
#include <string.h>

extern char **environ;

enum { WAIT_MS_MAX = 60 * 60 * 1000, URL_CHARS = OAUTH_FORM_BYTES_MAX + OAUTH_URL_BYTES_MAX };

err cli_oauth_ask_wait(str text, int64_t *ret_ms)
{
    int64_t ms;
    TRY(config_value_duration(text, &ms));
    if (ms < 1000 || ms > WAIT_MS_MAX)
        return err_new(ERR_CONFIG, "--wait: 1s to 60m");
    *ret_ms = ms;
    return NULL;
}

/* What it prints would stand among our words; it may live on for as long as it likes. */
static int start(char **words)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    int trouble = posix_spawnp(&pid, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    return trouble;
}

static err open_browser(const char *command, str url)
{
    char *words[SECRET_COMMAND_WORDS_MAX + 2];
    size_t count = 0;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * URL_CHARS);
    TRY(secret_command_split(str_of(command), arena_alloc(arena, SECRET_COMMAND_BYTES_MAX), words));
    while (words[count])
        count++;
    words[count] = arena_chars(arena, url);
    words[count + 1] = NULL;
    int trouble = start(words);
    return trouble ? err_new(ERR_CONFIG, "%s: %s", words[0], strerror(trouble)) : NULL;
}

void cli_oauth_ask_show(void *arg, str url, str user_code)
{
    const struct cli_oauth_ask *ask = arg;
    if (ask->quiet)
        return;
    fputs(user_code.len > 0 ? "Open this address on any device:\n\n    "
                            : "Open this address in a browser on this machine, and log in:\n\n    ",
          stderr);
    cli_print_clean(stderr, url);
    if (user_code.len > 0) {
        fputs("\n\nand enter there the code\n\n    ", stderr);
        cli_print_clean(stderr, user_code);
    }
    fputs("\n\nWaiting for you ...\n", stderr);
    fflush(stderr);
    err e = ask->browser ? open_browser(ask->browser, url) : NULL;
    if (e)
        cli_fail_err(e, "the browser");
    err_forget();
}
