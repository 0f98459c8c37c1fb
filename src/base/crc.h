/* base/crc.h -- CRC-32C (Castagnoli): does what was stored come back? */
#pragma once
#include "base/str.h"

/* Continue from a seed: crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t seed, str bytes);
