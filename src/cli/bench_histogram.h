/* cli/bench_histogram.h -- how long things took: counts in buckets that grow with the value
 *
 * Each power of two is cut into 64 buckets, so what is read back is at most 1.6 % too high, from
 * one nanosecond to an hour, in a fixed size and without sorting.
 */
#pragma once
#include <stdint.h>

enum {
    BENCH_HISTOGRAM_STEPS = 64,     /* of each power of two */
    BENCH_HISTOGRAM_STEPS_BITS = 6, /* its logarithm */
    BENCH_HISTOGRAM_BITS_MAX = 42,  /* 2^42 ns are 73 minutes; more counts as that */
    BENCH_HISTOGRAM_BUCKETS =
        (BENCH_HISTOGRAM_BITS_MAX - BENCH_HISTOGRAM_STEPS_BITS + 1) * BENCH_HISTOGRAM_STEPS,
};

struct bench_histogram {
    uint64_t count, sum_ns;
    uint64_t max_ns; /* exact */
    uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

/* All zero is an empty one. A time below zero counts as zero. */
void bench_histogram_add(struct bench_histogram *, int64_t ns);
void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from);
/* The time within which so many of a thousand were done (990: p99). 0 when there are none. */
uint64_t bench_histogram_ns(const struct bench_histogram *, int permille);
