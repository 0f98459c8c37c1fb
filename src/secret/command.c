#include "secret/command.h"
#include "base/clock.h"
#include "base/mem.h"
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
static err start(const struct secret_command *c, char *const *variables, int in_fd, int out_fd,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in_fd, STDIN_FILENO);
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
    errno = posix_spawnp(&pid, c->words[0], &files, &how, c->words, variables);
    int number = errno;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    errno = number;
    if (number)
        return err_new(ERR_SYSTEM, "start %s", c->words[0]);
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

/* A pipe that holds the input already: what it takes is less than a pipe has room for. */
static err prepare_input(str input, int *ret_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_new(ERR_SYSTEM, "pipe");
    ssize_t n = input.len ? write(ends[1], input.ptr, input.len) : 0;
    close(ends[1]);
    fcntl(ends[0], F_SETFL, 0);
    if (n != (ssize_t)input.len) {
        close(ends[0]);
        return err_new(ERR_LIMIT, "more input than a pipe takes");
    }
    *ret_fd = ends[0];
    return NULL;
}

static bool is_hidden(const struct secret_command *c, str variable)
{
    str name, value;
    str_split(variable, '=', &name, &value);
    for (size_t i = 0; i < c->hidden_count; i++)
        if (str_eq(c->hidden[i], name))
            return true;
    return false;
}

/* Pointers into our own environment, less what is hidden. */
static char **seen_by(const struct secret_command *c)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **variables = mem_alloc((count + 1) * sizeof *variables);
    for (size_t i = 0; i < count; i++)
        if (!is_hidden(c, str_of(environ[i])))
            variables[kept++] = environ[i];
    return variables;
}

static err run(const struct secret_command *c, int in_fd, deadline until, struct buf *out)
{
    int ends[2];
    pid_t pid = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_new(ERR_SYSTEM, "pipe");
    char **variables = seen_by(c);
    err e = start(c, variables, in_fd, ends[1], &pid);
    mem_free(variables);
    close(ends[1]);
    if (e == NULL) {
        e = collect(ends[0], out, until);
        err ended = finish(pid, e == NULL, until);
        e = e ? e : ended;
    }
    close(ends[0]);
    secret_trim(out);
    if (e == NULL && out->len == 0 && !c->quiet)
        e = err_new(ERR_CONFIG, "it printed nothing");
    return e;
}

err secret_command_start(const struct secret_command *c, int64_t timeout_ms, struct buf *ret_secret)
{
    ASSERT(ret_secret->len == 0);
    int in_fd = -1;
    err e = prepare_input(c->input, &in_fd);
    if (e == NULL)
        e = run(c, in_fd, deadline_after(timeout_ms), ret_secret);
    if (in_fd >= 0)
        close(in_fd);
    if (e) {
        secret_wipe(ret_secret);
        e = err_wrap(e, "the command %s", c->words[0]); /* the arguments may hold secrets */
    }
    return e;
}

err secret_command_run(str text, const str *hidden, size_t hidden_count, int64_t timeout_ms,
                       struct buf *ret_secret)
{
    struct buf chars;
    char *words[SECRET_COMMAND_WORDS_MAX + 1], *room;
    buf_init(&chars, SECRET_COMMAND_BYTES_MAX);
    err e = buf_reserve(&chars, SECRET_COMMAND_BYTES_MAX, &room);
    if (e == NULL)
        e = secret_command_split(text, room, words);
    if (e == NULL) {
        struct secret_command c = {.words = words, .hidden = hidden, .hidden_count = hidden_count};
        e = secret_command_start(&c, timeout_ms, ret_secret);
    }
    secret_wipe(&chars);
    return e;
}
