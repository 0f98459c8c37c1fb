/* bulk/pace.h -- when the next mail may go: rate, waves, a pause, and rates that are too bad
 */
#pragma once
#include "bulk/folder.h"
#include "feedback/list.h"
#include "runtime/fiber.h"
#include "shaping/bucket.h"
#include "template/run.h"

enum {
    BULK_PACE_LOOK_MS = 500,
    BULK_PACE_FEEDBACK_MS = 10 * 1000, /* how often what came back is looked for */
    BULK_PACE_LEAST = 100,             /* mails before a rate means anything */
    BULK_PACE_WORDS = 400,
};

struct bulk_pace_options {
    const char *folder; /* of control */
    double rate;        /* mails a second; 0: no limit */
    uint64_t wave;      /* 0: no waves */
    int64_t wave_every_ms;
    str pause_on;
    struct feedback_list *feedback; /* NULL: nothing comes back to us */
    struct envelope_flow flow;
    const volatile int *stop; /* may be NULL */
};

enum bulk_pace_halt { BULK_PACE_GO, BULK_PACE_PAUSED, BULK_PACE_CANCELED };

struct bulk_pace {
    struct bulk_pace_options options;
    const struct bulk_tally *tally;
    struct arena *arena;
    struct template_names *names;
    struct template_expr pause_on;
    struct shaping_bucket bucket;
    uint64_t given, wave_given;
    int64_t wave_ms; /* when this one began, steady; 0: not yet */
    enum bulk_control control;
    enum bulk_pace_halt halt;
    struct gate gate;
    int64_t looked_ms; /* steady */
    int64_t counts[FEEDBACK_COUNTS];
    char words[BULK_PACE_WORDS]; /* what is waited for, or why it ended; empty: nothing */
};

/* ERR_CONFIG: pause_on has a mistake. Blocks. */
must_use err bulk_pace_init(struct bulk_pace *, const struct bulk_pace_options *,
                            const struct bulk_tally *);
void bulk_pace_release(struct bulk_pace *);

/* May one more mail go now? Else *ret_wait_ms: ask again by then. Nothing is counted. */
bool bulk_pace_ready(struct bulk_pace *, int64_t *ret_wait_ms);
void bulk_pace_count(struct bulk_pace *); /* it goes */
/* On a fiber: wait so long at most, or until something changed. False: no more, see halt. */
bool bulk_pace_await(struct bulk_pace *, int64_t wait_ms);
/* Why nothing goes; an empty text: something does. Kept until the next. */
void bulk_pace_say(struct bulk_pace *, const char *words);
/* Now and then, by one fiber: reads control and what came back, and wakes who waits. Blocks for
 * moments. */
void bulk_pace_look(struct bulk_pace *);
void bulk_pace_halt_now(struct bulk_pace *, enum bulk_pace_halt, const char *why);
