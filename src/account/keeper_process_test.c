#include "account/keeper_process.h"
#include "account/keeper_remote.h"
#include "account/store.h"
#include "base/log.h"
#include "base/sanitize.h"
#include "config/config.h"
#include "runtime/confine.h"
#include "runtime/loop.h"
#include "tests/test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test makes a child, which becomes a keeper and forks a main process. That does its steps and
 * exits with 0 or the number of the step that failed; the keeper hands the number on. */

static struct {
    char folder[32], config[64], store[64];
    char given[32], other[32]; /* addresses: in the configuration, and only after the reload */
} at;

static void free_address(const char *ip, char ret_text[32])
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(ip)};
    socklen_t len = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&where, len) == 0, ip);
    CHECK(getsockname(fd, (struct sockaddr *)&where, &len) == 0, ip);
    snprintf(ret_text, 32, "%s:%d", ip, ntohs(where.sin_port));
    close(fd);
}

static void write_config(const char *format, const char *address)
{
    char text[256];
    snprintf(text, sizeof text, format, address);
    int fd = open(at.config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) > 0, "config file");
    close(fd);
}

static const char listener[] = "hostname: mail.example.com\n"
                               "listeners: [{ address: \"%s\", role: mx }]\n";

static void make_folder(void)
{
    struct account_store *store = NULL;
    snprintf(at.folder, sizeof at.folder, "/tmp/keeper-proc-XXXXXX");
    CHECK(mkdtemp(at.folder) != NULL, "folder");
    snprintf(at.config, sizeof at.config, "%s/c.yaml", at.folder);
    snprintf(at.store, sizeof at.store, "%s/accounts.db", at.folder);
    free_address("127.0.0.1", at.given);
    free_address("127.0.0.2", at.other);
    write_config(listener, at.given);
    CHECK_DONE(account_store_open(str_of(at.store), &store), "store");
    CHECK_DONE(account_store_add(store, S("bob@example.com"), S("correct horse"), false), "add");
    account_store_close(store);
}

static void remove_folder(void)
{
    static const char *const names[] = {"c.yaml", "accounts.db", "accounts.db-wal",
                                        "accounts.db-shm", ""};
    char path[96];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", at.folder, names[i]);
        remove(path);
    }
}

static void say_nothing(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

/* The child's life in both of its processes. */
static int live(int (*main_process)(struct keeper_process *))
{
    struct config *config = NULL;
    struct config_errors errors;
    struct keeper_process p;
    log_set_sink(say_nothing, NULL);
    config_errors_init(&errors);
    err e = config_load(str_of(at.config), &config, &errors);
    e = e ? e : keeper_process_fork(&p);
    if (e) {
        char why[256];
        err_describe(e, why, sizeof why);
        fprintf(stderr, "%s (%s)\n", why, errors.count ? errors.list[0].message.ptr : "");
        return 99;
    }
    if (p.is_main)
        return main_process(&p);
    struct keeper_process_options options = {str_of(at.config), config, str_of(at.store)};
    return keeper_process_run(&p, &options);
}

static pid_t start(int (*main_process)(struct keeper_process *))
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(live(main_process));
    return pid;
}

static int end_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct login {
    const struct keeper *keeper;
    enum keeper_reason reason;
    bool closed;
};

static void log_in(void *arg)
{
    struct login *l = arg;
    struct arena *arena = arena_open(64 * 1024);
    struct keeper_claim claim = {.user = S("bob@example.com"), .password = S("correct horse")};
    struct keeper_verdict v = {.reason = KEEPER_REASON_COUNT};
    err e = keeper_check_login(l->keeper, &claim, arena, &v, deadline_after(20000));
    l->reason = v.reason;
    l->closed = e && e->kind == ERR_CLOSED;
    arena_close(arena);
}

static struct login log_in_by(struct keeper_remote *r)
{
    struct login l = {.keeper = keeper_remote_seam(r)};
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "login", log_in, &l);
    loop_close(loop);
    return l;
}

static err address_of(const char *text, struct address *ret)
{
    return address_parse(str_of(text), 0, ret);
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage s = {0};
    socklen_t len = sizeof s;
    getsockname(fd, (struct sockaddr *)&s, &len);
    return address_from_kernel(&s, len).port;
}

static int serve_and_reload(struct keeper_process *p)
{
    struct address given, other;
    int fds[KEEPER_PROCESS_SOCKETS_MAX];
    struct keeper_remote *r = NULL;
    if (keeper_process_ready(p))
        return 1;
    if (address_of(at.given, &given) || address_of(at.other, &other))
        return 2;
    if (keeper_process_listen(p, &given, fds, KEEPER_PROCESS_SOCKETS_MAX)) /* two packets */
        return 3;
    for (int i = 0; i < KEEPER_PROCESS_SOCKETS_MAX; i++)
        if (port_of(fds[i]) != given.port || close(fds[i]) != 0)
            return 4;
    err e = keeper_process_listen(p, &other, fds, 1);
    if (e == NULL || e->kind != ERR_CONFIG)
        return 5; /* attack 145: an address that nobody configured */
    write_config("listeners: { not a list: %s\n", at.other);
    e = keeper_process_reload(p);
    if (e == NULL || e->kind != ERR_CONFIG)
        return 6;
    write_config(listener, at.other);
    if (keeper_process_reload(p))
        return 7;
    if (keeper_process_listen(p, &other, fds, 1) || port_of(fds[0]) != other.port)
        return 8;
    if (keeper_remote_open(p->requests_fd, &r) || log_in_by(r).reason != KEEPER_RIGHT)
        return 9;
    keeper_remote_close(r);
    keeper_process_close(p);
    return 0;
}

TEST(keeper_process_serves)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    make_folder();
    CHECK(end_of(start(serve_and_reload)) == 0, "the main process did all its steps");
    remove_folder();
}

static int tell_fd = -1; /* the main process tells the test: 'r' ready, then its last step */

static void tell(char c)
{
    ssize_t n = write(tell_fd, &c, 1);
    (void)n;
}

static char hear(int fd)
{
    char c = 0;
    ssize_t n = read(fd, &c, 1);
    return n == 1 ? c : 0;
}

/* What `serve` does; then the test kills the keeper. */
static int outlive_keeper_steps(struct keeper_process *p)
{
    struct confine_report report;
    struct keeper_remote *r = NULL;
    sigset_t term;
    int number = 0;
    struct confine_options options = {.user = geteuid() == 0 ? "nobody" : NULL, .parent = p->other};
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    if (keeper_process_ready(p) || confine_apply(&options, &report))
        return '1';
    if (keeper_remote_open(p->requests_fd, &r) || log_in_by(r).reason != KEEPER_RIGHT)
        return '2';
    if (report.landlock_abi && open(at.store, O_RDONLY | O_CLOEXEC) >= 0)
        return '3'; /* attack 145 */
    tell('r');
    if (sigwait(&term, &number) != 0 || number != SIGTERM)
        return '4';
    if (!log_in_by(r).closed)
        return '5';
    keeper_remote_close(r);
    return 'k';
}

static int outlive_keeper(struct keeper_process *p)
{
    tell((char)outlive_keeper_steps(p));
    return 0;
}

TEST(keeper_process_killed) /* attack 144 */
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    int ends[2] = {-1, -1};
    make_folder();
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    tell_fd = ends[1];
    pid_t keeper = start(outlive_keeper);
    close(ends[1]);
    CHECK(hear(ends[0]) == 'r', "the main process is up, confined, and logs in");
    kill(keeper, SIGKILL);
    CHECK(end_of(keeper) == 1000 + SIGKILL, "the keeper is dead");
    CHECK(hear(ends[0]) == 'k', "SIGTERM comes, logins end with an err, nothing hangs");
    close(ends[0]);
    remove_folder();
}

static int wait_for_hup(struct keeper_process *p)
{
    sigset_t hup;
    int number = 0;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    if (keeper_process_ready(p))
        return 1;
    tell('r');
    return sigwait(&hup, &number) == 0 && number == SIGHUP ? 7 : 2;
}

static int wait_to_be_ended(struct keeper_process *p)
{
    if (keeper_process_ready(p))
        return 1;
    tell('r');
    for (;;)
        pause();
}

TEST(keeper_process_signals)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    static const struct {
        const char *label;
        int (*main_process)(struct keeper_process *);
        int signal, ends_with;
    } cases[] = {
        {"a SIGHUP is passed on, the status handed back", wait_for_hup,     SIGHUP,  7            },
        {"a main process that a signal ended",            wait_to_be_ended, SIGTERM, 128 + SIGTERM},
    };
    make_folder();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int ends[2] = {-1, -1};
        CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
        tell_fd = ends[1];
        pid_t keeper = start(cases[i].main_process);
        close(ends[1]);
        CHECK(hear(ends[0]) == 'r', cases[i].label);
        kill(keeper, cases[i].signal);
        CHECK(end_of(keeper) == cases[i].ends_with, cases[i].label);
        close(ends[0]);
    }
    remove_folder();
}

static int hear_why(struct keeper_process *p)
{
    err e = keeper_process_ready(p);
    return e && e->kind == ERR_CONFIG ? 5 : 1;
}

TEST(keeper_process_cannot_start) /* attack 140 */
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    make_folder();
    CHECK(chmod(at.store, 0644) == 0, "chmod");
    CHECK(end_of(start(hear_why)) == 5, "a database that others may read stops the start");
    remove_folder();
}

static int talk_nonsense(struct keeper_process *p)
{
    struct address given;
    int fd;
    if (keeper_process_ready(p) || address_of(at.given, &given))
        return 1;
    if (send(p->control_fd, "nonsense", 8, MSG_NOSIGNAL) != 8)
        return 2;
    return keeper_process_listen(p, &given, &fd, 1) ? 3 : 4;
}

TEST(keeper_process_nonsense) /* attack 141 */
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    make_folder();
    CHECK(end_of(start(talk_nonsense)) == 3, "the control ends; the keeper goes on until we do");
    remove_folder();
}
