/* cli/service.h -- all parts of a running server, wired together
 *
 * `serve` runs one in real threads; tests run one (or several, one after another over the same
 * spool) inside the simulation. Everything it needs from outside is in the options.
 */
#pragma once
#include "account/keeper.h"
#include "config/config.h"
#include "dns/transport.h"
#include "events/event.h"

struct service;

struct service_options {
    const struct config *config;     /* held while in use */
    struct dns_transport *dns;       /* taken over; NULL: libunbound, as the configuration says */
    const struct event_sink *events; /* told of every event, besides the configured file; or NULL */
    /* Called when all that needs rights is open and before the first thread: give them up, then
     * name the keeper. NULL, or *ret_keeper left NULL: one in this process, over accounts_path. */
    err (*settle)(void *arg, const struct keeper **ret_keeper);
    void *settle_arg;
    /* What the operator's socket may ask for; NULL: there is no socket. reload tells what is wrong
     * with the new configuration; stop only asks. */
    err (*admin_reload)(void *arg, struct buf *ret_told);
    void (*admin_stop)(void *arg);
    void *admin_arg;
    /* As queue_options.may_block; NULL: while at most one connection is open on the loop. */
    bool (*may_block)(void);
    int workers;            /* 0: as the configuration says */
    uint64_t segment_bytes; /* of the spool's log; 0: as the disk suggests; tests want small ones */
    uint16_t mx_port;       /* where MX hosts listen: 25; tests need another */
    const char *accounts_path; /* NULL: state/accounts.db */
    /* Descriptors bound by somebody else, workers for each listener in order; NULL: bind here.
     * Those that are taken over become -1. */
    int *listen_fds;
    size_t listen_fd_count;
};

/* Open queue, stores and listeners and start the workers. On a fiber (simulation) or on a thread
 * without a loop. ERR_CONFIG, ERR_SYSTEM …: nothing was left running. */
must_use err service_start(const struct service_options *, struct service **ret_service);

/* No new connections; sessions end (421 4.3.2), deliveries in flight get up to grace_ms, then all
 * is closed. Waits. */
void service_stop(struct service *, int64_t grace_ms);

/* Another configuration: listeners that are gone close, new ones open, those whose address stays
 * are the same sockets, and sessions keep what they began with. listen_fds: as in the options, -1
 * for an address that is listened on already. On an err the old one stays in force. What is read
 * only at start (state, dns, events, user, workers) is told when it differs. */
must_use err service_reload(struct service *, const struct config *, int *listen_fds,
                            size_t listen_fd_count);
/* A new configuration was left aside: tell it as an event. From any thread. */
void service_config_refused(struct service *, str reason);
/* Somebody should go on with a domain's new keys: the same. */
void service_rotation_late(struct service *, str reason);
int service_worker_count(const struct config *); /* how many workers it asks for at start */

/* The address a listener really has (port 0 was asked for): index into config->listeners. */
struct address service_listener_address(struct service *, size_t listener);

struct queue;
struct queue *service_queue(struct service *);
struct account_store *service_accounts(struct service *); /* NULL when the keeper is elsewhere */
