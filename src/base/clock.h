/* base/clock.h -- what time it is, and until when one may wait
 *
 * Waiting is measured on a clock that never jumps; dates come from the other one. Both sit behind
 * clock_source, one of the program's seams: the simulation has a clock of its own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct clock_source {
    int64_t (*steady_ns)(void); /* since some start; never goes back */
    int64_t (*real_ms)(void);   /* since 1970-01-01 UTC; may jump */
};

extern const struct clock_source clock_system;
void clock_use(const struct clock_source *); /* for the whole process; NULL: clock_system */

int64_t clock_steady_ns(void);
int64_t clock_steady_ms(void);
int64_t clock_real_ms(void);

/* A moment on the steady clock. A function that takes one may wait, and not beyond it. */
typedef struct deadline {
    int64_t at_ms;
} deadline;

#define DEADLINE_NEVER ((deadline){INT64_MAX})

deadline deadline_after(int64_t ms);
bool deadline_passed(deadline);
int64_t deadline_left_ms(deadline); /* 0 when passed; INT64_MAX for never */
static inline deadline deadline_sooner(deadline a, deadline b) { return a.at_ms < b.at_ms ? a : b; }

enum {
    CLOCK_RFC5322_BYTES = 40, /* "Sat, 21 Nov 2026 08:48:16 +0000" */
    CLOCK_RFC3339_BYTES = 32, /* "2026-11-21T08:48:16.123Z" */
};
void clock_rfc5322(int64_t real_ms, char ret_text[CLOCK_RFC5322_BYTES]); /* in UTC */
void clock_rfc3339(int64_t real_ms, char ret_text[CLOCK_RFC3339_BYTES]);
