/* shaping/bucket.h -- an even rate with bursts (GCRA), to the nanosecond
 *
 * A bucket is the time at which its debt is paid (the "theoretical arrival time"): each message
 * adds one interval, and one may go as long as the debt is below burst intervals. In any stretch of
 * time T at most burst + T / interval go. Plain data; the caller gives the time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct shaping_bucket {
    int64_t paid_ns; /* steady */
};

/* From when on one more may go: now or earlier means at once. interval_ns 0: no limit. */
static inline int64_t shaping_bucket_ready(const struct shaping_bucket *bucket, int64_t interval_ns,
                                           int64_t burst)
{
    return interval_ns == 0 ? INT64_MIN : bucket->paid_ns - (burst - 1) * interval_ns;
}

static inline void shaping_bucket_take(struct shaping_bucket *bucket, int64_t interval_ns,
                                       int64_t now_ns)
{
    bucket->paid_ns = (bucket->paid_ns > now_ns ? bucket->paid_ns : now_ns) + interval_ns;
}

/* What was taken has not been used. */
static inline void shaping_bucket_give(struct shaping_bucket *bucket, int64_t interval_ns)
{
    bucket->paid_ns -= interval_ns;
}
