#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_stop(void *memory, size_t size)
{
    if (memory != NULL)
        return memory;
    fprintf(stderr, "smtptool: out of memory (%zu bytes asked): lower limits.connections\n", size);
    abort();
}

void *mem_alloc(size_t size) { return or_stop(calloc(1, size ? size : 1), size); }

void *mem_resize(void *memory, size_t size)
{
    return or_stop(realloc(memory, size ? size : 1), size);
}

void mem_free(void *memory) { free(memory); }

char *mem_copy_chars(const char *text) { return or_stop(strdup(text), strlen(text)); }

void mem_wipe(void *memory, size_t size) { explicit_bzero(memory, size); }
