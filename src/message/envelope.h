/* message/envelope.h -- who sent a message to whom, and what was asked for it (RFC 5321, 3461)
 *
 * The envelope is plain data whose texts live in one arena. It is made by a session, kept by the
 * queue and read by the way out; after the commit nobody changes it: what becomes of a recipient
 * is kept beside it (queue/).
 */
#pragma once
#include "base/arena.h"

enum {
    ENVELOPE_RCPTS_MAX = 10000,
    ENVELOPE_ADDRESS_BYTES_MAX = 320, /* RFC 5321 section 4.5.3.1: 64 + "@" + 255 */
    ENVELOPE_ENVID_BYTES_MAX = 100,   /* RFC 3461 section 4.4, decoded */
    ENVELOPE_ORCPT_BYTES_MAX = 500,   /* RFC 3461 section 4.2 */
};

/* NOTIFY= (RFC 3461 section 4.1); 0: not given, which means FAILURE and DELAY */
enum envelope_notify {
    NOTIFY_NEVER = 1,
    NOTIFY_SUCCESS = 2,
    NOTIFY_FAILURE = 4,
    NOTIFY_DELAY = 8,
};

enum envelope_ret { RET_NONE, RET_FULL, RET_HDRS };
enum envelope_body { BODY_7BIT, BODY_8BITMIME, BODY_BINARYMIME }; /* BODY=, as declared */

/* What the content turned out to hold; bits. */
enum envelope_found {
    FOUND_8BIT = 1,        /* octets above 127 in the body */
    FOUND_8BIT_HEADER = 2, /* octets above 127 in the header */
    FOUND_BINARY = 4,      /* NUL, or CR or LF alone (only by BDAT with BODY=BINARYMIME) */
    FOUND_LONG_LINES = 8,  /* a line above 998 octets */
    FOUND_NO_FINAL_CRLF = 16,
};

enum envelope_origin { ORIGIN_MX, ORIGIN_SUBMISSION, ORIGIN_RELAY, ORIGIN_LOCAL, ORIGIN_DSN };

/* Whose mail it is, beside its sender: what limits, fairness, suppression and reports go by. */
struct envelope_flow {
    str tenant, stream, campaign; /* letters, digits, "-_."; empty: none was named */
};
enum { ENVELOPE_FLOW_BYTES_MAX = 48, ENVELOPE_PRIORITY_MAX = 9 };

enum envelope_by { BY_NOTIFY, BY_RETURN }; /* DELIVERBY: what to do when it is late */

struct envelope_rcpt {
    str address;     /* "local@domain": the domain lower-case A-labels or a [literal] */
    str destination; /* "route:NAME", else the domain: it names the delivery's owner */
    str orcpt;       /* "rfc822;bob@example.net", decoded; empty: not given */
    uint8_t notify;  /* enum envelope_notify */
};

struct envelope {
    str sender; /* "local@domain"; empty: the null reverse path */
    str envid;  /* decoded; empty: not given */
    enum envelope_ret ret;
    enum envelope_body declared;
    uint8_t found; /* enum envelope_found */
    bool smtputf8; /* the client said so at MAIL */
    enum envelope_origin origin;
    bool requiretls;   /* RFC 8689: verified TLS all the way, or it comes back */
    bool tls_optional; /* "TLS-Required: No": arriving matters more than privacy */
    int8_t priority;   /* MT-PRIORITY (RFC 6710), -9 to 9 */
    bool by_trace;     /* DELIVERBY with T: each relay is told */
    enum envelope_by by_mode;
    int64_t by_ms;         /* DELIVERBY (RFC 2852), real time; 0: not asked for */
    int64_t not_before_ms; /* FUTURERELEASE (RFC 4865), real time; 0: at once */
    int64_t expires_ms;    /* given up then, real time; 0: as retry.give_up says */
    struct envelope_flow flow;
    str login;              /* who submitted it; empty: nobody logged in */
    str peer;               /* "192.0.2.1", "unix", or empty */
    str helo;               /* as the peer gave it */
    str message_id;         /* "<…>" as the header has it, or empty */
    int64_t accepted_at_ms; /* real time */
    struct envelope_rcpt *rcpts;
    size_t rcpt_count;
};

/* Until when its sender wants it tried (expires, DELIVERBY with R), real time; 0: not said. */
int64_t envelope_end_ms(const struct envelope *);

/* A copy whose texts all live in the arena. */
struct envelope *envelope_copy(struct arena *, const struct envelope *);
