/* message/alignment.h -- do those who answer for a message have one domain?
 *
 * A receiver holds the domain in From against that of the envelope sender (SPF) and of the
 * signatures (DKIM's d=): DMARC wants one of them to agree (RFC 9989 section 4.4). A Reply-To
 * elsewhere is what forgers write, so filters look at it. Two domains agree when they are equal or
 * one is below the other: which of them is an organization's own only the DNS tells, later.
 */
#pragma once
#include "base/arena.h"

enum { MESSAGE_ALIGNMENT_SIGNATURES_MAX = 16, MESSAGE_ALIGNMENT_BYTES_MAX = 64 << 20 };

struct message_alignment {
    str from, sender, reply_to;                       /* domains; empty: there is none */
    str signatures[MESSAGE_ALIGNMENT_SIGNATURES_MAX]; /* d=, in their order */
    size_t signature_count;
    bool sender_agrees, reply_to_agrees; /* or there is none */
    bool signature_agrees;               /* one of them at least; or there is none */
};

bool message_alignment_agree(str a, str b); /* domains, any case */

/* The sender is the envelope's, without <>; empty: not known, or the null one. All lives in the
 * arena or the header. */
void message_alignment_read(str header, str sender, struct arena *,
                            struct message_alignment *ret_alignment);
