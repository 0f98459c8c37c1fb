/* queue/id.h -- the name of a message in the queue
 *
 * 13 characters of 0-9 and A-Z without I, L, O and U. Names sort by the time they were given out
 * and are never used twice, not even after a restart with a clock that went back.
 */
#pragma once
#include "base/str.h"

enum { QUEUE_ID_CHARS = 13 };

typedef struct queue_id {
    char text[QUEUE_ID_CHARS + 1]; /* NUL-terminated */
} queue_id;

queue_id queue_id_format(uint64_t number);
/* False for anything that queue_id_format does not write: an id never reaches a path unchecked. */
bool queue_id_parse(str text, uint64_t *ret_number);
