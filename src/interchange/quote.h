/* interchange/quote.h -- values as other languages write them
 *
 * A user's name may hold quotes, '$', '<' and backslashes, and must mean itself wherever it is
 * written. What no language of ours could hold in one line is refused before anything is written.
 * Each appends to out.
 */
#pragma once
#include "base/buf.h"

/* UTF-8 without control characters and the two separators that end a line of JavaScript.
 * ERR_CONFIG: "user: a line end or another control character". */
must_use err interchange_quote_check(const char *what, str value);

/* Letters, digits and "._-" alone: what may stand in a comment or be a name anywhere. Others become
 * '-'. */
must_use err interchange_quote_label(struct buf *out, str value);

must_use err interchange_quote_sh(struct buf *out, str value); /* as it is, or in '…' */
must_use err interchange_quote_c(struct buf *out, str value); /* "…": JavaScript, Python, prefs */
must_use err interchange_quote_php(struct buf *out, str value);     /* '…' */
must_use err interchange_quote_postfix(struct buf *out, str value); /* in main.cf: no $name */
/* In an option that Exim expands, as an item of a list by ';' in which '^' is a NUL. */
must_use err interchange_quote_exim(struct buf *out, str value);
