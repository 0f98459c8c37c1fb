/* mailauth/arc_seal.h -- add a set of our own to the chain (RFC 8617 section 5.1)
 *
 * Opened with the header that the message will have below the new fields, over the same hashes of
 * the body as the checks; finished with what the chain came to.
 */
#pragma once
#include "mailauth/arc.h"
#include "mailauth/dkim_sign.h"

struct mailauth_arc_plan {
    str domain, selector;
    str names; /* h= of the message signature; empty: as signed mail that lists pass on, and the
                  DKIM-Signature fields */
    struct mailauth_dkim_signer *signer;
    bool one_piece; /* b= in one line, however long: for comparing with other software */
};

struct mailauth_arc_seal;

/* False: a chain that its newest seal calls failed, or one of fifty sets. */
bool mailauth_arc_seal_is_possible(const struct mailauth_arc_result *chain);

/* Before the first byte of the body. The header and the plan must live until finish. ERR_CONFIG: as
 * mailauth_dkim_sign_check(). */
must_use err mailauth_arc_seal_open(str header, const struct mailauth_arc_plan *,
                                    struct mailauth_canon_hash *body, struct arena *,
                                    struct mailauth_arc_seal **ret_seal);

/* Append the three fields. results is the text of Authentication-Results, "id; arc=none; spf=..";
 * folds in it are kept, anything else that would end the field is ERR_CONFIG. Nothing is appended
 * where it is not possible. A chain that fails, or whose keys could not be had, gets cv=fail. */
must_use err mailauth_arc_seal_finish(struct mailauth_arc_seal *,
                                      const struct mailauth_arc_result *chain, str results,
                                      int64_t now_s, struct buf *out_fields, deadline until);
