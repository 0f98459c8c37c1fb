/* message/downgrade.h -- a message with 8-bit bodies made fit for a hop without 8BITMIME (RFC 6152)
 *
 * Two passes over the message. The first is a MIME parse; from its parts a plan is made: which
 * bodies to encode, which fields to change. The second streams the message through the plan. The
 * parts stay the same, and so do all bytes that need no change. What is signed is never touched:
 * then there is no plan, and the message cannot go that way.
 */
#pragma once
#include "message/encode.h"
#include "message/mime.h"

enum { MESSAGE_DOWNGRADE_EDITS_MAX = 4 * MESSAGE_MIME_PARTS_MAX };

struct message_downgrade_edit {
    uint64_t from, to; /* of the original message */
    enum { DOWNGRADE_REPLACE, DOWNGRADE_ENCODE, DOWNGRADE_MASK } what;
    enum message_encoding encoding; /* for DOWNGRADE_ENCODE */
    str text;                       /* for DOWNGRADE_REPLACE: a literal */
};

struct message_downgrade {
    const struct message_downgrade_edit *edits; /* in order, none inside another */
    size_t count;
    /* the second pass */
    size_t next;
    uint64_t at;
    bool begun; /* the edit at next */
    struct message_encode encode;
};

/* The plan lives in the arena. False: it cannot be done: a signature, an encrypted part, or a
 * structure that programs read in different ways. */
bool message_downgrade_plan(const struct message_mime_part *parts, size_t count, struct arena *,
                            struct message_downgrade *ret_plan);

void message_downgrade_begin(struct message_downgrade *); /* the second pass, as often as needed */
must_use err message_downgrade_add(struct message_downgrade *, str piece, struct buf *out);
must_use err message_downgrade_end(struct message_downgrade *, struct buf *out);
