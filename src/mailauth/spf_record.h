/* mailauth/spf_record.h -- "v=spf1 mx include:_spf.example.net -all" (RFC 7208 section 4.5, 12)
 *
 * A record is read as a whole before any of it counts: one mistake anywhere and all of it is
 * unusable (section 4.6). The views point into the text.
 */
#pragma once
#include "base/arena.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_SPF_RECORD_BYTES_MAX = 16 << 10, /* the RFC asks for less than 450 */
    MAILAUTH_SPF_RECORD_TERMS_MAX = 1024,
    MAILAUTH_SPF_RECORD_ARENA_BYTES = 160 << 10, /* what one takes of an arena at most */
};

enum mailauth_spf_kind {
    MAILAUTH_SPF_ALL,
    MAILAUTH_SPF_INCLUDE,
    MAILAUTH_SPF_A,
    MAILAUTH_SPF_MX,
    MAILAUTH_SPF_PTR,
    MAILAUTH_SPF_IP4,
    MAILAUTH_SPF_IP6,
    MAILAUTH_SPF_EXISTS,
    MAILAUTH_SPF_REDIRECT, /* modifiers from here on */
    MAILAUTH_SPF_EXP,
    MAILAUTH_SPF_OTHER, /* a modifier that this program does not know: it has no effect */
};

struct mailauth_spf_term {
    enum mailauth_spf_kind kind;
    enum mailauth_result result; /* of its qualifier, when it matches: PASS without one */
    str text;                    /* as it was written */
    size_t at;                   /* where in the record */
    str domain;                  /* the domain-spec with its macros; empty: none was written */
    uint8_t bits4, bits6;        /* 32 and 128 when nothing was written */
    uint8_t ip[16];              /* IP4: the first four; IP6 */
};

struct mailauth_spf_record {
    struct mailauth_spf_term *terms; /* mechanisms, in their order */
    size_t count;
    const struct mailauth_spf_term *redirect, *exp; /* NULL: none */
    size_t others;                                  /* modifiers that have no effect */
};

/* Is it meant to be one? Others are not looked at (section 4.5). */
bool mailauth_spf_record_is(str text);
/* ERR_PROTOCOL: a mistake; the words say which and where. ERR_LIMIT: above the maxima. */
must_use err mailauth_spf_record_parse(str text, struct arena *,
                                       struct mailauth_spf_record *ret_record);
/* Does it take one of the ten lookups (section 4.6.4)? */
bool mailauth_spf_record_term_asks(const struct mailauth_spf_term *);
