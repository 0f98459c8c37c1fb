/* report/address.h -- an address that a record names, as one that mail can go to */
#pragma once
#include "mailauth/dmarc_uri.h"

/* *ret_to is canonical. False: it cannot be used, as one whose local part would need quotes: what
 * stands in To must be the same without them, too. */
bool report_address_read(const struct mailauth_dmarc_uri *, struct arena *, str *ret_to);
