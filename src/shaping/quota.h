/* shaping/quota.h -- so many an hour or a day, spread out
 *
 * A window counts what went in the last hour (or minute, or day) by real time and promises, for
 * every stretch of that length wherever it begins, at most `all`; and for every quarter of it at
 * most `quarter`: 1,000 an hour means at most 250 in any 15 minutes, unless a burst allows more.
 * It counts in 480 slots and lets go of a slot when all of it is too old, so what it promises holds
 * to the millisecond, and at most 1 % of the quota is lost to rounding.
 *
 * When the clock is set back, what was counted is taken to have happened just now.
 */
#pragma once
#include "config/config.h"
#include <stdbool.h>
#include <stdint.h>

enum { SHAPING_QUOTA_SLOTS = 480, SHAPING_QUOTA_RING = SHAPING_QUOTA_SLOTS + 1 };

struct shaping_quota_window {
    int64_t slot_ms; /* 1/480 of its length */
    int64_t newest;  /* number of the slot that is being filled, from the epoch */
    uint32_t slots[SHAPING_QUOTA_RING];
    uint64_t all_used, quarter_used; /* in the slots that count now */
};

enum shaping_quota_kind {
    SHAPING_QUOTA_MINUTE,
    SHAPING_QUOTA_HOUR,
    SHAPING_QUOTA_DAY,
    SHAPING_QUOTA_RECIPIENTS, /* a day */
    SHAPING_QUOTA_KINDS
};
extern const char *const shaping_quota_names[SHAPING_QUOTA_KINDS]; /* "per_minute" */

struct shaping_quota {
    struct config_quota limits;
    struct shaping_quota_window *windows[SHAPING_QUOTA_KINDS]; /* NULL: no such limit */
    uint8_t told[SHAPING_QUOTA_KINDS];                         /* shaping_quota_alarm */
    bool keeps;                          /* nothing is taken that is not vouched for */
    uint64_t taken[SHAPING_QUOTA_KINDS]; /* since it began */
    uint64_t offered[SHAPING_QUOTA_KINDS], vouched[SHAPING_QUOTA_KINDS]; /* of these */
    uint64_t wanted[SHAPING_QUOTA_KINDS]; /* what waits to be vouched for */
};

/* Sets what is allowed; what has been counted stays. Limits of 0 and below: none. */
void shaping_quota_set(struct shaping_quota *, const struct config_quota *);
void shaping_quota_release(struct shaping_quota *);
static inline bool shaping_quota_limited(const struct shaping_quota *quota)
{
    return quota->windows[0] || quota->windows[1] || quota->windows[2] || quota->windows[3];
}

/* From when on (real time) a message to so many recipients may go; now or earlier: at once.
 * *ret_kind: what is in the way, when something is. A message to more recipients than a day
 * allows goes when the day's count is zero: it could never go else. */
int64_t shaping_quota_ready(struct shaping_quota *, size_t rcpts, int64_t now_ms,
                            enum shaping_quota_kind *ret_kind);
void shaping_quota_take(struct shaping_quota *, size_t rcpts, int64_t now_ms);
/* So many messages and recipients that were taken then have not been sent after all. */
void shaping_quota_give(struct shaping_quota *, size_t messages, size_t rcpts, int64_t taken_ms,
                        int64_t now_ms);

struct shaping_quota_use {
    uint64_t limit, used;                 /* in the whole window */
    uint64_t quarter_limit, quarter_used; /* limit 0: not spread */
};
/* False: there is no such limit. */
bool shaping_quota_look(struct shaping_quota *, enum shaping_quota_kind, int64_t now_ms,
                        struct shaping_quota_use *ret_use);
bool shaping_quota_is_used(struct shaping_quota *, int64_t now_ms); /* of any kind */

/* Once for each window that gets there: 80 % of the whole is used, all is used. Told again when it
 * has been below 80 % in between. */
enum shaping_quota_alarm { SHAPING_QUOTA_QUIET, SHAPING_QUOTA_NEAR, SHAPING_QUOTA_FULL };
enum shaping_quota_alarm shaping_quota_alarm(struct shaping_quota *, enum shaping_quota_kind,
                                             int64_t now_ms);

/* What has been counted, for a file that survives a restart: one entry for each slot that is not
 * empty. Importing adds to what is there; entries out of a window's reach are passed over. */
struct shaping_quota_entry {
    enum shaping_quota_kind kind;
    int64_t at_ms; /* begin of the slot, real time */
    uint32_t count;
};
void shaping_quota_export(struct shaping_quota *, int64_t now_ms,
                          void (*tell)(void *arg, const struct shaping_quota_entry *), void *arg);
void shaping_quota_import(struct shaping_quota *, const struct shaping_quota_entry *,
                          int64_t now_ms);

/* From now on nothing goes that was not vouched for by a count that is stored (but by the minute):
 * shaping_quota_ready() tells a moment a little later until there is one. */
enum { SHAPING_QUOTA_UNSAVED_MS = 500 };
void shaping_quota_keep(struct shaping_quota *);
static inline bool shaping_quota_waits(const struct shaping_quota *quota)
{
    return quota->wanted[1] || quota->wanted[2] || quota->wanted[3];
}
/* What a stored count takes ahead of the truth, as one entry more; false: no such limit. */
bool shaping_quota_ahead(struct shaping_quota *, enum shaping_quota_kind, int64_t now_ms,
                         struct shaping_quota_entry *ret_entry);
void shaping_quota_saved(struct shaping_quota *); /* what was taken ahead is stored */
