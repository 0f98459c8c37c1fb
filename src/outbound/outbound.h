/* outbound/outbound.h -- the way out: one worker's deliveries
 *
 * Takes from the worker's schedule what is due and runs up to `outbound.connections` fibers for
 * each destination. Each goes on with the next message for its destination over the same
 * connection. Where a destination keeps a worker busier than others, they run some of its fibers.
 * What becomes of each recipient is written into the queue and told as an event.
 */
#pragma once
#include "account/keeper.h"
#include "config/config.h"
#include "dns/resolver.h"
#include "events/event.h"
#include "feedback/feedback.h"
#include "outbound/transcript_store.h"
#include "queue/schedule.h"
#include "runtime/tls.h"

enum {
    OUTBOUND_RUNNERS_MAX = 400,           /* attempts at the same time, of one worker */
    OUTBOUND_NO_ROUTE_MS = 5 * 60 * 1000, /* until recipients without a route are looked at again */
    OUTBOUND_ROUTES_LOOK_MS = 5000,       /* how soon a new configuration is seen by mail without */
    OUTBOUND_PORT25_LOOK_MS = 5000,       /* how soon it is seen that port 25 is open again */
    OUTBOUND_SITES_MAX = 2000,            /* destinations beyond which none without mail is kept */
    OUTBOUND_SITES_LOOK_MS = 60 * 1000,   /* so often those are looked for, and old mail in line */
    OUTBOUND_EXPIRE_AT_ONCE = 100,        /* of one destination, at one look */
    OUTBOUND_QUEUE_MS = 60 * 1000,        /* for reading and settling */
};

struct outbound;
struct outbound_crew;
struct outbound_port25;
struct shaper;
struct outbound_egress_health;

/* All of it must outlive the outbound. */
struct outbound_options {
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct queue *queue;
    struct schedule *schedule; /* this worker's */
    struct dns_resolver *resolver;
    struct tlspolicy_sts *sts;   /* this worker's; NULL: MTA-STS is not asked for */
    const struct keeper *keeper; /* NULL: no secrets can be had */
    struct tls_client *tls;
    const struct event_sink *events;               /* may be NULL */
    uint16_t mx_port;                              /* 0: 25 */
    const struct address *own;                     /* addresses that this server listens on */
    const size_t *own_count;                       /* both may change between waits; NULL: none */
    struct outbound_transcript_store *transcripts; /* NULL: what was said is not kept */
    struct outbound_egress_health *egress_health;  /* of all workers; NULL: nobody watches */
    struct outbound_tlsrpt *tls_reports;           /* of all workers; NULL: nothing is counted */
    struct outbound_port25 *port25;                /* of the server; NULL: nobody keeps account */
    struct shaper *shaper;      /* of all workers: who may send now, and by which way */
    struct feedback *feedback;  /* NULL: nothing is suppressed or learned */
    struct outbound_crew *crew; /* of all workers: outbound/crew.h; NULL: nobody helps */
};

/* On the worker's loop. */
void outbound_start(const struct outbound_options *, struct outbound **ret_outbound);

/* Nothing new is begun; what is under way gets up to grace_ms, then it is cut off. Waits; on a
 * fiber of the same loop that is not canceled. All of a crew are stopped at the same time. */
void outbound_stop(struct outbound *, int64_t grace_ms); /* accepts NULL */
