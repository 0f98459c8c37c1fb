#include "report/tell.h"
#include <stdarg.h>
#include <stdio.h>

void report_tell(const struct event_sink *events, enum event_kind kind, str recipient,
                 str queued_as, int64_t count, const char *fmt, ...)
{
    char reason[EVENT_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    struct event e = {.kind = kind,
                      .recipient = recipient,
                      .queue_id = queued_as,
                      .count = count,
                      .reason = str_of(reason)};
    event_emit(events, &e);
}
