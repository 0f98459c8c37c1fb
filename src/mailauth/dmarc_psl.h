/* mailauth/dmarc_psl.h -- organizations by the public suffix list, as DMARC had them before
 *
 * RFC 7489 section 3.2. RFC 9989 replaced the list by the tree walk; it stays for comparing the
 * two.
 */
#pragma once
#include "base/arena.h"

struct mailauth_dmarc_psl;

/* An empty path: the system's list. Blocks: at start. ERR_CONFIG: there is none, or it is none. */
must_use err mailauth_dmarc_psl_open(str path, struct mailauth_dmarc_psl **ret_psl);
void mailauth_dmarc_psl_close(struct mailauth_dmarc_psl *); /* accepts NULL */

/* One label more than the public suffix; a suffix itself has none, then it is the domain. */
str mailauth_dmarc_psl_organizational(const struct mailauth_dmarc_psl *, str domain,
                                      struct arena *);
