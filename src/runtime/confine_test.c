#include "base/sanitize.h"
#include "runtime/confine.h"
#include "runtime/loop.h"
#include "runtime/net.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unbound.h>
#include <unistd.h>

/* Folders of one child: ROOT/state with names only, ROOT/state/spool to write, ROOT/other closed,
 * ROOT/tls to read. */
static struct {
    char root[32], state[64], spool[64], tls[64];
} at;

static struct confine_report report;

static const char *path_of(const char *name)
{
    static char paths[2][96];
    static int turn;
    char *path = paths[turn++ & 1];
    snprintf(path, sizeof paths[0], "%s/%s", at.root, name);
    return path;
}

static void put_file(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, "secret\n", 7) == 7, name);
    close(fd);
}

static void make_folders(void)
{
    static const char *const folders[] = {"state", "state/spool", "other", "tls"};
    snprintf(at.root, sizeof at.root, "/tmp/confine-XXXXXX");
    CHECK(mkdtemp(at.root) != NULL, "folder");
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        CHECK(mkdir(path_of(folders[i]), 0700) == 0, folders[i]);
    put_file("state/accounts.db");
    put_file("other/accounts.db");
    put_file("tls/tls.key");
    snprintf(at.state, sizeof at.state, "%s/state", at.root);
    snprintf(at.spool, sizeof at.spool, "%s/state/spool", at.root);
    snprintf(at.tls, sizeof at.tls, "%s/tls", at.root);
}

static void remove_folders(void)
{
    static const char *const names[] = {"state/admin.sock",
                                        "state/accounts.db",
                                        "other/accounts.db",
                                        "tls/tls.key",
                                        "state/spool/b",
                                        "state/spool",
                                        "state",
                                        "other",
                                        "tls",
                                        ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove(path_of(names[i]));
}

/* -- what the confined child tries; 0: as it should be ----------------------------------------- */

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int try_execve(void)
{
    char *const argv[] = {(char *)"true", NULL};
    execve("/bin/true", argv, environ);
    return 1; /* the kernel has ended us */
}

static int try_children(void)
{
    char *const argv[] = {(char *)"true", NULL};
    pid_t pid;
    if (fork() >= 0)
        return 1;
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0)
        return 2;
    return vfork() >= 0 ? 3 : 0; // NOLINT(clang-analyzer-*): it is forbidden, and so returns once
}

static int try_files(void)
{
    static const char *const closed[] = {"/etc/passwd", "/etc/shadow", "/proc/self/environ",
                                         "/proc/1/status", "/root"};
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if (opens(closed[i], O_RDONLY))
            return 1 + (int)i;
    if (opens(path_of("other/accounts.db"), O_RDONLY) || errno != EACCES)
        return 20;
    if (opens(path_of("state/accounts.db"), O_RDONLY))
        return 21;
    if (opens(path_of("state/accounts.db"), O_WRONLY))
        return 22;
    if (!opens(path_of("tls/tls.key"), O_RDONLY))
        return 23;
    if (opens(path_of("tls/tls.key"), O_WRONLY) || opens(path_of("tls/new"), O_WRONLY | O_CREAT))
        return 24;
    if (access("/etc/resolv.conf", R_OK) == 0 && !opens("/etc/resolv.conf", O_RDONLY))
        return 25;
    return 0;
}

static int try_spool(void)
{
    int fd = open(path_of("state/spool/a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || ftruncate(fd, 0) != 0)
        return 1;
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return 2;
    if (rename(path_of("state/spool/a"), path_of("state/spool/b")) != 0)
        return 3;
    if (rename(path_of("state/spool/b"), path_of("state/accounts.db")) == 0)
        return 4; /* a database of one's own in the keeper's place */
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s/admin.sock", at.state);
    int admin = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(admin, (struct sockaddr *)&name, sizeof name) == 0 ? 0 : 5;
}

static int try_forbidden(void)
{
    if (socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0 || socket(AF_PACKET, SOCK_RAW, 0) >= 0)
        return 1;
    if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0)
        return 2;
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return 3;
    if (kill(getppid(), 0) == 0)
        return 4;
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
        return 5;
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
        return 6; /* attack 147: no core file */
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 7;
}

static int try_openssl(void)
{
    unsigned char bytes[16];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || RAND_bytes(bytes, sizeof bytes) != 1)
        return 1;
    if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        return 2;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    return key ? 0 : 3;
}

/* -- a loop, sockets and threads ---------------------------------------------------------- */

static void add_one(void *arg) { ++*(int *)arg; }

static void talk(void *arg)
{
    int *failed = arg, done = 0;
    struct address where;
    struct net_listener *listener = NULL;
    struct net_conn *near = NULL, *far = NULL;
    err e = address_parse(S("127.0.0.1:0"), 0, &where);
    e = e ? e : net_listen(&where, &listener);
    if (e == NULL) {
        where = net_listener_address(listener);
        e = net_connect(&where, NULL, &near, deadline_after(5000));
    }
    e = e ? e : net_accept(listener, &far, deadline_after(5000));
    e = e ? e : net_write(near, S("hello"), deadline_after(5000));
    e = e ? e : net_flush(near, deadline_after(5000));
    e = e ? e : net_fill(far, deadline_after(5000));
    bool heard = e == NULL && str_eq(net_input(far), S("hello"));
    thread_join(thread_start("confined", add_one, &done)); /* the job pool may be of our parent */
    *failed = !heard || e != NULL || done != 1;
    net_close(near);
    net_close(far);
    net_listener_close(listener);
}

static int try_loop(void)
{
    int failed = 1;
    struct loop *l = loop_open(NULL);
    loop_run(l, "confined", talk, &failed);
    loop_close(l);
    return failed;
}

/* -- names: libunbound on its own thread, against a name server of a few lines ------------------
 */

static void *answer_names(void *arg)
{
    static const char record[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
    int fd = *(int *)arg;
    for (;;) {
        char packet[1500];
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
        if (n < 17)
            continue;
        size_t end = 12;
        while (end < (size_t)n && packet[end])
            end += 1 + (size_t)packet[end];
        end += 5;
        packet[2] = (char)0x81;
        packet[3] = (char)0x80;
        memset(packet + 6, 0, 6);
        packet[7] = 1;
        memcpy(packet + end, record, sizeof record - 1);
        sendto(fd, packet, end + sizeof record - 1, 0, (struct sockaddr *)&from, from_len);
    }
    return NULL;
}

static int try_names(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof where;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    pthread_t server;
    char forward[32];
    if (bind(fd, (struct sockaddr *)&where, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&where, &len) != 0 ||
        pthread_create(&server, NULL, answer_names, &fd) != 0)
        return 1;
    snprintf(forward, sizeof forward, "127.0.0.1@%d", ntohs(where.sin_port));
    struct ub_ctx *ctx = ub_ctx_create();
    struct ub_result *result = NULL;
    ub_ctx_async(ctx, 1);
    if (ub_ctx_set_option(ctx, "module-config:", "iterator") != 0 ||
        ub_ctx_set_option(ctx, "do-not-query-localhost:", "no") != 0 ||
        ub_ctx_set_fwd(ctx, forward) != 0)
        return 2;
    if (ub_resolve(ctx, "mail.example.net", 1, 1, &result) != 0 || !result->havedata)
        return 3;
    return memcmp(result->data[0], "\xc0\0\2\1", 4) == 0 ? 0 : 4;
}

/* -- the children ------------------------------------------------------------------------------ */

/* Confine a child and run the try there. Returns what it exits with; 100 + N: signal N. */
static int in_child(const struct confine_options *options, int (*run)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        err e = confine_apply(options, &report);
        if (e) {
            char why[256];
            err_describe(e, why, sizeof why);
            if (options->user == NULL)
                fprintf(stderr, "confine: %s\n", why);
            _exit(99);
        }
        if (!report.seccomp || report.landlock_abi == 0)
            _exit(98);
        _exit(run());
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(confine)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    static const struct {
        const char *label;
        int (*run)(void);
        int ends_with;
    } cases[] = {
        {"attack 41: execve ends the process",        try_execve,    100 + SIGSYS},
        {"no fork, no spawn",                         try_children,  0           },
        {"attack 145: only the files that are named", try_files,     0           },
        {"the spool can be written",                  try_spool,     0           },
        {"no ptrace, no netlink, no code, no core",   try_forbidden, 0           },
        {"OpenSSL works",                             try_openssl,   0           },
        {"sockets, fibers and threads work",          try_loop,      0           },
        {"libunbound works on its thread",            try_names,     0           },
    };
    make_folders();
    const char *const writable[] = {at.spool}, *const readable[] = {at.tls, "/nonexistent"};
    const char *const names[] = {at.state};
    struct confine_options options = {.read_write = writable,
                                      .read_write_count = 1,
                                      .read_only = readable,
                                      .read_only_count = 2,
                                      .names_only = names,
                                      .names_only_count = 1};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int ended = in_child(&options, cases[i].run);
        if (ended == 98) {
            test_skip("this kernel has no Landlock or no seccomp");
            break;
        }
        if (ended != cases[i].ends_with)
            fprintf(stderr, "    the child ended with %d\n", ended);
        CHECK(ended == cases[i].ends_with, cases[i].label);
    }
    remove_folders();
}

static int try_root_again(void)
{
    if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) > 1)
        return 1;
    return setuid(0) == 0 || seteuid(0) == 0 ? 2 : 0;
}

TEST(confine_user)
{
#ifdef WITH_TSAN /* it cannot follow threads into a forked child */
    return test_skip("forks");
#endif
    struct confine_options options = {.user = "nobody"};
    if (geteuid() != 0)
        return test_skip("only root can become another user");
    int ended = in_child(&options, try_root_again);
    if (ended == 98)
        return test_skip("this kernel has no Landlock or no seccomp");
    CHECK(ended == 0, "root is given up for good");
    options.user = "root";
    CHECK(in_child(&options, try_root_again) == 99, "root is no user to become");
    options.user = "nobody-has-this-name";
    CHECK(in_child(&options, try_root_again) == 99, "an unknown user");
}
