#include "cli/bench_histogram.h"
#include "base/assert.h"

static int bucket_of(uint64_t ns)
{
    const uint64_t most = ((uint64_t)1 << BENCH_HISTOGRAM_BITS_MAX) - 1;
    if (ns > most)
        ns = most;
    if (ns < BENCH_HISTOGRAM_STEPS)
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - BENCH_HISTOGRAM_STEPS_BITS;
    return shift * BENCH_HISTOGRAM_STEPS + (int)(ns >> shift);
}

/* The highest value that falls into it. */
static uint64_t bucket_top(int bucket)
{
    if (bucket < BENCH_HISTOGRAM_STEPS)
        return (uint64_t)bucket;
    int shift = bucket / BENCH_HISTOGRAM_STEPS - 1;
    uint64_t step = (uint64_t)(bucket - shift * BENCH_HISTOGRAM_STEPS);
    return ((step + 1) << shift) - 1;
}

void bench_histogram_add(struct bench_histogram *h, int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    h->buckets[bucket_of(value)]++;
    h->count++;
    h->sum_ns += value;
    if (value > h->max_ns)
        h->max_ns = value;
}

void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from)
{
    for (int i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

uint64_t bench_histogram_ns(const struct bench_histogram *h, int permille)
{
    ASSERT(permille > 0);
    ASSERT(permille <= 1000);
    uint64_t wanted = (h->count * (uint64_t)permille + 999) / 1000, seen = 0;
    for (int i = 0; i < BENCH_HISTOGRAM_BUCKETS && h->count > 0; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return bucket_top(i) < h->max_ns ? bucket_top(i) : h->max_ns;
    }
    return h->max_ns;
}
