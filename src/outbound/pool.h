/* outbound/pool.h -- connections that wait for the next message
 *
 * One pool for each worker. A connection is kept under a key that names the whole way: the route
 * or domain, the hosts, the level of TLS, the account, the egress, and what the mail asked for
 * (REQUIRETLS, TLS-Required). What the domain and its hosts demand may change while it waits, so
 * who takes one for an MX asks outbound_host_still() first: a message never travels over a
 * connection that was opened under another policy (attack 210).
 */
#pragma once
#include "outbound/connect.h"

enum {
    OUTBOUND_POOL_IDLE_MAX = 256, /* of a worker; more are closed, the oldest first */
    OUTBOUND_POOL_LOOK_MS = 50, /* so often it looks who needs the place of one idle for so long */
    OUTBOUND_POOL_LEAVING_MAX = 64, /* that wait for their QUIT; more are closed without one */
};

struct outbound_pool {
    struct list idle, leaving; /* oldest first */
    size_t count, leaving_count;
    struct gate changed; /* for its own fiber */
    struct gate came;    /* another one is idle */
    int place;
    int64_t idle_ms;
    int messages_max; /* of one connection */
};

/* place: of its worker in the crew, by which others find what lies idle here. */
void outbound_pool_init(struct outbound_pool *, int place);
/* Closes all, without a word. */
void outbound_pool_release(struct outbound_pool *);
void outbound_pool_set_limits(struct outbound_pool *, const struct config_outbound *);

/* hosts: those of the MX answer, by which domains share connections; empty: the domain stands for
 * them. egress: NULL, the system's choice. */
str outbound_pool_key(const struct outbound_route *, str hosts, const struct config_egress *,
                      struct arena *);
/* The same for mail that asks for more or less TLS than others. */
str outbound_pool_key_for(str key, enum tlspolicy_wish, struct arena *);

bool outbound_pool_has(const struct outbound_pool *, str key);
/* The one that was used last, or NULL. */
struct outbound_connection *outbound_pool_take(struct outbound_pool *, str key);
/* More than so many of this lane. */
bool outbound_pool_has_more(const struct outbound_pool *, const struct shaper_lane *, size_t than);
/* Let one of this lane go, without waiting; false: there is none. */
bool outbound_pool_drop_of(struct outbound_pool *, const struct shaper_lane *);
/* May another message go over it? Its number is bounded by us and by LIMITS MAILMAX. */
bool outbound_pool_reusable(const struct outbound_pool *, const struct outbound_connection *);
/* It fits no more: it goes with a QUIT, without waiting. */
void outbound_pool_let_go(struct outbound_pool *, struct outbound_connection *);
/* Takes it over, without waiting; what may not be used again is closed. */
void outbound_pool_put(struct outbound_pool *, struct outbound_connection *);

/* A fiber's own function: says QUIT on what is to go. Until canceled. */
void outbound_pool_run(void *pool);
