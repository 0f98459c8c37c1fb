/* report/tell.h -- what became of a report, as an event (docs/events.md: report_*) */
#pragma once
#include "events/event.h"

/* To whom, and under which name in the queue: both may be empty. The count is of what was reported,
 * or lost. */
void report_tell(const struct event_sink *, enum event_kind, str recipient, str queued_as,
                 int64_t count, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
