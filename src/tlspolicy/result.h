/* tlspolicy/result.h -- how a try to be private came out, in the words of RFC 8460 section 4.3
 *
 * The names are those of reports, so other people's reports are read into the same values.
 */
#pragma once
#include "base/str.h"

enum tlspolicy_result {
    TLSPOLICY_SUCCESS, /* no result type: only counted */
    /* 4.3.1: between us and the host */
    TLSPOLICY_STARTTLS_NOT_SUPPORTED,
    TLSPOLICY_CERTIFICATE_HOST_MISMATCH,
    TLSPOLICY_CERTIFICATE_EXPIRED,
    TLSPOLICY_CERTIFICATE_NOT_TRUSTED,
    TLSPOLICY_VALIDATION_FAILURE, /* any other */
    /* 4.3.2.1: DANE */
    TLSPOLICY_TLSA_INVALID,
    TLSPOLICY_DNSSEC_INVALID,
    TLSPOLICY_DANE_REQUIRED,
    /* 4.3.2.2: MTA-STS */
    TLSPOLICY_STS_POLICY_FETCH_ERROR,
    TLSPOLICY_STS_POLICY_INVALID,
    TLSPOLICY_STS_WEBPKI_INVALID,
    TLSPOLICY_RESULTS,
};

const char *tlspolicy_result_name(enum tlspolicy_result); /* "certificate-expired", "success" */
/* Of a certificate that was not to be trusted, by OpenSSL's number (X509_V_ERR_…); what is no
 * error of a certificate is VALIDATION_FAILURE. */
enum tlspolicy_result tlspolicy_result_of_verify(int error);
/* False: not a type of the RFC. */
bool tlspolicy_result_parse(str name, enum tlspolicy_result *ret_result);
