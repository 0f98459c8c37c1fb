/* A real socket on loopback: who is not the answer is refused, and the answer ends the wait. */
#include "oauth/listener.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct browser {
    uint16_t port;
    bool answers;
    char pages[4][400];
};

static int open_conn(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    return fd;
}

static void ask(uint16_t port, const char *target, char *ret_page, size_t size)
{
    char request[300];
    int fd = open_conn(port), len;
    len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", target,
                   (unsigned)port);
    CHECK(write(fd, request, (size_t)len) == len, "write");
    size_t had = 0;
    for (ssize_t n; had + 1 < size && (n = read(fd, ret_page + had, size - had - 1)) > 0;)
        had += (size_t)n;
    ret_page[had] = '\0';
    close(fd);
}

static void browse(void *arg)
{
    struct browser *b = arg;
    int idle = open_conn(b->port); /* browsers open one in advance */
    ask(b->port, "/favicon.ico", b->pages[0], sizeof b->pages[0]);
    ask(b->port, "/?code=stolen&state=guessed", b->pages[1], sizeof b->pages[1]);
    if (b->answers)
        ask(b->port, "/?code=c0de&state=s3cr3t", b->pages[2], sizeof b->pages[2]);
    close(idle);
}

static err wait_with(bool answers, int64_t ms_max, struct arena *arena, struct browser *b,
                     struct oauth_redirect *ret_redirect)
{
    struct oauth_listener l;
    char host[32];
    TRY(oauth_listener_open(0, &l));
    snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)l.port);
    struct oauth_redirect_wanted wanted = {
        .host = str_of(host), .path = S("/"), .state = S("s3cr3t")};
    *b = (struct browser){.port = l.port, .answers = answers};
    struct thread *t = thread_start("browser", browse, b);
    err e = oauth_listener_wait(&l, &wanted, ms_max, arena, ret_redirect);
    oauth_listener_close(&l);
    thread_join(t);
    return e;
}

TEST(oauth_listener)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct oauth_redirect r = {0};
    struct browser b;
    CHECK_DONE(wait_with(true, 60000, arena, &b, &r), "the answer comes");
    CHECK_STR(r.code, "c0de", "its code");
    CHECK(strstr(b.pages[0], "HTTP/1.1 400 ") == b.pages[0], "another path");
    CHECK(strstr(b.pages[1], "HTTP/1.1 400 ") == b.pages[1], "another state");
    CHECK(strstr(b.pages[1], "stolen") == NULL, "nothing of it comes back");
    CHECK(strstr(b.pages[2], "HTTP/1.1 200 ") == b.pages[2], "our state");
    CHECK(strstr(b.pages[2], "c0de") == NULL, "nor does the code");
}

TEST(oauth_listener_nobody)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct oauth_redirect r = {0};
    struct browser b;
    err e = wait_with(false, 1500, arena, &b, &r);
    CHECK(e && e->kind == ERR_TIMEOUT, "foreign requests are no answer");
}
