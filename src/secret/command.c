#include "secret/command.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

err secret_command_split(str text, char chars[SECRET_COMMAND_BYTES_MAX],
                         char *ret_words[SECRET_COMMAND_WORDS_MAX + 1])
{
    size_t count = 0, used = 0;
    char quote = 0;
    bool in_word = false;
    if (text.len >= SECRET_COMMAND_BYTES_MAX / 2) /* each word has a NUL of its own */
        return err_new(ERR_CONFIG, "a command above %d bytes", SECRET_COMMAND_BYTES_MAX / 2);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\0')
            return err_new(ERR_CONFIG, "NUL in a command");
        bool blank = quote == 0 && (c == ' ' || c == '\t');
        if (!blank && !in_word) {
            if (count == SECRET_COMMAND_WORDS_MAX)
                return err_new(ERR_CONFIG, "a command of more than %d words",
                               SECRET_COMMAND_WORDS_MAX);
            ret_words[count++] = chars + used;
            in_word = true;
        }
        if (blank && in_word) {
            chars[used++] = '\0';
            in_word = false;
        } else if (quote == c) {
            quote = 0;
        } else if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (!blank) {
            chars[used++] = c;
        }
    }
    if (quote)
        return err_new(ERR_CONFIG, "an open quote in a command");
    if (count == 0)
        return err_new(ERR_CONFIG, "an empty command");
    chars[used] = '\0';
    ret_words[count] = NULL;
    return NULL;
}

/* Its own process group, so that its children end with it; no signal mask or handler of ours. */
static err start(char **words, int out_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
    posix_spawnattr_init(&how);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    errno = posix_spawnp(&pid, words[0], &files, &how, words, environ);
    int number = errno;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    errno = number;
    if (number)
        return err_new(ERR_SYSTEM, "start %s", words[0]);
    *ret_pid = pid;
    return NULL;
}

static err wait_for(int fd, deadline until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!deadline_passed(until)) {
        int n = poll(&p, 1, (int)deadline_left_ms(until));
        if (n > 0)
            return NULL;
        if (n < 0 && errno != EINTR)
            return err_new(ERR_SYSTEM, "poll");
    }
    return err_new(ERR_TIMEOUT, "no answer in time");
}

static err collect(int fd, struct buf *out, deadline until)
{
    char *room;
    TRY(buf_reserve(out, SECRET_BYTES_MAX, &room)); /* never moves */
    for (;;) {
        char beyond;
        size_t left = SECRET_BYTES_MAX - out->len;
        TRY(wait_for(fd, until));
        ssize_t n = read(fd, left ? out->ptr + out->len : &beyond, left ? left : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "read");
        if (n == 0)
            return NULL;
        if (left == 0)
            return err_new(ERR_LIMIT, "more than %d bytes", SECRET_BYTES_MAX);
        out->len += (size_t)n;
    }
}

/* Reap it: by itself until the deadline, else by force. */
static err finish(pid_t pid, bool wanted, deadline until)
{
    int fd = pidfd_open(pid, 0);
    err e = NULL;
    if (wanted)
        e = fd < 0 ? err_new(ERR_SYSTEM, "pidfd_open") : wait_for(fd, until);
    kill(-pid, SIGKILL); /* and whatever it left behind */
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (fd >= 0)
        close(fd);
    if (e || !wanted)
        return e;
    if (WIFSIGNALED(status))
        return err_new(ERR_CONFIG, "ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) ? err_new(ERR_CONFIG, "exit code %d", WEXITSTATUS(status)) : NULL;
}

static err run(char **words, deadline until, struct buf *out)
{
    int ends[2];
    pid_t pid = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_new(ERR_SYSTEM, "pipe");
    err e = start(words, ends[1], &pid);
    close(ends[1]);
    if (e == NULL) {
        e = collect(ends[0], out, until);
        err ended = finish(pid, e == NULL, until);
        e = e ? e : ended;
    }
    close(ends[0]);
    secret_trim(out);
    if (e == NULL && out->len == 0)
        e = err_new(ERR_CONFIG, "it printed nothing");
    return e;
}

err secret_command_run(str text, int64_t timeout_ms, struct buf *ret_secret)
{
    ASSERT(ret_secret->len == 0);
    struct buf chars;
    char *words[SECRET_COMMAND_WORDS_MAX + 1], *room;
    buf_init(&chars, SECRET_COMMAND_BYTES_MAX);
    err e = buf_reserve(&chars, SECRET_COMMAND_BYTES_MAX, &room);
    if (e == NULL)
        e = secret_command_split(text, room, words);
    if (e == NULL) {
        e = run(words, deadline_after(timeout_ms), ret_secret);
        if (e) /* the arguments may hold secrets */
            e = err_wrap(e, "the command %s", words[0]);
    }
    buf_release(&chars);
    if (e)
        secret_wipe(ret_secret);
    return e;
}

err secret_command_or_read(str reference, struct buf *ret_secret)
{
    str command = reference;
    if (str_skip(&command, S("command:")))
        return secret_command_run(command, SECRET_COMMAND_MS_MAX, ret_secret);
    return secret_read(reference, ret_secret);
}
