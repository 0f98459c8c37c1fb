/* message/scan.h -- what every role wants to know of a header before a message is taken
 *
 * A refusal is plain data with the reply's parts; code 0 means that there is none.
 */
#pragma once
#include "message/header.h"

struct message_refusal {
    int code;             /* 550; 0: not refused */
    const char *enhanced; /* "5.6.0" */
    const char *text;     /* "No From field" */
};

struct message_scan_limits {
    size_t hops;         /* Received fields (RFC 5321 section 6.3) */
    size_t header_bytes; /* the fields together */
    size_t fields;
};
extern const struct message_scan_limits message_scan_defaults; /* 100, 1 MiB, 10000 */

struct message_scan {
    size_t header_bytes; /* the fields, without the empty line behind them */
    size_t body_at;      /* where the body begins */
    bool separator;      /* the empty line was there */
    bool has_8bit;       /* octets above 127 in the header */
    size_t fields, received;
    str message_id;    /* "<...>", a view into the header; empty: none, or not of that form */
    bool tls_optional; /* "TLS-Required: No" (RFC 8689 section 5) */
    uint8_t flags;     /* all fields' flags together */
};

/* Walk the header in front of a message. A first line that begins with a blank is refused: the
 * trace field written above it would swallow it. On a refusal *ret_scan is not touched. */
must_use struct message_refusal message_scan(str message, const struct message_scan_limits *,
                                             struct message_scan *ret_scan);
