/* tests/world.h -- a small world around one service: a network, names, a disk, users, a listener to
 * what happens
 *
 * In the simulation (inside sim_run) everything is virtual but SQLite, which works on a real
 * folder of the same path; over real sockets every documentation address becomes one of 127/8 and
 * every port a free one. tests/talk/README.md has the default names and settings.
 */
#pragma once
#include "cli/service.h"
#include "dns/zone.h"
#include "runtime/sim_fs.h"
#include <pthread.h>

enum { WORLD_TEXT_BYTES_MAX = 8 << 20 };

struct world_account {
    str user, password;
};

struct world_options {
    str config;         /* top-level keys here stand instead of the default ones */
    str dns;            /* zone lines besides the default ones */
    const char *folder; /* exists, empty, and the world's to use */
    bool real;
    uint16_t peer_port; /* real: where all peers listen */
    const struct world_account *accounts;
    size_t account_count;
    bool log_to_stderr;
    /* The rest may be NULL or 0. */
    const struct event_sink *events; /* told of every event as well */
    const struct keeper *keeper;     /* asked instead of one over SQLite; then no accounts */
    /* Who answers for the zone, which is taken over; called at each start. */
    struct dns_transport *(*resolver)(void *arg, struct dns_zone *);
    void *resolver_arg;
    uint64_t segment_bytes;  /* of the spool's log */
    bool (*may_block)(void); /* as in the service's options */
};

struct world_listener {
    const char *name; /* "mx", "submission", "smtps", "relay" */
    struct address at;
};
enum { WORLD_LISTENERS = 4 };

struct world {
    struct world_options options;
    struct arena *arena;
    struct sim_fs *fs;
    struct dns_zone *names; /* for ourselves; the service has its own */
    str zone_text;
    struct config *config;
    struct service *service;
    bool accounts_made;
    bool frozen; /* databases as they were wait beside those that still change */
    struct event_sink sink;
    pthread_mutex_t lock;   /* over the two below */
    struct buf events, log; /* a line each */
};

/* The world without its service: also where it is real, on no fiber. The options' texts must
 * outlive it. ERR_CONFIG tells what is wrong with them. */
must_use err world_open(struct world *, const struct world_options *);
void world_close(struct world *); /* stops the service if it runs */

must_use err world_start(struct world *);
void world_stop(struct world *, int64_t grace_ms);

/* The power goes now: what SQLite has on its real disk is what it will have when the service has
 * ended. Once, before world_lose_power(). */
void world_freeze(struct world *);
/* The power went: what the disk has is in next, which becomes the disk. On a fiber; starts nothing.
 */
void world_lose_power(struct world *, struct sim_fs *next);

/* Addresses as this world has them. ERR_CONFIG: not known. */
must_use err world_host(struct world *, str host, struct address *ret_address); /* port 25 */
must_use err world_listener(struct world *, str name, struct address *ret_address);
str world_text(struct world *, str text); /* every address in it made this world's */

/* How many events of this kind have the word in their line? An empty word: any. */
size_t world_count_events(struct world *, str kind, str word);
bool world_has_log(struct world *, str word);
/* The newest line of an event of one of these kinds (blank between two) with the recipient. Copied
 * into the arena; empty: none. */
str world_recipient_event(struct world *, str kinds, str recipient, struct arena *);
