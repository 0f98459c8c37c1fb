/* mailauth/spf_field.h -- the trace field "Received-SPF" (RFC 7208 section 9.1)
 *
 * What the peer and the policy's owner said stands in it as quoted values only: it can neither end
 * the line nor begin another pair. What is not printable ASCII becomes "?", and long values are
 * cut.
 */
#pragma once
#include "base/buf.h"
#include "mailauth/spf.h"

enum { MAILAUTH_SPF_FIELD_VALUE_BYTES_MAX = 320, MAILAUTH_SPF_FIELD_BYTES_MAX = 6000 };

/* Append "Received-SPF: ...\r\n", folded between its pairs. The args are those of the check. */
must_use err mailauth_spf_field_write(const struct mailauth_spf *, const struct mailauth_spf_args *,
                                      struct buf *out);
