/* shaping/shaper_keep.h -- what the shaper remembers over a restart: quotas, pauses, learned paces
 *
 * For shaping/keep.h. All but the restoring is done with the shaper's lock held: shaper_with().
 *
 * What a quota has counted is stored ahead of the truth, as a warm-up is: a little more than was
 * taken, and nothing is taken that a stored count does not vouch for. A crash loses that little (2
 * % of the quota) and never gives it twice. A minute's quota is not kept: it is over by then.
 *
 * A login that was refused is probed within a minute of a start, for somebody may have mended it.
 */
#pragma once
#include "shaping/state.h"

struct shaper;

enum { SHAPER_KEEP_LOGIN_MS = 60 * 1000 };

/* Once, before the first seat is opened; the rows live in the arena, which is the shaper's now. */
void shaper_keep_restore(struct shaper *, struct arena *, const struct shaping_state_rows *);

bool shaper_keep_is_changed(const struct shaper *);
bool shaper_keep_is_waiting(const struct shaper *); /* mail waits for a count to be stored */
/* Fills in quotas, logins and lanes. ahead: as it is to be stored while the server runs. Texts are
 * copied into the arena. */
void shaper_keep_collect(struct shaper *, bool ahead, struct arena *,
                         struct shaping_state_rows *rows);
void shaper_keep_saved(struct shaper *); /* what was collected last is safe now */
