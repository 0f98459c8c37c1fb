/* inbound/inbound.h -- what all sessions share: the way in
 *
 * An inbound_view is a configuration made ready for sessions (TLS servers read, options filled in).
 * It never changes; a reload makes another, and sessions keep the one they began with.
 */
#pragma once
#include "account/keeper.h"
#include "account/throttle.h"
#include "config/config.h"
#include "dns/resolver.h"
#include "events/event.h"
#include "feedback/feedback.h"
#include "feedback/strangers.h"
#include "inbound/limits.h"
#include "queue/queue.h"
#include "smtp/session.h"
#include <pthread.h>
#include <stdatomic.h>

struct inbound_recipients;
struct inbound_report;

struct inbound_view {
    const struct config *config;
    struct smtp_server_options *options; /* one for each of config->listeners */
    struct tls_server **tls;             /* likewise; NULL: none */
    atomic_int holders;
};

struct inbound {
    struct inbound_view *view; /* under the lock; see inbound_view_hold() */
    pthread_mutex_t lock;
    struct queue *queue;
    const struct keeper *keeper;
    const struct event_sink *events;
    struct inbound_limits *limits;
    struct account_throttle *throttle; /* under throttle_lock */
    pthread_mutex_t throttle_lock;
    struct dns_resolver *dns;              /* NULL: nobody's mail is judged */
    struct inbound_report *reports;        /* NULL: nothing is counted for any */
    struct feedback *feedback;             /* NULL: nothing is suppressed, nothing comes back */
    atomic_int returning;                  /* bounces and complaints that are being read */
    struct feedback_strangers *strangers;  /* NULL: bounces are not counted */
    struct inbound_recipients *recipients; /* NULL: `ask` cannot be answered (451) */
};

/* Reads certificates: blocks. ERR_CONFIG. The configuration is held. certificate and key are the
 * paths to use where it names none. */
must_use err inbound_view_open(const struct config *, str certificate, str key,
                               struct inbound_view **ret_view);
void inbound_view_close(struct inbound_view *); /* one holder less; accepts NULL */
/* Real time: the first of its certificates to expire; INT64_MAX: it has none. */
int64_t inbound_view_expires(const struct inbound_view *);
struct inbound_view *inbound_view_hold(struct inbound *);           /* the one in force */
struct inbound_view *inbound_view_again(struct inbound_view *);     /* held once more */
void inbound_view_replace(struct inbound *, struct inbound_view *); /* takes it over */

/* queue, keeper, events, dns, reports, feedback, strangers and recipients are filled in by the
 * caller, who keeps them.
 */
void inbound_init(struct inbound *, struct inbound_view *);
void inbound_release(struct inbound *);
