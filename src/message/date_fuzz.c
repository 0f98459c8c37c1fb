#include "base/clock.h"
#include "message/date.h"
#include "tests/fuzz.h"

/* The same for the other form (RFC 3339); what is before 1970 is not written. */
static void check_rfc3339(str input)
{
    char text[CLOCK_RFC3339_BYTES];
    int64_t ms, back = 0;
    if (!message_date_parse_rfc3339(input, &ms) || ms < 0)
        return;
    clock_rfc3339(ms, text);
    if (message_date_parse_rfc3339(str_of(text), &back)) /* a zone may lead beyond the year 9999 */
        ASSERT(back == ms);
    else
        ASSERT(ms > 253402300799000 - 86400000);
}

/* A date that was read is one that can be written, and then it is read as the same moment. */
FUZZ(input, arena)
{
    (void)arena;
    struct message_date date, back;
    check_rfc3339(input);
    if (!message_date_parse(input, &date))
        return;
    ASSERT(date.zone_minutes > -24 * 60 && date.zone_minutes < 24 * 60);
    ASSERT(date.real_ms % 1000 == 0);
    char text[CLOCK_RFC5322_BYTES];
    clock_rfc5322(date.real_ms, text);
    if (!message_date_parse(str_of(text), &back))
        ASSERT(date.real_ms < -2208988800000 + 86400000 ||
               date.real_ms > 253402300799000 - 86400000);
    else
        ASSERT(back.real_ms == date.real_ms && back.flags == 0);
}
