/* config/suggest.h -- "did you mean": the known word nearest to a wrong one */
#pragma once
#include "base/str.h"

struct config_suggest {
    str wrong;
    str best; /* empty: nothing is near enough */
    size_t distance;
};

void config_suggest_init(struct config_suggest *, str wrong);

/* Offer every known word, in any order; then look at best. */
void config_suggest_offer(struct config_suggest *, str known);

/* Letters to insert, remove, replace or swap; SIZE_MAX when a word is too long to be one of ours.
 */
size_t config_suggest_distance(str a, str b);
