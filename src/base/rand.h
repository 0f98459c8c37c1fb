/* base/rand.h -- randomness: from the kernel, or seeded for a replay
 *
 * rand_bytes() is good for secrets. In a simulation rand_seed() makes everything that is drawn
 * here repeatable. The process key is drawn once: only a process that has never hashed before it is
 * seeded walks its tables in the same order again (and no order may be relied on).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *ret_bytes, size_t size);
uint64_t rand_u64(void);
uint64_t rand_below(uint64_t bound);    /* 0..bound-1, even; bound > 0 */
void rand_seed(uint64_t seed);          /* simulation only */
void rand_seed_off(void);               /* back to the kernel */
const uint64_t *rand_process_key(void); /* two words, drawn once */
