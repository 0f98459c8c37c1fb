/* message/arf.h -- complaints about mail, read and written (RFC 5965, and RFC 6591 for DMARC)
 *
 * A person presses "this is spam", their provider sends this. What is reported on is somebody
 * else's text: on its way out it is cleaned as in message/dsn.h.
 */
#pragma once
#include "message/mime.h"

enum {
    MESSAGE_ARF_RCPTS_MAX = 100,
    MESSAGE_ARF_ORIGINAL_BYTES_MAX = 256 << 10, /* a longer message is reported by its header */
    MESSAGE_ARF_TEXT_BYTES_MAX = 800,           /* of each value */
};

struct message_arf {
    str feedback_type; /* "abuse", "fraud", "virus", "other", "not-spam", "auth-failure" */
    str user_agent, version;
    str original_mail_from, original_envelope_id;
    str original_rcpts[MESSAGE_ARF_RCPTS_MAX]; /* addresses without "<>" */
    size_t original_rcpt_count;
    str arrival_date, reporting_mta, source_ip;
    str reported_domain, reported_uri; /* the first of each */
    str authentication_results;
    str auth_failure, identity_alignment, delivery_result; /* RFC 6591, RFC 9991 */
    str incidents;                                         /* "1" when not said */
    str original_id; /* when read: the Message-ID of the message, or empty */
};

/* From a parsed message. Texts live in the arena. ERR_PROTOCOL: no feedback report, or one without
 * a type. */
must_use err message_arf_read(str message, const struct message_mime_part *, size_t count,
                              struct arena *, struct message_arf *ret_arf);

struct message_arf_letter {
    const struct message_arf *report;
    str from, to; /* one address each, "local@domain" */
    str subject;  /* ASCII */
    str text;     /* for people: ASCII, words in one line */
    str unique;   /* from message_id_unique() */
    str hostname; /* ours */
    int64_t now_ms;
    str original;     /* the message that is reported on, or its header */
    bool header_only; /* of the original nothing more is sent */
};

/* Append the whole message, 7-bit. ERR_LIMIT: out is full; then nothing was added. */
must_use err message_arf_build(const struct message_arf_letter *, struct buf *out);
