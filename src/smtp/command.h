/* smtp/command.h -- what a client asks for: one line into verb, path and parameters (RFC 5321 4.1)
 *
 * Every function here is pure: it looks at the text and says what it means, or which reply refuses
 * it. Whether the command is in order (phase, TLS, login) is the session's business.
 */
#pragma once
#include "message/envelope.h"
#include "smtp/path.h"
#include "smtp/times.h"

enum {
    SMTP_COMMAND_PARAMS_MAX = 16,             /* "KEY=value" words of one command */
    SMTP_COMMAND_AUTH_SENDER_BYTES_MAX = 254, /* AUTH=, decoded: a mailbox (RFC 4954 section 5) */
    SMTP_COMMAND_MECHANISM_BYTES_MAX = 20,    /* RFC 4422 section 3.1 */
    SMTP_COMMAND_ONCE_BYTES = 16,             /* XONCE, decoded */
    SMTP_COMMAND_BDAT_BYTES_MAX = 0x7fffffff, /* one chunk */
};

enum smtp_verb {
    SMTP_UNKNOWN,
    SMTP_EHLO,
    SMTP_HELO,
    SMTP_LHLO,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_BDAT,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
    SMTP_STARTTLS,
    SMTP_AUTH,
    SMTP_VRFY,
    SMTP_EXPN,
    SMTP_HELP,
    SMTP_ETRN,
    SMTP_XCLIENT,
    SMTP_XFORWARD,
    SMTP_HTTP, /* a browser, or somebody who borrows one: close (ALPACA) */
};

struct smtp_command {
    enum smtp_verb verb;
    const char *name; /* "MAIL"; "" for SMTP_UNKNOWN */
    str args;         /* without blanks at both ends */
};

/* line is without CRLF. Never fails: what is no verb is SMTP_UNKNOWN. */
struct smtp_command smtp_command_split(str line);

/* 501 5.5.4 when the verb takes no arguments and has some, or needs some and has none; and for
 * NUL in the arguments. NULL: go on. */
must_use smtp_refusal smtp_command_check_args(const struct smtp_command *);

struct smtp_mail {
    struct smtp_path from;
    bool has_size, has_body, smtputf8, requiretls;
    bool has_auth;
    bool has_priority, has_by, has_hold, has_once;
    uint8_t once[SMTP_COMMAND_ONCE_BYTES]; /* the key that the sender gives it (docs/bulk.md) */
    uint64_t size;                         /* above INT64_MAX: INT64_MAX */
    enum envelope_body body;
    enum envelope_ret ret;
    str envid;       /* decoded */
    str auth_sender; /* decoded and canonical; empty: "<>" */
    struct smtp_times times;
};

/* "FROM:<path> KEY=value ..." Refusals: the path's own; 501 5.5.2 for another shape; 501 5.5.4 for
 * a parameter that is wrong or stands twice; 555 5.5.4 for an unknown one. */
must_use smtp_refusal smtp_command_parse_mail(str args, struct arena *, struct smtp_mail *ret_mail);

struct smtp_rcpt {
    struct smtp_path to;
    uint8_t notify; /* enum envelope_notify; 0: not given */
    str orcpt;      /* "type;address", decoded; empty: not given */
};

/* "TO:<path> KEY=value ...". smtputf8: MAIL said so. */
must_use smtp_refusal smtp_command_parse_rcpt(str args, bool smtputf8, struct arena *,
                                              struct smtp_rcpt *ret_rcpt);

struct smtp_bdat {
    uint64_t size;
    bool last;
};

/* "1000" or "1000 LAST" (RFC 3030). After a refusal nobody knows where the chunk ends: close. */
must_use smtp_refusal smtp_command_parse_bdat(str args, struct smtp_bdat *ret_bdat);

struct smtp_auth {
    str mechanism; /* as it came */
    bool has_initial;
    str initial; /* base64; "=" has become empty (RFC 4954 section 4) */
};

/* Points into args. */
must_use smtp_refusal smtp_command_parse_auth(str args, struct smtp_auth *ret_auth);
