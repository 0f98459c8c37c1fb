#include "base/mem.h"
#include "cli/bench_histogram.h"
#include "tests/test.h"

TEST(bench_histogram_precision)
{
    static const int64_t values[] = {0,   1,   63,      64,        65,           127,
                                     128, 999, 1000000, 123456789, 3600000000000};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char label[32];
        snprintf(label, sizeof label, "%lld ns", (long long)values[i]);
        struct bench_histogram *h = MEM_NEW(struct bench_histogram);
        bench_histogram_add(h, values[i]);
        bench_histogram_add(h, INT64_MAX); /* so that the highest is not what is read */
        uint64_t got = bench_histogram_ns(h, 500), value = (uint64_t)values[i];
        CHECK(got >= value, label);
        CHECK(got <= value + value / BENCH_HISTOGRAM_STEPS, label);
        mem_free(h);
    }
}

TEST(bench_histogram_percentiles)
{
    struct bench_histogram *h = MEM_NEW(struct bench_histogram),
                           *other = MEM_NEW(struct bench_histogram);
    CHECK(bench_histogram_ns(h, 500) == 0, "nothing was measured");
    for (int i = 1; i <= 100; i++)
        bench_histogram_add(i % 2 ? h : other, i * 1000);
    bench_histogram_add(h, -5);
    bench_histogram_merge(h, other);
    CHECK(h->count == 101, "merged");
    static const struct {
        int permille;
        uint64_t low, high;
    } cases[] = {
        {1,    0,      0     },
        {500,  50000,  51000 },
        {900,  90000,  92000 },
        {990,  99000,  100000},
        {1000, 100000, 100000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char label[16];
        snprintf(label, sizeof label, "p%d", cases[i].permille);
        uint64_t got = bench_histogram_ns(h, cases[i].permille);
        CHECK(got >= cases[i].low, label);
        CHECK(got <= cases[i].high, label);
    }
    mem_free(h);
    mem_free(other);
}
