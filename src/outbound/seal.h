/* outbound/seal.h -- may a set of ours be added to what came by MX, and what would it say (RFC
 * 8617)
 *
 * The way in has judged the mail and written what it found above all else in it. The set says the
 * same with a signature, so that a server behind us can believe it. What stands in the mail is all
 * that is needed: nobody asks the DNS a second time, and what the queue holds needs no new field.
 */
#pragma once
#include "account/keeper.h"
#include "mailauth/arc_seal.h"

struct outbound_seal {
    str results;                      /* of our Authentication-Results: "id; spf=…" */
    struct mailauth_arc_result chain; /* as it was found when the mail came */
};

/* The header as it goes out; views into it and the arena. False: nothing is added, and *ret_why is
 * empty when that is as it should be: it was not judged, or the chain has ended. */
bool outbound_seal_read(str header, struct arena *, struct outbound_seal *ret_seal, str *ret_why);

/* The key that seals: RSA, for RFC 8617 has no other algorithm; of several the one whose selector
 * sorts last. NULL: there is none. */
const struct keeper_dkim_key *outbound_seal_key(const struct keeper_dkim_keys *);
