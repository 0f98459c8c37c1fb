#include "base/rand.h"
#include "tests/test.h"

TEST(rand_bytes_fill_all)
{
    unsigned char bytes[1000] = {0}, guard = 0;
    unsigned seen[256] = {0}, kinds = 0;
    rand_bytes(bytes, sizeof bytes); /* more than the kernel gives in one uncut read */
    rand_bytes(&guard, 0);
    CHECK(guard == 0, "nothing asked, nothing written");
    for (size_t i = 0; i < sizeof bytes; i++)
        seen[bytes[i]]++;
    for (size_t i = 0; i < 256; i++)
        kinds += seen[i] > 0;
    CHECK(kinds > 200, "all kinds of bytes");
    unsigned tail = 0;
    for (size_t i = 768; i < sizeof bytes; i++)
        tail |= bytes[i];
    CHECK(tail == 255, "to the end");
    CHECK(rand_u64() != rand_u64(), "no repetition");
    CHECK(rand_process_key() == rand_process_key(), "one key a process");
}

TEST(rand_below_stays_below)
{
    static const struct {
        const char *label;
        uint64_t bound;
    } cases[] = {
        {"one",     1                },
        {"two",     2                },
        {"ten",     10               },
        {"large",   (uint64_t)3 << 62},
        {"largest", UINT64_MAX       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int n = 0; n < 1000; n++)
            CHECK(rand_below(cases[i].bound) < cases[i].bound, cases[i].label);
    unsigned counts[10] = {0};
    for (int n = 0; n < 10000; n++)
        counts[rand_below(10)]++;
    for (int i = 0; i < 10; i++)
        CHECK(counts[i] > 800 && counts[i] < 1200, "even"); /* six standard deviations */
}
