/* message/mime.h -- the parts of a message, where they begin and end (RFC 2045, 2046)
 *
 * The message streams through once, in pieces of any size, and becomes a flat list of parts in the
 * order in which they stand; offsets count from its first byte, so its bytes can be found again
 * exactly. Nothing is refused. Where two programs would see different parts, names or contents, a
 * flag says so; past the limits what remains is one leaf. No byte of a body is kept, and nesting is
 * an index, never the stack.
 */
#pragma once
#include "message/decode.h"
#include "message/header.h"
#include "message/params.h"

enum {
    MESSAGE_MIME_PARTS_MAX = 1000,
    MESSAGE_MIME_DEPTH_MAX = 50,
    MESSAGE_MIME_BOUNDARY_BYTES_MAX = 998,    /* RFC 2046 section 5.1.1 says 70 */
    MESSAGE_MIME_FIELD_BYTES_MAX = 64 << 10,  /* what is looked at of one field */
    MESSAGE_MIME_FACTS_BYTES_MAX = 256 << 10, /* of all fields that are looked into */
    MESSAGE_MIME_NAMES_MAX = 32,              /* of one part */
    MESSAGE_MIME_ARENA_BYTES = 12 << 20,      /* what a parse may need of its arena */
};

enum message_mime_flag {
    MIME_TWO_TYPES = 1 << 0,         /* two Content-Type fields; the first counts here */
    MIME_TWO_ENCODINGS = 1 << 1,     /* two Content-Transfer-Encoding fields; likewise */
    MIME_TWO_DISPOSITIONS = 1 << 2,  /* two Content-Disposition fields; likewise */
    MIME_BAD_TYPE = 1 << 3,          /* no type/subtype: read as text/plain */
    MIME_NO_TYPE = 1 << 4,           /* other MIME fields, but no Content-Type */
    MIME_BAD_ENCODING = 1 << 5,      /* not one of the five names alone */
    MIME_ENCODED_CONTAINER = 1 << 6, /* base64 or the like on multipart or message: section 6.4 */
    MIME_TWO_BOUNDARIES = 1 << 7,    /* boundary= stands there twice, or in two readings */
    MIME_NO_BOUNDARY = 1 << 8,       /* multipart without one: a leaf */
    MIME_BAD_BOUNDARY = 1 << 9,      /* above 70 octets, a blank at its end, odd characters */
    MIME_REUSED_BOUNDARY = 1 << 10,  /* an outer multipart has the same one, or a prefix of it */
    MIME_NEAR_BOUNDARY = 1 << 11,    /* a line that begins as a delimiter and is none */
    MIME_PADDED_BOUNDARY = 1 << 12,  /* blanks behind a delimiter */
    MIME_UNENDED = 1 << 13,          /* no closing delimiter */
    MIME_PART_IN_EPILOGUE = 1 << 14, /* a delimiter behind the closing one */
    MIME_NO_PARTS = 1 << 15,         /* multipart without a delimiter */
    MIME_NAMES_DIFFER = 1 << 16,     /* more than one file name */
    MIME_8BIT_HEADER = 1 << 17,
    MIME_BAD_FIELD = 1 << 18,       /* malformed, see message/header.h */
    MIME_NO_SEPARATOR = 1 << 19,    /* the header ends without its empty line */
    MIME_TOO_DEEP = 1 << 20,        /* a leaf because of MESSAGE_MIME_DEPTH_MAX */
    MIME_TOO_MANY = 1 << 21,        /* all that is left, because of MESSAGE_MIME_PARTS_MAX */
    MIME_TOO_LONG = 1 << 22,        /* a field was not looked at in whole */
    MIME_UNDECLARED_8BIT = 1 << 23, /* octets above 127 where 7bit was said */
    MIME_BARE_LINE_END = 1 << 24,   /* CR or LF alone; a LF ends a line, a CR does not */
    MIME_NO_VERSION = 1 << 25,      /* MIME fields without MIME-Version (the first part) */
    MIME_FOLDED_BLANK = 1 << 26,    /* a header line of blanks alone */
};
#define MIME_AMBIGUOUS                                                                             \
    (MIME_TWO_TYPES | MIME_TWO_ENCODINGS | MIME_TWO_DISPOSITIONS | MIME_BAD_TYPE | MIME_NO_TYPE |  \
     MIME_BAD_ENCODING | MIME_ENCODED_CONTAINER | MIME_TWO_BOUNDARIES | MIME_NO_BOUNDARY |         \
     MIME_BAD_BOUNDARY | MIME_REUSED_BOUNDARY | MIME_NEAR_BOUNDARY | MIME_PADDED_BOUNDARY |        \
     MIME_UNENDED | MIME_PART_IN_EPILOGUE | MIME_NO_PARTS | MIME_NAMES_DIFFER | MIME_8BIT_HEADER | \
     MIME_BAD_FIELD | MIME_NO_SEPARATOR | MIME_TOO_DEEP | MIME_TOO_MANY | MIME_TOO_LONG |          \
     MIME_UNDECLARED_8BIT | MIME_BARE_LINE_END | MIME_FOLDED_BLANK)

enum message_mime_kind { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE };

struct message_mime_part {
    enum message_mime_kind kind;
    uint32_t parent, depth; /* of the first part: 0, 0 */
    uint32_t children;
    uint64_t header_at, header_end; /* the fields, without the empty line */
    uint64_t body_at, end; /* the body; the line end before a delimiter is the delimiter's */
    uint64_t preamble_end; /* multipart: where the text before the first delimiter ends */
    uint64_t encoding_at, encoding_end; /* the first Content-Transfer-Encoding field; 0, 0: none */
    uint64_t high_octets;               /* above 127 in the body */
    uint64_t epilogue_at; /* multipart: behind the closing delimiter's line; 0: none */
    str type;             /* "text/plain", lower case; what the kind was settled by */
    struct message_params content_type, content_disposition;
    str boundary;
    str content_id; /* without "<" and ">" */
    enum message_encoding encoding;
    const str *names; /* every file name that a client could see */
    size_t name_count;
    bool has_version;     /* a MIME-Version field */
    bool is_signed;       /* it has a DKIM or ARC signature of its own */
    uint32_t flags;       /* enum message_mime_flag */
    uint16_t param_flags; /* enum message_param_flag, of all fields */
    uint8_t decode_flags; /* enum message_decode_flag, of the body */
    uint8_t found;        /* enum envelope_found, of this part without those inside it */
};

struct message_mime; /* a parse under way, in an arena */

struct message_mime *message_mime_open(struct arena *);
void message_mime_add(struct message_mime *, str piece);
void message_mime_end(struct message_mime *); /* behind the last piece */

/* Behind the end: at least one part, the message itself. They live in the arena. */
const struct message_mime_part *message_mime_parts(const struct message_mime *, size_t *ret_count);

/* A message that is in memory, at once. */
const struct message_mime_part *message_mime_parse(str message, struct arena *, size_t *ret_count);

bool message_mime_ambiguous(const struct message_mime_part *);
const char *message_mime_flag_name(uint32_t flag); /* "two-types"; NULL: no such flag */

/* Append a leaf's body, its transfer encoding undone. ERR_LIMIT: out is full; then nothing was
 * added. */
must_use err message_mime_decode(const struct message_mime_part *, str message, struct buf *out);

/* The same as UTF-8, by the part's charset. *ret_exact: no byte was without a meaning. */
must_use err message_mime_text(const struct message_mime_part *, str message, struct buf *out,
                               bool *ret_exact);
