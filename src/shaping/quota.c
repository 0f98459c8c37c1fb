#include "shaping/quota.h"
#include "base/mem.h"
#include <string.h>

#define MINUTE_MS (60 * 1000LL)

enum {
    QUARTER_SLOTS = SHAPING_QUOTA_SLOTS / 4,
    NEAR_PERCENT = 80,
    AHEAD_PART = 50,
    AHEAD_LEAST = 4
};

static const int64_t lengths_ms[SHAPING_QUOTA_KINDS] = {MINUTE_MS, 60 * MINUTE_MS,
                                                        24 * 60 * MINUTE_MS, 24 * 60 * MINUTE_MS};
const char *const shaping_quota_names[SHAPING_QUOTA_KINDS] = {
    [SHAPING_QUOTA_MINUTE] = "per_minute",
    [SHAPING_QUOTA_HOUR] = "per_hour",
    [SHAPING_QUOTA_DAY] = "per_day",
    [SHAPING_QUOTA_RECIPIENTS] = "recipients_per_day",
};

/* ---- one window ---------------------------------------------------------------------------- */

static size_t place(int64_t slot) { return (size_t)(slot % SHAPING_QUOTA_RING); }

/* What a slot holds that is so many slots old. */
static uint32_t *aged(struct shaping_quota_window *w, int64_t age)
{
    return &w->slots[place(w->newest - age)];
}

static void step(struct shaping_quota_window *w)
{
    w->quarter_used -= *aged(w, QUARTER_SLOTS);
    w->newest++;
    w->all_used -= *aged(w, 0); /* the place of the oldest */
    *aged(w, 0) = 0;
}

/* The clock was set back: turn the ring so that the newest slot is the one that is now filled. */
static void turn_back(struct shaping_quota_window *w, int64_t slot)
{
    uint32_t slots[SHAPING_QUOTA_RING];
    for (int64_t age = 0; age < SHAPING_QUOTA_RING; age++)
        slots[place(slot - age + SHAPING_QUOTA_RING)] = *aged(w, age);
    memcpy(w->slots, slots, sizeof slots);
    w->newest = slot;
}

static void move_to(struct shaping_quota_window *w, int64_t now_ms)
{
    int64_t slot = now_ms / w->slot_ms;
    if (slot < w->newest)
        turn_back(w, slot);
    if (slot - w->newest > SHAPING_QUOTA_RING) {
        memset(w->slots, 0, sizeof w->slots);
        w->all_used = w->quarter_used = 0;
        w->newest = slot;
    }
    while (w->newest < slot)
        step(w);
}

/* When the slots that are this old and older hold at most so much less that there is room. */
static int64_t when_free(struct shaping_quota_window *w, int64_t oldest_age, uint64_t used,
                         uint64_t limit, uint64_t count)
{
    int64_t age = oldest_age;
    while (age > 0 && used + count > limit)
        used -= *aged(w, age--);
    if (used + count > limit)
        used -= *aged(w, age--);
    /* the slot of age+1 has left the window when `oldest_age - age` slots have passed */
    return (w->newest + oldest_age - age) * w->slot_ms;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static uint64_t limit_of(const struct config_quota *limits, enum shaping_quota_kind kind)
{
    const int values[SHAPING_QUOTA_KINDS] = {limits->per_minute, limits->per_hour, limits->per_day,
                                             limits->recipients_per_day};
    return values[kind] > 0 ? (uint64_t)values[kind] : 0;
}

/* 0: not spread. A minute is short enough as it is. */
static uint64_t quarter_of(const struct config_quota *limits, enum shaping_quota_kind kind)
{
    uint64_t all = limit_of(limits, kind), quarter = all >= 4 ? all / 4 : 1;
    if (limits->spread == QUOTA_SPREAD_NONE || kind == SHAPING_QUOTA_MINUTE)
        return 0;
    if (limits->burst > 0 && (uint64_t)limits->burst > quarter)
        quarter = (uint64_t)limits->burst;
    return quarter < all ? quarter : 0;
}

void shaping_quota_set(struct shaping_quota *quota, const struct config_quota *limits)
{
    quota->limits = *limits;
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        bool wanted = limit_of(limits, (enum shaping_quota_kind)kind) > 0;
        if (wanted && quota->windows[kind] == NULL) {
            quota->windows[kind] = MEM_NEW(struct shaping_quota_window);
            quota->windows[kind]->slot_ms = lengths_ms[kind] / SHAPING_QUOTA_SLOTS;
            quota->told[kind] = SHAPING_QUOTA_QUIET;
        } else if (!wanted) {
            mem_free(quota->windows[kind]);
            quota->windows[kind] = NULL;
        }
    }
}

void shaping_quota_release(struct shaping_quota *quota)
{
    shaping_quota_set(quota, &(struct config_quota){0});
}

static uint64_t counted(enum shaping_quota_kind kind, size_t messages, size_t rcpts)
{
    return kind == SHAPING_QUOTA_RECIPIENTS ? rcpts : messages;
}

static int64_t window_ready(struct shaping_quota *quota, enum shaping_quota_kind kind,
                            uint64_t count, int64_t now_ms)
{
    struct shaping_quota_window *w = quota->windows[kind];
    uint64_t all = limit_of(&quota->limits, kind), quarter = quarter_of(&quota->limits, kind);
    move_to(w, now_ms);
    int64_t ready_ms = 0;
    uint64_t want = count < all ? count : all;
    if (w->all_used + want > all)
        ready_ms = when_free(w, SHAPING_QUOTA_SLOTS, w->all_used, all, want);
    want = count < quarter ? count : quarter;
    if (quarter > 0 && w->quarter_used + want > quarter) {
        int64_t then_ms = when_free(w, QUARTER_SLOTS, w->quarter_used, quarter, want);
        ready_ms = then_ms > ready_ms ? then_ms : ready_ms;
    }
    return ready_ms;
}

static bool is_vouched(struct shaping_quota *quota, enum shaping_quota_kind kind, uint64_t count)
{
    if (!quota->keeps || kind == SHAPING_QUOTA_MINUTE ||
        quota->taken[kind] + count <= quota->vouched[kind])
        return true;
    if (count > quota->wanted[kind])
        quota->wanted[kind] = count;
    return false;
}

int64_t shaping_quota_ready(struct shaping_quota *quota, size_t rcpts, int64_t now_ms,
                            enum shaping_quota_kind *ret_kind)
{
    int64_t ready_ms = 0;
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        if (quota->windows[kind] == NULL)
            continue;
        enum shaping_quota_kind k = (enum shaping_quota_kind)kind;
        int64_t then_ms = window_ready(quota, k, counted(k, 1, rcpts), now_ms);
        if (then_ms <= now_ms && !is_vouched(quota, k, counted(k, 1, rcpts)))
            then_ms = now_ms + SHAPING_QUOTA_UNSAVED_MS;
        if (then_ms > ready_ms) {
            ready_ms = then_ms;
            *ret_kind = k;
        }
    }
    return ready_ms;
}

static void add(struct shaping_quota_window *w, uint64_t count)
{
    uint32_t *slot = aged(w, 0);
    uint64_t room = UINT32_MAX - *slot;
    count = count < room ? count : room;
    *slot += (uint32_t)count;
    w->all_used += count;
    w->quarter_used += count;
}

void shaping_quota_take(struct shaping_quota *quota, size_t rcpts, int64_t now_ms)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++)
        if (quota->windows[kind]) {
            move_to(quota->windows[kind], now_ms);
            uint64_t count = counted((enum shaping_quota_kind)kind, 1, rcpts);
            add(quota->windows[kind], count);
            quota->taken[kind] += count;
        }
}

/* Where the slot of that time still counts, less is in it. */
static void take_out(struct shaping_quota_window *w, uint64_t count, int64_t taken_ms)
{
    int64_t age = w->newest - taken_ms / w->slot_ms;
    if (age < 0 || age >= SHAPING_QUOTA_RING)
        return;
    uint32_t *slot = aged(w, age);
    count = count < *slot ? count : *slot;
    *slot -= (uint32_t)count;
    w->all_used -= count;
    if (age <= QUARTER_SLOTS)
        w->quarter_used -= count;
}

void shaping_quota_give(struct shaping_quota *quota, size_t messages, size_t rcpts,
                        int64_t taken_ms, int64_t now_ms)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++)
        if (quota->windows[kind]) {
            move_to(quota->windows[kind], now_ms);
            take_out(quota->windows[kind], counted((enum shaping_quota_kind)kind, messages, rcpts),
                     taken_ms);
        }
}

bool shaping_quota_look(struct shaping_quota *quota, enum shaping_quota_kind kind, int64_t now_ms,
                        struct shaping_quota_use *ret_use)
{
    struct shaping_quota_window *w = quota->windows[kind];
    if (w == NULL)
        return false;
    move_to(w, now_ms);
    *ret_use = (struct shaping_quota_use){limit_of(&quota->limits, kind), w->all_used,
                                          quarter_of(&quota->limits, kind), w->quarter_used};
    return true;
}

bool shaping_quota_is_used(struct shaping_quota *quota, int64_t now_ms)
{
    struct shaping_quota_use use;
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++)
        if (shaping_quota_look(quota, (enum shaping_quota_kind)kind, now_ms, &use) && use.used > 0)
            return true;
    return false;
}

enum shaping_quota_alarm shaping_quota_alarm(struct shaping_quota *quota,
                                             enum shaping_quota_kind kind, int64_t now_ms)
{
    struct shaping_quota_use use;
    if (!shaping_quota_look(quota, kind, now_ms, &use))
        return SHAPING_QUOTA_QUIET;
    uint8_t is = use.used >= use.limit                        ? SHAPING_QUOTA_FULL
                 : use.used * 100 >= use.limit * NEAR_PERCENT ? SHAPING_QUOTA_NEAR
                                                              : SHAPING_QUOTA_QUIET;
    uint8_t was = quota->told[kind];
    if (is > was || is == SHAPING_QUOTA_QUIET)
        quota->told[kind] = is;
    return is > was ? (enum shaping_quota_alarm)is : SHAPING_QUOTA_QUIET;
}

void shaping_quota_export(struct shaping_quota *quota, int64_t now_ms,
                          void (*tell)(void *arg, const struct shaping_quota_entry *), void *arg)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        struct shaping_quota_window *w = quota->windows[kind];
        if (w == NULL)
            continue;
        move_to(w, now_ms);
        for (int64_t age = SHAPING_QUOTA_SLOTS; age >= 0; age--)
            if (*aged(w, age) > 0)
                tell(arg,
                     &(struct shaping_quota_entry){(enum shaping_quota_kind)kind,
                                                   (w->newest - age) * w->slot_ms, *aged(w, age)});
    }
}

void shaping_quota_import(struct shaping_quota *quota, const struct shaping_quota_entry *entry,
                          int64_t now_ms)
{
    struct shaping_quota_window *w = quota->windows[entry->kind];
    if (w == NULL)
        return;
    move_to(w, now_ms);
    int64_t age = w->newest - entry->at_ms / w->slot_ms;
    if (age >= SHAPING_QUOTA_RING)
        return;
    age = age > 0 ? age : 0;
    uint32_t *slot = aged(w, age);
    uint32_t room = UINT32_MAX - *slot, count = entry->count < room ? entry->count : room;
    *slot += count;
    w->all_used += count;
    if (age <= QUARTER_SLOTS)
        w->quarter_used += count;
}

/* ---- vouched for ---------------------------------------------------------------------------- */

void shaping_quota_keep(struct shaping_quota *quota) { quota->keeps = true; }

bool shaping_quota_ahead(struct shaping_quota *quota, enum shaping_quota_kind kind, int64_t now_ms,
                         struct shaping_quota_entry *ret_entry)
{
    struct shaping_quota_window *w = quota->windows[kind];
    if (w == NULL)
        return false;
    uint64_t ahead = limit_of(&quota->limits, kind) / AHEAD_PART;
    if (ahead < AHEAD_LEAST)
        ahead = AHEAD_LEAST;
    if (ahead < quota->wanted[kind])
        ahead = quota->wanted[kind];
    move_to(w, now_ms);
    quota->wanted[kind] = 0;
    quota->offered[kind] = quota->taken[kind] + ahead;
    *ret_entry =
        (struct shaping_quota_entry){kind, w->newest * w->slot_ms, *aged(w, 0) + (uint32_t)ahead};
    return true;
}

void shaping_quota_saved(struct shaping_quota *quota)
{
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++)
        quota->vouched[kind] = quota->offered[kind];
}
