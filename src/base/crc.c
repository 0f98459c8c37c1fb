#include "base/crc.h"
#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = table[0][table[k - 1][i] & 0xff] ^ table[k - 1][i] >> 8;
}

static uint32_t by_table(uint32_t crc, str s)
{
    pthread_once(&table_once, make_table);
    while (s.len >= 8) {
        uint64_t word;
        memcpy(&word, s.ptr, 8);
        word ^= crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table[7 - k][word >> (8 * k) & 0xff];
        s = (str){s.ptr + 8, s.len - 8};
    }
    for (size_t i = 0; i < s.len; i++)
        crc = table[0][(crc ^ (unsigned char)s.ptr[i]) & 0xff] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, str s)
{
    uint64_t crc64 = crc;
    while (s.len >= 8) {
        uint64_t word;
        memcpy(&word, s.ptr, 8);
        crc64 = __builtin_ia32_crc32di(crc64, word);
        s = (str){s.ptr + 8, s.len - 8};
    }
    crc = (uint32_t)crc64;
    if (s.len >= 4) { /* a record's header has 60 bytes */
        uint32_t word;
        memcpy(&word, s.ptr, 4);
        crc = __builtin_ia32_crc32si(crc, word);
        s = (str){s.ptr + 4, s.len - 4};
    }
    for (size_t i = 0; i < s.len; i++)
        crc = __builtin_ia32_crc32qi(crc, (unsigned char)s.ptr[i]);
    return crc;
}
#endif

uint32_t crc32c(uint32_t seed, str bytes)
{
    if (bytes.len == 0)
        return seed;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~by_instruction(~seed, bytes);
#endif
    return ~by_table(~seed, bytes);
}
