/* shaping/keep.h -- the shaping floor's memory while the server runs: read at start, saved as it
 * goes
 *
 * A thread looks several times a second: what mail waits for is saved at once, other changes every
 * few seconds, and all of it when the server stops. While nothing can be saved (a full disk) an
 * egress that is being warmed up sends only what earlier records vouch for; it is logged once.
 */
#pragma once
#include "shaping/shaper.h"
#include "shaping/state.h"

enum {
    SHAPING_KEEP_LOOK_MS = 200,
    SHAPING_KEEP_SAVE_MS = 5000,
};

struct shaping_keep_options {
    const char *path; /* of the file: shaping/state.h */
    struct warmup *warmup;
    struct shaper *shaper; /* its lock guards the plans; NULL: only shaping_keep_with() uses them */
};

struct shaping_keep;

/* Reads what there is into the plans, which are configured already, and starts the thread. Blocks.
 * A damaged file is set aside and logged. */
must_use err shaping_keep_open(const struct shaping_keep_options *, struct shaping_keep **ret_keep);
/* Saves what changed, exactly, and ends the thread. When nobody sends any more. Accepts NULL. */
void shaping_keep_close(struct shaping_keep *);

/* Run that with the plans guarded; it may not wait. */
void shaping_keep_with(struct shaping_keep *, void (*run)(struct warmup *, void *arg), void *arg);
