/* base/mem.h -- the one place that asks the system for memory
 *
 * Out of memory is not an err: inputs are bounded where they enter, so running out means that the
 * limits are set wrongly for this machine. The process says so and stops; the spool is safe
 * against a stop at any moment.
 */
#pragma once
#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed; never NULL */
void *mem_resize(void *, size_t size);
void mem_free(void *); /* accepts NULL */
char *mem_copy_chars(const char *);

/* Whole pages of the system's, zeroed, at a multiple of their size, which is a power of two. */
void *mem_map(size_t size);
void mem_unmap(void *, size_t size);

/* Overwrite a secret so that the compiler cannot leave it out. */
void mem_wipe(void *, size_t size); /* NULL is fine when there is nothing */

#define MEM_NEW(type) ((type *)mem_alloc(sizeof(type)))
