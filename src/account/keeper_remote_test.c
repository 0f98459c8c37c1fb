#include "account/keeper_references.h"
#include "account/keeper_remote.h"
#include "base/sanitize.h"
#include "runtime/loop.h"
#include "secret/resolver.h"
#include "tests/test.h"
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLERS = 40 };

struct scene {
    const struct keeper *keeper;
    pid_t pid;
    int right, timed_out, closed, other;
    int far_fd;
    str garbage;
};

static size_t count_fds(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* A keeper in a process of its own, with one secret to tell and no accounts. */
static pid_t start_keeper(int *ret_fd)
{
    int ends[2] = {-1, -1};
    setenv("SMTPTOOL_TEST_REMOTE", "s3cret", 1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        str list[] = {S("env:SMTPTOOL_TEST_REMOTE"), S("command:sleep 5")};
        struct keeper_state state = {.references = keeper_references_open(),
                                     .secrets = secret_resolver_open(NULL)};
        err e = keeper_references_set(state.references, list, 2);
        e = e ? e : keeper_serve(ends[1], &state);
        _exit(e != NULL);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

static void ask_once(struct scene *s, str reference, int64_t ms)
{
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = keeper_secret(s->keeper, reference, &secret, deadline_after(ms));
    if (e == NULL && str_eq(buf_str(&secret), S("s3cret")))
        s->right++;
    else if (e && e->kind == ERR_TIMEOUT)
        s->timed_out++;
    else if (e && e->kind == ERR_CLOSED)
        s->closed++;
    else
        s->other++;
    secret_wipe(&secret);
}

static void patient(void *arg) { ask_once(arg, S("env:SMTPTOOL_TEST_REMOTE"), 20000); }
static void hasty(void *arg) { ask_once(arg, S("env:SMTPTOOL_TEST_REMOTE"), 200); }

static void ask_many(struct scene *s, void (*how)(void *))
{
    struct group callers;
    group_init(&callers);
    for (int i = 0; i < CALLERS; i++)
        fiber_spawn(&callers, "caller", how, s);
    CHECK_DONE(group_wait(&callers, deadline_after(30000)), "all calls end");
    group_close(&callers);
}

static void stopped_and_killed(void *arg) /* attack 144 */
{
    struct scene *s = arg;
    ask_many(s, patient);
    CHECK(s->right == CALLERS, "all are answered");
    kill(s->pid, SIGSTOP);
    int64_t before = clock_steady_ms();
    ask_many(s, hasty);
    CHECK(s->timed_out == CALLERS, "a stopped keeper: every call ends at its deadline");
    CHECK(clock_steady_ms() - before < 15000, "and none waits for another");
    kill(s->pid, SIGCONT);
    ask_many(s, patient);
    CHECK(s->right == 2 * CALLERS, "it goes on: late replies mislead nobody");
    kill(s->pid, SIGSTOP);
    struct group callers;
    group_init(&callers);
    fiber_spawn(&callers, "caller", patient, s);
    CHECK_DONE(fiber_sleep(deadline_after(50)), "sleep");
    kill(s->pid, SIGKILL);
    CHECK_DONE(group_wait(&callers, deadline_after(10000)), "the waiting one hears of its death");
    group_close(&callers);
    CHECK(s->closed == 1, "as ERR_CLOSED");
    ask_many(s, patient);
    CHECK(s->closed == 1 + CALLERS, "and all later ones, at once");
    CHECK(s->other == 0, "nothing else happened");
}

TEST(keeper_remote_stopped_and_killed)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    struct scene s = {0};
    struct keeper_remote *r = NULL;
    size_t fds = count_fds();
    int fd;
    s.pid = start_keeper(&fd);
    CHECK_DONE(keeper_remote_open(fd, &r), "open");
    s.keeper = keeper_remote_seam(r);
    CHECK(keeper_remote_alive(r), "alive");
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", stopped_and_killed, &s);
    CHECK(!keeper_remote_alive(r), "gone");
    loop_close(l);
    keeper_remote_close(r);
    waitpid(s.pid, NULL, 0);
    CHECK(count_fds() == fds, "attack 144: no descriptor is left");
}

static void cancel_waiting(void *arg)
{
    struct scene *s = arg;
    struct group callers;
    kill(s->pid, SIGSTOP);
    group_init(&callers);
    for (int i = 0; i < CALLERS; i++)
        fiber_spawn(&callers, "caller", patient, s);
    CHECK_DONE(fiber_sleep(deadline_after(20)), "sleep");
    group_close(&callers);
    CHECK(s->other == CALLERS, "canceled");
    kill(s->pid, SIGCONT);
    ask_once(s, S("env:SMTPTOOL_TEST_REMOTE"), 20000);
    CHECK(s->right == 1, "the next one is answered");
}

TEST(keeper_remote_canceled)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    struct scene s = {0};
    struct keeper_remote *r = NULL;
    int fd;
    s.pid = start_keeper(&fd);
    CHECK_DONE(keeper_remote_open(fd, &r), "open");
    s.keeper = keeper_remote_seam(r);
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", cancel_waiting, &s);
    loop_close(l);
    keeper_remote_close(r);
    int status = -1;
    waitpid(s.pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the keeper ends with its main process");
}

static void hear_garbage(void *arg)
{
    struct scene *s = arg;
    struct group callers;
    group_init(&callers);
    fiber_spawn(&callers, "caller", patient, s);
    CHECK_DONE(fiber_sleep(deadline_after(20)), "sleep");
    CHECK(send(s->far_fd, s->garbage.ptr, s->garbage.len, MSG_NOSIGNAL) > 0, "send");
    CHECK_DONE(group_wait(&callers, deadline_after(10000)), "the call ends");
    group_close(&callers);
}

TEST(keeper_remote_garbage)
{
    static const struct {
        const char *label;
        str bytes;
    } cases[] = {
        {"4 GiB",            {"\xff\xff\xff\xff", 4}                           },
        {"empty frame",      {"\0\0\0\0", 4}                                   },
        {"bytes left over",  {"\0\0\0\x0b\0\0\0\1\3\0\0\0\0\0x", 15}           },
        {"another question", {"\0\0\0\x0f\0\0\0\1\1\1\0\0\0\0\0\0\0\0\0", 19}  },
        {"an unknown one",   {"\0\0\0\x0f\0\0\0\1\x09\1\0\0\0\0\0\0\0\0\0", 19}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keeper_remote *r = NULL;
        int ends[2] = {-1, -1};
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
        CHECK_DONE(keeper_remote_open(ends[0], &r), "open");
        struct scene s = {
            .keeper = keeper_remote_seam(r), .far_fd = ends[1], .garbage = cases[i].bytes};
        struct loop *l = loop_open(NULL);
        loop_run(l, "test", hear_garbage, &s);
        loop_close(l);
        CHECK(s.closed == 1, cases[i].label);
        CHECK(!keeper_remote_alive(r), cases[i].label);
        close(ends[1]);
        keeper_remote_close(r);
    }
}
