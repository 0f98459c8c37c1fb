/* outbound/attempt.h -- one attempt to deliver one mail
 *
 * By each recipient's route, as the configuration now has it: an idle connection first, then host
 * after host until every recipient has a verdict or no host is left. Where a plan has several hops
 * each is a way of its own, for which the shaper is asked.
 */
#pragma once
#include "outbound/egress_health.h"
#include "outbound/offer.h"
#include "outbound/plan.h"
#include "outbound/pool.h"

enum {
    OUTBOUND_ATTEMPT_ARENA_BYTES_MAX = 128 << 20, /* with the mail's envelope and first bytes */
    OUTBOUND_ATTEMPT_ROOM_MS = 2000,              /* until an idle connection has made place */
    OUTBOUND_ATTEMPT_HOSTS_MS = 10 * 60 * 1000,   /* after it no further host is begun */
};

/* The last account whose rule for From did not agree with the mail. */
struct outbound_attempt_from {
    const struct config_account *account; /* NULL: all agreed */
    struct outbound_from found;
};

struct outbound_attempt {
    const struct config *config;
    struct outbound_connect_options connect;
    struct outbound_host_self self;
    struct dns_resolver *resolver;
    struct tlspolicy_sts *sts;                    /* NULL: MTA-STS is not asked for */
    const struct outbound_privacy *privacy;       /* whom to tell of TLS; NULL: nobody */
    struct outbound_egress_health *egress_health; /* NULL: nobody watches our addresses */
    str mail_key;                                 /* the mail's own: its queue id */
    struct outbound_pool *pool;
    const struct outbound_offer_mail *mail;
    /* One for each recipient; NULL, or NULL for one: it is tried. Else that is its verdict. */
    const struct outbound_verdict *const *refused;
    const struct outbound_plan *plan; /* NULL: every recipient's whole route is tried, unshaped */
    struct shaper_grant grant;        /* of its seat, taken over; lane NULL: none */
    struct arena *arena;              /* results live there */

    /* Results, one for each of the mail's recipients; all have been decided unless the fiber was
     * canceled: DONE, FAIL, DEFER or PAUSE_ROUTE. */
    struct outbound_offer_rcpt *rcpts;
    bool tried;  /* false: there was no route, or our login failed: no attempt at delivery */
    uint8_t way; /* of the plan, the last that was gone; 0: none */
    bool unsure; /* it may have arrived although nobody said so: go that way again */
    struct outbound_attempt_from from;
};

/* ERR_CANCELED only; what was decided before it stays. */
must_use err outbound_attempt_run(struct outbound_attempt *);
