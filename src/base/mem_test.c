#include "base/mem.h"
#include "tests/test.h"
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OBJECTS = 32000, OBJECT_BYTES = 1000, STAYS = 64 };

static int64_t cpu_ms(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (int64_t)cpu.tv_sec * 1000 + cpu.tv_nsec / 1000000;
}

static void work(void)
{
    int64_t until = cpu_ms() + 150;
    while (cpu_ms() < until)
        ;
}

static long resident_pages(void)
{
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%ld %ld", &all, &resident) != 2) // NOLINT(cert-err34-c): the kernel's
        resident = 0;
    if (f)
        fclose(f);
    return resident;
}

/* Some other allocator, which watches. */
static bool is_replaced(void) { return mallinfo2().uordblks == 0; }

TEST(mem_is_given_back_when_it_is_quiet)
{
    struct mem_quiet quiet = {0};
    void **objects = mem_alloc(OBJECTS * sizeof *objects);
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = memset(mem_alloc(OBJECT_BYTES), 'x', OBJECT_BYTES);
    for (size_t i = 0; i < OBJECTS; i++)
        if (i % STAYS)
            mem_free(objects[i]);
    mem_quiet_look(&quiet);
    work();
    CHECK(!mem_quiet_look(&quiet), "there was work");
    long before = resident_pages();
    CHECK(mem_quiet_look(&quiet), "it is quiet");
    long gone = before - resident_pages();
    CHECK(!mem_quiet_look(&quiet), "once");
    CHECK(is_replaced() || gone > 32000000 / 4096 / 2, "most of it");
    for (size_t i = 0; i < OBJECTS; i += STAYS)
        mem_free(objects[i]);
    mem_free(objects);
}
