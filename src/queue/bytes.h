/* queue/bytes.h -- little-endian integers in the spool's files, and a careful reader of them */
#pragma once
#include "base/str.h"
#include <endian.h>
#include <string.h>

static inline void bytes_put(char *to, uint64_t value, size_t count)
{
    uint64_t little = htole64(value);
    memcpy(to, &little, count);
}
static inline void bytes_put16(char *to, uint16_t v) { bytes_put(to, v, 2); }
static inline void bytes_put32(char *to, uint32_t v) { bytes_put(to, v, 4); }
static inline void bytes_put48(char *to, uint64_t v) { bytes_put(to, v, 6); }
static inline void bytes_put64(char *to, uint64_t v) { bytes_put(to, v, 8); }

static inline uint64_t bytes_get(const char *from, size_t count)
{
    uint64_t little = 0;
    memcpy(&little, from, count);
    return le64toh(little);
}
static inline uint16_t bytes_get16(const char *from) { return (uint16_t)bytes_get(from, 2); }
static inline uint32_t bytes_get32(const char *from) { return (uint32_t)bytes_get(from, 4); }
static inline uint64_t bytes_get48(const char *from) { return bytes_get(from, 6); }
static inline uint64_t bytes_get64(const char *from) { return bytes_get(from, 8); }

/* Takes from the front; once there is too little, all further takes are empty and bad is set. */
struct bytes {
    str rest;
    bool bad;
};
static inline struct bytes bytes_of(str s) { return (struct bytes){s, false}; }

static inline str bytes_take(struct bytes *b, size_t count)
{
    if (b->bad || count > b->rest.len) {
        b->bad = true;
        return (str){0};
    }
    str taken = {b->rest.ptr, count};
    b->rest = (str){b->rest.ptr + count, b->rest.len - count};
    return taken;
}
static inline uint8_t bytes_take8(struct bytes *b)
{
    str s = bytes_take(b, 1);
    return b->bad ? 0 : (uint8_t)s.ptr[0];
}
static inline uint16_t bytes_take16(struct bytes *b)
{
    str s = bytes_take(b, 2);
    return b->bad ? 0 : bytes_get16(s.ptr);
}
