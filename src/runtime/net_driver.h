/* runtime/net_driver.h -- the seam under the sockets: the kernel, or the simulation
 *
 * Nothing here waits but poll(). A socket has two gates; the driver opens them when it becomes
 * readable or writable (edge-triggered: read until WOULD_WAIT before waiting). Above this stands
 * runtime/net.h, which is what everybody uses.
 */
#pragma once
#include "runtime/address.h"
#include "runtime/loop.h"
#include <sys/uio.h>

enum net_io {
    NET_DONE,
    NET_WOULD_WAIT,
    NET_END,    /* the peer has ended its side */
    NET_FAILED, /* errno says why */
};

/* Drivers put this first in their own socket structure. */
struct net_socket {
    struct net_driver *driver;
    struct gate readable, writable;
    bool may_read, may_write; /* false: the last try would have waited */
};

struct net_driver {
    size_t connections; /* open ones, counted by net.c */
    void (*close)(struct net_driver *);
    /* Wait until something happens or until (steady clock, ns; 0: only look), then open gates. */
    void (*poll)(struct net_driver *, struct loop *, int64_t until_ns);
    void (*wake)(struct net_driver *); /* from any thread: end the poll */

    err (*listen)(struct net_driver *, const struct address *, struct net_socket **);
    err (*adopt)(struct net_driver *, int fd,
                 struct net_socket **); /* a listener or a connection */
    enum net_io (*accept)(struct net_socket *, struct net_driver *, struct net_socket **,
                          struct address *ret_peer);
    err (*connect)(struct net_driver *, const struct address *to, const struct address *from,
                   struct net_socket **);  /* begins; writable, then connected() tells */
    int (*connected)(struct net_socket *); /* 0 or an errno */
    enum net_io (*read)(struct net_socket *, void *to, size_t size, size_t *ret_count);
    enum net_io (*write)(struct net_socket *, const struct iovec *, int count, size_t *ret_count);
    void (*end_write)(struct net_socket *);
    void (*close_socket)(struct net_socket *);
    struct address (*local)(struct net_socket *);
    bool (*peer_user)(struct net_socket *, uint32_t *ret_uid); /* Unix sockets */
};
