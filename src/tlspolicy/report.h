/* tlspolicy/report.h -- a TLS report: a day of one domain's mail, by what its policies promised
 * (RFC 8460 section 4)
 *
 * Texts come from others, so each is made good UTF-8 and good JSON. The same structure holds what
 * report_read.h reads.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "message/daily_report.h"
#include "tlspolicy/result.h"

enum {
    TLSPOLICY_REPORT_BYTES_MAX = 10 << 20, /* of JSON */
    TLSPOLICY_REPORT_TEXT_BYTES_MAX = 1000,
    TLSPOLICY_REPORT_POLICIES_MAX = 1000,
    TLSPOLICY_REPORT_DETAILS_MAX = 10000, /* of one policy */
    TLSPOLICY_REPORT_STRINGS_MAX = 1000,  /* of one policy's text */
};

enum tlspolicy_report_type {
    TLSPOLICY_REPORT_TLSA,
    TLSPOLICY_REPORT_STS,
    TLSPOLICY_REPORT_NO_POLICY,
};

struct tlspolicy_report_detail {  /* failures of one kind; what is not known is empty */
    enum tlspolicy_result result; /* SUCCESS: a type that the RFC does not have; see result_name */
    str result_name;              /* as read; not written */
    str sending_ip, receiving_ip;
    str mx_host, mx_helo;
    uint64_t count;
    str info, reason_code;
};

struct tlspolicy_report_policy {
    enum tlspolicy_report_type type;
    const str *strings; /* the lines of the policy, or the TLSA records */
    size_t string_count;
    str domain;
    const str *mx; /* patterns; empty: not told */
    size_t mx_count;
    uint64_t successes, failures; /* sessions */
    const struct tlspolicy_report_detail *details;
    size_t detail_count;
};

struct tlspolicy_report {
    str organization, contact, id;
    int64_t begin_s, end_s; /* since 1970, UTC */
    const struct tlspolicy_report_policy *policies;
    size_t policy_count;
};

const char *tlspolicy_report_type_name(enum tlspolicy_report_type); /* "no-policy-found" */
bool tlspolicy_report_type_parse(str name, enum tlspolicy_report_type *ret_type);

/* Append JSON. ERR_LIMIT: the buf is full; then any part may have been added. */
must_use err tlspolicy_report_write(const struct tlspolicy_report *, struct buf *out);
