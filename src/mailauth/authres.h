/* mailauth/authres.h -- Authentication-Results: what one server found out, for those behind it
 * (RFC 8601)
 *
 *     mx.example.net; spf=pass smtp.mailfrom=example.com;
 *         dkim=pass header.d=example.com header.s=s1; dmarc=fail (p=reject) header.from=example.com
 *
 * Readers believe it by the name in front, so nothing that a sender chose may end a value, and
 * what came from outside under our name is taken out first: see authres_ours.h.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_AUTHRES_BYTES_MAX = 64 << 10, /* of a field's value */
    MAILAUTH_AUTHRES_RESULTS_MAX = 100,
    MAILAUTH_AUTHRES_PROPERTIES_MAX = 32,   /* of one result */
    MAILAUTH_AUTHRES_VALUE_BYTES_MAX = 400, /* written; what is longer is cut */
    MAILAUTH_AUTHRES_NAME_BYTES_MAX = 64,   /* of a method, a result, a property */
};

struct mailauth_authres_property {
    str type, name; /* "header", "d" */
    str value;      /* quotes, folds and comments removed */
};

struct mailauth_authres_result {
    str method; /* "dkim" */
    unsigned version;
    str result;  /* "pass" */
    str comment; /* written in parentheses behind it; never read */
    str reason;
    struct mailauth_authres_property *properties;
    size_t property_count;
};

struct mailauth_authres {
    str id; /* the authserv-id: who says so */
    unsigned version;
    struct mailauth_authres_result *results;
    size_t count; /* 0: "none" */
};

/* A field's value, folds and all. ERR_PROTOCOL: not one; values without the quotes that they need
 * are read all the same (section 2.2 is often not kept). ERR_LIMIT: above the maxima. */
must_use err mailauth_authres_parse(str value, struct arena *,
                                    struct mailauth_authres *ret_authres);

/* An empty one to add to. */
void mailauth_authres_init(struct mailauth_authres *, str id, struct arena *);
/* NULL: there are as many as may be; then it is left out. */
struct mailauth_authres_result *mailauth_authres_add(struct mailauth_authres *, struct arena *,
                                                     str method, enum mailauth_result);
/* An empty value is left out. Accepts a NULL result. */
void mailauth_authres_add_property(struct mailauth_authres_result *, const char *type,
                                   const char *name, str value);

/* Append the field, ended by CRLF; lead is "Authentication-Results:", or for ARC
 * "ARC-Authentication-Results: i=1;". Without utf8, other than ASCII is written "?". ERR_CONFIG: a
 * method, a result, or a property whose name is none. */
must_use err mailauth_authres_write(str lead, const struct mailauth_authres *, bool utf8,
                                    struct buf *out);
