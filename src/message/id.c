#include "message/id.h"
#include "base/rand.h"
#include <inttypes.h>
#include <stdio.h>

void message_id_unique(int64_t real_ms, char ret_unique[MESSAGE_UNIQUE_CHARS])
{
    uint64_t time = (uint64_t)real_ms & 0xffffffffffff; /* 48 bits last 8,900 years */
    snprintf(ret_unique, MESSAGE_UNIQUE_CHARS, "%" PRIx64 ".%016" PRIx64, time, rand_u64());
}

str message_id_make(struct arena *arena, str hostname, int64_t real_ms)
{
    char unique[MESSAGE_UNIQUE_CHARS];
    message_id_unique(real_ms, unique);
    if (hostname.len == 0)
        hostname = S("localhost");
    return arena_printf(arena, "<%s@%.*s>", unique, STR_ARG(hostname));
}
