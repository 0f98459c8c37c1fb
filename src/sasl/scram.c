#include "sasl/scram.h"
#include "base/mem.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

static str key_str(const uint8_t key[SASL_SCRAM_KEY_BYTES])
{
    return (str){(const char *)key, SASL_SCRAM_KEY_BYTES};
}

void sasl_scram_hmac(str key, str text, uint8_t ret_bytes[SASL_SCRAM_KEY_BYTES])
{
    unsigned len = 0;
    const void *made = HMAC(EVP_sha256(), key.len ? key.ptr : "", (int)key.len,
                            (const unsigned char *)text.ptr, text.len, ret_bytes, &len);
    ASSERT(made != NULL);
    ASSERT(len == SASL_SCRAM_KEY_BYTES);
}

bool sasl_scram_same(str a, str b)
{
    if (a.len != b.len)
        return false;
    return a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

static void hash(const uint8_t bytes[SASL_SCRAM_KEY_BYTES], uint8_t ret[SASL_SCRAM_KEY_BYTES])
{
    const unsigned char *made = SHA256(bytes, SASL_SCRAM_KEY_BYTES, ret);
    ASSERT(made != NULL);
}

/* SaltedPassword, and from it ClientKey and ServerKey (RFC 5802 section 3). */
static void derive(str password, str salt, uint32_t iterations,
                   uint8_t client_key[SASL_SCRAM_KEY_BYTES],
                   uint8_t server_key[SASL_SCRAM_KEY_BYTES])
{
    uint8_t salted[SASL_SCRAM_KEY_BYTES];
    ASSERT(iterations <= SASL_SCRAM_ITERATIONS_MAX);
    int done = PKCS5_PBKDF2_HMAC(password.len ? password.ptr : "", (int)password.len,
                                 (const unsigned char *)salt.ptr, (int)salt.len, (int)iterations,
                                 EVP_sha256(), sizeof salted, salted);
    ASSERT(done == 1);
    sasl_scram_hmac(key_str(salted), S("Client Key"), client_key);
    sasl_scram_hmac(key_str(salted), S("Server Key"), server_key);
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
    derive(password, salt, iterations, client_key, v.server_key);
    hash(client_key, v.stored_key);
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
    hash(client_key, hashed);
    bool right = sasl_scram_same(key_str(hashed), key_str(v->stored_key));
    mem_wipe(client_key, sizeof client_key);
    return right && v->known;
}

void sasl_scram_answer_make(str password, str salt, uint32_t iterations, str auth_message,
                            struct sasl_scram_answer *ret_answer)
{
    uint8_t client_key[SASL_SCRAM_KEY_BYTES], server_key[SASL_SCRAM_KEY_BYTES];
    uint8_t stored_key[SASL_SCRAM_KEY_BYTES];
    derive(password, salt, iterations, client_key, server_key);
    hash(client_key, stored_key);
    sasl_scram_hmac(key_str(stored_key), auth_message, ret_answer->proof);
    for (size_t i = 0; i < SASL_SCRAM_KEY_BYTES; i++)
        ret_answer->proof[i] ^= client_key[i];
    sasl_scram_hmac(key_str(server_key), auth_message, ret_answer->signature);
    mem_wipe(client_key, sizeof client_key);
    mem_wipe(server_key, sizeof server_key);
    mem_wipe(stored_key, sizeof stored_key);
}
