#include "runtime/fault.h"
#include "runtime/fiber.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

struct point {
    const char *name;
    int hits, nth, number;
    bool armed, sticky;
    enum fault_kind kind;
};

static bool active;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct point points[FAULT_POINTS_MAX];
static size_t point_count;
static void (*crash)(void *arg);
static void *crash_arg;
static const char *last = "";
static _Thread_local int short_number; /* 0: the next write is whole */

/* The linker gathers the section and names its ends; weak: a program may have no points. */
extern const char *const __start_fault_names[] __attribute__((weak));
extern const char *const __stop_fault_names[] __attribute__((weak));

size_t fault_names(const char *ret_names[FAULT_POINTS_MAX])
{
    size_t count = 0;
    for (const char *const *at = __start_fault_names; at < __stop_fault_names; at++) {
        size_t place = 0;
        while (place < count && strcmp(ret_names[place], *at) < 0)
            place++;
        if (place < count && strcmp(ret_names[place], *at) == 0)
            continue;
        ASSERT(count < FAULT_POINTS_MAX);
        memmove(ret_names + place + 1, ret_names + place, (count - place) * sizeof *ret_names);
        ret_names[place] = *at;
        count++;
    }
    return count;
}

static struct point *find(const char *name)
{
    for (size_t i = 0; i < point_count; i++)
        if (strcmp(points[i].name, name) == 0)
            return &points[i];
    ASSERT(point_count < FAULT_POINTS_MAX);
    points[point_count] = (struct point){.name = name};
    return &points[point_count++];
}

/* Count this hit; true: it is to go wrong. */
static bool hit(const char *name, struct point *ret_point)
{
    pthread_mutex_lock(&lock);
    struct point *p = find(name);
    p->hits++;
    last = p->name;
    bool now = p->armed && (p->sticky ? p->hits >= p->nth : p->hits == p->nth);
    *ret_point = *p;
    pthread_mutex_unlock(&lock);
    return now;
}

/* On a fiber (in the simulation: everywhere), or on a thread that may block. */
static err dawdle(int ms)
{
    if (fiber_current())
        return fiber_sleep(deadline_after(ms));
    struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    return NULL;
}

err fault_hit(const char *name)
{
    struct point p;
    if (!__atomic_load_n(&active, __ATOMIC_RELAXED))
        return NULL;
    short_number = 0;
    if (!hit(name, &p))
        return NULL;
    switch (p.kind) {
    case FAULT_CRASH:
        if (crash)
            crash(crash_arg);
        return NULL;
    case FAULT_SHORT:
        short_number = p.number;
        return NULL;
    case FAULT_SLOW:
        return dawdle(p.number);
    case FAULT_FAIL:
        break;
    }
    errno = p.number;
    return err_new(ERR_SYSTEM, "%s (a fault that a test asked for)", name);
}

bool fault_short(int *ret_number)
{
    if (short_number == 0)
        return false;
    *ret_number = short_number;
    short_number = 0;
    return true;
}

void fault_arm(const char *name, enum fault_kind kind, int number, int nth, bool sticky)
{
    pthread_mutex_lock(&lock);
    struct point *p = find(name);
    p->armed = true;
    p->kind = kind;
    p->number = number;
    p->nth = p->hits + nth;
    p->sticky = sticky;
    pthread_mutex_unlock(&lock);
    __atomic_store_n(&active, true, __ATOMIC_RELAXED);
}

void fault_on_crash(void (*on_crash)(void *arg), void *arg)
{
    crash = on_crash;
    crash_arg = arg;
}

void fault_clear(void)
{
    pthread_mutex_lock(&lock);
    point_count = 0;
    last = "";
    pthread_mutex_unlock(&lock);
    short_number = 0;
    __atomic_store_n(&active, false, __ATOMIC_RELAXED);
}

int fault_hits(const char *name)
{
    pthread_mutex_lock(&lock);
    int hits = find(name)->hits;
    pthread_mutex_unlock(&lock);
    return hits;
}

void fault_count(bool on) { __atomic_store_n(&active, on, __ATOMIC_RELAXED); }

const char *fault_last(void)
{
    pthread_mutex_lock(&lock);
    const char *name = last;
    pthread_mutex_unlock(&lock);
    return name;
}
