/* outbound/egress.h -- by which address of ours a mail leaves
 *
 * Pure. The configuration names egresses and pools of them; a route names one or the other. What is
 * dedicated to a mail's tenant, stream or sending domain is all that this mail may use, and nobody
 * else may use it. An egress that is out (egress_health.h) is passed over.
 *
 * Who may be used stands in an order that depends on the mail alone, by weights: the same mail
 * finds the same one first at each attempt, and when one goes out or comes back only its own mail
 * moves.
 */
#pragma once
#include "message/envelope.h"
#include "outbound/egress_health.h"
#include "outbound/route.h"

enum { OUTBOUND_EGRESS_MAX = CONFIG_EGRESS_MEMBERS_MAX };

/* What of a mail decides. */
struct outbound_egress_mail {
    const struct outbound_route *route;
    const struct envelope_flow *flow;
    str sender_domain; /* of the envelope; empty: the null sender */
    str key;           /* the mail's own: its queue id */
};

struct outbound_egress_candidate {
    const struct config_egress *egress;
    int weight;
    int share; /* of the mail, in thousandths, among those that can be used now */
    int way;   /* 1 to 15: its place in the pool as it is written, whoever is out; 0: no pool */
};

struct outbound_egress_choice {
    struct outbound_egress_candidate list[OUTBOUND_EGRESS_MAX]; /* the first is to be tried first */
    size_t count;                                               /* 0: the mail waits */
    bool dedicated;
    enum config_overflow overflow; /* the first has reached a limit of ours: wait, or the next */
    str pool;                      /* its name, or empty */
    char why[240];                 /* with none: which are out and why, in words for an operator */
};

/* health: NULL, nobody watches. Everything points into the configuration. */
void outbound_egress_choose(const struct config *, const struct outbound_egress_mail *,
                            struct outbound_egress_health *health,
                            struct outbound_egress_choice *ret_choice);

/* Is this mail one that the egress is dedicated to? How many lists say so; 0: no. */
int outbound_egress_fits(const struct config_egress *, const struct outbound_egress_mail *);

/* May a connection to that address leave by it? It needs an address of its kind, or none at all. */
bool outbound_egress_reaches(const struct config_egress *, const struct address *to);
/* The address to bind or to name for it; NULL: none is given, or the host is on this very machine,
 * which is reached without. */
const struct address *outbound_egress_address(const struct config_egress *,
                                              const struct address *to);
