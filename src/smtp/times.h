/* smtp/times.h -- how soon, how late, how urgent: the parameters of MAIL that say it
 *
 * MT-PRIORITY (RFC 6710), BY (RFC 2852), HOLDFOR and HOLDUNTIL (RFC 4865). Pure: a text goes in, a
 * value comes out; what a server allows is for its own rules to say.
 */
#pragma once
#include "message/envelope.h"

enum {
    SMTP_TIMES_SECONDS_MAX = 999999999, /* nine digits: RFC 2852 section 4, RFC 4865 section 3 */
    SMTP_TIMES_BY_BYTES = 24,           /* "-999999999;NT" and NUL */
};

struct smtp_times {
    int8_t priority;
    bool by_trace;
    enum envelope_by by_mode;
    int64_t by_seconds;    /* from now on; with BY_NOTIFY also zero or less: it is late already */
    int64_t hold_seconds;  /* HOLDFOR; 0: see hold_until_ms */
    int64_t hold_until_ms; /* HOLDUNTIL, real time */
};

/* "0", "4", "-9". */
bool smtp_times_read_priority(str text, int8_t *ret_priority);
/* "120;R", "-5;NT": fills by_seconds, by_mode and by_trace. */
bool smtp_times_read_by(str text, struct smtp_times *ret_times);
/* So many seconds, one at least. */
bool smtp_times_read_hold(str text, int64_t *ret_seconds);

/* "120;RT" of what is left of the envelope's time; that it has one is the caller's to see. */
void smtp_times_write_by(const struct envelope *, int64_t now_ms,
                         char ret_text[SMTP_TIMES_BY_BYTES]);
/* Whole seconds until then; none below a second that has begun. */
int64_t smtp_times_left_seconds(const struct envelope *, int64_t now_ms);
