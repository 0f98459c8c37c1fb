/* message/dsn.h -- delivery status notifications: what became of a message (RFC 3461, 3464, 6533)
 *
 * One notification tells of all recipients whose fate was settled in one attempt. It goes to the
 * envelope's sender from the null sender, so nothing ever answers it. Whatever others said is
 * cleaned on its way in: no text of theirs can start a field or a MIME part.
 */
#pragma once
#include "base/buf.h"
#include "message/envelope.h"

enum {
    MESSAGE_DSN_ORIGINAL_BYTES_MAX = 64 << 10, /* a longer message returns as its header */
    MESSAGE_DSN_HEADER_BYTES_MAX = 32 << 10,   /* of that header */
    MESSAGE_DSN_TEXT_BYTES_MAX = 800,          /* of each text that others gave */
};

enum message_dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct message_dsn_rcpt {
    str address; /* "local@domain" */
    str orcpt;   /* "rfc822;bob@example.net", decoded, or empty */
    enum message_dsn_action action;
    str status;     /* "5.1.1"; what is no status becomes "5.0.0", "4.0.0" or "2.0.0" */
    str remote_mta; /* who answered, or empty */
    str diagnostic; /* its reply: "550 5.1.1 No such user"; lines joined by '\n'; or empty */
    str reason;     /* our own words when nobody answered: "no answer in 30 s"; or empty */
    int64_t last_attempt_ms;     /* real time; 0: none */
    int64_t will_retry_until_ms; /* for DSN_DELAYED; 0: unknown */
};

struct message_dsn {
    str hostname;      /* ours: Reporting-MTA, MAILER-DAEMON@ */
    str sender;        /* to whom it goes; never empty */
    str envid;         /* decoded, or empty */
    str message_id;    /* the original's "<...>", or empty */
    str received_from; /* the helo it came with, or empty */
    str unique;        /* from message_id_unique(): names this notification and its boundary */
    enum envelope_ret ret;
    bool smtputf8; /* the original came with SMTPUTF8: so may its notification */
    int64_t arrival_ms, now_ms;
    int64_t deliver_by_ms; /* Deliver-By-Date (RFC 2852 section 5.1); 0: not asked for */
    int64_t released_ms;   /* Future-Release-Request (RFC 4865 section 5); 0: not asked for */
    str original;          /* the message, or the front of it with its header */
    size_t original_bytes; /* of the whole message */
    const struct message_dsn_rcpt *rcpts;
    size_t rcpt_count; /* at least one */
};

/* Append the whole message. *ret_found: FOUND_8BIT and FOUND_8BIT_HEADER, for its envelope.
 * ERR_LIMIT: out is full; then nothing was added. */
must_use err message_dsn_build(const struct message_dsn *, struct buf *out, uint8_t *ret_found);

/* Does the sender want to hear this about that recipient? Never about a null sender's mail, nor
 * about a notification. No NOTIFY means FAILURE,DELAY; delays are told for submitted mail
 * and for BY=…;N only (once: the queue sees to that). */
bool message_dsn_wanted(const struct envelope *, const struct envelope_rcpt *,
                        enum message_dsn_action);
