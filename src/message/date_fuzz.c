#include "base/clock.h"
#include "message/date.h"
#include "tests/fuzz.h"

/* A date that was read is one that can be written, and then it is read as the same moment. */
FUZZ(input, arena)
{
    (void)arena;
    struct message_date date, back;
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
