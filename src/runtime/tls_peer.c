#include "runtime/tls_peer.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

enum { NAME_BYTES_MAX = 1000 };

static str name_of(const X509_NAME *name, struct arena *arena)
{
    char *text;
    BIO *memory = BIO_new(BIO_s_mem());
    ASSERT(memory != NULL);
    (void)X509_NAME_print_ex(memory, name, 0,
                             ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_FN_SN);
    long len = BIO_get_mem_data(memory, &text);
    str all = {text, len > 0 ? (size_t)len : 0};
    str copy = arena_str(arena, str_slice(all, 0, NAME_BYTES_MAX));
    BIO_free(memory);
    return copy;
}

/* What cannot be computed (an old hash that this OpenSSL does not have) stays zero. */
static void digest(const X509 *certificate, const EVP_MD *kind, uint8_t *to, size_t size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int count = 0;
    memset(to, 0, size);
    if (X509_digest(certificate, kind, bytes, &count) == 1 && count == size)
        memcpy(to, bytes, size);
    ERR_clear_error();
}

bool tls_peer_get(const struct net_conn *conn, struct arena *arena, struct tls_peer *ret_peer)
{
    void *layer;
    if (!tls_active(conn) || net_get_layer(conn, &layer) == NULL)
        return false;
    const X509 *shown = SSL_get0_peer_certificate(((struct tls_link *)layer)->ssl);
    if (shown == NULL)
        return false;
    *ret_peer = (struct tls_peer){
        .subject = name_of(X509_get_subject_name(shown), arena),
        .issuer = name_of(X509_get_issuer_name(shown), arena),
        .begins_ms = tls_certificate_time_ms(X509_get0_notBefore(shown)),
        .ends_ms = tls_certificate_time_ms(X509_get0_notAfter(shown)),
    };
    digest(shown, EVP_sha256(), ret_peer->sha256, sizeof ret_peer->sha256);
    digest(shown, EVP_sha1(), ret_peer->sha1, sizeof ret_peer->sha1);
    digest(shown, EVP_md5(), ret_peer->md5, sizeof ret_peer->md5);
    return true;
}
