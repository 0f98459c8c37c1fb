#include "runtime/net_epoll.h"
#include "base/mem.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EPOLL_EVENTS_MAX = 128,
    LISTEN_BACKLOG = 1024,
};

struct epoll_driver {
    struct net_driver net;
    int epoll_fd, wake_fd;
    bool woken;         /* a wake is under way: no second write is needed */
    struct list closed; /* sockets that may still be named by events of this turn */
};

struct epoll_socket {
    struct net_socket base;
    int fd;
    bool is_closed;
    bool watches_write; /* else the kernel does not tell when there is room again */
    bool peer_ended;    /* nothing new will be told: read until the end is seen */
    struct list closed;
};

enum { EVENTS_READ = EPOLLIN | EPOLLRDHUP | EPOLLET, EVENTS_BOTH = EVENTS_READ | EPOLLOUT };

static struct epoll_driver *driver_of(struct net_driver *net)
{
    return CONTAINER_OF(net, struct epoll_driver, net);
}

static struct epoll_socket *socket_of(struct net_socket *s)
{
    return CONTAINER_OF(s, struct epoll_socket, base);
}

static err watch(struct epoll_driver *d, int fd, bool connecting, struct net_socket **ret_socket)
{
    struct epoll_socket *s = MEM_NEW(struct epoll_socket);
    s->fd = fd;
    s->watches_write = connecting;
    s->base.driver = &d->net;
    s->base.may_read = s->base.may_write = true;
    gate_init(&s->base.readable);
    gate_init(&s->base.writable);
    struct epoll_event event = {.events = connecting ? EVENTS_BOTH : EVENTS_READ, .data.ptr = s};
    if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        err e = err_new(ERR_SYSTEM, "watch a socket");
        mem_free(s);
        return e;
    }
    *ret_socket = &s->base;
    return NULL;
}

/* Room is not watched for before it was waited for: a socket that is nearly always writable would
 * wake us each time its input has been read already. To begin watching tells what is true now. */
static void watch_write(struct epoll_socket *s, bool on)
{
    struct epoll_driver *d = driver_of(s->base.driver);
    struct epoll_event event = {.events = on ? EVENTS_BOTH : EVENTS_READ, .data.ptr = s};
    if (s->watches_write == on)
        return;
    int failed = epoll_ctl(d->epoll_fd, EPOLL_CTL_MOD, s->fd, &event);
    ASSERT(!failed); /* only for a descriptor that was never added, or without memory */
    s->watches_write = on;
}

static void free_closed(struct epoll_driver *d)
{
    struct list *node;
    while ((node = list_take_first(&d->closed)) != NULL)
        mem_free(LIST_OF(node, struct epoll_socket, closed));
}

static int timeout_ms(int64_t until_ns)
{
    if (until_ns == 0)
        return 0;
    if (until_ns == INT64_MAX)
        return -1;
    int64_t left = until_ns - clock_steady_ns();
    if (left <= 0)
        return 0;
    int64_t ms = (left + 999999) / 1000000;
    return ms > 60000 ? 60000 : (int)ms;
}

static void dispatch(struct epoll_driver *d, const struct epoll_event *event)
{
    if (event->data.ptr == d) {
        /* Its counter is never read: each write is an edge. What was posted before is seen in this
         * turn; a wake from now on writes again. */
        __atomic_store_n(&d->woken, false, __ATOMIC_SEQ_CST);
        return;
    }
    struct epoll_socket *s = event->data.ptr;
    if (s->is_closed)
        return;
    if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->peer_ended = true;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        s->base.may_read = true;
        gate_wake_all(&s->base.readable);
    }
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        s->base.may_write = true;
        gate_wake_all(&s->base.writable);
    }
}

static void epoll_poll(struct net_driver *net, struct loop *loop, int64_t until_ns)
{
    (void)loop;
    struct epoll_driver *d = driver_of(net);
    struct epoll_event events[EPOLL_EVENTS_MAX];
    int n = epoll_wait(d->epoll_fd, events, EPOLL_EVENTS_MAX, timeout_ms(until_ns));
    for (int i = 0; i < n; i++)
        dispatch(d, &events[i]);
    free_closed(d);
}

static void epoll_wake(struct net_driver *net)
{
    struct epoll_driver *d = driver_of(net);
    uint64_t one = 1;
    if (!__atomic_exchange_n(&d->woken, true, __ATOMIC_SEQ_CST) &&
        write(d->wake_fd, &one, sizeof one) < 0)
        return; /* the counter is full: it is awake */
}

static int kernel_family(const struct address *a)
{
    return a->family == ADDRESS_IP4 ? AF_INET : a->family == ADDRESS_IP6 ? AF_INET6 : AF_UNIX;
}

static err cannot_listen(const struct address *at)
{
    char text[ADDRESS_CHARS];
    int number = errno;
    address_format(at, text);
    errno = number;
    return err_new(ERR_SYSTEM, "listen on %s", text);
}

/* A Unix socket that nobody listens on is what an earlier run has left; anything else with that
 * name is not ours to remove. */
static int bind_unix(int fd, const struct address *at, const struct sockaddr *where, socklen_t len)
{
    struct stat facts;
    if (lstat(at->path, &facts) == 0 && S_ISSOCK(facts.st_mode))
        unlink(at->path);
    mode_t before = umask(0177);
    int bound = bind(fd, where, len);
    umask(before);
    return bound;
}

/* With only_we, without SO_REUSEPORT. */
static int bind_to(int fd, const struct address *at, bool only_we)
{
    struct sockaddr_storage where;
    socklen_t len = address_to_kernel(at, &where);
    int on = 1;
    if (at->family == ADDRESS_UNIX)
        return bind_unix(fd, at, (struct sockaddr *)&where, len);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!only_we)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (at->family == ADDRESS_IP6 && !address_is_wildcard(at))
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&where, len);
}

static err bind_listener(int fd, const struct address *at)
{
    if (bind_to(fd, at, false) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return cannot_listen(at);
    return NULL;
}

static int probe_unix(int fd, const struct address *at)
{
    struct sockaddr_storage where;
    socklen_t len = address_to_kernel(at, &where);
    if (connect(fd, (struct sockaddr *)&where, len) != 0 && errno != EAGAIN)
        return 0;
    errno = EADDRINUSE;
    return -1;
}

enum { PROBE_MS = 2000 }; /* a server that was killed is still letting go of its sockets */

static err probe_once(const struct address *at)
{
    if (at->family != ADDRESS_UNIX && at->port == 0)
        return NULL;
    int fd = socket(kernel_family(at), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "socket");
    int free = at->family == ADDRESS_UNIX ? probe_unix(fd, at) : bind_to(fd, at, true);
    err e = free == 0 ? NULL : cannot_listen(at);
    close(fd);
    return e;
}

err net_epoll_probe(const struct address *at)
{
    err e = probe_once(at);
    for (int waited = 0; e && err_number(e) == EADDRINUSE && waited < PROBE_MS; waited += 50) {
        err_forget();
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        e = probe_once(at);
    }
    return e;
}

err net_epoll_bind(const struct address *at, int *ret_fd)
{
    int fd = socket(kernel_family(at), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "socket");
    err e = bind_listener(fd, at);
    if (e)
        close(fd);
    else
        *ret_fd = fd;
    return e;
}

static err epoll_listen(struct net_driver *net, const struct address *at, struct net_socket **ret)
{
    int fd = -1;
    TRY(net_epoll_bind(at, &fd));
    err e = watch(driver_of(net), fd, false, ret);
    if (e)
        close(fd);
    return e;
}

static err epoll_adopt(struct net_driver *net, int fd, struct net_socket **ret)
{
    return watch(driver_of(net), fd, false, ret);
}

static void be_prompt(int fd)
{
    int on = 1; /* fails on Unix sockets, where it means nothing */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static enum net_io epoll_accept(struct net_socket *base, struct net_driver *net,
                                struct net_socket **ret, struct address *ret_peer)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int fd =
        accept4(socket_of(base)->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        base->may_read = false;
        return NET_WOULD_WAIT;
    }
    if (fd < 0)
        return NET_FAILED;
    be_prompt(fd);
    err e = watch(driver_of(net), fd, false, ret);
    if (e) {
        close(fd);
        return NET_FAILED;
    }
    *ret_peer = address_from_kernel(&from, len);
    return NET_DONE;
}

static err epoll_connect(struct net_driver *net, const struct address *to,
                         const struct address *from, struct net_socket **ret)
{
    int fd = socket(kernel_family(to), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "socket");
    be_prompt(fd);
    struct sockaddr_storage where;
    err e = NULL;
    if (from) {
        socklen_t from_len = address_to_kernel(from, &where);
        int on = 1; /* the port is chosen by connect(): one may serve many destinations at a time */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&where, from_len) != 0)
            e = err_new(ERR_SYSTEM, "bind the outgoing address");
    }
    socklen_t len = address_to_kernel(to, &where);
    if (e == NULL && connect(fd, (struct sockaddr *)&where, len) != 0 && errno != EINPROGRESS)
        e = err_new(ERR_SYSTEM, "connect");
    if (e == NULL)
        e = watch(driver_of(net), fd, true, ret);
    if (e)
        close(fd);
    else
        (*ret)->may_write = false; /* until the kernel says that it is connected */
    return e;
}

static int epoll_connected(struct net_socket *base)
{
    int error = 0;
    socklen_t len = sizeof error;
    watch_write(socket_of(base), false);
    if (getsockopt(socket_of(base)->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

/* Less than was asked for is all there was, so what comes next is an edge (epoll(7)): trying again
 * before it would only fail. Not so at the end of the stream, whose edge may be behind us. */
static enum net_io epoll_read(struct net_socket *base, void *to, size_t size, size_t *ret_count)
{
    struct epoll_socket *s = socket_of(base);
    ssize_t n;
    do
        n = read(s->fd, to, size);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        base->may_read = (size_t)n == size || s->peer_ended;
        *ret_count = (size_t)n;
        return NET_DONE;
    }
    if (n == 0)
        return NET_END;
    if (errno != EAGAIN)
        return NET_FAILED;
    base->may_read = false;
    return NET_WOULD_WAIT;
}

static enum net_io epoll_write(struct net_socket *base, const struct iovec *parts, int count,
                               size_t *ret_count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t n;
    do
        n = sendmsg(socket_of(base)->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *ret_count = (size_t)n;
        return NET_DONE;
    }
    if (errno != EAGAIN)
        return NET_FAILED;
    base->may_write = false;
    watch_write(socket_of(base), true);
    return NET_WOULD_WAIT;
}

static void epoll_end_write(struct net_socket *base) { shutdown(socket_of(base)->fd, SHUT_WR); }

static void epoll_close_socket(struct net_socket *base)
{
    struct epoll_socket *s = socket_of(base);
    ASSERT(!s->is_closed);
    s->is_closed = true;
    close(s->fd);
    gate_wake_all(&base->readable);
    gate_wake_all(&base->writable);
    list_add_last(&driver_of(base->driver)->closed, &s->closed);
}

static struct address epoll_local(struct net_socket *base)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    getsockname(socket_of(base)->fd, (struct sockaddr *)&at, &len);
    return address_from_kernel(&at, len);
}

static bool epoll_peer_user(struct net_socket *base, uint32_t *ret_uid)
{
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(socket_of(base)->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    *ret_uid = who.uid;
    return true;
}

static void epoll_close(struct net_driver *net)
{
    struct epoll_driver *d = driver_of(net);
    free_closed(d);
    close(d->epoll_fd);
    close(d->wake_fd);
    mem_free(d);
}

struct net_driver *net_epoll_open(void)
{
    struct epoll_driver *d = MEM_NEW(struct epoll_driver);
    d->net = (struct net_driver){
        .close = epoll_close,
        .poll = epoll_poll,
        .wake = epoll_wake,
        .listen = epoll_listen,
        .adopt = epoll_adopt,
        .accept = epoll_accept,
        .connect = epoll_connect,
        .connected = epoll_connected,
        .read = epoll_read,
        .write = epoll_write,
        .end_write = epoll_end_write,
        .close_socket = epoll_close_socket,
        .local = epoll_local,
        .peer_user = epoll_peer_user,
    };
    list_init(&d->closed);
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    d->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = d};
    if (d->epoll_fd < 0 || d->wake_fd < 0 ||
        epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->wake_fd, &event) != 0) {
        int number = errno;
        if (d->epoll_fd >= 0)
            close(d->epoll_fd);
        if (d->wake_fd >= 0)
            close(d->wake_fd);
        mem_free(d);
        errno = number;
        return NULL;
    }
    return &d->net;
}
