/* base/mem.h -- the one place that asks the system for memory
 *
 * Out of memory is not an err: inputs are bounded where they enter, so running out means that the
 * limits are set wrongly for this machine. The process says so and stops; the spool is safe
 * against a stop at any moment.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size); /* zeroed; never NULL */
void *mem_resize(void *, size_t size);
void mem_free(void *); /* accepts NULL */
char *mem_copy_chars(const char *);

/* Whole pages of the system's, zeroed, at a multiple of their size, which is a power of two. */
void *mem_map(size_t size);
void mem_unmap(void *, size_t size);

/* What was freed is kept for what comes next, and after much work that is many megabytes, between
 * the little that stayed. Who looks about once a second gives it back to the system in the first
 * second that is quiet again, which takes some milliseconds. True: it was given back now. */
struct mem_quiet { /* of the whole process; begins with zeros */
    int64_t cpu_ns;
    bool worked;
};
bool mem_quiet_look(struct mem_quiet *);

/* Overwrite a secret so that the compiler cannot leave it out. */
void mem_wipe(void *, size_t size); /* NULL is fine when there is nothing */

#define MEM_NEW(type) ((type *)mem_alloc(sizeof(type)))
