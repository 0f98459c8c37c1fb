/* outbound/route.h -- which way a recipient's mail goes out
 *
 * Pure. The configuration decides: a domain of ours with `deliver`, else the first route that fits,
 * else the MX of the recipient's domain. The queue stores only the name of a destination; the way
 * itself is asked for again at each attempt, so that mail follows a configuration that changed.
 */
#pragma once
#include "config/config.h"
#include "message/envelope.h"

enum { OUTBOUND_ROUTE_DESTINATION_BYTES_MAX = 255 }; /* as the queue keeps names; longer is cut */

enum outbound_route_kind {
    OUTBOUND_ROUTE_HOPS, /* through these hosts, in order */
    OUTBOUND_ROUTE_MX,   /* where the DNS says, or to an address literal */
    OUTBOUND_ROUTE_NONE, /* no route: the mail waits */
};

/* Everything points into the configuration or the address. */
struct outbound_route {
    enum outbound_route_kind kind;
    str domain;                       /* of the recipient */
    const struct config_route *route; /* NULL: a domain of ours, or nothing was said */
    const struct config_hop *hops;    /* each with its own login, or none */
    size_t hop_count;
};

/* The address is "local@domain"; one without a domain is our own host's. */
void outbound_route_find(const struct config *, str address, struct outbound_route *ret_route);

/* Same way, or not: what may share an attempt. */
bool outbound_route_same(const struct outbound_route *, const struct outbound_route *);

/* Nothing that waits for this destination can go anywhere: nobody has to look at each mail. */
bool outbound_route_none(const struct config *, str destination);

/* For the envelope: "route:NAME", else the recipient's domain; behind it whose mail it is, where
 * that was named, and the sender's domain where the configuration makes a difference of it:
 * "example.net acme/news/spring example.com". So each flow waits in a line of its own. Of the
 * envelope sender and flow are read; NULL: it is our own mail. */
str outbound_route_destination(const struct config *, str address, const struct envelope *,
                               struct arena *);

/* That name taken apart; texts point into it. */
struct outbound_name {
    str where;         /* "route:NAME" or a domain */
    str sender_domain; /* empty: of various */
    struct envelope_flow flow;
};
void outbound_route_read_name(str destination, struct outbound_name *ret_name);
/* The way of what waits under that name, as far as it does not depend on the recipient. */
void outbound_route_of(const struct config *, const struct outbound_name *,
                       struct outbound_route *ret_route);
