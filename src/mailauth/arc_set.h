/* mailauth/arc_set.h -- the three fields that each handler of a message added (RFC 8617 section 4)
 *
 * A set is ARC-Authentication-Results (what the handler found), ARC-Message-Signature (what the
 * message was then) and ARC-Seal (that the sets below are whole), held together by a number.
 */
#pragma once
#include "mailauth/dkim_header.h"
#include "mailauth/dkim_signature.h"

enum { MAILAUTH_ARC_SETS_MAX = 50 };

struct mailauth_arc_set {
    const struct message_field *results, *message, *seal;
    struct mailauth_dkim_signature message_signature, seal_signature;
};

struct mailauth_arc_sets {
    struct mailauth_arc_set *items; /* by number - 1; count of them */
    unsigned count;                 /* the highest number found */
    bool present;                   /* there is any field of ARC */
    bool ended;                     /* the newest seal says cv=fail: nobody adds to it */
    str wrong;                      /* why this is no chain; empty: its structure is sound */
};

/* Structure only: no key is needed for it. Lives in the arena. */
struct mailauth_arc_sets mailauth_arc_set_collect(const struct mailauth_dkim_header *,
                                                  struct arena *);
