/* smtp/path.h -- who a mail is from and to: reverse and forward paths (RFC 5321 4.1.2, RFC 6531)
 *
 * The one parser of addresses for SMTP, configuration, command line and API. What it returns is
 * in one canonical form, so that two spellings of a mailbox are equal as bytes: a quoted local
 * part loses the quotes and backslashes it can do without, a domain is lower-case A-labels without
 * a trailing dot, a source route is gone. Where a mail goes is decided on that form and never on
 * the text that came in.
 *
 * The local part keeps its case and its Unicode normalisation: whoever compares mailboxes uses
 * sasl_name_equal().
 */
#pragma once
#include "base/arena.h"
#include "smtp/refusal.h"

enum {
    SMTP_PATH_LOCAL_BYTES_MAX = 64,   /* RFC 5321 section 4.5.3.1.1 */
    SMTP_PATH_DOMAIN_BYTES_MAX = 255, /* section 4.5.3.1.2, as A-labels */
    SMTP_PATH_BYTES_MAX = 254,        /* section 4.5.3.1.3, without the angle brackets */
    SMTP_PATH_LABEL_BYTES_MAX = 63,   /* RFC 1035 section 2.3.4 */
    SMTP_PATH_ROUTE_HOPS_MAX = 16,    /* hosts of a source route, which is read and forgotten */
    SMTP_PATH_DOMAIN_INPUT_BYTES_MAX = 1020, /* as it came: 255 characters of UTF-8 */
};

enum smtp_path_kind {
    SMTP_PATH_REVERSE, /* MAIL FROM: may be <> */
    SMTP_PATH_FORWARD, /* RCPT TO: may be <postmaster> */
};

struct smtp_path {
    str local;  /* as it stands before the '@': bob, "two words"; empty for the null path */
    str domain; /* lower-case A-labels, or "[192.0.2.1]", "[IPv6:2001:db8::1]" */
    str text;   /* local@domain; "postmaster"; empty for the null path */
    bool null, literal, postmaster_bare;
    bool utf8; /* the canonical form is not ASCII: a next hop must offer SMTPUTF8 */
};

/* Take "<...>" off the front of *input; on a refusal *input and *ret_path are untouched.
 * 501 5.1.7 (reverse) or 5.1.3 (forward): no path, too long, or without a domain.
 * 553 5.6.7: not ASCII, and smtputf8 does not allow that. */
must_use smtp_refusal smtp_path_parse(str *input, enum smtp_path_kind, bool smtputf8,
                                      struct arena *, struct smtp_path *ret_path);

/* The whole text is "user@domain": no angle brackets, no route, never null. */
must_use smtp_refusal smtp_path_parse_bare(str text, bool smtputf8, struct arena *,
                                           struct smtp_path *ret_path);

enum smtp_domain_rule {
    SMTP_DOMAIN_STRICT, /* a mail domain: letters, digits, hyphens, U-labels; no literal */
    SMTP_DOMAIN_HELLO,  /* what hosts say in EHLO: underscores and literals too (RFC 5321 4.1.4) */
};

/* The canonical form of a domain: lower-case A-labels without a trailing dot. An EHLO argument that
 * looks like a literal but is none is kept as it came; a peer is not turned away for its name.
 * False: not a domain (a blank, a control byte, too long, invalid IDNA2008). */
must_use bool smtp_domain_parse(str text, enum smtp_domain_rule, struct arena *, str *ret_domain);
