/* mailauth/authres_ours.h -- fields from outside that speak in our name (RFC 8601 section 5)
 *
 * Before our own Authentication-Results is added, those that arrived under the same authserv-id
 * must go. A well-formed field goes when its id is ours, in any spelling. A malformed one, which
 * some other reader might make sense of, goes when our id can be found in it at all, whatever
 * stands between its letters.
 */
#pragma once
#include "base/arena.h"

/* The numbers of the fields to drop, from 0 in the order of message_header_next(). */
struct mailauth_authres_ours {
    size_t *fields;
    size_t count;
};

/* id: our authserv-id. The header of a message, with or without what follows. */
struct mailauth_authres_ours mailauth_authres_ours(str header, str id, struct arena *);
/* One field's value: must it go? */
bool mailauth_authres_ours_claims(str value, str id);
