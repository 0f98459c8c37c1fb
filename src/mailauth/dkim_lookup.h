/* mailauth/dkim_lookup.h -- the keys that the signatures of one message need
 *
 * Wished for first, asked for side by side, each name once. A key that is not there is a result.
 */
#pragma once
#include "mailauth/ask.h"
#include "mailauth/dkim_key.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_DKIM_LOOKUP_NAMES_MAX = 128,
    MAILAUTH_DKIM_LOOKUP_RECORDS_MAX = 4, /* TXT records looked at of one name */
};

struct mailauth_dkim_lookup;

struct mailauth_dkim_lookup *mailauth_dkim_lookup_open(struct arena *);
/* ERR_LIMIT: too many names. */
must_use err mailauth_dkim_lookup_want(struct mailauth_dkim_lookup *, str selector, str domain,
                                       size_t *ret_number);
/* On a fiber. ERR_CANCELED; what else goes wrong is the results'. */
must_use err mailauth_dkim_lookup_run(struct mailauth_dkim_lookup *, const struct mailauth_ask *);

/* What a signature came to. */
struct mailauth_dkim_judgement {
    enum mailauth_result result;
    str reason;        /* in words, for everything but a pass */
    unsigned key_bits; /* 0: not known */
    bool testing;      /* t=y in the record */
};

/* Does the signature over this digest hold by one of the keys of that name? After the run. */
void mailauth_dkim_lookup_judge(struct mailauth_dkim_lookup *, size_t number,
                                const struct mailauth_dkim_signature *,
                                const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES],
                                struct mailauth_dkim_judgement *ret_judgement);
