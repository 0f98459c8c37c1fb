/* message/params.h -- "type/subtype; name=value": the fields that MIME writes (RFC 2045, 2183,
 * 2231)
 *
 * One parameter may stand there in several ways that clients read differently: twice, in plain and
 * in extended form, without its quotes. Each reading is an item of its own, so whoever looks for a
 * file name sees every name that any client could see, and flags say what is odd.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum message_param_flag {
    PARAM_EXTENDED = 1,          /* from name*= (RFC 2231 section 4) */
    PARAM_CONTINUED = 2,         /* put together from name*0, name*1 … (section 3) */
    PARAM_DUPLICATE = 4,         /* the same form of this name stands there twice */
    PARAM_UNENDED_QUOTE = 8,     /* no closing quote */
    PARAM_UNQUOTED = 16,         /* a value with blanks or specials and without quotes */
    PARAM_BAD_CONTINUATION = 32, /* a section is missing, twice, or its number odd */
    PARAM_BAD_EXTENDED = 64,  /* no charset'language'text, a charset that we do not know, bad %XX */
    PARAM_ENCODED_WORD = 128, /* holds an encoded word, which no parameter may */
    PARAM_JUNK = 256,         /* what is no parameter stands in the field */
    PARAM_NO_SEMICOLON = 512,
    PARAM_RAW = 1024,   /* octets above 127 bare */
    PARAM_EMPTY = 2048, /* name= and nothing */
    PARAM_GUESS = 4096, /* another reading of the item before it */
    PARAM_CUT = 8192,   /* there were more than we look at */
};
/* Readings differ between programs when one of these is set. */
#define PARAM_AMBIGUOUS                                                                      \
    (PARAM_DUPLICATE | PARAM_UNENDED_QUOTE | PARAM_UNQUOTED | PARAM_BAD_CONTINUATION |       \
     PARAM_BAD_EXTENDED | PARAM_ENCODED_WORD | PARAM_JUNK | PARAM_NO_SEMICOLON | PARAM_RAW | \
     PARAM_EMPTY | PARAM_CUT)

enum {
    MESSAGE_PARAMS_MAX = 200, /* of one field */
    MESSAGE_PARAM_SECTION_MAX = 99,
    MESSAGE_PARAMS_BYTES_MAX = 64 << 10, /* of one field */
};

struct message_param {
    str name;  /* lower case, without "*" and numbers */
    str value; /* UTF-8; one line */
    uint16_t flags;
};

struct message_params {
    str value; /* what stands before the first ";", lower case, without blanks and comments */
    struct message_param *items;
    size_t count;
    uint16_t flags; /* of all items and of the field */
};

/* Read a field's value, folds and all; the texts live in the arena. Nothing is refused.
 * ERR_LIMIT: longer than MESSAGE_PARAMS_BYTES_MAX. */
must_use err message_params_parse(str value, struct arena *, struct message_params *ret_params);

/* The reading that the RFCs prefer: extended before plain, the first of equals. NULL: not there. */
const struct message_param *message_params_find(const struct message_params *, str name);
size_t message_params_count(const struct message_params *, str name); /* all its readings */

/* Append "; name=value" to a field: a token, in quotes, or (other than ASCII, or too long for a
 * line) as RFC 2231 has it. *column is where the line stands, 76 is not passed where a fold can
 * help. value is UTF-8 in one line. ERR_LIMIT: out is full; then nothing was added. */
must_use err message_params_add(const char *name, str value, size_t *column, struct buf *out);
