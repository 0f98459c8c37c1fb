/* runtime/net_epoll.h -- the kernel's sockets behind net_driver: edge-triggered epoll */
#pragma once
#include "runtime/net_driver.h"

struct net_driver *net_epoll_open(void); /* NULL, and errno: no descriptor is left */

/* Does somebody listen there already? SO_REUSEPORT alone would share the port with another server
 * of the same user, and each would get half of the connections. Blocks for up to two seconds, in
 * which a server that has just been killed may vanish. ERR_SYSTEM: EADDRINUSE, or why nobody can
 * listen there. Every err of this fiber made before is void. */
must_use err net_epoll_probe(const struct address *);

/* A bound and listening descriptor, non-blocking; needs no loop (the keeper binds for others).
 * IP addresses share their port with other sockets of this user (SO_REUSEPORT). ERR_SYSTEM. */
must_use err net_epoll_bind(const struct address *, int *ret_fd);
