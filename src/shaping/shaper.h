/* shaping/shaper.h -- who may send now, by which way, and who waits for whom
 *
 * One for the whole server. A *site* is a provider behind MX hosts, or one hop of a route; a *lane*
 * is a site seen from one egress address, and has limits of its own that follow what the site says
 * (loop.h). A *way* is a lane, perhaps with an account. A destination of the queue has a *seat*:
 * the ways that its mail may go, and whose mail it is. It takes a grant for each message; when it
 * gets none it stands in line, and is called when it is its turn: tenants take turns at a site,
 * then the campaigns of one, then destinations.
 *
 * A grant needs room in all that applies: lane, egress, sending domain, tenant, campaign, the
 * account's quota and login, warm-up. Of ways of one rank that have room the weights decide. One of
 * a higher rank is taken only when each of a lower one has no room for overflow_after_ms, or is
 * shut: the site is down, or refuses us or our login.
 *
 * Any thread may call; nothing waits. Times: rates and pauses by the steady clock, quotas and
 * warm-up by real time. Each step that changes a lane or a gate is one event with its reason.
 */
#pragma once
#include "events/event.h"
#include "message/envelope.h"
#include "outcome/class.h"
#include "shaping/limits.h"

enum {
    SHAPER_WAYS_MAX = 15,           /* of a seat; as queue_state.way */
    SHAPER_NAME_BYTES_MAX = 255,    /* of a site, egress, account, sender, tenant, campaign */
    SHAPER_OVERFLOW_MS = 60 * 1000, /* default of overflow_after_ms */
    SHAPER_RESERVED_MS = 10 * 1000, /* a called seat takes its grant by then, or it passes on */
    SHAPER_LOGIN_PROBE_MS = 15 * 60 * 1000, /* after a refused login; doubles to … */
    SHAPER_LOGIN_PROBE_MS_MAX = 4 * 60 * 60 * 1000,
};

struct shaper;
struct shaper_lane;
struct shaper_seat;
struct warmup;

struct shaper_options {
    const struct event_sink *events; /* may be NULL */
    struct warmup *warmup;           /* may be NULL; used under the shaper's lock only */
    int64_t overflow_after_ms;       /* 0: SHAPER_OVERFLOW_MS */
};

void shaper_open(const struct shaper_options *, struct shaper **ret_shaper);
/* All seats are closed, shaper_run() has ended. Accepts NULL. */
void shaper_close(struct shaper *);
/* What is allowed, from now on (and when there are other warm-up plans); held (limits are counted)
 * until the next. Lanes keep what they have learned. Before the first, nothing is limited but by
 * what sites say. */
void shaper_set_limits(struct shaper *, const struct shaping_limits *);

void shaper_configure(struct shaper *, const struct config *); /* the limits of this one */

/* A fiber's function, on one loop of the server: calls those whose time has come. Until canceled.
 */
void shaper_run(void *shaper);

/* Run it with the lock held, for what shares it (warm-up's records): it may neither wait nor call
 * the shaper. */
void shaper_with(struct shaper *, void (*run)(void *arg), void *arg);

/* ---- seats -------------------------------------------------------------------------------- */

struct shaper_way {
    uint8_t number;  /* 1 to SHAPER_WAYS_MAX, unique in the seat: told with the grant */
    uint8_t rank;    /* 0 first */
    uint16_t weight; /* among those of its rank, at least 1 */
    str site;        /* "google", "mx1.example.net", "via smtp://relay.example.net:587" */
    str provider;    /* for limits shared by name: as share/shaping.yaml has it; may be empty */
    str egress;      /* "default" */
    str account;     /* whose login; empty: none */
    const struct config_quota *quota; /* of the account (copied); NULL: none */
};

struct shaper_seat_options {
    str destination;               /* as the queue has it: for shaper_why(); may be empty */
    const struct shaper_way *ways; /* copied with all texts */
    size_t way_count;              /* at least 1 */
    str sender_domain;             /* empty: of various */
    struct envelope_flow flow;
    /* It is this seat's turn: take within SHAPER_RESERVED_MS. Called once for each shaper_wait(),
     * on any thread, with the lock held: it may post a note and nothing else. */
    void (*called)(void *arg);
    void *arg;
};

void shaper_seat_open(struct shaper *, const struct shaper_seat_options *,
                      struct shaper_seat **ret_seat);
/* Leaves the line. Grants that are out stay good and are ended as usual. Accepts NULL. */
void shaper_seat_close(struct shaper_seat *);

/* ---- grants ------------------------------------------------------------------------------- */

struct shaper_grant { /* a connection slot and one message; to be ended or returned, once */
    struct shaper *shaper;
    struct shaper_lane *lane;     /* NULL: no grant */
    uint8_t way;                  /* number */
    bool probe;                   /* finds out whether a pause may end: one message, no more */
    bool lane_probe, login_probe; /* what it finds out about */
    size_t rcpts;
    int64_t taken_ns;                /* steady */
    int recipients_max;              /* in one transaction; 0: no limit */
    int messages_per_connection_max; /* 0: no limit */
    void *parts[8];                  /* inside: what else was taken */
    int32_t warmup_day;              /* inside */
};

enum shaper_why {              /* what is in the way */
                  SHAPER_LINE, /* others came first */
                  SHAPER_CONNECTIONS,
                  SHAPER_RATE,
                  SHAPER_QUOTA,
                  SHAPER_WARMUP,
                  SHAPER_THROTTLED, /* the site told us to slow down */
                  SHAPER_PAUSED,    /* the site refuses this egress, or is down */
                  SHAPER_LOGIN,     /* the login was refused */
                  SHAPER_TENANT,
                  SHAPER_CAMPAIGN,
                  SHAPER_SENDER,
                  SHAPER_EGRESS,
                  SHAPER_WHYS
};
enum { SHAPER_REASON_BYTES = 300 };

struct shaper_wait {
    enum shaper_why why;
    int64_t until_ms;                 /* real time, as far as it is known; 0: when room is made */
    char reason[SHAPER_REASON_BYTES]; /* a sentence: "google from out1: 20 of 20 connections" */
};

/* May one message to so many recipients go now? only: the number of the way that it must go (its
 * last attempt by that one may have arrived, or was greylisted); 0: any. A seat that was called
 * gets what was kept for it; others do not overtake those who wait. False: why, and until when. */
bool shaper_take(struct shaper_seat *, size_t rcpts, uint8_t only, struct shaper_grant *ret_grant,
                 struct shaper_wait *ret_wait);

/* Stand in line for what shaper_take() has just refused. Once in line, again does nothing; who has
 * been called meanwhile, and has not taken yet, is called again. */
void shaper_wait(struct shaper_seat *, size_t rcpts, uint8_t only);
void shaper_leave(
    struct shaper_seat *); /* nothing is to be sent: leave the line, pass on the turn */

struct shaper_result {  /* what a message's attempt came to */
    bool connected;     /* somebody answered in SMTP */
    bool login_refused; /* 530, 534, 535, 538: text has the reply */
    bool login_busy;    /* 454 4.7.0 or 421 at AUTH: too many logins, and none of ours is wrong */
    size_t accepted;    /* recipients */
    enum outcome_class class; /* of the worst that was said; OUTCOME_DELIVERED: nothing bad */
    int code;                 /* of that reply; 0: nobody answered */
    uint32_t wait_seconds;    /* that it names; 0: none */
    str text;                 /* of it, for events and `shaping show` */
};
void shaper_end(struct shaper_grant *, const struct shaper_result *);
void shaper_return(struct shaper_grant *); /* nothing was tried: all goes back */

/* Mail that went that way, by egress, site and provider of its lane, was complained of: for warm-up
 * it counts as a refusal for spam does. */
void shaper_complained(struct shaper *, str egress, str site, str provider);
/* Texts are good as long as the lane is counted. */
void shaper_lane_names(const struct shaper_lane *, str *ret_egress, str *ret_site,
                       str *ret_provider);

/* Connections of a lane that lie idle in pools are counted, too: the lane stays known while there
 * are any. A grant does not wait for them, since its message may go over one of them. place: the
 * caller's number of the pool. */
void shaper_count_idle(struct shaper_lane *, int place, int change);
/* Where one was put last, if one more would be too many: that one had better be used. -1: there is
 * room, or none lies idle. */
int shaper_idle_place(struct shaper_lane *);
/* More are open than the lane's limit allows, idle ones included: close an idle one. To be asked
 * when a connection has been opened for a grant. */
bool shaper_is_crowded(struct shaper_lane *);

/* A login was refused, and this is not the probe that finds out whether it works again: whoever has
 * a connection already says nothing more on it. */
bool shaper_login_is_shut(struct shaper *, str account);
/* The account's secret is another one now: try at once. */
void shaper_login_changed(struct shaper *, str account);

/* ---- looking ------------------------------------------------------------------------------ */

/* Why this destination's mail waits, or that it may go; ERR: none. For `queue why`. */
bool shaper_seat_state(struct shaper_seat *, struct shaper_wait *ret_wait);
/* The same by the destination's name; true as well when nobody knows it. */
bool shaper_why(struct shaper *, str destination, struct shaper_wait *ret_wait);
/* All that is known about sites whose name or provider is this (empty: all), as JSON:
 * {"lanes": [...], "meters": [...]}, at most so many. For `shaping show` and metrics. */
must_use err shaper_show(struct shaper *, str site, size_t most, struct buf *out);
/* Quotas, pauses, connections and messages of at most so many lanes and meters, as Prometheus reads
 * them. */
must_use err shaper_metrics(struct shaper *, size_t most, struct buf *out);
