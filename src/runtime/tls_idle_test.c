#include "base/sanitize.h"
#include "runtime/file.h"
#include "runtime/sim_fs.h"
#include "runtime/tls.h"
#include "tests/test.h"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an idle TLS connection costs the server. */

enum { IDLE_CONNS = 1000, IDLE_BYTES_MAX = 60 * 1024, UNTIL_TRIMMED_MS = 1300 };

struct crowd {
    struct net_listener *listener;
    struct tls_server *server;
    struct group group;
    int count;
    int fd;
};

static void sit(void *arg)
{
    struct crowd *crowd = arg;
    struct net_conn *c;
    if (net_accept(crowd->listener, &c, deadline_after(60000)) != NULL)
        return;
    CHECK_DONE(tls_accept(c, crowd->server, deadline_after(60000)), "shake");
    crowd->count++;
    err e = net_fill(c, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_CANCELED, "idle until the end");
    net_close(c);
}

static size_t resident_bytes(void)
{
    char line[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fgets(line, sizeof line, f) == NULL)
            line[0] = '\0';
        fclose(f);
    }
    str total, resident, rest; /* in pages */
    uint64_t pages = 0;
    str_split(str_of(line), ' ', &total, &rest);
    str_split(rest, ' ', &resident, &rest);
    if (!str_to_u64(resident, UINT32_MAX, &pages))
        test_skip("no /proc");
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void fill_room(struct crowd *crowd, int count)
{
    int wanted = crowd->count + count;
    for (int i = 0; i < count; i++)
        fiber_spawn(&crowd->group, "tls sit", sit, crowd);
    while (crowd->count < wanted && !fiber_canceled())
        CHECK_DONE(fiber_sleep(deadline_after(20)), "sleep");
    /* Parked fibers give stack back; it matters when a census has painted all of it. */
    CHECK_DONE(fiber_sleep(deadline_after(UNTIL_TRIMMED_MS)), "sleep");
}

/* What other tests left may be given back meanwhile: then it is less. */
static size_t more_than(size_t before)
{
    size_t now = resident_bytes();
    return now > before ? now - before : 0;
}

static void host_crowd(void *arg)
{
    struct crowd *crowd = arg;
    static const struct tls_certificate own = {
        {0 },
        { "/a.crt", 6},
        { "/a.key", 6}
    };
    struct tls_server_options options = {TLS_INTERMEDIATE, &own, 1};
    CHECK_DONE(tls_server_open(&options, &crowd->server), "server");
    CHECK_DONE(net_listen_on(crowd->fd, &crowd->listener), "listen");
    group_init(&crowd->group);
    fill_room(crowd, 100); /* what is set up once does not count */
    size_t before = resident_bytes();
    fill_room(crowd, IDLE_CONNS);
    size_t each = more_than(before) / IDLE_CONNS;
    for (int i = 0; i < 10 && each >= IDLE_BYTES_MAX; i++) { /* a busy machine trims late */
        CHECK_DONE(fiber_sleep(deadline_after(UNTIL_TRIMMED_MS)), "sleep");
        each = more_than(before) / IDLE_CONNS;
    }
    fprintf(stderr, "    an idle TLS connection: %zu bytes\n", each);
#if !defined(WITH_ASAN) && !defined(WITH_TSAN)
    CHECK(each < IDLE_BYTES_MAX, "memory of an idle connection");
#endif
    group_close(&crowd->group);
    net_listener_close(crowd->listener);
    tls_server_close(crowd->server);
}

static void be_crowd(void *arg)
{
    static struct net_conn *conns[IDLE_CONNS + 100];
    struct tls_client *client;
    CHECK_DONE(tls_client_open(S("/a.crt"), &client), "client");
    for (size_t i = 0; i < ARRAY_LEN(conns); i++) {
        CHECK_DONE(net_connect(arg, NULL, &conns[i], deadline_after(60000)), "connect");
        CHECK_DONE(
            tls_connect(conns[i], client, S("mx.example"), TLS_VERIFY_NONE, deadline_after(60000)),
            "shake");
    }
    err e = net_fill(conns[0], DEADLINE_NEVER);
    CHECK(e != NULL, "until the end");
}

static void in_loop(void (*entry)(void *), void *arg)
{
    struct loop *l = loop_open(NULL);
    loop_run(l, "test", entry, arg);
    loop_close(l);
}

TEST(tls_idle_memory)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    rlim_t before = files.rlim_cur;
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    if (files.rlim_cur < IDLE_CONNS + 200) {
        test_skip("too few descriptors");
        return;
    }
    if (files.rlim_cur > before)
        setrlimit(RLIMIT_NOFILE, &files);
    struct sim_fs *fs = sim_fs_open();
    sim_fs_use(fs);
    CHECK_DONE(tls_make_certificate(S("mx.example"), "/a.crt", "/a.key"), "certificate");
    struct crowd crowd = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    struct sockaddr_storage where = {.ss_family = AF_INET};
    socklen_t len = sizeof where;
    ((struct sockaddr_in *)&where)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(crowd.fd, (struct sockaddr *)&where, sizeof(struct sockaddr_in)) == 0, "bind");
    CHECK(listen(crowd.fd, 128) == 0, "listen");
    getsockname(crowd.fd, (struct sockaddr *)&where, &len);
    struct address at = address_from_kernel(&where, len);
    pid_t child = fork();
    if (child == 0) { /* a process of its own, so that only one end is measured */
        close(crowd.fd);
        in_loop(be_crowd, &at);
        _exit(0);
    }
    in_loop(host_crowd, &crowd);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the crowd went home");
    sim_fs_close(fs);
}
