/* base/table.h -- a hash table from byte strings to objects
 *
 * The table stores pointers to objects that belong to somebody else and asks key_of() for an
 * object's key. Hashing is SipHash-1-3 under a key drawn at start, so that a peer who chooses keys
 * cannot make them collide.
 */
#pragma once
#include "base/str.h"

struct table {
    str (*key_of)(const void *object);
    struct table_slot *slots;
    size_t len, cap, used; /* used counts slots that were removed as well */
};

void table_init(struct table *, str (*key_of)(const void *object));
void table_release(struct table *);              /* the objects stay their owners' */
void *table_find(const struct table *, str key); /* NULL: not there */
void table_add(struct table *, void *object);    /* its key must not be there yet */
void *table_remove(struct table *, str key);     /* what was removed, or NULL */

/* Walk: start with 0, until NULL. The object just returned may be removed. */
void *table_next(const struct table *, size_t *position);

uint64_t table_hash(str key);
uint64_t hash_fixed(str key); /* the same on every run: for choosing an owner by name */
