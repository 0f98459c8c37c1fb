#include "base/rand.h"
#include "base/assert.h"
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

static struct {
    bool seeded;
    uint64_t state;
} replay;

/* splitmix64: every bit of the seed reaches every bit of the output. */
static uint64_t replay_next(void)
{
    uint64_t z = (replay.state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rand_seed(uint64_t seed)
{
    replay.seeded = true;
    replay.state = seed;
}

void rand_seed_off(void) { replay.seeded = false; }

static void kernel_bytes(void *ret_bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t part = size - done < 256 ? size - done : 256; /* such reads are never cut short */
        ssize_t n = getrandom((char *)ret_bytes + done, part, 0);
        ASSERT(n > 0);
        done += (size_t)n;
    }
}

void rand_bytes(void *ret_bytes, size_t size)
{
    if (!replay.seeded) {
        kernel_bytes(ret_bytes, size);
        return;
    }
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)ret_bytes)[i] = (unsigned char)replay_next();
}

uint64_t rand_u64(void)
{
    uint64_t value;
    rand_bytes(&value, sizeof value);
    return value;
}

uint64_t rand_below(uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t uneven = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value;
    do
        value = rand_u64();
    while (value >= uneven);
    return value % bound;
}

static uint64_t process_key[2];

/* In a replay it follows from the seed, too, but takes nothing off what is drawn afterwards. */
static void draw_process_key(void)
{
    uint64_t before = replay.state;
    rand_bytes(process_key, sizeof process_key);
    replay.state = before;
}

const uint64_t *rand_process_key(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_process_key);
    return process_key;
}
