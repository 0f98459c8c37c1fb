/* oauth/form.h -- application/x-www-form-urlencoded
 *
 * What a request to a provider holds (RFC 6749 appendix B) and what a redirect brings back.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    OAUTH_FORM_BYTES_MAX = 32 * 1024,
    OAUTH_FORM_FIELDS_MAX = 32,
};

/* "name=value" with "&" before it when there is something already. */
must_use err oauth_form_add(struct buf *form, str name, str value);
/* The value decoded, in the arena; empty: there is none of that name. ERR_PROTOCOL: the form is
 * malformed, or the name stands in it twice (RFC 6749 section 3.1); ERR_LIMIT. */
must_use err oauth_form_find(str form, str name, struct arena *, str *ret_value);
