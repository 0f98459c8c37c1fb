/* shaping/warmup.h -- how much a new address may send to a provider today
 *
 * An egress that nobody knows earns its name by sending a little, then more. A *plan* is a list of
 * daily caps for one egress and one site ("google", or "others": all that have no plan of their
 * own, together); the *track* is how far it has come. A day on which enough was sent and nothing
 * bad was heard is followed by the plan's next; too many "slow down" keep it where it is; blocks
 * and "this is spam" step it back at once, and so today's cap with it. Days without mail do not
 * count. After the last day there is no cap.
 *
 * A cap counts recipients, and a day is one of the plan's time zone. It is let out by the quarter
 * hour over the hours in which the plan sends: what was not used may be caught up with, but no
 * quarter hour gets more than WARMUP_CATCH_UP times its even share. Each message finds room or not
 * as a whole; one that is larger than a day's cap goes as the first of a day.
 *
 * Pure, and not thread-safe: the shaper calls it under its lock. Times are real time in ms. A clock
 * that goes back does not open a day again: what was counted stays counted.
 *
 * What is counted survives a crash on the safe side. Once warmup_keep() was called, no more goes
 * out than the last saved records vouch for: a record has taken the next half hour's mail before it
 * is sent. A crash loses that allowance at most, and never gives it twice.
 */
#pragma once
#include "base/str.h"
#include "events/event.h"
#include "outcome/class.h"

enum {
    WARMUP_DAYS_MAX = 366,
    WARMUP_CAP_MAX = 1000 * 1000 * 1000, /* of a day; also what "no cap" shows as */
    WARMUP_TRACKS_MAX = 8192,
    WARMUP_NAME_BYTES_MAX = 255,
    WARMUP_SLOT_MS = 15 * 60 * 1000,
    WARMUP_CATCH_UP = 4,
    WARMUP_JUDGED_LEAST = 20,     /* replies in a day before it may be stepped back within it */
    WARMUP_PAUSED_MS = 60 * 1000, /* a paused track is looked at again */
    WARMUP_UNSAVED_MS = 500,      /* …and one that waits for its record to be saved */
    WARMUP_CLOCK_BACK_DAYS = 2,   /* further back: the clock was wrong before, not now */
};
#define WARMUP_OTHERS S("others")

/* ---- plans -------------------------------------------------------------------------------- */

struct warmup_rules {
    int32_t start_day; /* days since 1970 in its zone; nothing goes before it. 0: at once */
    int zone_minutes;  /* east of UTC */
    uint32_t hours;    /* bit h: it sends from h:00 to h:59; 0: as all */
    bool waits;        /* mail above the cap waits for this egress; else another one is taken */
    int blocks, spam;  /* above this share of replies it steps back; in hundredths of a percent */
    int deferrals;     /* above this one it stays */
    int fill;          /* a day below this share of its cap does not count, and it stays */
    int back;          /* steps */
};

struct warmup_plan {
    str egress, site;
    struct warmup_rules rules;
    const int *caps; /* of day 1, 2, …: each at least 1 */
    int days;        /* 0: this site has no caps */
};

struct warmup;
struct warmup_track;

void warmup_open(const struct event_sink *, struct warmup **ret_warmup); /* the sink may be NULL */
void warmup_close(struct warmup *);                                      /* accepts NULL */

/* These plans from now on (copied). A track that is there keeps its place; one without a plan any
 * more limits nothing, and its pointer stays good. ERR_LIMIT: too many. */
must_use err warmup_set_plans(struct warmup *, const struct warmup_plan *, size_t count);

/* ---- for the shaper ----------------------------------------------------------------------- */

/* The track of mail that goes from that egress to that site of that provider (may be empty). NULL:
 * it has no plan, or goes to a server of a route ("via …"), whose own address counts. Ask again
 * after warmup_set_plans(). */
struct warmup_track *warmup_track(struct warmup *, str egress, str site, str provider);

/* 0: a message to so many recipients may go now; else the time when there may be room. */
int64_t warmup_ready_ms(struct warmup_track *, int64_t now_ms, size_t rcpts);
/* Why not, in a sentence, cut at size: "out1 to google: day 3 of 30: 170 of 170 sent today" */
void warmup_why(struct warmup_track *, int64_t now_ms, char *ret_text, size_t size);
/* Mail that finds no room waits for this egress and goes by no other. */
bool warmup_waits(const struct warmup_track *);

/* They go now. The number returned is the day they count for, to be given back with them. */
int32_t warmup_count(struct warmup_track *, int64_t now_ms, size_t rcpts);
void warmup_return(struct warmup_track *, int32_t day, size_t rcpts); /* they were not tried */
/* What a message came to: the worst that was said. Also for a complaint that comes later. */
void warmup_told(struct warmup_track *, int64_t now_ms, enum outcome_class);

/* ---- records ------------------------------------------------------------------------------ */

enum warmup_mode {
    WARMUP_ON,
    WARMUP_PAUSED, /* by the operator: nothing goes */
    WARMUP_DONE,
};

/* All that a track is, to be stored. */
struct warmup_record {
    str egress, site;
    enum warmup_mode mode;
    int step;        /* of the plan, from 0 */
    int32_t day;     /* that the counts are of; days since 1970 in the plan's zone; 0: none yet */
    int64_t own_cap; /* the operator's instead of the plan's; 0: none */
    int64_t sent;    /* that day; in a stored record with what it has taken ahead */
    int slot;        /* quarter hour of that day, and what was sent in it */
    int64_t slot_sent;
    int64_t told, blocks, spam, deferrals; /* replies that day */
    bool stepped_back;                     /* that day */
};

/* From now on nothing is sent that no saved record vouches for. */
void warmup_keep(struct warmup *);
/* Take over what was stored; one without a plan is dropped. False: it was. */
bool warmup_load(struct warmup *, const struct warmup_record *);
/* One after another: start with *position 0, until false. Good until the next change. ahead: as it
 * is to be stored while the server runs; else as it is now, for a server that stops. */
bool warmup_next(struct warmup *, int64_t now_ms, bool ahead, size_t *position,
                 struct warmup_record *ret_record);
/* Is there something to be saved, and does mail wait for it? */
bool warmup_is_changed(const struct warmup *);
bool warmup_is_waiting(const struct warmup *);
/* These records (as warmup_next() gave them) are safe now. */
void warmup_saved(struct warmup *, const struct warmup_record *, size_t count);

/* ---- for the operator --------------------------------------------------------------------- */

enum warmup_change {
    WARMUP_SET_DAY, /* from 1 */
    WARMUP_SET_CAP, /* 0: the plan's again */
    WARMUP_PAUSE,
    WARMUP_RESUME,
    WARMUP_FINISH,
};
/* An empty site: all of that egress. *ret_count: tracks changed; none: there is no such plan.
 * ERR_CONFIG: the plan has no such day, or the number is out of its range. */
must_use err warmup_set(struct warmup *, int64_t now_ms, str egress, str site, enum warmup_change,
                        int64_t value, size_t *ret_count);

struct warmup_facts {
    str egress, site;
    const char *state; /* "waiting", "on", "paused", "done" */
    int day, days;
    int64_t cap, sent, left; /* today */
    int64_t told, blocks, spam, deferrals;
    bool stepped_back, waits;
    const char *outlook; /* what becomes of the day as it is: "on", "stay", "back" */
    int64_t next_ms;     /* when one more may go; 0: now */
};
/* As warmup_next(), of those that have a plan. */
bool warmup_look(struct warmup *, int64_t now_ms, size_t *position, struct warmup_facts *ret_facts);
