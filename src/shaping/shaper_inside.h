/* shaping/shaper_inside.h -- what the parts of the shaper know of each other
 *
 * All of it is under the shaper's lock. Two kinds of things can be in the way of a message: a lane,
 * and a meter (of an egress, account, sending domain, tenant or campaign). Both are a
 * `shaper_spot`: a line of waiters whose message was refused there notes its interest in it, and is
 * served when room is made. What waits for a time instead is in one heap.
 */
#pragma once
#include "base/heap.h"
#include "base/list.h"
#include "base/table.h"
#include "runtime/thread.h"
#include "shaping/bucket.h"
#include "shaping/loop.h"
#include "shaping/quota.h"
#include "shaping/shaper.h"
#include "shaping/warmup.h"
#include <pthread.h>

enum {
    SHAPER_KEY_BYTES_MAX = 3 * SHAPER_NAME_BYTES_MAX + 4,
    SHAPER_TRIES_MAX = 64,       /* seats looked at before others get the lock */
    SHAPER_CREDIT_MAX = 8,       /* rounds that who is away for a moment may catch up with */
    SHAPER_TURN_TRIES_MAX = 4,   /* of them, of one tenant */
    SHAPER_PORTION_NS = 1000000, /* until the next portion */
    SHAPER_SERVED_MAX = 16,      /* lines served because of one release */
    SHAPER_SPARE_MAX = 20000, /* lanes and meters that nobody uses, remembered for what they know */
    SHAPER_SWEEP_MS = 60 * 1000,
    SHAPER_TEXT_BYTES = 200, /* kept of a refusal */
};

struct shaper_timer {
    struct heap_node node; /* steady, in ns */
    enum shaper_timer_kind { SHAPER_TIMER_LINE, SHAPER_TIMER_SEAT, SHAPER_TIMER_SPOT } kind;
};

struct shaper_spot {
    struct list interests; /* of lines, longest waiting first */
    size_t count, left;    /* how many there are, and of them to be served for what was released */
    struct shaper_timer timer;
};

struct shaper_interest { /* of a line in a spot */
    struct list in_spot, in_line;
    struct shaper_spot *spot;
    struct shaper_line *line;
};

/* The login of an account. */
struct shaper_login {
    struct shaping_gate gate;
    int most; /* connections while logins are slowed; 0: not */
    int64_t slowed_ns;
    char text[SHAPER_TEXT_BYTES];
};

struct shaper_meter {
    struct shaper_spot spot;
    struct list spare; /* among those that nobody uses */
    char *key;         /* "tenant acme" */
    size_t key_len;
    enum shaping_scope scope;
    str name;    /* in key */
    size_t uses; /* seats, lanes and grants that know it */
    struct shaping_resolved limits;
    bool limited;        /* by anything */
    int64_t interval_ns; /* as in limits */
    int in_use;
    struct shaping_bucket bucket;
    struct shaping_quota quota;
    struct shaper_login login; /* of an account */
    bool kept;                 /* a row of it is stored */
};

struct shaper_lane {
    struct shaper *shaper;
    struct shaper_spot spot;
    struct list spare;
    char *key; /* "site\0egress" */
    size_t key_len;
    str site, provider, egress_name;
    size_t uses; /* seats and grants */
    struct shaper_meter *egress;
    struct shaping_resolved limits;
    int64_t interval_ns;
    int in_use, idle;
    int idle_place; /* where one was put last */
    struct shaping_bucket bucket;
    struct shaping_quota quota;
    bool kept;                   /* a row of it is stored */
    struct warmup_track *warmup; /* NULL: this egress needs none there */
    struct shaping_loop loop;
    uint64_t accepted, refused;   /* messages, since it was made */
    char text[SHAPER_TEXT_BYTES]; /* of the last step: why */
    int64_t text_ms;
};

/* A lane with an account, as seats of a line have them. */
struct shaper_pair {
    struct list node; /* of its line */
    size_t uses;      /* seats' ways */
    struct shaper_lane *lane;
    struct shaper_meter *account; /* NULL: none */
    int64_t blocked_ns;           /* no room since then, as far as anybody asked; 0: had room */
    uint64_t refused_pass;        /* who has only such pairs need not be tried in that pass */
};

/* The line of one site. */
struct shaper_line {
    char *key; /* the site */
    size_t key_len;
    size_t uses;       /* turns */
    struct list turns; /* of tenants with waiters, by round; who was served goes last */
    size_t waiting;
    struct list pairs;
    size_t pair_count;
    struct list interests;
    /* A pass tries those who wait, in portions when they are many. */
    uint64_t pass;
    size_t refused_pairs; /* in it */
    size_t left;          /* to be tried in it */
    int64_t until_ns;     /* when one of those refused in it may go */
    struct shaper_timer timer;
};
struct shaper_turn { /* a tenant at a line */
    char *key;       /* "site\0tenant" */
    size_t key_len, uses;
    struct shaper_line *line;
    uint64_t round; /* in which it is served next */
    struct list node, campaigns;
};
struct shaper_campaign { /* of a tenant at a line */
    char *key;           /* "site\0tenant\0campaign" */
    size_t key_len, uses;
    struct shaper_turn *turn;
    uint64_t round;
    struct list node, seats;
};

struct shaper_seat_way {
    uint8_t number, rank;
    uint16_t weight;
    struct shaper_pair *pair;
};
struct shaper_seat {
    struct shaper *shaper;
    struct shaper_line *line;
    struct shaper_campaign *campaign;
    struct shaper_meter *sender, *tenant, *campaign_meter; /* NULL: none is named */
    void (*called)(void *arg);
    void *arg;
    struct list node; /* among the campaign's waiters; not linked: it does not wait */
    size_t rcpts;     /* what it waits for */
    uint8_t only;
    struct shaper_grant reserved; /* lane NULL: nothing is kept for it */
    struct shaper_timer timer;    /* until it is passed on */
    struct shaper_wait last;      /* why it waits */
    size_t way_count;
    str destination; /* in the same memory; the table has the newest seat of each name */
    struct shaper_seat_way ways[];
};

struct shaper {
    pthread_mutex_t lock;
    struct chan *news; /* shaper_run() is to look again */
    int64_t sleeps_until_ns;
    const struct event_sink *events;
    struct warmup *warmup;
    int64_t overflow_ns;
    struct shaper_past *past; /* NULL: nothing is kept */
    bool keeps, quota_waits;
    uint64_t changes, offered_changes, safe_changes;
    struct shaping_limits *limits;
    struct table lanes, meters, lines, turns, campaigns, seats;
    struct list spare_lanes, spare_meters; /* longest unused first */
    size_t spare_count;
    struct heap timers;
    uint64_t passes;
    uint64_t picks;         /* for weights: spread evenly without chance */
    int64_t now_ns, now_ms; /* of the present call */
};

/* The present times into the shaper, with its lock. */
void shaper_enter(struct shaper *);
void shaper_exit(struct shaper *);

/* ---- shaper_place.c: lanes, meters and places in line by name ---- */

struct shaper_meter *shaper_place_meter(struct shaper *, enum shaping_scope, str name); /* a use */
void shaper_place_drop_meter(struct shaper *, struct shaper_meter *); /* NULL: nothing */
struct shaper_lane *shaper_place_lane(struct shaper *, const struct shaper_way *);
void shaper_place_drop_lane(struct shaper *, struct shaper_lane *);
struct shaper_campaign *shaper_place_campaign(struct shaper *, str site, str tenant, str campaign);
void shaper_place_drop_campaign(struct shaper *, struct shaper_campaign *);
struct shaper_pair *shaper_place_pair(struct shaper *, struct shaper_line *,
                                      const struct shaper_way *);
void shaper_place_drop_pair(struct shaper *, struct shaper_line *, struct shaper_pair *);
/* Take the limits in force into all lanes and meters. */
void shaper_place_limit_all(struct shaper *);
/* Forget what nobody uses and what has nothing to remember. */
void shaper_place_sweep(struct shaper *, bool all);

/* ---- shaper_room.c: what is in the way ---- */

enum { SHAPER_BLOCKERS_MAX = SHAPER_WAYS_MAX + 3 };
struct shaper_answer {
    enum shaper_why why;
    int64_t until_ns; /* steady; INT64_MAX: when room is made */
    bool own;         /* not a lane: others of this line may pass */
    bool all_turn;    /* nobody else of this tenant may, either */
    const struct shaper_lane *lane;
    const struct shaper_meter *meter;
    enum shaping_quota_kind quota;
    struct shaper_spot *spots[SHAPER_BLOCKERS_MAX];
    size_t spot_count;
};
/* Take a grant, or find out what is in the way. */
bool shaper_room_take(struct shaper_seat *, size_t rcpts, uint8_t only,
                      struct shaper_grant *ret_grant, struct shaper_answer *ret_answer);
/* This many messages and recipients of it were not needed after all; the connection is free. */
void shaper_room_give(const struct shaper_grant *, size_t messages_back, size_t rcpts_back,
                      bool rate_back);
void shaper_room_give_all(const struct shaper_grant *); /* nothing was tried */
/* What became of it, to the warm-up of its egress. */
void shaper_room_warm(const struct shaper_grant *, const struct shaper_result *);
/* Whoever waits for what has been given back; the grant is no more. */
void shaper_room_serve(struct shaper_grant *);
struct shaper_meter *shaper_room_account(const struct shaper_grant *); /* NULL: none */
/* In words. */
void shaper_room_tell(struct shaper *, const struct shaper_answer *, struct shaper_wait *ret_wait);

/* ---- shaper_line.c: whose turn it is ---- */

void shaper_line_serve(struct shaper *, struct shaper_line *);
/* Room has been made here: those who are interested are served, in turn. */
void shaper_line_serve_spot(struct shaper *, struct shaper_spot *);
void shaper_line_init_spot(struct shaper_spot *);
void shaper_line_leave(struct shaper_seat *);
void shaper_line_set_timer(struct shaper *, struct shaper_timer *, int64_t at_ns);
/* All timers that are due. */
void shaper_line_run_timers(struct shaper *);

/* ---- shaper_keep.c: what was stored before ---- */

/* fresh: it was just made; else only its quota is new. */
void shaper_keep_recall_meter(struct shaper *, struct shaper_meter *, bool fresh);
void shaper_keep_recall_lane(struct shaper *, struct shaper_lane *, bool fresh);
void shaper_keep_forget_past(struct shaper *);

/* ---- shaper_tell.c: events ---- */

void shaper_tell_step(struct shaper *, struct shaper_lane *, enum shaping_loop_step,
                      const char *reason, const struct shaper_result *);
void shaper_tell_login(struct shaper *, const struct shaper_meter *, bool refused,
                       const struct shaper_result *);
void shaper_tell_quota(struct shaper *, enum shaping_scope, str name, struct shaping_quota *);
