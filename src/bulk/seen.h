/* bulk/seen.h -- who has had it: one word for each recipient of a campaign
 *
 * A set of keys with two bits of state each; a key is 62 bits of a hash of campaign and recipient.
 * Eight bytes a recipient and some room: 16 MiB for a million. It finds duplicates in a list, and
 * what a run before this one has done.
 */
#pragma once
#include "base/str.h"

enum bulk_seen_state {
    BULK_SEEN_NEVER,
    BULK_SEEN_DOUBT, /* offered, and no reply is known */
    BULK_SEEN_DONE,  /* taken, or refused for good */
    BULK_SEEN_LATER, /* refused for now, or not tried after all */
};

enum { BULK_SEEN_MAX = 200 << 20 };

struct bulk_seen;
struct bulk_seen *bulk_seen_open(void);
void bulk_seen_close(struct bulk_seen *);          /* accepts NULL */
uint64_t bulk_seen_key(str campaign, str address); /* the address as it is compared */
enum bulk_seen_state bulk_seen_get(const struct bulk_seen *, uint64_t key);
/* False: the set is full. */
bool bulk_seen_set(struct bulk_seen *, uint64_t key, enum bulk_seen_state);
void bulk_seen_states(const struct bulk_seen *, uint64_t *ret_doubt, uint64_t *ret_later);
size_t bulk_seen_count(const struct bulk_seen *);
