/* inbound/asked.h -- what a message asks of us in its own header
 *
 * MT-Priority (RFC 6758) stands for MAIL's MT-PRIORITY where a hop before us did not know it;
 * Smtptool-Expires says when the message is of no use any more: a time span ("4h") or a date
 * (RFC 3339). Both are for us alone, so they are never stored; who may ask is the session's to say.
 * Pure.
 */
#pragma once
#include "message/scan.h"

#define INBOUND_ASKED_PRIORITY "MT-Priority"
#define INBOUND_ASKED_EXPIRES "Smtptool-Expires"

enum { INBOUND_ASKED_EXPIRES_DAYS_MAX = 366 };

struct inbound_asked {
    bool has_priority;
    int8_t priority;
    int64_t expires_ms; /* real time; 0: it does not say */
};

bool inbound_asked_is_field(const struct message_field *);
/* Of all fields. A priority that is no number or stands twice is as none (RFC 6758 section 3.1); a
 * wrong Smtptool-Expires is refused, for who wrote it counts on it. */
struct message_refusal inbound_asked_read(str fields, int64_t now_ms,
                                          struct inbound_asked *ret_asked);
