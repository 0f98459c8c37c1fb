/* message/recipients.h -- whom a message itself says that it is for (`send -t`, `sendmail -t`)
 *
 * The addresses of To, Cc and Bcc; when it was sent on by hand (Resent-To and the like), of those
 * alone. A Bcc field must not leave: what remains is the message without them.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { MESSAGE_RECIPIENTS_MAX = 100000 };

struct message_recipients {
    str *addresses; /* "local@domain", as they are written for SMTP; some may stand there twice */
    size_t count;
};

/* The content has CRLF lines. All lives in the arena. ERR_CONFIG: a field is no address list, told
 * with its name. ERR_LIMIT: too many. */
must_use err message_recipients_read(str content, struct arena *,
                                     struct message_recipients *ret_recipients);
/* Append the message without its Bcc and Resent-Bcc fields. */
must_use err message_recipients_add_without_bcc(str content, struct buf *out);
