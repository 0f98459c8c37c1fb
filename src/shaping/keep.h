/* shaping/keep.h -- the shaping floor's memory while the server runs: read at start, saved as it
 * goes
 *
 * A thread looks every second: what mail waits for is saved at once, other changes every few
 * seconds, and all of it when the server stops. While nothing can be saved (a full disk) an egress
 * that is being warmed up sends only what earlier records vouch for; it is logged once.
 */
#pragma once
#include "shaping/state.h"

enum {
    SHAPING_KEEP_LOOK_MS = 1000,
    SHAPING_KEEP_SAVE_MS = 5000,
};

struct shaping_keep_options {
    const char *path; /* of the file: shaping/state.h */
    struct warmup *warmup;
    /* Runs a function with what guards the warm-up plans held; it may not wait. NULL: nobody else
     * uses them but by shaping_keep_with(). */
    void (*with)(void *owner, void (*run)(void *arg), void *arg);
    void *owner;
};

struct shaping_keep;

/* Reads what there is into the plans, which are configured already, and starts the thread. Blocks.
 * A damaged file is set aside and logged. */
must_use err shaping_keep_open(const struct shaping_keep_options *, struct shaping_keep **ret_keep);
/* Saves what changed, exactly, and ends the thread. When nobody sends any more. Accepts NULL. */
void shaping_keep_close(struct shaping_keep *);

/* Run that with the plans guarded; it may not wait. */
void shaping_keep_with(struct shaping_keep *, void (*run)(struct warmup *, void *arg), void *arg);
