#include "mailauth/dkim_private.h"
#include "base/codec.h"
#include "mailauth/dkim_key.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { ED25519_BYTES = 32, RECORD_BYTES_MAX = 2048 };

struct mailauth_dkim_private {
    struct mailauth_dkim_signer signer; /* first: the signer is the key */
    EVP_PKEY *key;
    /* Made once; each signature is made by a copy, which costs little and belongs to its thread.
     * The other one is NULL. */
    EVP_PKEY_CTX *rsa;
    EVP_MD_CTX *ed25519;
};

static err failed(const char *what)
{
    unsigned long number = ERR_get_error();
    const char *why = number ? ERR_reason_error_string(number) : NULL;
    ERR_clear_error();
    return err_new(ERR_CONFIG, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

/* ---- signing -----------------------------------------------------------------------------------
 */

static EVP_PKEY_CTX *prepare_rsa(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context && EVP_PKEY_sign_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

static bool sign_rsa(const EVP_PKEY_CTX *prepared, const uint8_t *digest, char *room, size_t *len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(prepared);
    bool done = context && EVP_PKEY_sign(context, (unsigned char *)room, len, digest,
                                         MAILAUTH_DKIM_DIGEST_BYTES) == 1;
    EVP_PKEY_CTX_free(context);
    return done;
}

static EVP_MD_CTX *prepare_ed25519(EVP_PKEY *key)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

static bool sign_ed25519(const EVP_MD_CTX *prepared, const uint8_t *digest, char *room, size_t *len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_MD_CTX_copy_ex(context, prepared) == 1 &&
                EVP_DigestSign(context, (unsigned char *)room, len, digest,
                               MAILAUTH_DKIM_DIGEST_BYTES) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static err sign(struct mailauth_dkim_signer *signer,
                const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES], struct buf *out, deadline until)
{
    (void)until; /* it does not wait */
    struct mailauth_dkim_private *p = CONTAINER_OF(signer, struct mailauth_dkim_private, signer);
    char *room;
    size_t len = MAILAUTH_DKIM_SIGNATURE_BYTES_MAX;
    TRY(buf_reserve(out, len, &room));
    ERR_clear_error();
    bool done = p->rsa ? sign_rsa(p->rsa, digest, room, &len)
                       : sign_ed25519(p->ed25519, digest, room, &len);
    if (!done)
        return failed("signing failed");
    out->len += len;
    return NULL;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* Nobody is there to type a password. */
static int no_password(char *room, int size, int writing, void *arg)
{
    (void)room;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static err check_kind(EVP_PKEY *key, enum mailauth_dkim_algorithm *ret_algorithm)
{
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "ED25519")) {
        *ret_algorithm = MAILAUTH_DKIM_ED25519;
        return NULL;
    }
    if (!EVP_PKEY_is_a(key, "RSA"))
        return err_new(ERR_CONFIG, "a key for DKIM is RSA or Ed25519");
    if (bits < MAILAUTH_DKIM_KEY_BITS_MIN || bits > MAILAUTH_DKIM_KEY_BITS_MAX)
        return err_new(ERR_CONFIG, "an RSA key of %d bits; %d to %d are taken, 2048 advised", bits,
                       MAILAUTH_DKIM_KEY_BITS_MIN, MAILAUTH_DKIM_KEY_BITS_MAX);
    *ret_algorithm = MAILAUTH_DKIM_RSA;
    return NULL;
}

static void release(void *private)
{
    struct mailauth_dkim_private *p = private;
    EVP_PKEY_CTX_free(p->rsa);
    EVP_MD_CTX_free(p->ed25519);
    EVP_PKEY_free(p->key);
}

err mailauth_dkim_private_read(str pem, struct arena *arena,
                               struct mailauth_dkim_private **ret_private)
{
    if (pem.len > MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX)
        return err_new(ERR_CONFIG, "%zu bytes are not the PEM of a key", pem.len);
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    if (key == NULL)
        return failed("not an unencrypted private key in PEM");
    struct mailauth_dkim_private *p = ARENA_NEW(arena, struct mailauth_dkim_private);
    *p = (struct mailauth_dkim_private){.signer.sign = sign, .key = key};
    arena_defer(arena, release, p);
    TRY(check_kind(key, &p->signer.algorithm));
    if (p->signer.algorithm == MAILAUTH_DKIM_RSA)
        p->rsa = prepare_rsa(key);
    else
        p->ed25519 = prepare_ed25519(key);
    if (p->rsa == NULL && p->ed25519 == NULL)
        return failed("a key that cannot sign");
    *ret_private = p;
    return NULL;
}

struct mailauth_dkim_signer *mailauth_dkim_private_signer(struct mailauth_dkim_private *p)
{
    return &p->signer;
}

unsigned mailauth_dkim_private_bits(const struct mailauth_dkim_private *p)
{
    return (unsigned)EVP_PKEY_get_bits(p->key);
}

/* ---- new keys, and what to publish ----------------------------------------------------------- */

err mailauth_dkim_private_make(enum mailauth_dkim_algorithm algorithm, struct buf *out_pem)
{
    ERR_clear_error();
    EVP_PKEY *key = algorithm == MAILAUTH_DKIM_RSA
                        ? EVP_RSA_gen((unsigned)MAILAUTH_DKIM_PRIVATE_RSA_BITS)
                        : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_secmem());
    bool done =
        key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    char *text;
    long len = done ? BIO_get_mem_data(bio, &text) : 0;
    err e = done ? buf_add(out_pem, (str){text, (size_t)len}) : failed("making a key");
    BIO_free(bio);
    EVP_PKEY_free(key);
    return e;
}

static err add_rsa(EVP_PKEY *key, struct buf *out)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    err e = len > 0 ? codec_base64_encode((str){(char *)der, (size_t)len}, out)
                    : failed("the public half of a key");
    OPENSSL_free(der);
    return e;
}

static err add_ed25519(EVP_PKEY *key, struct buf *out)
{
    unsigned char raw[ED25519_BYTES];
    size_t len = sizeof raw;
    if (EVP_PKEY_get_raw_public_key(key, raw, &len) != 1)
        return failed("the public half of a key");
    return codec_base64_encode((str){(char *)raw, len}, out);
}

err mailauth_dkim_private_record(const struct mailauth_dkim_private *p, struct buf *out)
{
    bool rsa = p->signer.algorithm == MAILAUTH_DKIM_RSA;
    TRY(buf_addf(out, "v=DKIM1; k=%s; p=", rsa ? "rsa" : "ed25519"));
    return rsa ? add_rsa(p->key, out) : add_ed25519(p->key, out);
}

static err add_strings(str text, struct buf *out)
{
    while (text.len > 0) {
        str part = str_slice(text, 0, MAILAUTH_DKIM_PRIVATE_TXT_BYTES_MAX);
        TRY(buf_addf(out, " \"%.*s\"", STR_ARG(part)));
        text = str_from(text, part.len);
    }
    return buf_add(out, S("\n"));
}

err mailauth_dkim_private_zone_line(const struct mailauth_dkim_private *p, str selector, str domain,
                                    struct buf *out)
{
    struct buf record;
    buf_init(&record, RECORD_BYTES_MAX);
    err e = mailauth_dkim_private_record(p, &record);
    if (e == NULL)
        e = buf_addf(out, "%.*s._domainkey.%.*s. IN TXT", STR_ARG(selector), STR_ARG(domain));
    if (e == NULL)
        e = add_strings(buf_str(&record), out);
    buf_release(&record);
    return e;
}
