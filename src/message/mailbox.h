/* message/mailbox.h -- the addresses in a header field (RFC 5322 section 3.4 and its obsolete
 * forms)
 *
 * "From", "Sender", "To" hold lists of mailboxes and groups, with comments and folds in odd places.
 * What is read here is what other programs read there: for paths in MAIL and RCPT, which are far
 * stricter, see smtp/. Encoded words are never decoded: in an address they mean themselves.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    MESSAGE_MAILBOXES_MAX = 10000,
    MESSAGE_MAILBOXES_BYTES_MAX = 512 << 10, /* of one field */
};

struct message_mailbox {
    str display; /* the name before "<", quotes removed, blanks made one; may be empty */
    str local;   /* quotes and backslashes removed: "b\ob" and bob are the same */
    str domain;  /* as written, without blanks and comments; a literal keeps its brackets */
};

struct message_mailboxes {
    struct message_mailbox *items;
    size_t count; /* 0 when there are only empty groups: "undisclosed-recipients:;" */
    size_t groups;
};

/* Read a field's value (folds and all); its texts live in the arena. ERR_PROTOCOL: not an address
 * list, or an empty one. ERR_LIMIT: above the maxima. Linear, whatever the depth of comments. */
must_use err message_mailboxes_parse(str value, struct arena *,
                                     struct message_mailboxes *ret_mailboxes);

/* "local@domain", the same text for every spelling of one mailbox: the domain in lower case, the
 * local part quoted only when it must be. ERR_PROTOCOL: a byte that no address may carry. */
must_use err message_mailbox_add_address(const struct message_mailbox *, struct buf *out);
