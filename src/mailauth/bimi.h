/* mailauth/bimi.h -- "v=BIMI1; l=https://.../logo.svg; a=https://.../mark.pem": the mark of a brand
 * (draft-brand-indicators-for-message-identification)
 *
 * For the diagnosis: is the record right, and is the image one that is shown (bimi_svg.h)? The
 * record stands at SELECTOR._bimi.DOMAIN, "default" when a message names no other. It has an
 * effect only with a DMARC policy that is enforced.
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_BIMI_REMARKS_MAX = 40, MAILAUTH_BIMI_SELECTORS_MAX = 64 };

struct mailauth_bimi_remark {
    bool is_mistake; /* else: it is allowed, and has no effect or not the one that is hoped for */
    str where;       /* a tag, an element, or "file" */
    str text;        /* for people, and printable */
};

struct mailauth_bimi_remarks {
    struct mailauth_bimi_remark *items;
    size_t count, left_out;
    bool mistaken; /* one of them, or of those left out, is a mistake */
};

struct mailauth_bimi {
    str logo;      /* l=: where the SVG is */
    str authority; /* a=: where the certificate is */
    bool declined; /* "l=;" and no a=: this domain wants nothing shown */
    str avatar;    /* avp=: "brand" or "personal" */
    str selectors[MAILAUTH_BIMI_SELECTORS_MAX]; /* lps=: of local parts, in lower case */
    size_t selector_count;
    struct mailauth_bimi_remarks remarks;
};

/* ERR_PROTOCOL: not a BIMI record, not a list of tags, or a tag twice. */
must_use err mailauth_bimi_parse(str text, struct arena *, struct mailauth_bimi *ret_bimi);

/* Where the record of a selector stands; both are canonical names. */
str mailauth_bimi_name(str selector, str domain, struct arena *);

/* For this and bimi_svg.h: add one, or count it when there are too many. */
void mailauth_bimi_remark(struct mailauth_bimi_remarks *, struct arena *, bool is_mistake,
                          const char *where, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
