/* tests/fuzz.h -- a fuzz target states what must hold for any input
 *
 * The same body runs under libFuzzer (meson -Dfuzz=true) and, replaying tests/corpus/NAME, as
 * a part of the tests.
 */
#pragma once
#include "base/arena.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ(input, arena)                                       \
    static void fuzz_one(str input, struct arena *arena);        \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) \
    {                                                            \
        struct arena *fuzz_arena = arena_open(16 << 20);         \
        fuzz_one((str){(const char *)data, size}, fuzz_arena);   \
        arena_close(fuzz_arena);                                 \
        err_forget();                                            \
        return 0;                                                \
    }                                                            \
    static void fuzz_one(str input, struct arena *arena)
