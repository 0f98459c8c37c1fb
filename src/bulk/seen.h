/* bulk/seen.h -- who has had it: a state for each recipient of a campaign
 *
 * A set of keys with two bits of state each; a key is 62 bits of a hash of campaign and recipient.
 * It finds duplicates in a list, and what a run before this one has done.
 *
 * The same memory for any number of them: the last ones that were set are in memory, and when there
 * are many they are merged into a file, a hash table of pages. The file is nobody's but ours and
 * has no name any more once it is open; what it tells stands in the journal, too, so it is never
 * synced. It takes 13 to 27 bytes a recipient.
 *
 * With a file these block for moments.
 */
#pragma once
#include "base/err.h"

enum bulk_seen_state {
    BULK_SEEN_NEVER,
    BULK_SEEN_DOUBT, /* offered, and no reply is known */
    BULK_SEEN_DONE,  /* taken, or refused for good */
    BULK_SEEN_LATER, /* refused for now, or not tried after all */
};

enum { BULK_SEEN_MAX = 200 << 20 };

struct bulk_seen;
/* folder: where the file will be; NULL: $TMPDIR, or /var/tmp. */
struct bulk_seen *bulk_seen_open(const char *folder);
void bulk_seen_close(struct bulk_seen *);          /* accepts NULL */
uint64_t bulk_seen_key(str campaign, str address); /* the address as it is compared */
must_use err bulk_seen_get(struct bulk_seen *, uint64_t key, enum bulk_seen_state *ret_state);
/* ERR_LIMIT: more than BULK_SEEN_MAX. ERR_SYSTEM: the disk. */
must_use err bulk_seen_set(struct bulk_seen *, uint64_t key, enum bulk_seen_state);
must_use err bulk_seen_states(struct bulk_seen *, uint64_t *ret_doubt, uint64_t *ret_later);
