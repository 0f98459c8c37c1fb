#include "sasl/cram.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool sasl_cram_digest(str secret, str challenge, char ret_digest[SASL_CRAM_DIGEST_CHARS])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const void *key = secret.len ? secret.ptr : "";
    if (HMAC(EVP_md5(), key, (int)secret.len, (const unsigned char *)challenge.ptr, challenge.len,
             bytes, &len) == NULL ||
        len != SASL_CRAM_DIGEST_CHARS / 2)
        return false;
    for (unsigned i = 0; i < len; i++) {
        ret_digest[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        ret_digest[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return true;
}
