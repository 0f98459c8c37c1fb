/* message/received.h -- the trace field a server writes on top (RFC 5321 section 4.4)
 *
 * What the peer said is cleaned first: it can neither end the line nor open a comment. Lines stay
 * within 78 octets where the words allow it, and within 998 always.
 */
#pragma once
#include "base/buf.h"

enum { MESSAGE_RECEIVED_WORD_BYTES_MAX = 255 }; /* of helo and peer_name; what is more is cut */

struct message_received {
    str helo;      /* as the peer gave it; empty: it gave none */
    str peer;      /* "192.0.2.1", "2001:db8::1", "unix"; empty: made here */
    str peer_name; /* by reverse DNS, confirmed; may be empty */
    str hostname;  /* ours */
    bool extended; /* EHLO, not HELO */
    bool authenticated;
    bool smtputf8; /* the transaction is one of RFC 6531 */
    bool lmtp;
    str tls_version; /* "TLSv1.3"; empty: in clear */
    str tls_cipher;
    str id;       /* the queue's */
    str rcpt;     /* the recipient when there is only one; else empty */
    int priority; /* RFC 6710 section 7; 0 is not written */
    int64_t now_ms;
};

/* Append "Received: ...\r\n". */
must_use err message_received_add(const struct message_received *, struct buf *out);
