/* shaping/state.h -- what was learned and counted, over a restart: STATE/shaping/shaping.db
 * (SQLite)
 *
 * Warm-up tracks, what quotas have used, what lanes have learned, logins that were refused. Plain
 * structs in, plain structs out; who fills them decides what they mean. A write is one transaction
 * that is synced. Rows that are too old to matter go with it, so the file is bounded.
 *
 * Everything here blocks: it belongs in jobs and commands. One caller at a time; another process
 * (`smtptool warmup set` beside a server that is starting) has to wait for its turn.
 *
 * Errs: ERR_DAMAGED, ERR_TIMEOUT (locked for too long), ERR_CONFIG (made by a newer version),
 * ERR_SYSTEM.
 */
#pragma once
#include "base/arena.h"
#include "shaping/warmup.h"

enum {
    SHAPING_STATE_BYTES_MAX = 64 << 20,
    SHAPING_STATE_ARENA_BYTES_MAX = 64 << 20, /* for all that can be read */
    SHAPING_STATE_LANES_MAX = 20000,          /* those seen last are kept */
    SHAPING_STATE_LOGINS_MAX = 10000,
    SHAPING_STATE_QUOTAS_MAX = 200000,
    SHAPING_STATE_TEXT_BYTES_MAX = 600,
    SHAPING_STATE_LANE_MS = 7 * 24 * 3600 * 1000, /* a lane not seen for so long is forgotten */
    SHAPING_STATE_QUOTA_MS = 25 * 3600 * 1000,    /* no quota looks back further */
};

/* So many were counted in the slot of a window that begins there. */
struct shaping_state_quota {
    int scope, kind; /* whose, and which of its windows: the quotas' own numbers */
    str name;
    int64_t at_ms; /* real time */
    int64_t count;
};

struct shaping_state_login {
    str account;
    int level;        /* of pauses so far; 0: the row goes */
    int64_t until_ms; /* real time of the next probe */
    str text;         /* what the server said */
};

struct shaping_state_lane {
    str site, egress;
    /* Messages in a million seconds; 0: not learned. */
    int64_t rate, allowed, ceiling;
    int connections, connections_refused;
    int blocked_level, down_level;           /* of pauses so far */
    int64_t blocked_until_ms, down_until_ms; /* real time; 0: not paused */
    str text;                                /* why it is as it is */
    int64_t seen_ms;
};

struct shaping_state_rows {
    struct warmup_record *warmup;
    struct shaping_state_quota *quotas;
    struct shaping_state_login *logins;
    struct shaping_state_lane *lanes;
    size_t warmup_count, quota_count, login_count, lane_count;
};

struct shaping_state;

/* make: when it is not there, and its folder; else ERR_SYSTEM. A damaged file is set aside as
 * PATH.damaged when make is given, a new one is begun and *ret_set_aside says so. */
must_use err shaping_state_open(const char *path, bool make, struct shaping_state **ret_state,
                                bool *ret_set_aside);
void shaping_state_close(struct shaping_state *); /* accepts NULL */

/* All there is; texts and lists live in the arena. */
must_use err shaping_state_read(struct shaping_state *, struct arena *,
                                struct shaping_state_rows *ret_rows);
/* These take the place of what was stored under their names (all quotas of a scope and name
 * together, which stand side by side); all else stays. now_ms: real time, for
 * what is too old. */
must_use err shaping_state_write(struct shaping_state *, const struct shaping_state_rows *,
                                 int64_t now_ms);
/* Read, changed by that, and written, while no other process does the same: rows holds all there
 * is; what change puts there instead is written. An err of change's takes all back. */
must_use err shaping_state_change(struct shaping_state *, struct arena *, int64_t now_ms,
                                  err (*change)(void *arg, struct arena *,
                                                struct shaping_state_rows *rows),
                                  void *arg);
