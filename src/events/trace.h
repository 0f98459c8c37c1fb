/* events/trace.h -- the life of one message, found again in the event files
 *
 * The file and its rotated siblings (events.jsonl.1, .2.gz, -20261121.gz) are read from the oldest
 * on. What is asked for may be a queue id, a Message-ID or a recipient; the latter two first find
 * the queue ids, so that every event of those messages is told.
 */
#pragma once
#include "events/event.h"

enum {
    EVENTS_TRACE_FILES_MAX = 1000,
    EVENTS_TRACE_IDS_MAX = 10000, /* messages that one question may find */
    EVENTS_TRACE_WINDOW = 256,    /* lines within which those of several threads are put in order */
};

struct events_trace {
    str queue_id, message_id, recipient; /* those that are not empty must all hold */
};

/* Give each line (without its '\n') to the callback, in order of time; false from it ends the
 * walk. Lines that are no events are passed over; a file that cannot be read is an err. ERR_LIMIT:
 * too many messages found. Blocks on the disk: for the command line. */
must_use err events_trace_run(str path, const struct events_trace *,
                              bool (*line)(void *arg, str line), void *arg);

/* The value of a top-level member of one line: a text without its quotes, still escaped, or a
 * number. False: it is not there, or the line is no flat JSON object. */
bool events_trace_member(str line, str name, str *ret_value);
