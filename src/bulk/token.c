#include "bulk/token.h"
#include "base/codec.h"
#include "base/mem.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

enum { SIGNATURE_BYTES = 16, TEXT_BYTES_MAX = 700 };

/* "unsubscribe", campaign and address, told apart by NULs. */
static size_t join(const char *purpose, str campaign, str address, char *text)
{
    char *at = str_put(text, str_of(purpose));
    *at++ = '\0';
    at = str_put(at, str_slice(campaign, 0, BULK_TOKEN_CAMPAIGN_BYTES_MAX));
    *at++ = '\0';
    at = str_put(at, str_slice(address, 0, TEXT_BYTES_MAX - 100));
    return (size_t)(at - text);
}

void bulk_token_key(str campaign, str address, char ret_key[BULK_TOKEN_KEY_CHARS])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char text[TEXT_BYTES_MAX];
    size_t len = join("mail", campaign, address, text);
    SHA256((const unsigned char *)text, len, digest);
    for (size_t i = 0; i < 16; i++) {
        ret_key[2 * i] = hex[digest[i] >> 4];
        ret_key[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_key[32] = '\0';
}

struct bulk_token_signer {
    EVP_MAC_CTX *hmac;
};

err bulk_token_signer_open(str secret, struct bulk_token_signer **ret_signer)
{
    static char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                           OSSL_PARAM_construct_end()};
    struct bulk_token_signer *s = MEM_NEW(struct bulk_token_signer);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context holds it */
    const unsigned char *key = (const unsigned char *)(secret.len ? secret.ptr : "");
    if (s->hmac == NULL || EVP_MAC_init(s->hmac, key, secret.len, params) != 1) {
        bulk_token_signer_close(s);
        return err_new(ERR_SYSTEM, "a key for links");
    }
    *ret_signer = s;
    return NULL;
}

void bulk_token_signer_close(struct bulk_token_signer *s)
{
    if (s == NULL)
        return;
    EVP_MAC_CTX_free(s->hmac);
    mem_free(s);
}

static bool sign(struct bulk_token_signer *s, str campaign, str address,
                 char ret_signature[SIGNATURE_BYTES])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t digest_len;
    char text[TEXT_BYTES_MAX];
    size_t len = join("unsubscribe", campaign, address, text);
    if (EVP_MAC_init(s->hmac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(s->hmac, (const unsigned char *)text, len) != 1 ||
        EVP_MAC_final(s->hmac, digest, &digest_len, sizeof digest) != 1)
        return false;
    memcpy(ret_signature, digest, SIGNATURE_BYTES);
    return true;
}

bool bulk_token_is_campaign(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_')
            return false;
    return s.len > 0 && s.len <= BULK_TOKEN_CAMPAIGN_BYTES_MAX;
}

/* Base64 for URLs (RFC 4648 section 5), without padding. */
static err add_base64url(str bytes, struct buf *out)
{
    size_t from = out->len;
    TRY(codec_base64_encode(bytes, out));
    while (out->len > from && out->ptr[out->len - 1] == '=')
        out->len--;
    for (size_t i = from; i < out->len; i++)
        out->ptr[i] = out->ptr[i] == '+' ? '-' : out->ptr[i] == '/' ? '_' : out->ptr[i];
    return NULL;
}

static err read_base64url(str text, struct arena *arena, str *ret_bytes)
{
    CLEANUP(buf_release) struct buf plain, bytes;
    buf_init(&plain, BULK_TOKEN_BYTES_MAX + 4);
    buf_init(&bytes, BULK_TOKEN_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        TRY(buf_add_char(&plain, text.ptr[i] == '-'   ? '+'
                                 : text.ptr[i] == '_' ? '/'
                                                      : text.ptr[i]));
    while (plain.len % 4)
        TRY(buf_add_char(&plain, '='));
    TRY(codec_base64_decode(buf_str(&plain), &bytes));
    *ret_bytes = arena_str(arena, buf_str(&bytes));
    return NULL;
}

err bulk_token_write(struct bulk_token_signer *s, str campaign, str address, struct buf *out)
{
    char signature[SIGNATURE_BYTES];
    if (!sign(s, campaign, address, signature))
        return err_new(ERR_SYSTEM, "sign a link");
    TRY(add_base64url(address, out));
    TRY(buf_addf(out, ".%.*s.", STR_ARG(campaign)));
    return add_base64url((str){signature, SIGNATURE_BYTES}, out);
}

/* The run of a token's letters behind the last mark, or at the front. */
static str find_token(str text)
{
    size_t from = 0, len = 0;
    for (size_t i = 0; i + 1 < text.len; i++)
        if ((text.ptr[i] == 'u' && text.ptr[i + 1] == '=') || text.ptr[i + 1] == '+')
            from = i + 2;
    str rest = str_from(text, from);
    while (len < rest.len && (char_is_alnum(rest.ptr[len]) || rest.ptr[len] == '-' ||
                              rest.ptr[len] == '_' || rest.ptr[len] == '.'))
        len++;
    return str_slice(rest, 0, len);
}

err bulk_token_read(str secret, str text, struct arena *arena, str *ret_campaign, str *ret_address)
{
    char wanted[SIGNATURE_BYTES];
    str address64, rest, campaign, signature64, address, signature;
    str token = find_token(str_trim(text));
    if (token.len > BULK_TOKEN_BYTES_MAX)
        return err_new(ERR_PROTOCOL, "too long for a link of ours");
    str_split(token, '.', &address64, &rest);
    str_split(rest, '.', &campaign, &signature64);
    if (!bulk_token_is_campaign(campaign) || read_base64url(address64, arena, &address) != NULL ||
        read_base64url(signature64, arena, &signature) != NULL || address.len == 0 ||
        signature.len != SIGNATURE_BYTES)
        return err_new(ERR_PROTOCOL, "this is no link of ours");
    struct bulk_token_signer *signer;
    TRY(bulk_token_signer_open(secret, &signer));
    bool signed_by_it = sign(signer, campaign, address, wanted);
    bulk_token_signer_close(signer);
    if (!signed_by_it || CRYPTO_memcmp(wanted, signature.ptr, SIGNATURE_BYTES) != 0)
        return err_new(ERR_PROTOCOL, "the link is not signed by this key");
    *ret_campaign = arena_str(arena, campaign);
    *ret_address = address;
    return NULL;
}
