/* tlspolicy/sts_record.h -- "v=STSv1; id=20261121T1": does a domain have an MTA-STS policy, and
 * which one? (RFC 8461 section 3.1)
 *
 * The TXT record at _mta-sts.DOMAIN says nothing but that there is a policy and when it has
 * changed: the id is compared, never read.
 */
#pragma once
#include "base/arena.h"

enum {
    TLSPOLICY_STS_ID_BYTES_MAX = 32,
    TLSPOLICY_STS_RECORD_BYTES_MAX = 4096,
};

struct tlspolicy_sts_record {
    str id; /* letters and digits; a view into the text */
};

/* Does it claim to be one? Others beside it do not count (section 3.1). */
bool tlspolicy_sts_record_is(str text);
bool tlspolicy_sts_record_is_id(str text);
/* ERR_PROTOCOL says what is wrong with it, ERR_LIMIT that it is too long. Fields that the RFC does
 * not know are checked for their form and skipped. */
must_use err tlspolicy_sts_record_parse(str text, struct tlspolicy_sts_record *ret_record);
