/* sasl/scram.h -- the arithmetic of SCRAM (RFC 5802 section 3, RFC 7677)
 *
 * A server has SHA-256 only. SHA-1 is for a client whose server has nothing better.
 *
 * What a server keeps of a password is a verifier. Whoever reads it cannot log in with it, but can
 * pretend to be the server and can guess at passwords offline, so it is kept as a secret.
 */
#pragma once
#include "base/err.h"

enum {
    SASL_SCRAM_KEY_BYTES = 32,
    SASL_SCRAM_SALT_BYTES = 16,
    SASL_SCRAM_SALT_BYTES_MAX = 64,
    SASL_SCRAM_ITERATIONS_MIN = 4096, /* RFC 7677 section 4 */
    SASL_SCRAM_ITERATIONS = 10000,    /* what we store */
    SASL_SCRAM_ITERATIONS_MAX = 1000000,
};

struct sasl_scram_verifier {
    bool known; /* false: nobody logs in with it; the exchange goes on so that nobody can tell */
    uint8_t salt[SASL_SCRAM_SALT_BYTES_MAX];
    size_t salt_len;
    uint32_t iterations;
    uint8_t stored_key[SASL_SCRAM_KEY_BYTES];
    uint8_t server_key[SASL_SCRAM_KEY_BYTES];
};

/* Slow on purpose: about a millisecond for 4096 iterations. */
void sasl_scram_verifier_make(str password, str salt, uint32_t iterations,
                              struct sasl_scram_verifier *ret_verifier);

/* What an unknown user gets: the same salt each time, as a known one does, because it is derived
 * from the name under a key that only the server has. */
void sasl_scram_verifier_fake(str key, str user, struct sasl_scram_verifier *ret_verifier);

/* Server: does the proof (decoded) show the password? */
bool sasl_scram_proof_right(const struct sasl_scram_verifier *, str auth_message, str proof);

enum sasl_scram_hash { SASL_SCRAM_WITH_SHA_1, SASL_SCRAM_WITH_SHA_256 };

/* Client: the proof, and the signature that the server has to answer with. Slow on purpose. */
struct sasl_scram_answer {
    size_t len; /* of each: 20 bytes with SHA-1 */
    uint8_t proof[SASL_SCRAM_KEY_BYTES];
    uint8_t signature[SASL_SCRAM_KEY_BYTES];
};
void sasl_scram_answer_make(enum sasl_scram_hash, str password, str salt, uint32_t iterations,
                            str auth_message, struct sasl_scram_answer *ret_answer);

void sasl_scram_hmac(str key, str text, uint8_t ret_bytes[SASL_SCRAM_KEY_BYTES]);
bool sasl_scram_same(str a, str b); /* in a time that depends on the lengths only */
