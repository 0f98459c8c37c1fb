#include "personality/sendmail_smtp.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { PIECE_BYTES = 1024, CONNECT_MS = 10000, REPLY_MS = 60000 };

/* ---- -bs -------------------------------------------------------------------------------- */

static err write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "write");
        bytes += n;
        count -= (size_t)n;
    }
    return NULL;
}

/* *ret_ended: there is no more where it comes from. */
static err pass(int from, int to, bool *ret_ended)
{
    char piece[PIECE_BYTES];
    ssize_t n = read(from, piece, sizeof piece);
    *ret_ended = n <= 0;
    return n > 0 ? write_all(to, piece, (size_t)n) : NULL;
}

static err pump(int server)
{
    struct pollfd ends[2] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = server,       .events = POLLIN},
    };
    for (bool ended = false; !ended;) {
        bool said_all = false;
        if (poll(ends, 2, -1) < 0 && errno != EINTR)
            return err_new(ERR_SYSTEM, "poll");
        if (ends[0].revents)
            TRY(pass(STDIN_FILENO, server, &said_all));
        if (said_all) {
            shutdown(server, SHUT_WR); /* the answers to what was said still come */
            ends[0].fd = -1;
            ends[0].revents = 0;
        }
        if (ends[1].revents)
            TRY(pass(server, STDOUT_FILENO, &ended));
    }
    return NULL;
}

err personality_sendmail_smtp_relay(const struct config_hop *hop)
{
    struct address address;
    struct sockaddr_storage to;
    TRY(address_parse_ip(hop->host, &address));
    address.port = hop->port;
    socklen_t size = address_to_kernel(&address, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "socket");
    err e = connect(fd, (struct sockaddr *)&to, size) < 0
                ? err_new(ERR_SYSTEM, "connect to %.*s", STR_ARG(hop->url))
                : pump(fd);
    close(fd);
    return e;
}

/* ---- -bv -------------------------------------------------------------------------------- */

struct asking {
    struct post *post;
    char why[CLIENT_WHY_BYTES];
    int exit;
};

static err ask(struct asking *a, struct smtp_client *client)
{
    const struct envelope *env = a->post->mail.envelope;
    struct smtp_reply reply;
    TRY(smtp_client_greeting(client, &reply));
    TRY(smtp_client_hello(client, &reply));
    for (size_t i = 0; i < env->rcpt_count; i++) {
        str rcpt = env->rcpts[i].address;
        TRY(smtp_client_ask(client, rcpt, a->post->mail.arena, &reply, deadline_after(REPLY_MS)));
        bool good = smtp_reply_ok(&reply);
        printf("<%.*s>: %s: %d %.*s%s%.*s\n", STR_ARG(rcpt), good ? "deliverable" : "undeliverable",
               reply.code, STR_ARG(reply.enhanced), reply.enhanced.len ? " " : "",
               STR_ARG(reply.text));
        if (!good && a->exit == EX_OK)
            a->exit = reply.code / 100 == 4 ? EX_TEMPFAIL : EX_NOUSER;
    }
    smtp_client_quit(client);
    return NULL;
}

static err connect_and_ask(struct asking *a)
{
    const struct client_options *o = &a->post->options;
    struct smtp_client client;
    struct net_conn *conn;
    struct address to;
    struct smtp_client_options options = {
        .hello = o->hello,
        .timeouts = {REPLY_MS, REPLY_MS, REPLY_MS, REPLY_MS, REPLY_MS, REPLY_MS},
    };
    TRY(address_parse_ip(o->hop.host, &to));
    to.port = o->hop.port;
    TRY(net_connect(&to, NULL, &conn, deadline_after(CONNECT_MS)));
    smtp_client_init(&client, conn, &options);
    err e = ask(a, &client);
    smtp_client_release(&client);
    return e;
}

static void ask_run(void *arg)
{
    struct asking *a = arg;
    err e = connect_and_ask(a);
    if (e)
        err_reason(e, a->why, sizeof a->why);
    err_forget();
}

err personality_sendmail_smtp_verify(struct post *post, int *ret_exit)
{
    struct asking *a = ARENA_NEW(post->mail.arena, struct asking);
    a->post = post;
    TRY(personality_post_with(post, ask_run, a));
    if (a->why[0])
        return err_new(ERR_CLOSED, "%s", a->why);
    *ret_exit = a->exit;
    return NULL;
}
