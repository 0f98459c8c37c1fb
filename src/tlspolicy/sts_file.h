/* tlspolicy/sts_file.h -- a cached policy as a file
 *
 *     smtptool-mta-sts 1
 *     domain example.com
 *     id 20261121T1
 *     fetched 1795250896000
 *     body 76
 *
 *     version: STSv1
 *     ...
 */
#pragma once
#include "tlspolicy/sts_cache.h"

must_use err tlspolicy_sts_file_write(const struct tlspolicy_sts_entry *, struct buf *out);
/* Views into the text. The policy is read to see that it is one, and for its max_age. ERR_DAMAGED:
 * not such a file, or the policy of another domain. */
must_use err tlspolicy_sts_file_read(str text, str domain, struct tlspolicy_sts_entry *ret_entry);
