#include "oauth/pkce.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include <openssl/sha.h>
#include <string.h>

static void base64url(const uint8_t bytes[SHA256_DIGEST_LENGTH],
                      char ret_text[OAUTH_PKCE_CHARS + 1])
{
    struct buf text;
    buf_init(&text, OAUTH_PKCE_CHARS + 8);
    err e = codec_base64_encode((str){(const char *)bytes, SHA256_DIGEST_LENGTH}, &text);
    ASSERT(e == NULL);
    ASSERT(text.len == OAUTH_PKCE_CHARS + 1); /* one "=" at the end */
    for (size_t i = 0; i < OAUTH_PKCE_CHARS; i++) {
        char c = text.ptr[i];
        ret_text[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    ret_text[OAUTH_PKCE_CHARS] = '\0';
    mem_wipe(text.ptr, text.cap);
    buf_release(&text);
}

void oauth_pkce_challenge(str verifier, char ret_challenge[OAUTH_PKCE_CHARS + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)verifier.ptr, verifier.len, digest);
    base64url(digest, ret_challenge);
}

void oauth_pkce_random(char ret_text[OAUTH_PKCE_CHARS + 1])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    rand_bytes(bytes, sizeof bytes);
    base64url(bytes, ret_text);
    mem_wipe(bytes, sizeof bytes);
}

void oauth_pkce_make(struct oauth_pkce *p)
{
    oauth_pkce_random(p->verifier);
    oauth_pkce_challenge(str_of(p->verifier), p->challenge);
}
