/* tlspolicy/sts_policy.h -- what a domain's MTA-STS policy says (RFC 8461 sections 3.2 and 4.1)
 *
 *     version: STSv1
 *     mode: enforce
 *     mx: mx1.example.com
 *     mx: *.mail.example.com
 *     max_age: 604800
 *
 * Lines end with CRLF or LF; of a field that stands there twice the first counts, but for mx;
 * fields that the RFC does not know are skipped. Blank lines are, too: half the files have one at
 * the end, and refusing the file would leave the domain without protection.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum tlspolicy_sts_mode {
    TLSPOLICY_STS_NONE,    /* there is no policy any more */
    TLSPOLICY_STS_TESTING, /* deliver whatever happens, and report it */
    TLSPOLICY_STS_ENFORCE, /* deliver to a host that fits and proves who it is, or not at all */
};

enum {
    TLSPOLICY_STS_POLICY_BYTES_MAX = 64 << 10, /* section 3.3 */
    TLSPOLICY_STS_POLICY_MX_MAX = 1000,
    TLSPOLICY_STS_MAX_AGE_S = 31557600, /* section 3.2; what is above counts as this */
};

struct tlspolicy_sts_policy {
    enum tlspolicy_sts_mode mode;
    uint32_t max_age_s;
    bool capped; /* it asked for a longer time than is allowed */
    str *mx;     /* patterns: lower case; "*." stands for one label */
    size_t mx_count;
};

const char *tlspolicy_sts_policy_mode_name(enum tlspolicy_sts_mode); /* "enforce" */
bool tlspolicy_sts_policy_mode_parse(str name, enum tlspolicy_sts_mode *ret_mode);
/* A host name, or one with "*." before it; in any case. */
bool tlspolicy_sts_policy_is_pattern(str pattern);

/* Copies what it keeps. ERR_PROTOCOL names the line and what is wrong. ERR_LIMIT: above the maxima.
 */
must_use err tlspolicy_sts_policy_parse(str text, struct arena *,
                                        struct tlspolicy_sts_policy *ret_policy);
/* As a file, lines ended by CRLF. */
must_use err tlspolicy_sts_policy_write(const struct tlspolicy_sts_policy *, struct buf *out);
struct tlspolicy_sts_policy tlspolicy_sts_policy_copy(const struct tlspolicy_sts_policy *,
                                                      struct arena *);

/* May mail for the domain go to this host? The name may end with a dot. */
bool tlspolicy_sts_policy_matches(const struct tlspolicy_sts_policy *, str host);
