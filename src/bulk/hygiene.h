/* bulk/hygiene.h -- addresses that no mail should go to
 *
 * Pure: what the DNS and the suppression list say of an address is asked elsewhere.
 */
#pragma once
#include "base/arena.h"

enum bulk_reason {
    BULK_KEPT,
    BULK_UNREADABLE, /* the row */
    BULK_NO_ADDRESS,
    BULK_SYNTAX,
    BULK_DUPLICATE,
    BULK_ROLE, /* postmaster@, info@: nobody signed up with it */
    BULK_NO_MX,
    BULK_HARD_BOUNCED,
    BULK_COMPLAINED,
    BULK_UNSUBSCRIBED,
    BULK_SUPPRESSED, /* for another reason */
    BULK_INACTIVE,
    BULK_NOT_IN_SEGMENT,
    BULK_NOT_IN_SAMPLE,
    BULK_REASONS,
};
const char *bulk_hygiene_name(enum bulk_reason); /* "hard_bounced" */
const char *bulk_hygiene_words(enum bulk_reason);

/* The address as it goes into RCPT TO, its domain in lower-case A-labels; and as it is compared. */
struct bulk_address {
    str text, folded, domain;
};
/* False: it is none. Texts live in the arena. */
bool bulk_hygiene_read(str text, struct arena *, struct bulk_address *ret_address);
bool bulk_hygiene_is_role(str address);
