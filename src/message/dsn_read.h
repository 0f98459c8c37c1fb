/* message/dsn_read.h -- what a notification tells of each recipient (RFC 3464, 6533)
 *
 * Only the part that is meant for programs is read. A bounce without one is none to us: what people
 * write in their own words is not guessed at here.
 */
#pragma once
#include "message/dsn.h"
#include "message/mime.h"

enum { MESSAGE_DSN_READ_RCPTS_MAX = 1000 };

struct message_dsn_read_rcpt {
    str final_rcpt, original_rcpt; /* without their types; the second is often empty */
    enum message_dsn_action action;
    bool action_known; /* else it follows from the status */
    str status;        /* "5.1.1"; empty: none that can be read */
    str remote_mta, diagnostic;
};

struct message_dsn_read {
    str reporting_mta, envid;
    str original_id; /* the Message-ID of what was sent, or empty */
    struct message_dsn_read_rcpt *rcpts;
    size_t rcpt_count; /* at least one */
    size_t left_out;   /* above the maximum */
};

/* From a parsed message. Texts live in the arena. ERR_PROTOCOL: no notification. */
must_use err message_dsn_read(str message, const struct message_mime_part *, size_t count,
                              struct arena *, struct message_dsn_read *ret_dsn);
