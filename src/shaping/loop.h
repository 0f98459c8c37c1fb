/* shaping/loop.h -- how fast and over how many connections a lane may go now: the closed loop
 *
 * Pure: replies go in with their time, limits come out. Plain data; the caller gives the time.
 *
 * Rate. Nothing is paced before the site first says "too fast". Each such *episode* (all refusals
 * of messages that were already on their way count as one) ends a climb or a test:
 *   - After a climb the site's patience may have been saved up, so what it took of late says too
 *     much: we go back to the pace before the last step, and a *test* of it begins.
 *   - When a pace is refused without a climb, the allowance was used up at both ends, so what was
 *     accepted in between, over the time it took, is the allowed rate: we go on just below it.
 *   - When a site takes nothing for a long time and then goes on, it counts in windows: what was
 *     accepted since it did so before, over all that time, is the allowed rate.
 *   - When a slow pace is refused again soon, and for long, the site takes less than it did: the
 *     same measure, but until half of the last wait, for the site went on at some moment in it.
 * What holds is kept for a while (longer each time that it turns out the same), then it is climbed
 * from in steps that double. So a raised limit is found within minutes, and a steady one is touched
 * seldom. Time in which nobody had anything to send is not counted, and the pace climbs only when
 * it is used.
 *
 * Connections. Each one that is refused is one less at once; a quarter more a minute, one in five
 * minutes near the number that was refused. A server that refuses the only connection is down.
 *
 * Pauses. An address that is blocked, or a site that cannot be reached, is left alone for a while
 * (shaping/gate.h) and then probed with one message.
 */
#pragma once
#include "outcome/class.h"
#include "shaping/bucket.h"
#include "shaping/gate.h"

enum shaping_loop_step { /* what changed, for the event */
                         SHAPING_LOOP_NOTHING,
                         SHAPING_LOOP_SLOWER,
                         SHAPING_LOOP_FASTER,
                         SHAPING_LOOP_FEWER, /* connections */
                         SHAPING_LOOP_MORE,
                         SHAPING_LOOP_PAUSED,
                         SHAPING_LOOP_PROBING,
                         SHAPING_LOOP_RESUMED,
                         SHAPING_LOOP_STEPS
};
extern const char *const shaping_loop_steps[SHAPING_LOOP_STEPS]; /* "slower" */

enum {
    SHAPING_LOOP_SLOTS = 128,
    SHAPING_LOOP_CONNECTIONS_START = 4, /* of a careful beginning */
    SHAPING_LOOP_RECENT = 20,           /* replies whose share of refusals is looked at */
};

/* What stands in the way. */
enum shaping_loop_obstacle {
    SHAPING_LOOP_FREE,
    SHAPING_LOOP_PACE,        /* the learned rate */
    SHAPING_LOOP_TOLD,        /* a refusal a moment ago */
    SHAPING_LOOP_CONNECTIONS, /* the learned number */
    SHAPING_LOOP_BLOCKED,     /* the address we send from is refused */
    SHAPING_LOOP_DOWN,
};

struct shaping_loop {
    double rate;    /* messages a second; 0: not paced */
    double base;    /* the pace after the last episode: above it we climb */
    double before;  /* the pace before the present step */
    double settled; /* the last one that was measured */
    int gentle;     /* messages that go a little slower, after an episode */
    bool proven;    /* the base was good for a whole hold */
    int shocks;     /* refusals soon after another, in a row */
    double refused; /* the pace that was refused last */
    struct shaping_bucket bucket;
    int64_t episode_ns;    /* the begin of the last; 0: none yet */
    int64_t lasted_ns;     /* it took so long until a message passed */
    int64_t resume_ns;     /* what was taken before does not count any more */
    int64_t backoff_ns;    /* of the next refusal in a row; 0: the episode is over */
    bool trying;           /* one message finds out whether it is */
    double accepted;       /* since the episode was over */
    int64_t busy_ns;       /* of the time since then, in which somebody had something to send */
    double cycle_accepted; /* since the end of the episode before */
    int64_t cycle_ns;
    int64_t window_ns; /* that the site seems to count in: a step lasts as long; 0: none seen */
    int64_t taken_ns;  /* when the last message was taken */
    int64_t hold_ns, hold_until_ns;
    double climb;    /* of the next step, as a share */
    int64_t step_ns; /* when the present step began */
    double step_accepted;
    uint32_t recent_accepted[SHAPING_LOOP_SLOTS]; /* ring, two seconds each */
    int64_t recent_slot;                          /* the newest */

    /* Connections; 0: not limited. */
    int connections, connections_refused;
    int64_t connections_ns; /* when they changed */
    int started;            /* of a careful beginning: allowed so far */

    struct shaping_gate blocked, down;
    int failures;                       /* without any answer, in a row */
    int8_t recent[SHAPING_LOOP_RECENT]; /* ring: 0 fine, 1 their trouble, 2 our mail was refused */
    uint32_t heard;                     /* replies so far */
    int recent_trouble, recent_refused;
};

/* careful: few connections at first, one more for each message that goes well. */
void shaping_loop_init(struct shaping_loop *, bool careful);

/* Paced like this from now on, as it was found out before. */
void shaping_loop_set_rate(struct shaping_loop *, double rate, int64_t now_ns);

/* May a message go, with so many connections in use? *ret_until_ns (steady; 0: not known) is set
 * when not. *ret_probe: it would be a probe. */
enum shaping_loop_obstacle shaping_loop_ask(const struct shaping_loop *, int in_use, int64_t now_ns,
                                            int64_t *ret_until_ns, bool *ret_probe);
/* It goes. */
void shaping_loop_take(struct shaping_loop *, bool probe, int64_t now_ns);
/* It did not go after all. */
void shaping_loop_give(struct shaping_loop *, bool probe);

struct shaping_loop_reply {
    enum outcome_class class;
    int code; /* 0: nobody answered */
    bool connected, accepted, probe;
    uint32_t wait_seconds;
    int64_t taken_ns; /* when the message was taken */
    int in_use;       /* connections, this one included */
};
/* What became of a message. *ret_reason: in a few words, when there was a step. */
enum shaping_loop_step shaping_loop_hear(struct shaping_loop *, const struct shaping_loop_reply *,
                                         int64_t now_ns, const char **ret_reason);

/* Connections that may be in use; 0: not limited. */
int shaping_loop_connections_max(const struct shaping_loop *);
/* Nothing was learned that is worth remembering. */
bool shaping_loop_plain(struct shaping_loop *, int64_t now_ns);
