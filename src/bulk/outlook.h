/* bulk/outlook.h -- what limits a mailing, and how long it takes therefore
 *
 * Worked out by the limits themselves (ways.h): rate, waves, quotas and warm-up, as they are when
 * nobody else sends and nothing is refused. How many mails are to come is told by the list's lines,
 * so it is about right.
 */
#pragma once
#include "bulk/ways.h"

enum { BULK_OUTLOOK_BYTES = 1000, BULK_OUTLOOK_LOOK_MS = 10 * 1000 };

struct bulk_outlook_options {
    struct bulk_ways *ways;
    const char *list;
    uint64_t before; /* who had it in earlier runs */
    uint64_t limit;  /* 0: none */
    double rate;     /* a second; 0: none */
    uint64_t wave;
    int64_t wave_every_ms;
};

struct bulk_outlook {
    struct bulk_outlook_options options;
    uint64_t rows;                 /* of the list; 0: nobody had to know */
    int64_t left_ms;               /* -1: nothing limits it but the server */
    int64_t looked_ms;             /* steady */
    char text[BULK_OUTLOOK_BYTES]; /* lines: what limits it, and the time; empty: nothing does */
};

/* Reads the list through when there are limits. Blocks. */
must_use err bulk_outlook_begin(struct bulk_outlook *, const struct bulk_outlook_options *);
/* Now and then; progress: 0 to 1, of the list. */
void bulk_outlook_look(struct bulk_outlook *, double progress);
