/* message/report.h -- the part of a multipart/report that programs read (RFC 6522)
 *
 * Groups of fields, an empty line between two groups: the form that notifications (RFC 3464) and
 * complaints (RFC 5965) share.
 */
#pragma once
#include "message/mime.h"

enum { MESSAGE_REPORT_BYTES_MAX = 1 << 20, MESSAGE_REPORT_VALUE_BYTES_MAX = 2000 };

/* The first part of one of these types (the second may be NULL); NULL: there is none. */
const struct message_mime_part *message_report_find(const struct message_mime_part *, size_t count,
                                                    const char *type, const char *other);

/* Its body, decoded, in the arena. ERR_LIMIT: above MESSAGE_REPORT_BYTES_MAX. */
must_use err message_report_body(const struct message_mime_part *, str message, struct arena *,
                                 str *ret_text);

/* The next group of fields off the front; false: none is left. */
bool message_report_next(str *text, str *ret_group);

/* A field's value in one line of UTF-8, in the arena; empty when it is not there. */
str message_report_value(str group, str name, struct arena *);

/* "rfc822; bob@example.net" without its type, which may be missing, and without comments and "<>".
 */
str message_report_untyped(str value);

/* The Message-ID of the message that is reported on, whole or as its header; or empty. */
str message_report_original_id(const struct message_mime_part *, size_t count, str message,
                               struct arena *);
