/* mailauth/arc.h -- what those who handled a message before say of it (RFC 8617)
 *
 * A chain that holds proves who said what; whether to believe it is for whoever knows the sealers.
 * Used as dkim.h is, over the same hashes of the body:
 *
 *     TRY(mailauth_arc_open(header, body, arena, &arc));
 *     ... the body ...
 *     TRY(mailauth_arc_finish(arc, &ask, &story, &result));
 */
#pragma once
#include "mailauth/arc_set.h"
#include "mailauth/ask.h"
#include "mailauth/canon_hash.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_ARC_MESSAGES_MAX = 10,          /* ARC-Message-Signatures looked at, newest first */
    MAILAUTH_ARC_ARENA_BYTES_MAX = 32 << 20, /* what one message can make us keep at most: mostly
                                                answers of the DNS */
};

/* none       no ARC field is there
 * pass       the chain holds: every seal, and the newest message signature
 * fail       it does not, or is not one
 * temperror  a key could not be had now; who cannot wait takes it for a fail */
struct mailauth_arc_result {
    enum mailauth_result result;
    str reason;           /* for fail and temperror */
    unsigned count;       /* the highest number of a set */
    unsigned oldest_pass; /* the message signatures from that one up hold; 0: all of them (RFC
                             8617 section 5.2). Of more than ten the older ones were not tried */
    bool partial;         /* the newest message signature's l= leaves bytes unsigned */
    struct mailauth_arc_sets sets; /* who sealed: items[i].seal_signature.domain */
};

struct mailauth_arc;

/* As mailauth_dkim_open(). */
must_use err mailauth_arc_open(str header, struct mailauth_canon_hash *body, struct arena *,
                               struct mailauth_arc **ret_arc);
/* As mailauth_dkim_finish(). */
must_use err mailauth_arc_finish(struct mailauth_arc *, const struct mailauth_ask *,
                                 struct mailauth_story *, struct mailauth_arc_result *ret_result);
