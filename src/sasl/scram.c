#include "sasl/scram.h"
#include "base/mem.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

struct digest { /* what the chosen hash is and how long */
    const EVP_MD *md;
    size_t len;
};

static struct digest digest_of(enum sasl_scram_hash hash)
{
    const EVP_MD *md = hash == SASL_SCRAM_WITH_SHA_1 ? EVP_sha1() : EVP_sha256();
    return (struct digest){md, (size_t)EVP_MD_get_size(md)};
}

static str key_str(const uint8_t key[SASL_SCRAM_KEY_BYTES])
{
    return (str){(const char *)key, SASL_SCRAM_KEY_BYTES};
}

static void hmac(struct digest d, str key, str text, uint8_t ret_bytes[SASL_SCRAM_KEY_BYTES])
{
    unsigned len = 0;
    const void *made = HMAC(d.md, key.len ? key.ptr : "", (int)key.len,
                            (const unsigned char *)text.ptr, text.len, ret_bytes, &len);
    ASSERT(made != NULL);
    ASSERT(len == d.len);
}

void sasl_scram_hmac(str key, str text, uint8_t ret_bytes[SASL_SCRAM_KEY_BYTES])
{
    hmac(digest_of(SASL_SCRAM_WITH_SHA_256), key, text, ret_bytes);
}

bool sasl_scram_same(str a, str b)
{
    if (a.len != b.len)
        return false;
    return a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void hash(struct digest d, const uint8_t bytes[SASL_SCRAM_KEY_BYTES],
                 uint8_t ret[SASL_SCRAM_KEY_BYTES])
{
    int made = EVP_Digest(bytes, d.len, ret, NULL, d.md, NULL);
    ASSERT(made == 1);
}

/* SaltedPassword, and from it ClientKey and ServerKey (RFC 5802 section 3). */
static void derive(struct digest d, str password, str salt, uint32_t iterations,
                   uint8_t client_key[SASL_SCRAM_KEY_BYTES],
                   uint8_t server_key[SASL_SCRAM_KEY_BYTES])
{
    uint8_t salted[SASL_SCRAM_KEY_BYTES];
    ASSERT(iterations <= SASL_SCRAM_ITERATIONS_MAX);
    int done = PKCS5_PBKDF2_HMAC(password.len ? password.ptr : "", (int)password.len,
                                 (const unsigned char *)salt.ptr, (int)salt.len, (int)iterations,
                                 d.md, (int)d.len, salted);
    ASSERT(done == 1);
    str key = {(char *)salted, d.len};
    hmac(d, key, S("Client Key"), client_key);
    hmac(d, key, S("Server Key"), server_key);
    mem_wipe(salted, sizeof salted);
}

void sasl_scram_verifier_make(str password, str salt, uint32_t iterations,
                              struct sasl_scram_verifier *ret_verifier)
{
    ASSERT(salt.len > 0);
    ASSERT(salt.len <= SASL_SCRAM_SALT_BYTES_MAX);
    struct sasl_scram_verifier v = {.known = true, .salt_len = salt.len, .iterations = iterations};
    memcpy(v.salt, salt.ptr, salt.len);
    uint8_t client_key[SASL_SCRAM_KEY_BYTES];
    struct digest sha256 = digest_of(SASL_SCRAM_WITH_SHA_256);
    derive(sha256, password, salt, iterations, client_key, v.server_key);
    hash(sha256, client_key, v.stored_key);
    mem_wipe(client_key, sizeof client_key);
    *ret_verifier = v;
    mem_wipe(&v, sizeof v);
}

void sasl_scram_verifier_fake(str key, str user, struct sasl_scram_verifier *ret_verifier)
{
    struct sasl_scram_verifier v = {.salt_len = SASL_SCRAM_SALT_BYTES,
                                    .iterations = SASL_SCRAM_ITERATIONS};
    uint8_t salt[SASL_SCRAM_KEY_BYTES];
    sasl_scram_hmac(key, user, salt);
    memcpy(v.salt, salt, v.salt_len);
    /* These keys decide nothing, for known is false; they only keep the work the same. */
    sasl_scram_hmac(key_str(salt), S("stored"), v.stored_key);
    sasl_scram_hmac(key_str(salt), S("server"), v.server_key);
    *ret_verifier = v;
}

bool sasl_scram_proof_right(const struct sasl_scram_verifier *v, str auth_message, str proof)
{
    uint8_t client_key[SASL_SCRAM_KEY_BYTES], hashed[SASL_SCRAM_KEY_BYTES];
    if (proof.len != SASL_SCRAM_KEY_BYTES)
        return false;
    sasl_scram_hmac(key_str(v->stored_key), auth_message, client_key);
    for (size_t i = 0; i < SASL_SCRAM_KEY_BYTES; i++)
        client_key[i] ^= (uint8_t)proof.ptr[i];
    hash(digest_of(SASL_SCRAM_WITH_SHA_256), client_key, hashed);
    bool right = sasl_scram_same(key_str(hashed), key_str(v->stored_key));
    mem_wipe(client_key, sizeof client_key);
    return right && v->known;
}

void sasl_scram_answer_make(enum sasl_scram_hash with, str password, str salt, uint32_t iterations,
                            str auth_message, struct sasl_scram_answer *ret_answer)
{
    uint8_t client_key[SASL_SCRAM_KEY_BYTES], server_key[SASL_SCRAM_KEY_BYTES];
    uint8_t stored_key[SASL_SCRAM_KEY_BYTES];
    struct digest d = digest_of(with);
    derive(d, password, salt, iterations, client_key, server_key);
    hash(d, client_key, stored_key);
    hmac(d, (str){(char *)stored_key, d.len}, auth_message, ret_answer->proof);
    for (size_t i = 0; i < d.len; i++)
        ret_answer->proof[i] ^= client_key[i];
    hmac(d, (str){(char *)server_key, d.len}, auth_message, ret_answer->signature);
    ret_answer->len = d.len;
    mem_wipe(client_key, sizeof client_key);
    mem_wipe(server_key, sizeof server_key);
    mem_wipe(stored_key, sizeof stored_key);
}
