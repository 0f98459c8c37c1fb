/* message/header.h -- the fields of a message's header, as they stand (RFC 5322 section 2.2)
 *
 * Nothing is changed or copied: a field is a view into the caller's bytes, its folds kept. What is
 * not well formed is still a field, with flags saying what is wrong: bytes that another program
 * might read as "From" must be seen as "From" here too. A line ends at LF, with or without CR.
 */
#pragma once
#include "base/str.h"

enum {
    MESSAGE_HEADER_BYTES_MAX = 1 << 20,
    MESSAGE_FIELDS_MAX = 10000,
    MESSAGE_FIELD_NAME_BYTES_MAX = 200, /* a longer name is FIELD_BAD_NAME */
};

enum message_field_flag {
    FIELD_NO_COLON = 1,           /* none at all: the name is empty, the value the whole line */
    FIELD_EMPTY_NAME = 2,         /* ": text" */
    FIELD_LEADING_SPACE = 4,      /* a continuation of nothing: only ever the first field */
    FIELD_SPACE_BEFORE_COLON = 8, /* "From :", or the colon stands behind a fold */
    FIELD_BAD_NAME = 16,          /* a name with blanks inside, control or 8-bit bytes */
    FIELD_BARE_BYTES = 32,        /* NUL, CR or LF alone somewhere in it */
    FIELD_UNENDED = 64,           /* the bytes stopped before its line end */
};

struct message_field {
    str name;  /* without blanks around; as written otherwise */
    str value; /* all behind the colon but the final line end */
    str raw;   /* the whole field, line ends and all */
    uint8_t flags;
};

/* Take the next field off the front of *header. False: none is left, or the empty line that ends
 * the header is in front; *header then begins with it. Always makes progress. */
bool message_header_next(str *header, struct message_field *ret_field);

/* The same for the next field whose name begins with one of these small letters, in either case;
 * others are passed over without a look at them, which is much cheaper. */
bool message_header_next_of(str *header, const char *initials, struct message_field *ret_field);

/* The first field of that name, whatever the case and however malformed its name is. */
bool message_header_find(str header, str name, struct message_field *ret_field);
size_t message_header_count(str header, str name);

/* How long the header is at the front of these bytes, with the empty line that ends it; STR_NONE:
 * no such line has come yet. It is looked for from `from` on, where the bytes ended the last time.
 */
size_t message_header_length(str bytes, size_t from);

/* Cut the empty line off the front of what message_header_next() left; false: there is none. */
bool message_header_end(str *rest);
