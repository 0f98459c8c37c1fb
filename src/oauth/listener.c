#include "oauth/listener.h"
#include "base/clock.h"
#include "base/mem.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGE_BYTES = 1024, POLL_MS = 500 };

struct conn {
    int fd; /* -1: free */
    int64_t until_ms;
    size_t len;
    char bytes[OAUTH_REDIRECT_BYTES_MAX];
};

struct waiting {
    const struct oauth_redirect_wanted *wanted;
    struct arena *arena;
    struct conn *conns;
    size_t refused;
    bool answered;
    struct oauth_redirect redirect;
};

err oauth_listener_open(uint16_t port, struct oauth_listener *ret_listener)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "make a socket");
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0) {
        err e = err_new(ERR_SYSTEM, "listen on 127.0.0.1 port %u", (unsigned)port);
        close(fd);
        return e;
    }
    *ret_listener = (struct oauth_listener){fd, ntohs(at.sin_port)};
    return NULL;
}

void oauth_listener_close(struct oauth_listener *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* ---- one connection ------------------------------------------------------------------------ */

static void drop(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    mem_wipe(c->bytes, c->len); /* it may hold a code */
    c->fd = -1;
    c->len = 0;
}

/* The page says nothing of who we are or what came. */
static void say(struct conn *c, bool good)
{
    char page[PAGE_BYTES];
    const char *words = good ? "Done. You may close this window and return to the terminal."
                             : "This is not the answer that is waited for here.";
    int len =
        snprintf(page, sizeof page,
                 "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n"
                 "Content-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n"
                 "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
                 "Content-Security-Policy: default-src 'none'\r\n\r\n"
                 "<!doctype html><title>Login</title><p>%s</p>\n",
                 good ? "200 OK" : "400 Bad Request",
                 strlen("<!doctype html><title>Login</title><p></p>\n") + strlen(words), words);
    ASSERT(len > 0 && (size_t)len < sizeof page);
    ssize_t sent = send(c->fd, page, (size_t)len, MSG_NOSIGNAL);
    (void)sent; /* who does not read it misses a page */
    shutdown(c->fd, SHUT_WR);
}

static bool is_whole(const struct conn *c)
{
    return c->len >= 4 && memmem(c->bytes, c->len, "\r\n\r\n", 4) != NULL;
}

static void judge(struct waiting *w, struct conn *c)
{
    err e = oauth_redirect_read((str){c->bytes, c->len}, w->wanted, w->arena, &w->redirect);
    w->answered = e == NULL;
    w->refused += e != NULL;
    say(c, e == NULL);
    err_forget();
    drop(c);
}

static void hear(struct waiting *w, struct conn *c)
{
    ssize_t n = recv(c->fd, c->bytes + c->len, sizeof c->bytes - c->len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    c->len += (size_t)n;
    if (is_whole(c)) {
        judge(w, c);
    } else if (c->len == sizeof c->bytes) {
        w->refused++;
        say(c, false);
        drop(c);
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

static struct conn *room_for_one(struct waiting *w)
{
    struct conn *oldest = &w->conns[0];
    for (size_t i = 0; i < OAUTH_LISTENER_CONNS_MAX; i++) {
        if (w->conns[i].fd < 0)
            return &w->conns[i];
        if (w->conns[i].until_ms < oldest->until_ms)
            oldest = &w->conns[i];
    }
    drop(oldest);
    return oldest;
}

static void take(struct waiting *w, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct conn *c = room_for_one(w);
    c->fd = fd;
    c->until_ms = clock_steady_ms() + OAUTH_LISTENER_CONN_MS_MAX;
}

static void turn(struct waiting *w, int listener)
{
    struct pollfd polled[OAUTH_LISTENER_CONNS_MAX + 1];
    for (size_t i = 0; i < OAUTH_LISTENER_CONNS_MAX; i++) {
        if (w->conns[i].fd >= 0 && clock_steady_ms() >= w->conns[i].until_ms)
            drop(&w->conns[i]);
        polled[i] = (struct pollfd){.fd = w->conns[i].fd, .events = POLLIN};
    }
    polled[OAUTH_LISTENER_CONNS_MAX] = (struct pollfd){.fd = listener, .events = POLLIN};
    if (poll(polled, ARRAY_LEN(polled), POLL_MS) <= 0)
        return;
    for (size_t i = 0; i < OAUTH_LISTENER_CONNS_MAX && !w->answered; i++)
        if (polled[i].fd >= 0 && polled[i].revents)
            hear(w, &w->conns[i]);
    if (!w->answered && polled[OAUTH_LISTENER_CONNS_MAX].revents)
        take(w, listener);
}

err oauth_listener_wait(struct oauth_listener *l, const struct oauth_redirect_wanted *wanted,
                        int64_t ms_max, struct arena *arena, struct oauth_redirect *ret_redirect)
{
    struct waiting w = {.wanted = wanted, .arena = arena};
    int64_t until_ms = clock_steady_ms() + ms_max;
    w.conns = mem_alloc(OAUTH_LISTENER_CONNS_MAX * sizeof *w.conns);
    for (size_t i = 0; i < OAUTH_LISTENER_CONNS_MAX; i++)
        w.conns[i].fd = -1;
    while (!w.answered && w.refused < OAUTH_LISTENER_REQUESTS_MAX && clock_steady_ms() < until_ms)
        turn(&w, l->fd);
    for (size_t i = 0; i < OAUTH_LISTENER_CONNS_MAX; i++)
        drop(&w.conns[i]);
    mem_free(w.conns);
    if (w.answered) {
        *ret_redirect = w.redirect;
        return NULL;
    }
    if (w.refused >= OAUTH_LISTENER_REQUESTS_MAX)
        return err_new(ERR_LIMIT, "%d requests came that are not the answer of the login",
                       OAUTH_LISTENER_REQUESTS_MAX);
    return err_new(ERR_TIMEOUT, "nobody came back from the browser in %lld s",
                   (long long)(ms_max / 1000));
}
