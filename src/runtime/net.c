#include "runtime/net.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { NET_READ_BYTES = 16 * 1024, NET_OUTPUT_BYTES_FIRST = 500 };

struct net_conn {
    struct net_socket *socket;
    const struct net_layer *layer;
    void *layer_state;
    struct address peer;
    char *input; /* NULL while nothing is buffered */
    size_t input_from, input_to, input_cap;
    struct buf output;
    bool broken, ended;
};

struct net_listener {
    struct net_socket *socket;
};

/* ---- listeners -------------------------------------------------------------------------- */

static struct net_driver *net_here(void)
{
    ASSERT(loop_current() != NULL);
    return loop_net(loop_current());
}

err net_listen(const struct address *at, struct net_listener **ret_listener)
{
    struct net_driver *net = net_here();
    struct net_socket *socket;
    TRY(net->listen(net, at, &socket));
    struct net_listener *l = MEM_NEW(struct net_listener);
    l->socket = socket;
    *ret_listener = l;
    return NULL;
}

err net_listen_on(int fd, struct net_listener **ret_listener)
{
    struct net_driver *net = net_here();
    struct net_socket *socket;
    TRY(net->adopt(net, fd, &socket));
    struct net_listener *l = MEM_NEW(struct net_listener);
    l->socket = socket;
    *ret_listener = l;
    return NULL;
}

void net_listener_close(struct net_listener *l)
{
    if (l == NULL)
        return;
    l->socket->driver->close_socket(l->socket);
    mem_free(l);
}

struct address net_listener_address(const struct net_listener *l)
{
    return l->socket->driver->local(l->socket);
}

static struct net_conn *new_conn(struct net_socket *socket, const struct address *peer)
{
    struct net_conn *c = MEM_NEW(struct net_conn);
    c->socket = socket;
    socket->driver->connections++;
    c->peer = *peer;
    buf_init(&c->output, 1 << 20);
    return c;
}

err net_accept(struct net_listener *l, struct net_conn **ret_conn, deadline until)
{
    struct net_driver *net = net_here();
    for (;;) {
        struct net_socket *socket;
        struct address peer;
        enum net_io io = net->accept(l->socket, net, &socket, &peer);
        if (io == NET_DONE) {
            *ret_conn = new_conn(socket, &peer);
            return NULL;
        }
        if (io == NET_FAILED && errno != ECONNABORTED && errno != EINTR && errno != EPROTO)
            return err_new(ERR_SYSTEM, "accept a connection");
        if (io == NET_WOULD_WAIT)
            TRY(gate_wait(&l->socket->readable, until));
    }
}

/* ---- connections ------------------------------------------------------------------------ */

static err await_connected(struct net_socket *socket, deadline until)
{
    while (!socket->may_write) {
        err e = gate_wait(&socket->writable, until);
        if (e && e->kind == ERR_TIMEOUT)
            return err_new(ERR_TIMEOUT, "no answer in time");
        if (e)
            return e;
    }
    errno = socket->driver->connected(socket);
    return errno == 0 ? NULL : err_new(ERR_SYSTEM, "connect");
}

err net_connect(const struct address *to, const struct address *from, struct net_conn **ret_conn,
                deadline until)
{
    struct net_driver *net = net_here();
    struct net_socket *socket;
    TRY(net->connect(net, to, from, &socket));
    err e = await_connected(socket, until);
    if (e) {
        net->close_socket(socket);
        return e;
    }
    *ret_conn = new_conn(socket, to);
    return NULL;
}

err net_adopt(int fd, struct net_conn **ret_conn)
{
    struct net_driver *net = net_here();
    static const struct address nobody = {.family = ADDRESS_UNIX};
    struct net_socket *socket;
    int flags = fcntl(fd, F_GETFL);
    err e = NULL;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        e = err_new(ERR_SYSTEM, "a socket from elsewhere");
    if (e == NULL)
        e = net->adopt(net, fd, &socket);
    if (e)
        close(fd);
    else
        *ret_conn = new_conn(socket, &nobody);
    return e;
}

void net_linger(struct net_conn *c, deadline until)
{
    enum { LINGER_BYTES_MAX = 8 << 20 };
    char thrown_away[1024];
    if (c->broken)
        return;
    if (c->layer)
        c->layer->end(c->layer_state);
    c->socket->driver->end_write(c->socket);
    for (size_t total = 0, count = 0; total < LINGER_BYTES_MAX; total += count) {
        enum net_io io =
            c->socket->driver->read(c->socket, thrown_away, sizeof thrown_away, &count);
        if (io == NET_END || io == NET_FAILED)
            break;
        if (io == NET_WOULD_WAIT) {
            count = 0;
            if (gate_wait(&c->socket->readable, until))
                break;
        }
    }
    c->broken = true; /* nothing can be said or heard any more */
}

void net_close(struct net_conn *c)
{
    if (c == NULL)
        return;
    if (c->layer) {
        if (!c->broken)
            c->layer->end(c->layer_state);
        c->layer->release(c->layer_state);
    }
    c->socket->driver->connections--;
    c->socket->driver->close_socket(c->socket);
    mem_free(c->input);
    buf_release(&c->output);
    mem_free(c);
}

void net_close_cleanup(struct net_conn **c)
{
    net_close(*c);
    *c = NULL;
}

size_t net_connections(void) { return net_here()->connections; }

bool net_broken(const struct net_conn *c) { return c->broken || c->ended; }
struct address net_peer(const struct net_conn *c) { return c->peer; }
struct address net_local(const struct net_conn *c) { return c->socket->driver->local(c->socket); }
void net_set_peer(struct net_conn *c, const struct address *peer) { c->peer = *peer; }

bool net_peer_user(const struct net_conn *c, uint32_t *ret_uid)
{
    return c->socket->driver->peer_user(c->socket, ret_uid);
}

void net_set_layer(struct net_conn *c, const struct net_layer *layer, void *state)
{
    ASSERT(c->layer == NULL);
    ASSERT(c->input_to == c->input_from); /* bytes in clear must not pass as bytes inside TLS */
    ASSERT(c->output.len == 0);
    c->layer = layer;
    c->layer_state = state;
}

const struct net_layer *net_get_layer(const struct net_conn *c, void **ret_layer)
{
    *ret_layer = c->layer_state;
    return c->layer;
}

struct net_socket *net_socket(struct net_conn *c) { return c->socket; }

err net_wait(struct net_conn *c, bool writable, deadline until)
{
    struct net_socket *s = c->socket;
    while (writable ? !s->may_write : !s->may_read)
        TRY(gate_wait(writable ? &s->writable : &s->readable, until));
    return NULL;
}

/* ---- input ------------------------------------------------------------------------------ */

str net_input(const struct net_conn *c)
{
    if (c->input_from == c->input_to)
        return (str){0};
    return (str){c->input + c->input_from, c->input_to - c->input_from};
}

void net_consume(struct net_conn *c, size_t count)
{
    ASSERT(count <= c->input_to - c->input_from);
    c->input_from += count;
    if (c->input_from == c->input_to)
        c->input_from = c->input_to = 0;
}

static enum net_io read_once(struct net_conn *c, void *to, size_t size, size_t *ret_count)
{
    if (c->layer)
        return c->layer->read(c->layer_state, to, size, ret_count);
    if (!c->socket->may_read)
        return NET_WOULD_WAIT;
    return c->socket->driver->read(c->socket, to, size, ret_count);
}

/* Room behind the input: what is left moves to the front, the buffer grows up to its limit. */
static err make_room(struct net_conn *c)
{
    size_t held = c->input_to - c->input_from;
    if (held == NET_INPUT_BYTES_MAX)
        return err_new(ERR_LIMIT, "%d bytes waiting unread", NET_INPUT_BYTES_MAX);
    if (c->input_from > 0) {
        memmove(c->input, c->input + c->input_from, held);
        c->input_from = 0;
        c->input_to = held;
    }
    if (c->input_to == c->input_cap) {
        c->input_cap = c->input_cap ? NET_INPUT_BYTES_MAX : NET_READ_BYTES;
        c->input = mem_resize(c->input, c->input_cap);
    }
    return NULL;
}

static void drop_empty_input(struct net_conn *c)
{
    if (c->input_from != c->input_to)
        return;
    mem_free(c->input);
    c->input = NULL;
    c->input_cap = c->input_from = c->input_to = 0;
}

static err end_of_input(struct net_conn *c, enum net_io io)
{
    if (io == NET_END) {
        c->ended = true;
        return err_new(ERR_CLOSED, "the peer closed the connection");
    }
    c->broken = true;
    if (errno == ECONNRESET || errno == EPIPE)
        return err_new(ERR_CLOSED, "the peer reset the connection");
    return err_new(ERR_SYSTEM, "read");
}

static bool layer_wants_write(const struct net_conn *c)
{
    return c->layer && c->layer->wants_write(c->layer_state);
}

err net_fill(struct net_conn *c, deadline until)
{
    for (;;) {
        size_t count = 0;
        enum net_io io = NET_WOULD_WAIT;
        bool full = c->input_to - c->input_from == NET_INPUT_BYTES_MAX;
        if (c->layer || c->socket->may_read || full) {
            TRY(make_room(c));
            io = read_once(c, c->input + c->input_to, c->input_cap - c->input_to, &count);
        }
        if (io == NET_DONE) {
            c->input_to += count;
            return NULL;
        }
        if (io != NET_WOULD_WAIT)
            return end_of_input(c, io);
        drop_empty_input(c);
        bool writable = layer_wants_write(c);
        TRY(gate_wait(writable ? &c->socket->writable : &c->socket->readable, until));
    }
}

size_t net_pending(struct net_conn *c)
{
    size_t held = c->input_to - c->input_from, count = 0;
    if (held > 0 || make_room(c) != NULL)
        return held;
    if (read_once(c, c->input + c->input_to, c->input_cap - c->input_to, &count) == NET_DONE)
        c->input_to += count;
    else
        drop_empty_input(c); /* an end, if it was that, is found again by the next fill */
    return c->input_to - c->input_from;
}

/* ---- output ----------------------------------------------------------------------------- */

static enum net_io write_once(struct net_conn *c, str bytes, size_t *ret_count)
{
    if (c->layer)
        return c->layer->write(c->layer_state, bytes.ptr, bytes.len, ret_count);
    struct iovec part = {(void *)bytes.ptr, bytes.len};
    return c->socket->driver->write(c->socket, &part, 1, ret_count);
}

static err send_all(struct net_conn *c, str bytes, deadline until)
{
    while (bytes.len > 0) {
        size_t count = 0;
        enum net_io io = write_once(c, bytes, &count);
        if (io == NET_DONE) {
            bytes = str_from(bytes, count);
            continue;
        }
        if (io != NET_WOULD_WAIT) {
            c->broken = true;
            return err_new(ERR_CLOSED, "the peer is gone: %s", strerror(errno));
        }
        bool writable = c->layer == NULL || layer_wants_write(c);
        TRY(gate_wait(writable ? &c->socket->writable : &c->socket->readable, until));
    }
    return NULL;
}

err net_flush(struct net_conn *c, deadline until)
{
    if (c->broken)
        return err_new(ERR_CLOSED, "the connection is broken");
    if (c->output.len == 0)
        return NULL;
    err e = send_all(c, buf_str(&c->output), until);
    if (e)
        c->broken = true; /* a reply was cut: nothing may follow it */
    buf_release(&c->output);
    return e;
}

err net_write(struct net_conn *c, str bytes, deadline until)
{
    if (c->output.len + bytes.len >= NET_OUTPUT_BYTES_FLUSH && c->output.len > 0)
        TRY(net_flush(c, until));
    if (bytes.len < NET_OUTPUT_BYTES_FLUSH) {
        char *room; /* a first write is seldom the only one */
        if (c->output.cap == 0)
            TRY(buf_reserve(&c->output, bytes.len + NET_OUTPUT_BYTES_FIRST, &room));
        return buf_add(&c->output, bytes);
    }
    if (c->broken)
        return err_new(ERR_CLOSED, "the connection is broken");
    err e = send_all(c, bytes, until);
    if (e)
        c->broken = true;
    return e;
}
