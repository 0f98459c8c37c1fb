/* outbound/tlsrpt_sample.h -- one outcome on its way to the counts: everything copied, in one block
 */
#pragma once
#include "config/config.h"
#include "report/inbox.h"
#include "tlspolicy/report_tally.h"

enum {
    OUTBOUND_TLSRPT_FIRST_MS = 15 * 60 * 1000,   /* behind midnight UTC */
    OUTBOUND_TLSRPT_SPREAD_MS = 4 * 3600 * 1000, /* over which reports are sent then */
    OUTBOUND_TLSRPT_DOMAIN_BYTES_MAX = 255,
    OUTBOUND_TLSRPT_POLICY_BYTES_MAX = 16 << 10, /* as text; what is longer is left out of it */
};

struct outbound_tlsrpt_sample {
    struct report_inbox_item inbox;
    int64_t day; /* since 1970, UTC */
    int64_t due_ms;
    enum tlspolicy_result result;
    str domain;
    str policy; /* as text: see below */
    str sending_ip, receiving_ip, mx_host, info;
};

/* mem_free() it. */
struct outbound_tlsrpt_sample *outbound_tlsrpt_sample_make(const struct config *,
                                                           const struct tlspolicy_report_session *);
/* No report for this domain, says the operator. */
bool outbound_tlsrpt_sample_excluded(const struct config_tls_reports *, str domain);

/* "sts\nversion: STSv1\n…": the type, a line for each string, and "=" before each mx pattern. */
void outbound_tlsrpt_sample_policy(str text, str domain, struct arena *,
                                   struct tlspolicy_report_policy *ret_policy);
