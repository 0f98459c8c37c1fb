#include "runtime/tls_choice.h"
#include "runtime/tls_inside.h"
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

static err cannot(const char *what, str path)
{
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    return err_new(ERR_CONFIG, "%s %.*s: %s", what, STR_ARG(str_slice(path, 0, 300)),
                   *why ? why : "it cannot be read");
}

/* OpenSSL says of a file that is not there only that the system did. */
static err check_file(const char *what, str path)
{
    char chars[PATH_BYTES];
    bool fits = str_to_chars(path, chars, sizeof chars);
    if (fits && access(chars, R_OK) == 0)
        return NULL;
    return err_new(ERR_CONFIG, "%s %.*s: %s", what, STR_ARG(str_slice(path, 0, 300)),
                   fits ? strerror(errno) : "the name is too long");
}

static err show_certificate(SSL_CTX *context, const struct tls_choice *o)
{
    char path[PATH_BYTES];
    if (o->certificate.len == 0)
        return NULL;
    TRY(check_file("certificate", o->certificate));
    TRY(check_file("key", o->key));
    if (!str_to_chars(o->certificate, path, sizeof path) ||
        SSL_CTX_use_certificate_chain_file(context, path) != 1)
        return cannot("certificate", o->certificate);
    if (!str_to_chars(o->key, path, sizeof path) ||
        SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
        return cannot("key", o->key);
    return NULL;
}

static err read_revoked(SSL_CTX *context, str crl)
{
    char path[PATH_BYTES];
    if (crl.len == 0)
        return NULL;
    TRY(check_file("list of revoked certificates", crl));
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL || !str_to_chars(crl, path, sizeof path) ||
        X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) <= 0)
        return cannot("list of revoked certificates", crl);
    ERR_clear_error();
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
    return NULL;
}

static err choose_versions(SSL_CTX *context, const struct tls_choice *o)
{
    static const int versions[] = {0, TLS1_2_VERSION, TLS1_3_VERSION};
    bool set = o->oldest == TLS_CHOICE_USUAL ||
               SSL_CTX_set_min_proto_version(context, versions[o->oldest]) == 1;
    set = set && (o->newest == TLS_CHOICE_USUAL ||
                  SSL_CTX_set_max_proto_version(context, versions[o->newest]) == 1);
    return set ? NULL : cannot("TLS version", (str){0});
}

static err choose(SSL_CTX *context, const struct tls_choice *o)
{
    TRY(show_certificate(context, o));
    TRY(read_revoked(context, o->crl));
    return choose_versions(context, o);
}

err tls_choice_open(const struct tls_choice *o, struct tls_client **ret_client)
{
    struct tls_client *client;
    static_assert((int)TLS_CHOICE_PIN_BYTES == (int)TLS_PIN_BYTES, "one kind of pin");
    TRY(tls_client_open(o->ca_file, &client));
    ERR_clear_error();
    err e = choose(tls_client_context(client), o);
    if (e) {
        tls_client_close(client);
        return e;
    }
    if (o->pinned)
        tls_client_pin(client, o->pin);
    *ret_client = client;
    return NULL;
}
