/* feedback/set.h -- may this address be on a list? A set of hashes, asked at every recipient
 *
 * "No" is certain, "yes" is looked up. Eight bytes an address and some room: 16 MiB for a million,
 * 128 MiB for all that the list may hold. Nothing is ever taken out: what was removed costs a look
 * more until the next start. Threads may share a set.
 */
#pragma once
#include "base/str.h"

enum { FEEDBACK_SET_MAX = 12 << 20 };

struct feedback_set;
struct feedback_set *feedback_set_open(void);
void feedback_set_close(struct feedback_set *); /* accepts NULL */
/* The address as feedback_list_fold() has it. When the set is full all may be in it. */
void feedback_set_add(struct feedback_set *, str address);
bool feedback_set_is_empty(struct feedback_set *);
bool feedback_set_may_have(struct feedback_set *, str address);
