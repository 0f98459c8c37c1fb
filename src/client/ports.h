/* client/ports.h -- which port to try when the user named none, and which one did work here
 *
 * 587 with STARTTLS, 465 with TLS from the first byte, 2525 with STARTTLS; with security first, 465
 * goes before 587. What worked is remembered for a host in a network (at home one port may be
 * blocked and in the office another), and tried first there. Port 25 is for servers: it is tried
 * only when it is named, and never with a login.
 *
 * The memory is a small file of lines "network host port day", newest last; a line that cannot be
 * read is passed over, and a file that cannot be written is no reason not to send.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"

enum {
    CLIENT_PORTS_MAX = 3,
    CLIENT_PORTS_MEMORY_MAX = 200, /* lines; the oldest go */
    CLIENT_PORTS_BYTES_MAX = 64 << 10,
    CLIENT_PORTS_DAYS = 90, /* then it is asked anew */
    CLIENT_PORTS_NETWORK_CHARS = 17,
};

struct client_port {
    uint16_t number;
    bool implicit_tls;
};

/* ---- the order -------------------------------------------------------------------------- */

/* The hop's own when it names one (or is LMTP or TLS from the first byte by its scheme), else the
 * order above without what its ?tls= excludes. remembered: 0 or what worked here. */
size_t client_ports_order(const struct config_hop *, bool security_first, uint16_t remembered,
                          struct client_port ret_ports[CLIENT_PORTS_MAX]);

/* ---- the memory ------------------------------------------------------------------------- */

struct client_ports; /* belongs to one loop */

/* The network is that of client_ports_network(). A file that is not there is an empty memory.
 * Blocks. */
struct client_ports *client_ports_open(const char *path, str network);
void client_ports_close(struct client_ports *);                         /* accepts NULL */
uint16_t client_ports_of(const struct client_ports *, str host);        /* 0: nothing known */
void client_ports_note(struct client_ports *, str host, uint16_t port); /* what worked */
/* Written beside and renamed, when something new was noted. Blocks. */
must_use err client_ports_save(struct client_ports *);

/* A word for the network that we are in: a hash of the default routes and of the networks that are
 * reached directly; "-" when nothing is known. Blocks for a moment. */
void client_ports_network(char ret_network[CLIENT_PORTS_NETWORK_CHARS]);
/* The same of a text like that of /proc/net/route. Pure. */
void client_ports_network_of(str routes, char ret_network[CLIENT_PORTS_NETWORK_CHARS]);
