#include "base/mem.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

struct tls_client {
    SSL_CTX *context;
    int holders;
    bool pinned;
    uint8_t pin[TLS_PIN_BYTES];
};

/* ---- opening ---------------------------------------------------------------------------- */

static err add_roots(X509_STORE *store, str path, BIO *pem)
{
    int count = 0;
    X509 *root;
    while ((root = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        bool added = X509_STORE_add_cert(store, root) == 1;
        X509_free(root);
        if (!added)
            return err_new(ERR_CONFIG, "%.*s: certificate %d cannot be used", STR_ARG(path),
                           count + 1);
        count++;
    }
    unsigned long last = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (count == 0)
        return err_new(ERR_CONFIG, "%.*s: no certificate in it", STR_ARG(path));
    if (!at_end)
        return err_new(ERR_CONFIG, "%.*s: damaged after certificate %d", STR_ARG(path), count);
    return NULL;
}

static err trust_file(SSL_CTX *context, str path)
{
    struct buf bytes;
    buf_init(&bytes, TLS_FILE_BYTES_MAX);
    err e = tls_certificate_read_file(path, &bytes);
    if (e == NULL) {
        BIO *pem = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
        ASSERT(pem != NULL);
        e = add_roots(SSL_CTX_get_cert_store(context), path, pem);
        BIO_free(pem);
    }
    buf_release(&bytes);
    /* What the operator names is trusted, whether or not it is a root. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    return e;
}

/* The system's file and folder of roots, but not what SSL_CTX_set_default_verify_paths() adds: a
 * third way that reads the whole folder for each issuer that is not in it. */
static err trust_system(SSL_CTX *context)
{
    if (SSL_CTX_set_default_verify_file(context) == 1 &&
        SSL_CTX_set_default_verify_dir(context) == 1)
        return NULL;
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    return err_new(ERR_CONFIG, "the system's trusted certificates: %s", why);
}

err tls_client_open(str ca_file, struct tls_client **ret_client)
{
    SSL_CTX *context;
    TRY(tls_context_open(TLS_INTERMEDIATE, false, &context));
    err e = ca_file.len > 0 ? trust_file(context, ca_file) : trust_system(context);
    if (e == NULL && SSL_CTX_dane_enable(context) != 1)
        e = err_new(ERR_CONFIG, "OpenSSL without DANE");
    if (e) {
        SSL_CTX_free(context);
        return e;
    }
    *ret_client = tls_client_of(context);
    return NULL;
}

struct tls_client *tls_client_of(SSL_CTX *context)
{
    struct tls_client *client = MEM_NEW(struct tls_client);
    client->context = context;
    client->holders = 1;
    return client;
}

struct tls_client *tls_client_hold(struct tls_client *client)
{
    __atomic_add_fetch(&client->holders, 1, __ATOMIC_RELAXED);
    return client;
}

void tls_client_close(struct tls_client *client)
{
    if (client == NULL || __atomic_sub_fetch(&client->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    SSL_CTX_free(client->context);
    mem_free(client);
}

SSL_CTX *tls_client_context(const struct tls_client *client) { return client->context; }

/* ---- why a certificate is not trusted --------------------------------------------------- */

static void tell_date(const ASN1_TIME *when, char ret_text[CLOCK_RFC3339_BYTES])
{
    int64_t ms = tls_certificate_time_ms(when);
    clock_rfc3339(ms == INT64_MAX ? 0 : ms, ret_text);
    ret_text[10] = '\0'; /* the day is enough */
}

static void tell_mismatch(const struct tls_link *l, const X509 *certificate)
{
    char names[TLS_REASON_BYTES / 2];
    tls_certificate_names(certificate, names, sizeof names);
    snprintf(l->reason, TLS_REASON_BYTES, "the certificate is not for %.180s but for %s",
             l->server_name, names);
}

static void tell_distrust(const struct tls_link *l, X509_STORE_CTX *store)
{
    X509 *at = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    const char *whose = X509_STORE_CTX_get_error_depth(store) > 0 ? "an issuer's" : "the";
    char day[CLOCK_RFC3339_BYTES];
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        tell_mismatch(l, X509_STORE_CTX_get0_cert(store));
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        tell_date(X509_get0_notAfter(at), day);
        snprintf(l->reason, TLS_REASON_BYTES, "%s certificate expired on %s", whose, day);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        tell_date(X509_get0_notBefore(at), day);
        snprintf(l->reason, TLS_REASON_BYTES, "%s certificate is not valid before %s", whose, day);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        snprintf(l->reason, TLS_REASON_BYTES, "the certificate is self-signed and not trusted");
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        snprintf(l->reason, TLS_REASON_BYTES, "the certificate's root is not trusted");
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        snprintf(l->reason, TLS_REASON_BYTES,
                 "the certificate's issuer is not trusted, or was not sent along");
        return;
    case X509_V_ERR_DANE_NO_MATCH:
        snprintf(l->reason, TLS_REASON_BYTES, "the certificate fits no TLSA record");
        return;
    default:
        snprintf(l->reason, TLS_REASON_BYTES, "the certificate is not trusted: %s",
                 X509_verify_cert_error_string(error));
    }
}

int tls_client_check_step(int fine, X509_STORE_CTX *store)
{
    if (fine)
        return 1;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_link *l = tls_link_of(ssl);
    if (l->reason && l->reason[0] == '\0')
        tell_distrust(l, store);
    return 0;
}

/* In place of OpenSSL's verification: one certificate, and no other. */
static int check_pin(X509_STORE_CTX *store, void *arg)
{
    const struct tls_client *client = arg;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_link *l = tls_link_of(ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    const X509 *shown = X509_STORE_CTX_get0_cert(store);
    bool same = shown && X509_digest(shown, EVP_sha256(), digest, &size) == 1 &&
                size == TLS_PIN_BYTES && memcmp(digest, client->pin, size) == 0;
    X509_STORE_CTX_set_error(store, same ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    if (!same && l->reason)
        snprintf(l->reason, TLS_REASON_BYTES, "the certificate fingerprint does not match");
    return same;
}

void tls_client_pin(struct tls_client *client, const uint8_t pin[TLS_PIN_BYTES])
{
    memcpy(client->pin, pin, TLS_PIN_BYTES);
    client->pinned = true;
    SSL_CTX_set_cert_verify_callback(client->context, check_pin, client);
}

/* ---- connecting ------------------------------------------------------------------------- */

static bool expect_name(struct tls_link *l, str name, X509_VERIFY_PARAM *param)
{
    struct address ip;
    if (address_parse_ip(name, &ip) == NULL)
        return X509_VERIFY_PARAM_set1_ip(param, ip.ip, ip.family == ADDRESS_IP4 ? 4 : 16) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, name.ptr, name.len) == 1 &&
           SSL_set_tlsext_host_name(l->ssl, l->server_name) == 1;
}

/* False: this can be nobody's name. */
static bool set_name(struct tls_link *l, str name)
{
    if (name.len > 1 && name.ptr[name.len - 1] == '.')
        name.len--; /* certificates and SNI have no root dot */
    struct address ip;
    bool is_name = name.len > 0 && name.len < TLS_NAME_BYTES_MAX &&
                   (tls_certificate_name_fits(name) || address_parse_ip(name, &ip) == NULL);
    if (!is_name)
        return false;
    l->server_name = mem_alloc(name.len + 1);
    (void)str_to_chars(name, l->server_name, name.len + 1);
    l->name_checked = expect_name(l, name, SSL_get0_param(l->ssl));
    return l->name_checked;
}

/* Opportunistic TLS replaces plain text: whatever encrypts is better, and the certificate is
 * looked at only for the record. */
static void be_lenient(struct tls_link *l)
{
    SSL_set_security_level(l->ssl, 0);
    int listed = SSL_set_cipher_list(l->ssl, tls_profile_list(TLS_OPPORTUNISTIC));
    ASSERT(listed == 1);
    SSL_set_verify(l->ssl, SSL_VERIFY_NONE, NULL);
}

err tls_client_expect(struct tls_link *l, str server_name, enum tls_verify verify)
{
    X509_VERIFY_PARAM_set_time(SSL_get0_param(l->ssl), clock_real_ms() / 1000);
    bool named = set_name(l, server_name);
    if (verify == TLS_VERIFY_NONE) {
        be_lenient(l);
        return NULL;
    }
    SSL_set_verify(l->ssl, SSL_VERIFY_PEER, tls_client_check_step);
    l->name_checked |= l->client->pinned; /* the pin says who it is */
    if (named || l->client->pinned)
        return NULL;
    return err_new(ERR_TLS, "\"%.*s\" is no name that a certificate could have",
                   STR_ARG(str_slice(server_name, 0, TLS_NAME_BYTES_MAX)));
}
