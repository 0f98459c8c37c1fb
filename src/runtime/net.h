/* runtime/net.h -- connections: buffered bytes, in and out, with deadlines
 *
 * Reading: net_input() shows what has arrived; net_consume() takes it; net_fill() waits for more.
 * Writing: net_write() collects, net_flush() sends. A connection belongs to one fiber at a time.
 * An idle connection holds no buffers. TLS (runtime/tls.h) is a layer below the buffers, so
 * nothing above sees a difference, and once it is there it ends only with the connection.
 */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "runtime/address.h"
#include "runtime/net_driver.h"

struct net_conn;
struct net_listener;

enum {
    NET_INPUT_BYTES_MAX = 64 * 1024,    /* arrived and not consumed; more is ERR_LIMIT */
    NET_OUTPUT_BYTES_FLUSH = 16 * 1024, /* collected output above this is sent at once */
};

must_use err net_listen(const struct address *, struct net_listener **ret_listener);
/* A bound and listening descriptor from elsewhere (the keeper, systemd); taken over. */
must_use err net_listen_on(int fd, struct net_listener **ret_listener);
void net_listener_close(struct net_listener *);
struct address net_listener_address(const struct net_listener *);
/* ERR_SYSTEM with EMFILE and the like: the caller pauses before it tries again. */
must_use err net_accept(struct net_listener *, struct net_conn **ret_conn, deadline until);

/* from: the local address to use, or NULL. ERR_TIMEOUT, ERR_SYSTEM (refused, unreachable …). */
must_use err net_connect(const struct address *to, const struct address *from,
                         struct net_conn **ret_conn, deadline until);
/* A connected stream socket from elsewhere (one end of a socketpair); taken over, also by an err.
 */
must_use err net_adopt(int fd, struct net_conn **ret_conn);
void net_close(struct net_conn *); /* accepts NULL; what was not flushed is lost */
void net_close_cleanup(struct net_conn **);

str net_input(const struct net_conn *); /* good until the next fill */
void net_consume(struct net_conn *, size_t count);
must_use err net_fill(struct net_conn *, deadline until); /* at least one more byte. ERR_CLOSED */
/* How much input is waiting, counting what the system has but we have not read yet. */
size_t net_pending(struct net_conn *);

must_use err net_write(struct net_conn *, str, deadline until);
must_use err net_flush(struct net_conn *, deadline until);

/* After our last words, while the peer still talks: end our side and throw away what comes, until
 * the peer ends too. A close with bytes unread is a reset, which can take those words with it. */
void net_linger(struct net_conn *, deadline until);

size_t net_connections(void);             /* open on this loop, incoming and outgoing */
bool net_broken(const struct net_conn *); /* an earlier read or write has failed for good */
struct address net_peer(const struct net_conn *);
struct address net_local(const struct net_conn *);
void net_set_peer(struct net_conn *, const struct address *); /* PROXY: who it really is */
bool net_peer_user(const struct net_conn *, uint32_t *ret_uid);

/* What TLS needs to put itself between the buffers and the socket. read and write never wait:
 * NET_WOULD_WAIT means "try again when the socket is readable or writable". */
struct net_layer {
    enum net_io (*read)(void *layer, void *to, size_t size, size_t *ret_count);
    enum net_io (*write)(void *layer, const void *from, size_t size, size_t *ret_count);
    bool (*wants_write)(void *layer); /* after NET_WOULD_WAIT: which of the two */
    void (*end)(void *layer);         /* say goodbye if that needs no waiting */
    void (*release)(void *layer);
};
void net_set_layer(struct net_conn *, const struct net_layer *, void *layer);
const struct net_layer *net_get_layer(const struct net_conn *, void **ret_layer);
struct net_socket *net_socket(struct net_conn *); /* for the layer: raw, non-waiting I/O */
/* Wait until the socket is ready; for handshakes. */
must_use err net_wait(struct net_conn *, bool writable, deadline until);
