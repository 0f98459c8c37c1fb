/* outbound/convert.h -- a mail with 8-bit bodies, for a host without 8BITMIME (RFC 6152 section 3)
 *
 * The mail is read three times: for its parts, for the size of what it becomes, and to be sent.
 * What is signed is not converted (message/downgrade.h); then the host cannot have the mail.
 */
#pragma once
#include "message/downgrade.h"
#include "outbound/offer.h"

struct outbound_convert; /* one conversion, for one transaction */

/* The sender has said that there are 8-bit bodies, so a host without 8BITMIME must not have them.
 */
bool outbound_convert_is_worth_it(const struct envelope *);

/* NULL in *ret_convert: it cannot be done. An err: our copy cannot be read now. */
must_use err outbound_convert_open(const struct outbound_offer_mail *, deadline,
                                   struct outbound_convert **ret_convert);
void outbound_convert_close(struct outbound_convert *); /* accepts NULL */
void outbound_convert_cleanup(struct outbound_convert **);

uint64_t outbound_convert_size(const struct outbound_convert *); /* of what is to be sent */

/* The next piece, empty at the end: for struct smtp_offer. */
must_use err outbound_convert_read(void *convert, str *ret_piece, deadline);
/* What is read begins anew: for a pass over it before it is sent. */
void outbound_convert_rewind(void *convert);
