#include "mailauth/dkim_digest.h"
#include <openssl/evp.h>
#include <pthread.h>

struct mailauth_dkim_digest {
    EVP_MD_CTX *context;
};

/* Fetched once: EVP_sha256() would be looked up in the provider for each message. */
static EVP_MD *sha256;

static void fetch_sha256(void) { sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); }

static void start(struct mailauth_dkim_digest *d)
{
    int done = EVP_DigestInit_ex2(d->context, sha256, NULL);
    ASSERT(done == 1); /* SHA-256 without options can only lack memory */
}

static void release(void *digest)
{
    struct mailauth_dkim_digest *d = digest;
    EVP_MD_CTX_free(d->context);
}

struct mailauth_dkim_digest *mailauth_dkim_digest_open(struct arena *arena)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    ASSERT(sha256 != NULL);
    struct mailauth_dkim_digest *d = ARENA_NEW(arena, struct mailauth_dkim_digest);
    d->context = EVP_MD_CTX_new();
    ASSERT(d->context != NULL);
    arena_defer(arena, release, d);
    start(d);
    return d;
}

void mailauth_dkim_digest_add(struct mailauth_dkim_digest *d, str bytes)
{
    int done = EVP_DigestUpdate(d->context, bytes.ptr, bytes.len);
    ASSERT(done == 1);
}

void mailauth_dkim_digest_take(void *digest, str bytes) { mailauth_dkim_digest_add(digest, bytes); }

void mailauth_dkim_digest_copy(struct mailauth_dkim_digest *to,
                               const struct mailauth_dkim_digest *from)
{
    int done = EVP_MD_CTX_copy_ex(to->context, from->context);
    ASSERT(done == 1);
}

void mailauth_dkim_digest_end(struct mailauth_dkim_digest *d,
                              uint8_t ret_bytes[MAILAUTH_DKIM_DIGEST_BYTES])
{
    int done = EVP_DigestFinal_ex(d->context, ret_bytes, NULL);
    ASSERT(done == 1);
    start(d);
}
