#include "mailauth/dkim_key.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

enum { ED25519_BYTES = 32, DER_SEQUENCE = 0x30, DER_INTEGER = 0x02, DER_BITS = 0x03 };

struct mailauth_dkim_key {
    EVP_PKEY *key;
    /* Made once, used for every check; the other one is NULL. */
    EVP_PKEY_CTX *rsa;
    EVP_MD_CTX *ed25519;
};

/* ---- DER: just what an RSA key is made of -----------------------------------------------------
 */

/* The length in front of *der: one byte, or 0x81 or 0x82 and as many behind it. */
static bool take_length(str *der, size_t *ret_len)
{
    if (der->len == 0)
        return false;
    uint8_t first = (uint8_t)der->ptr[0];
    size_t more = first < 0x80 ? 0 : first & 0x7fU;
    if (first == 0x80 || more > 2 || der->len < 1 + more)
        return false;
    size_t len = more == 0 ? first : 0;
    for (size_t i = 1; i <= more; i++)
        len = len << 8 | (uint8_t)der->ptr[i];
    *der = str_from(*der, 1 + more);
    *ret_len = len;
    return true;
}

/* Take one element of that kind off the front. */
static bool take_element(str *der, uint8_t kind, str *ret_content)
{
    str rest = *der;
    if (rest.len == 0 || (uint8_t)rest.ptr[0] != kind)
        return false;
    rest = str_from(rest, 1);
    size_t len;
    if (!take_length(&rest, &len) || len > rest.len)
        return false;
    *ret_content = str_slice(rest, 0, len);
    *der = str_from(rest, len);
    return true;
}

/* A positive number, without the zeros in front. */
static bool take_number(str *der, str *ret_number)
{
    str number;
    if (!take_element(der, DER_INTEGER, &number) || number.len == 0 || (number.ptr[0] & 0x80))
        return false;
    while (number.len > 0 && number.ptr[0] == 0)
        number = str_from(number, 1);
    *ret_number = number;
    return number.len > 0;
}

/* SubjectPublicKeyInfo, what everybody publishes, holds the RSAPublicKey of RFC 6376's text. */
static str without_wrapping(str der)
{
    static const str rsa = S("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"); /* rsaEncryption */
    str outer, algorithm, bits, rest = der;
    if (!take_element(&rest, DER_SEQUENCE, &outer) || rest.len > 0 ||
        !take_element(&outer, DER_SEQUENCE, &algorithm))
        return der;
    if (!str_starts(algorithm, rsa) || !take_element(&outer, DER_BITS, &bits) || outer.len > 0 ||
        !str_skip(&bits, S("\0")))
        return (str){0};
    return bits;
}

static bool read_rsa(str der, str *ret_modulus, str *ret_exponent)
{
    str inner = without_wrapping(der), numbers;
    return take_element(&inner, DER_SEQUENCE, &numbers) && inner.len == 0 &&
           take_number(&numbers, ret_modulus) && take_number(&numbers, ret_exponent) &&
           numbers.len == 0;
}

static unsigned count_bits(str number)
{
    unsigned bits = (unsigned)number.len * 8;
    for (uint8_t top = (uint8_t)number.ptr[0]; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

/* ---- keys of the library ------------------------------------------------------------------------
 */

static BIGNUM *number_of(str bytes)
{
    return BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
}

static EVP_PKEY *make_rsa(str modulus, str exponent)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    BIGNUM *n = number_of(modulus), *e = number_of(exponent);
    if (n && e && context && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(context);
    BN_free(n);
    BN_free(e);
    return key;
}

static const char *open_rsa(str der, EVP_PKEY **ret_key, unsigned *ret_bits)
{
    str modulus, exponent;
    if (!read_rsa(der, &modulus, &exponent))
        return "p= does not hold an RSA key";
    *ret_bits = count_bits(modulus);
    if (*ret_bits < MAILAUTH_DKIM_KEY_BITS_MIN)
        return "the RSA key has less than 1024 bits (RFC 8301)";
    if (*ret_bits > MAILAUTH_DKIM_KEY_BITS_MAX)
        return "the RSA key has more than 4096 bits, more than we take";
    if (exponent.len > MAILAUTH_DKIM_KEY_EXPONENT_BYTES_MAX)
        return "the RSA key has an exponent of more than 64 bits";
    *ret_key = make_rsa(modulus, exponent);
    return *ret_key ? NULL : "p= does not hold an RSA key";
}

static const char *open_ed25519(str bytes, EVP_PKEY **ret_key, unsigned *ret_bits)
{
    if (bytes.len != ED25519_BYTES)
        return "p= does not hold an Ed25519 key of 32 bytes (RFC 8463)";
    *ret_bits = ED25519_BYTES * 8;
    *ret_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.ptr,
                                           bytes.len);
    return *ret_key ? NULL : "p= does not hold an Ed25519 key";
}

/* ---- checking ----------------------------------------------------------------------------------
 */

static EVP_PKEY_CTX *prepare_rsa(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context && EVP_PKEY_verify_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static EVP_MD_CTX *prepare_ed25519(EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

static void release(void *key)
{
    struct mailauth_dkim_key *k = key;
    EVP_PKEY_CTX_free(k->rsa);
    EVP_MD_CTX_free(k->ed25519);
    EVP_PKEY_free(k->key);
}

const char *mailauth_dkim_key_open(const struct mailauth_dkim_record *record, struct arena *arena,
                                   struct mailauth_dkim_key **ret_key, unsigned *ret_bits)
{
    struct mailauth_dkim_key made = {0};
    bool rsa = record->algorithm == MAILAUTH_DKIM_RSA;
    ERR_clear_error();
    const char *why = rsa ? open_rsa(record->key, &made.key, ret_bits)
                          : open_ed25519(record->key, &made.key, ret_bits);
    if (why == NULL && rsa)
        made.rsa = prepare_rsa(made.key);
    else if (why == NULL)
        made.ed25519 = prepare_ed25519(made.key);
    ERR_clear_error();
    if (why)
        return why;
    struct mailauth_dkim_key *k = ARENA_NEW(arena, struct mailauth_dkim_key);
    *k = made;
    arena_defer(arena, release, k);
    *ret_key = k;
    return NULL;
}

static bool check_rsa(EVP_PKEY_CTX *context, const uint8_t *digest, str signature)
{
    return EVP_PKEY_verify(context, (const unsigned char *)signature.ptr, signature.len, digest,
                           MAILAUTH_DKIM_DIGEST_BYTES) == 1;
}

/* RFC 8463 section 3: what Ed25519 signs is the hash. */
static bool check_ed25519(EVP_MD_CTX *context, const uint8_t *digest, str signature)
{
    return EVP_DigestVerifyInit(context, NULL, NULL, NULL, NULL) == 1 &&
           EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len, digest,
                            MAILAUTH_DKIM_DIGEST_BYTES) == 1;
}

bool mailauth_dkim_key_check(struct mailauth_dkim_key *k,
                             const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES], str signature)
{
    ERR_clear_error();
    bool holds = (k->rsa && check_rsa(k->rsa, digest, signature)) ||
                 (k->ed25519 && check_ed25519(k->ed25519, digest, signature));
    ERR_clear_error(); /* what is left there would be taken for a TLS connection's */
    return holds;
}
