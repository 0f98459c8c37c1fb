/* tlspolicy/report_record.h -- "v=TLSRPTv1; rua=mailto:tls@example.com": where a domain wants
 * reports about TLS (RFC 8460 section 3)
 */
#pragma once
#include "mailauth/dmarc_uri.h"

enum {
    TLSPOLICY_REPORT_RECORD_BYTES_MAX = 8192,
    TLSPOLICY_REPORT_RECORD_URIS_MAX = 10, /* those behind are not used */
};

struct tlspolicy_report_record {
    struct mailauth_dmarc_uri *uris; /* mailto: with an address, or https: */
    size_t count;
    size_t useless; /* of another scheme, or not readable */
};

/* Does it claim to be one? */
bool tlspolicy_report_record_is(str text);
/* ERR_PROTOCOL says what is wrong with it: among others, that no URI is of use. ERR_LIMIT. */
must_use err tlspolicy_report_record_parse(str text, struct arena *,
                                           struct tlspolicy_report_record *ret_record);
