#include "runtime/tls_dane.h"
#include "base/mem.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* ---- what is expected ------------------------------------------------------------------- */

static err add_records(SSL *ssl, const struct tls_dane *d)
{
    bool any = false;
    for (size_t i = 0; i < d->count; i++) {
        const struct tls_dane_record *r = &d->records[i];
        any |= SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
                                 (const uint8_t *)r->data.ptr, r->data.len) > 0;
    }
    ERR_clear_error(); /* it leaves its reasons there for each record that is of no use */
    return any ? NULL : err_new(ERR_TLS, "no TLSA record can be used");
}

static err set_names(SSL *ssl, const struct tls_dane *d)
{
    for (size_t i = 0; i < d->name_count; i++) {
        char name[TLS_NAME_BYTES_MAX];
        bool fits =
            tls_certificate_name_fits(d->names[i]) && str_to_chars(d->names[i], name, sizeof name);
        if (!fits || (i == 0 ? SSL_dane_enable(ssl, name) : SSL_add1_host(ssl, name)) != 1)
            return err_new(ERR_TLS, "\"%.*s\" is no name that a certificate could have",
                           STR_ARG(str_slice(d->names[i], 0, TLS_NAME_BYTES_MAX)));
    }
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return NULL;
}

static err expect(SSL *ssl, const struct tls_dane *d)
{
    ASSERT(d->name_count > 0);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), clock_real_ms() / 1000);
    TRY(set_names(ssl, d));
    if (!d->names_always)
        SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    return add_records(ssl, d);
}

err tls_dane_expect(struct tls_link *l, const struct tls_dane *d)
{
    TRY(expect(l->ssl, d));
    l->server_name = mem_alloc(d->names[0].len + 1);
    (void)str_to_chars(d->names[0], l->server_name, d->names[0].len + 1);
    l->name_checked = true;
    SSL_set_verify(l->ssl, SSL_VERIFY_PEER, tls_client_check_step);
    return NULL;
}

/* ---- a chain without a connection ------------------------------------------------------- */

static err read_chain(const str *chain, size_t count, STACK_OF(X509) * certificates)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = (const uint8_t *)chain[i].ptr;
        X509 *one =
            chain[i].len > TLS_FILE_BYTES_MAX ? NULL : d2i_X509(NULL, &at, (long)chain[i].len);
        if (one == NULL || sk_X509_push(certificates, one) == 0) {
            X509_free(one);
            ERR_clear_error();
            return err_new(ERR_TLS, "certificate %zu cannot be read", i + 1);
        }
    }
    return count > 0 ? NULL : err_new(ERR_TLS, "there is no certificate");
}

/* As OpenSSL prepares it during a handshake. */
static void prepare(X509_STORE_CTX *store, SSL *ssl)
{
    X509_STORE_CTX_set_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl);
    X509_STORE_CTX_set_default(store, "ssl_server");
    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store), SSL_get0_param(ssl));
    X509_STORE_CTX_set0_dane(store, SSL_get0_dane(ssl));
}

static void compare(SSL *ssl, STACK_OF(X509) * certificates, struct tls_dane_match *ret_match)
{
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    X509_STORE *roots = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    ASSERT(store != NULL);
    int ready = X509_STORE_CTX_init(store, roots, sk_X509_value(certificates, 0), certificates);
    ASSERT(ready == 1);
    prepare(store, ssl);
    ret_match->fits = X509_verify_cert(store) == 1;
    ret_match->error = X509_STORE_CTX_get_error(store);
    ret_match->reason = X509_verify_cert_error_string(ret_match->error);
    SSL_set_verify_result(ssl, X509_V_OK); /* else the depth is not told */
    ret_match->depth = SSL_get0_dane_authority(ssl, NULL, NULL);
    X509_STORE_CTX_free(store);
    ERR_clear_error();
}

static err check_chain(SSL *ssl, STACK_OF(X509) * certificates, const str *chain, size_t count,
                       const struct tls_dane *d, struct tls_dane_match *ret_match)
{
    TRY(read_chain(chain, count, certificates));
    TRY(expect(ssl, d));
    compare(ssl, certificates, ret_match);
    return NULL;
}

err tls_dane_check(struct tls_client *client, const str *chain, size_t count,
                   const struct tls_dane *d, struct tls_dane_match *ret_match)
{
    ERR_clear_error();
    SSL *ssl = SSL_new(tls_client_context(client));
    STACK_OF(X509) *certificates = sk_X509_new_null();
    ASSERT(ssl != NULL);
    ASSERT(certificates != NULL);
    SSL_set_connect_state(ssl);
    err e = check_chain(ssl, certificates, chain, count, d, ret_match);
    sk_X509_pop_free(certificates, X509_free);
    SSL_free(ssl);
    return e;
}
