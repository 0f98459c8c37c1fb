/* message/compose.h -- a correct message from its parts (RFC 5322, 2045 to 2047, 2231, 2387)
 *
 * For people and programs that have a text and want a mail. Values with a line end or NUL are
 * refused, never mended: who builds a header from a form's fields must not send somebody's Bcc.
 */
#pragma once
#include "base/buf.h"

enum {
    MESSAGE_COMPOSE_VALUE_BYTES_MAX = 64 << 10, /* of one header value */
    MESSAGE_COMPOSE_TEXT_BYTES_MAX = 64 << 20,
    MESSAGE_COMPOSE_FILES_MAX = 500,
    MESSAGE_COMPOSE_FILE_BYTES_MAX = 256 << 20, /* of all files together */
    MESSAGE_COMPOSE_NAME_BYTES_MAX = 255,
    MESSAGE_COMPOSE_BOUNDARY_BYTES_MAX = 40,
};

struct message_compose_field {
    str name, value;
};

struct message_compose_file {
    str name;       /* UTF-8; folders before it are cut off; may be empty */
    str type;       /* "image/png"; empty: found out from name and bytes */
    str content_id; /* "logo@x.example": an image that the HTML shows as "cid:logo@x.example" */
    str bytes;
};

struct message_compose {
    str from, to, cc; /* address lists; cc may be empty; to may be when cc is not */
    str reply_to;     /* likewise; may be empty */
    str subject;      /* UTF-8; may be empty */
    str message_id;   /* "<...>", from message_id_make() */
    int64_t now_ms;
    str text;    /* UTF-8; lines end in LF or CRLF */
    str html;    /* the same in HTML, or empty; a message needs neither when it has files */
    bool utf8;   /* fields are written in UTF-8 as they are (RFC 6532): the way needs SMTPUTF8 */
    bool flowed; /* long lines of text may be broken, and readers join them (RFC 3676) */
    const struct message_compose_file *files; /* those with a content_id belong to the HTML */
    size_t file_count;
    str boundary; /* for MIME boundaries that are the same each time; empty: random ones */
    const struct message_compose_field *more; /* further fields; non-ASCII is encoded */
    size_t more_count;
};

/* Each judges one part as message_compose() would, so that it can be refused where it is given:
 * ERR_CONFIG, ERR_LIMIT. A field of message_compose's `more` must not be one that is written from
 * other parts, or that would change what the text is. */
must_use err message_compose_check_value(const char *name, str value);
must_use err message_compose_check_addresses(const char *name, str value);
must_use err message_compose_check_field(str name, str value);
must_use err message_compose_check_file(const struct message_compose_file *);
bool message_compose_writes(str name);

/* Append the message, lines ended by CRLF, nothing above 7 bits (but for utf8). Each part gets the
 * encoding that suits it; files come back byte for byte. ERR_CONFIG names the field that cannot be:
 * a line end in it, no address list, no UTF-8. ERR_LIMIT: too large. Then nothing was added. */
must_use err message_compose(const struct message_compose *, struct buf *out);
