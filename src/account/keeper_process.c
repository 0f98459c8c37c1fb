#include "account/keeper_process.h"
#include "account/keeper_keys.h"
#include "account/keeper_logins.h"
#include "account/keeper_references.h"
#include "account/rotation_watch.h"
#include "account/store.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "oauth/store.h"
#include "runtime/net_epoll.h"
#include "secret/resolver.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS_PER_MESSAGE_MAX = 128 }; /* the kernel takes 253 */

enum control_op { CONTROL_LISTEN = 1, CONTROL_RELOAD, CONTROL_OVERDUE };

/* Both ends are the same program: the structures travel as they are, one a packet. */
struct control_request {
    uint32_t op, count; /* count: of sockets; OVERDUE: which one, from 0 */
    char address[ADDRESS_CHARS];
};

struct control_reply {
    uint32_t failed, kind, fd_count; /* this packet's */
    int32_t number;
    char why[KEEPER_PROCESS_WHY_BYTES_MAX]; /* what failed; OVERDUE: what is, or nothing */
};

static const int passed_on[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

/* -- packets ---------------------------------------------------------------------------------- */

union fd_room {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(FDS_PER_MESSAGE_MAX * sizeof(int))];
};

static err send_packet(int fd, const void *bytes, size_t size, const int *fds, size_t count)
{
    union fd_room room = {0};
    struct iovec part = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ASSERT(count <= FDS_PER_MESSAGE_MAX);
    if (count) {
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof *fds);
        memcpy(CMSG_DATA(head), fds, count * sizeof *fds);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? err_new(ERR_SYSTEM, "send a control packet") : NULL;
}

/* Descriptors that came are in ret_fds; a packet of another size is ERR_PROTOCOL. */
static err receive_packet(int fd, void *bytes, size_t size, int ret_fds[FDS_PER_MESSAGE_MAX],
                          size_t *ret_count)
{
    union fd_room room;
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    ssize_t n;
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return err_new(ERR_TIMEOUT, "no answer in time");
    if (n < 0 && errno != ECONNRESET)
        return err_new(ERR_SYSTEM, "receive a control packet");
    if (n <= 0)
        return err_new(ERR_CLOSED, "the other process has gone");
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    size_t count = 0;
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof *ret_fds;
        memcpy(ret_fds, CMSG_DATA(head), count * sizeof *ret_fds);
    }
    *ret_count = count;
    if ((size_t)n != size || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return err_new(ERR_PROTOCOL, "a control packet of the wrong size");
    return NULL;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* -- two processes ---------------------------------------------------------------------------- */

static void signals_passed_on(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(ret_set, passed_on[i]);
}

static err make_ends(int requests[2], int control[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests) != 0)
        return err_new(ERR_SYSTEM, "socketpair");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0)
        return NULL;
    err e = err_new(ERR_SYSTEM, "socketpair");
    close_all(requests, 2);
    return e;
}

static void be_one_of_two(pid_t child, pid_t keeper, const int requests[2], const int control[2],
                          struct keeper_process *ret)
{
    bool is_main = child == 0;
    *ret = (struct keeper_process){.is_main = is_main,
                                   .other = is_main ? keeper : child,
                                   .requests_fd = requests[is_main],
                                   .control_fd = control[is_main]};
    close(requests[!is_main]);
    close(control[!is_main]);
    if (is_main) {
        struct timeval longest = {.tv_sec = KEEPER_PROCESS_ANSWER_MS_MAX / 1000};
        setsockopt(ret->control_fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
        setsockopt(ret->control_fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    }
}

err keeper_process_fork(struct keeper_process *ret_process)
{
    int requests[2], control[2];
    sigset_t ours, before;
    TRY(make_ends(requests, control));
    signals_passed_on(&ours);
    pid_t keeper = getpid();
    pthread_sigmask(SIG_BLOCK, &ours, &before); /* the keeper takes none before it can pass it on */
    pid_t child = fork();
    if (child <= 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child < 0) {
        err e = err_new(ERR_SYSTEM, "fork");
        close_all(requests, 2);
        close_all(control, 2);
        return e;
    }
    be_one_of_two(child, keeper, requests, control, ret_process);
    return NULL;
}

/* -- the keeper: what it does on request ------------------------------------------------------ */

struct keeping {
    const struct keeper_process *process;
    str config_path;
    const struct config *config, *before; /* before: of the last reload, or NULL */
    struct keeper_state state;
    bool ready; /* and the main process was told */
};

static bool may_bind(const struct config *config, str address)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        char text[ADDRESS_CHARS];
        address_format(&config->listeners[i].address, text);
        if (str_eq(str_of(text), address))
            return true;
    }
    return false;
}

/* A Unix socket has one queue that its descriptors share; an IP address has one each. */
static err bind_another(const struct address *at, int first, int *ret_fd)
{
    if (first < 0 || at->family != ADDRESS_UNIX)
        return net_epoll_bind(at, ret_fd);
    *ret_fd = fcntl(first, F_DUPFD_CLOEXEC, 0);
    return *ret_fd < 0 ? err_new(ERR_SYSTEM, "dup") : NULL;
}

/* before: the configuration of before the last reload, whose listeners may still be open; or
 * NULL. */
static err bind_all(const struct config *config, const struct config *before,
                    const struct control_request *request, int *fds, size_t *bound)
{
    struct address at;
    str text = {request->address, strnlen(request->address, sizeof request->address)};
    if (text.len == sizeof request->address || request->count == 0 ||
        request->count > KEEPER_PROCESS_SOCKETS_MAX)
        return err_new(ERR_PROTOCOL, "a request for sockets that is none");
    if (!may_bind(config, text))
        return err_new(ERR_CONFIG, "%.*s is no listener of the configuration", STR_ARG(text));
    TRY(address_parse(text, 0, &at));
    if (!config_overlaps(config, &at) && !(before && config_overlaps(before, &at)))
        TRY(net_epoll_probe(&at));
    while (*bound < request->count) {
        TRY(bind_another(&at, *bound ? fds[0] : -1, &fds[*bound]));
        ++*bound;
    }
    return NULL;
}

static err tell(int control_fd, err outcome)
{
    struct control_reply reply = {.failed = outcome != NULL};
    if (outcome) {
        reply.kind = outcome->kind;
        reply.number = err_number(outcome);
        err_words(outcome, reply.why, sizeof reply.why);
    }
    return send_packet(control_fd, &reply, sizeof reply, NULL, 0);
}

static err listen_for(struct keeping *k, const struct control_request *request)
{
    int *fds = mem_alloc(KEEPER_PROCESS_SOCKETS_MAX * sizeof *fds);
    size_t bound = 0;
    err e = bind_all(k->config, k->before, request, fds, &bound);
    err sent = e ? tell(k->process->control_fd, e) : NULL;
    for (size_t i = 0; e == NULL && sent == NULL && i < bound; i += FDS_PER_MESSAGE_MAX) {
        size_t some = bound - i < FDS_PER_MESSAGE_MAX ? bound - i : FDS_PER_MESSAGE_MAX;
        struct control_reply reply = {.fd_count = (uint32_t)some};
        sent = send_packet(k->process->control_fd, &reply, sizeof reply, fds + i, some);
    }
    close_all(fds, bound);
    mem_free(fds);
    return sent;
}

static err load_again(struct keeping *k)
{
    struct config *config = NULL;
    struct config_errors errors;
    config_errors_init(&errors);
    err e = config_load(k->config_path, &config, &errors);
    config_errors_release(&errors); /* the main process reads the same file and tells them all */
    TRY(e);
    secret_resolver_set(k->state.secrets, config);
    e = keeper_keys_load(k->state.keys, k->state.secrets, config);
    if (e == NULL)
        e = keeper_references_set_from(k->state.references, config);
    if (e) {
        secret_resolver_set(k->state.secrets, k->config);
        config_close(config);
        return e;
    }
    config_close(k->before);
    k->before = k->config;
    k->config = config;
    return NULL;
}

static err reload(struct keeping *k)
{
    err e = load_again(k);
    return tell(k->process->control_fd, e);
}

static err tell_overdue(struct keeping *k, const struct control_request *request)
{
    struct control_reply reply = {0};
    err e = account_rotation_watch_one(k->config->state, clock_real_ms(), request->count, reply.why,
                                       sizeof reply.why);
    return e ? tell(k->process->control_fd, e)
             : send_packet(k->process->control_fd, &reply, sizeof reply, NULL, 0);
}

static err serve_control(struct keeping *k)
{
    struct control_request request;
    int fds[FDS_PER_MESSAGE_MAX];
    size_t count = 0;
    err e = receive_packet(k->process->control_fd, &request, sizeof request, fds, &count);
    close_all(fds, count); /* nobody asked for any */
    TRY(e);
    if (request.op == CONTROL_LISTEN)
        return listen_for(k, &request);
    if (request.op == CONTROL_RELOAD)
        return reload(k);
    if (request.op == CONTROL_OVERDUE)
        return tell_overdue(k, &request);
    return err_new(ERR_PROTOCOL, "an unknown request to the keeper");
}

/* -- the keeper: its life --------------------------------------------------------------------- */

/* A Ctrl-C reaches both processes: only what was sent to this one by another is passed on. */
static void pass_on(int signal_fd, pid_t main_process)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_code != SI_KERNEL)
        kill(main_process, (int)info.ssi_signo);
}

/* Until the main process has ended; its status is left to be taken. */
static err watch(struct keeping *k, int main_fd, int signal_fd)
{
    struct pollfd fds[3] = {
        {.fd = main_fd,                .events = POLLIN},
        {.fd = signal_fd,              .events = POLLIN},
        {.fd = k->process->control_fd, .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return err_new(ERR_SYSTEM, "poll");
        if (fds[0].revents)
            return NULL;
        if (fds[1].revents)
            pass_on(signal_fd, k->process->other);
        err e = fds[2].revents ? serve_control(k) : NULL;
        if (e && e->kind != ERR_CLOSED)
            log_err(e, "the keeper's control socket");
        if (e) { /* no more of it: the main process is ending, or out of its mind */
            shutdown(k->process->control_fd, SHUT_RDWR);
            fds[2].fd = -1;
        }
        err_forget();
    }
}

static void *serve_requests(void *arg)
{
    struct keeping *k = arg;
    err e = keeper_serve(k->process->requests_fd, &k->state);
    if (e)
        log_err(e, "the keeper is asked what is no question: no more logins");
    shutdown(k->process->requests_fd, SHUT_RDWR);
    err_forget();
    return NULL;
}

static err serve_beside_watching(struct keeping *k, int main_fd, int signal_fd)
{
    pthread_t server;
    errno = pthread_create(&server, NULL, serve_requests, k);
    if (errno)
        return err_new(ERR_SYSTEM, "start a thread of the keeper");
    err e = tell(k->process->control_fd, NULL);
    k->ready = e == NULL;
    if (e == NULL)
        e = watch(k, main_fd, signal_fd);
    shutdown(k->process->requests_fd, SHUT_RDWR);
    pthread_join(server, NULL);
    return e;
}

static err keep(struct keeping *k, str store_path, int main_fd)
{
    sigset_t ours;
    signals_passed_on(&ours);
    TRY(account_store_open(store_path, &k->state.store));
    TRY(keeper_logins_open(k->config->state, k->state.secrets, &k->state.oauth));
    TRY(keeper_references_set_from(k->state.references, k->config));
    TRY(keeper_keys_load(k->state.keys, k->state.secrets, k->config));
    int signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return err_new(ERR_SYSTEM, "signalfd");
    err e = serve_beside_watching(k, main_fd, signal_fd);
    close(signal_fd);
    return e;
}

/* No core, no /proc/PID/mem: passwords pass through here. */
static void hide(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NAME, "smtptool-keeper", 0, 0, 0);
}

static int take_status(pid_t main_process)
{
    int status = 0;
    while (waitpid(main_process, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    log_error("the main process was ended by signal %d", WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

int keeper_process_run(struct keeper_process *p, const struct keeper_process_options *options)
{
    ASSERT(!p->is_main);
    struct keeping k = {
        .process = p,
        .config_path = options->config_path,
        .config = config_hold(options->config),
        .state = {.references = keeper_references_open(),
                  .secrets = secret_resolver_open(options->config),
                  .keys = keeper_keys_open()}
    };
    hide();
    int main_fd = pidfd_open(p->other, 0);
    err e = main_fd < 0 ? err_new(ERR_SYSTEM, "pidfd_open") : NULL;
    if (e == NULL)
        e = keep(&k, options->store_path, main_fd);
    if (e) {
        err told = k.ready ? e : tell(p->control_fd, e); /* what it waits for at its start */
        if (told)
            log_err(e, "the keeper");
    }
    close(p->control_fd);
    close(p->requests_fd);
    if (k.ready)
        kill(p->other, SIGTERM); /* it has ended already, but for trouble of ours */
    int status = take_status(p->other);
    if (main_fd >= 0)
        close(main_fd);
    account_store_close(k.state.store);
    oauth_store_close(k.state.oauth);
    keeper_references_close(k.state.references);
    keeper_keys_close(k.state.keys);
    secret_resolver_close(k.state.secrets);
    config_close(k.before);
    config_close(k.config);
    return status;
}

/* -- the main process ------------------------------------------------------------------------- */

/* One packet of an answer; the descriptors in it, at most count, go to fds. */
static err await_reply(const struct keeper_process *p, struct control_reply *ret_reply, int *fds,
                       size_t count, size_t *ret_came)
{
    struct control_reply reply;
    int came[FDS_PER_MESSAGE_MAX];
    size_t n = 0;
    ASSERT(p->is_main);
    err e = receive_packet(p->control_fd, &reply, sizeof reply, came, &n);
    reply.why[sizeof reply.why - 1] = '\0';
    if (e == NULL && reply.failed) {
        errno = reply.number;
        e = err_new(reply.kind <= ERR_DAMAGED ? reply.kind : ERR_PROTOCOL, "the keeper: %s",
                    reply.why);
    }
    if (e == NULL && (n != reply.fd_count || n > count))
        e = err_new(ERR_PROTOCOL, "the keeper sent %zu descriptors", n);
    if (e) {
        close_all(came, n);
        return e;
    }
    if (n)
        memcpy(fds, came, n * sizeof *fds);
    *ret_came = n;
    *ret_reply = reply;
    return NULL;
}

static err await(const struct keeper_process *p, int *fds, size_t count, size_t *ret_came)
{
    struct control_reply reply;
    return await_reply(p, &reply, fds, count, ret_came);
}

err keeper_process_ready(const struct keeper_process *p)
{
    size_t came = 0;
    return await(p, NULL, 0, &came);
}

err keeper_process_listen(const struct keeper_process *p, const struct address *at, int *ret_fds,
                          size_t count)
{
    int fds[KEEPER_PROCESS_SOCKETS_MAX];
    size_t have = 0;
    struct control_request request = {.op = CONTROL_LISTEN, .count = (uint32_t)count};
    ASSERT(count > 0);
    ASSERT(count <= KEEPER_PROCESS_SOCKETS_MAX);
    address_format(at, request.address);
    TRY(send_packet(p->control_fd, &request, sizeof request, NULL, 0));
    while (have < count) {
        size_t came = 0;
        err e = await(p, fds + have, count - have, &came);
        if (e == NULL && came == 0)
            e = err_new(ERR_PROTOCOL, "the keeper sent no descriptor");
        if (e) {
            close_all(fds, have);
            return e;
        }
        have += came;
    }
    memcpy(ret_fds, fds, count * sizeof *fds);
    return NULL;
}

err keeper_process_reload(const struct keeper_process *p)
{
    struct control_request request = {.op = CONTROL_RELOAD};
    size_t came = 0;
    TRY(send_packet(p->control_fd, &request, sizeof request, NULL, 0));
    return await(p, NULL, 0, &came);
}

err keeper_process_overdue(const struct keeper_process *p, size_t number,
                           char ret_why[KEEPER_PROCESS_WHY_BYTES_MAX])
{
    struct control_request request = {.op = CONTROL_OVERDUE, .count = (uint32_t)number};
    struct control_reply reply;
    size_t came = 0;
    TRY(send_packet(p->control_fd, &request, sizeof request, NULL, 0));
    TRY(await_reply(p, &reply, NULL, 0, &came));
    memcpy(ret_why, reply.why, sizeof reply.why);
    return NULL;
}

void keeper_process_close(struct keeper_process *p)
{
    if (p->control_fd >= 0)
        close(p->control_fd);
    p->control_fd = -1;
}
