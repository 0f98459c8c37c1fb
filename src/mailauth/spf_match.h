/* mailauth/spf_match.h -- does a mechanism match the client? (RFC 7208 section 5)
 *
 * All but "include", which is not answered by a question but by another policy.
 */
#pragma once
#include "mailauth/spf_state.h"

/* On failure (see spf_state.h) it does not match. ERR_CANCELED. */
must_use err mailauth_spf_match(struct mailauth_spf_state *, const struct mailauth_spf_term *,
                                bool *ret_matches);
/* The name of the client that counts for %{p} (section 7.3), or "unknown"; near to the domain when
 * there are several. */
must_use err mailauth_spf_match_validated(struct mailauth_spf_state *, str *ret_name);
/* "1.2.0.192.in-addr.arpa". */
str mailauth_spf_match_reverse(const struct address *, struct arena *);
