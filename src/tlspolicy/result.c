#include "tlspolicy/result.h"
#include <openssl/x509_vfy.h>

static const char *const names[TLSPOLICY_RESULTS] = {
    [TLSPOLICY_SUCCESS] = "success",
    [TLSPOLICY_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
    [TLSPOLICY_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
    [TLSPOLICY_CERTIFICATE_EXPIRED] = "certificate-expired",
    [TLSPOLICY_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
    [TLSPOLICY_VALIDATION_FAILURE] = "validation-failure",
    [TLSPOLICY_TLSA_INVALID] = "tlsa-invalid",
    [TLSPOLICY_DNSSEC_INVALID] = "dnssec-invalid",
    [TLSPOLICY_DANE_REQUIRED] = "dane-required",
    [TLSPOLICY_STS_POLICY_FETCH_ERROR] = "sts-policy-fetch-error",
    [TLSPOLICY_STS_POLICY_INVALID] = "sts-policy-invalid",
    [TLSPOLICY_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
};

const char *tlspolicy_result_name(enum tlspolicy_result result) { return names[result]; }

bool tlspolicy_result_parse(str name, enum tlspolicy_result *ret_result)
{
    for (size_t i = TLSPOLICY_SUCCESS + 1; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i]))) {
            *ret_result = (enum tlspolicy_result)i;
            return true;
        }
    return false;
}

enum tlspolicy_result tlspolicy_result_of_verify(int error)
{
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLSPOLICY_CERTIFICATE_HOST_MISMATCH;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLSPOLICY_CERTIFICATE_EXPIRED;
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_DANE_NO_MATCH:
        return TLSPOLICY_VALIDATION_FAILURE;
    default:
        return TLSPOLICY_CERTIFICATE_NOT_TRUSTED;
    }
}
