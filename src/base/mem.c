#include "base/mem.h"
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* CPU time between two looks. */
static const int64_t work_ns = 100 * 1000000, quiet_ns = 50 * 1000000;

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

/* Twice as much is asked for, and what lies before and behind the aligned part is given back. */
void *mem_map(size_t size)
{
    char *wide = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wide == MAP_FAILED)
        return or_stop(NULL, size);
    size_t before = (size - ((uintptr_t)wide & (size - 1))) & (size - 1);
    if (before)
        munmap(wide, before);
    munmap(wide + before + size, size - before);
    return wide + before;
}

void mem_unmap(void *memory, size_t size) { munmap(memory, size); }

bool mem_quiet_look(struct mem_quiet *q)
{
    struct timespec cpu = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    int64_t now_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec, used_ns = now_ns - q->cpu_ns;
    q->cpu_ns = now_ns;
    if (used_ns >= work_ns)
        q->worked = true;
    if (used_ns >= quiet_ns || !q->worked)
        return false;
    q->worked = false;
    malloc_trim(0);
    return true;
}

void mem_wipe(void *memory, size_t size)
{
    if (size > 0)
        explicit_bzero(memory, size);
}
