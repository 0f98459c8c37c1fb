#include "runtime/tls_tool.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

enum { PATH_BYTES = 500 };

/* ---- settings --------------------------------------------------------------------------- */

static err cannot(const char *what, str value)
{
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    return err_new(ERR_CONFIG, "%s %.*s: %s", what, STR_ARG(str_slice(value, 0, 300)),
                   *why ? why : "it cannot be read");
}

static void choose_versions(SSL_CTX *context, unsigned refused)
{
    static const uint64_t off[TLS_TOOL_VERSIONS] = {
        SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1, SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3};
    SSL_CTX_set_min_proto_version(context, 0); /* whatever the system's own settings say */
    for (int i = 0; i < TLS_TOOL_VERSIONS; i++)
        if (refused >> i & 1)
            SSL_CTX_set_options(context, off[i]);
}

static err trust(SSL_CTX *context, str ca)
{
    char path[PATH_BYTES];
    struct stat info;
    if (ca.len == 0)
        return SSL_CTX_set_default_verify_paths(context) == 1 ? NULL : cannot("the system's", ca);
    if (!str_to_chars(ca, path, sizeof path) || stat(path, &info) != 0)
        return cannot("CA path", ca);
    int done = S_ISDIR(info.st_mode) ? SSL_CTX_load_verify_dir(context, path)
                                     : SSL_CTX_load_verify_file(context, path);
    return done == 1 ? NULL : cannot("CA path", ca);
}

static err add_chain(SSL_CTX *context, str chain)
{
    char path[PATH_BYTES];
    BIO *file = str_to_chars(chain, path, sizeof path) ? BIO_new_file(path, "r") : NULL;
    if (file == NULL)
        return cannot("certificate chain", chain);
    int count = 0;
    X509 *link;
    while ((link = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL && count < TLS_CHAIN_MAX)
        count += SSL_CTX_add0_chain_cert(context, link) == 1;
    BIO_free(file);
    ERR_clear_error();
    return count ? NULL : cannot("certificate chain", chain);
}

static err show_certificate(SSL_CTX *context, const struct tls_tool_options *o)
{
    char path[PATH_BYTES];
    if (o->certificate.len == 0)
        return NULL;
    if (!str_to_chars(o->certificate, path, sizeof path) ||
        SSL_CTX_use_certificate_chain_file(context, path) != 1)
        return cannot("certificate", o->certificate);
    if (!str_to_chars(o->key, path, sizeof path) ||
        SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1)
        return cannot("key", o->key);
    return o->chain.len ? add_chain(context, o->chain) : NULL;
}

static err choose_ciphers(SSL_CTX *context, str ciphers)
{
    char list[PATH_BYTES];
    if (ciphers.len == 0)
        return SSL_CTX_set_cipher_list(context, "DEFAULT") == 1 ? NULL : cannot("ciphers", ciphers);
    bool fits = str_to_chars(ciphers, list, sizeof list);
    return fits && SSL_CTX_set_cipher_list(context, list) == 1 ? NULL : cannot("ciphers", ciphers);
}

static err configure(SSL_CTX *context, const struct tls_tool_options *o)
{
    SSL_CTX_set_options(context, SSL_OP_ALL | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(context, 0); /* old servers are what this is for */
    choose_versions(context, o->refused);
    TRY(choose_ciphers(context, o->ciphers));
    TRY(trust(context, o->ca));
    return show_certificate(context, o);
}

err tls_tool_open(const struct tls_tool_options *o, struct tls_client **ret_client)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    ASSERT(context != NULL);
    err e = configure(context, o);
    if (e)
        SSL_CTX_free(context);
    else
        *ret_client = tls_client_of(context);
    return e;
}

/* ---- connecting ------------------------------------------------------------------------- */

static bool expect_name(SSL *ssl, str name)
{
    struct address ip;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (address_parse_ip(name, &ip) == NULL)
        return X509_VERIFY_PARAM_set1_ip(param, ip.ip, ip.family == ADDRESS_IP4 ? 4 : 16) == 1;
    return X509_VERIFY_PARAM_set1_host(param, name.ptr, name.len) == 1;
}

static err expect(struct tls_link *l, const struct tls_tool_options *o)
{
    char sni[TLS_NAME_BYTES_MAX];
    bool named = o->sni.len > 0;
    if (named &&
        (!str_to_chars(o->sni, sni, sizeof sni) || SSL_set_tlsext_host_name(l->ssl, sni) != 1))
        return err_new(ERR_TLS, "unable to set SNI hostname to %.*s",
                       STR_ARG(str_slice(o->sni, 0, 200)));
    X509_VERIFY_PARAM_set_time(SSL_get0_param(l->ssl), clock_real_ms() / 1000);
    SSL_set_verify(l->ssl, o->verify || o->verify_name.len ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                   NULL);
    if (o->verify_name.len && !expect_name(l->ssl, o->verify_name))
        return err_new(ERR_TLS, "%.*s is no name that a certificate could have",
                       STR_ARG(str_slice(o->verify_name, 0, 200)));
    return NULL;
}

err tls_tool_connect(struct net_conn *conn, struct tls_client *client,
                     const struct tls_tool_options *o, deadline until)
{
    struct tls_link *l;
    TRY(tls_link_to_server(conn, client, until, &l));
    err e = tls_link_when_expected(l, expect(l, o), until);
    int verdict = tls_verify_error(conn);
    if (e && e->kind == ERR_TLS && verdict != X509_V_OK)
        return err_wrap(e, "%s", X509_verify_cert_error_string(verdict));
    return e;
}

/* ---- what the peer showed --------------------------------------------------------------- */

static str subject_of(const X509 *certificate, struct arena *arena)
{
    char *line = X509_NAME_oneline(X509_get_subject_name(certificate), NULL, 0);
    str subject = arena_str(arena, str_of(line));
    OPENSSL_free(line);
    return subject;
}

static str pem_of(X509 *certificate, struct arena *arena)
{
    char *text;
    BIO *memory = BIO_new(BIO_s_mem());
    ASSERT(memory != NULL);
    (void)PEM_write_bio_X509(memory, certificate);
    long len = BIO_get_mem_data(memory, &text);
    str pem = arena_str(arena, str_trim((str){text, len > 0 ? (size_t)len : 0}));
    BIO_free(memory);
    return pem;
}

bool tls_tool_get_peer(const struct net_conn *conn, struct arena *arena,
                       struct tls_tool_peer *ret_peer)
{
    void *layer;
    if (!tls_active(conn) || net_get_layer(conn, &layer) == NULL)
        return false;
    SSL *ssl = ((struct tls_link *)layer)->ssl;
    X509 *own = SSL_get_certificate(ssl), *first = SSL_get0_peer_certificate(ssl);
    if (first == NULL)
        return false;
    struct tls_tool_peer peer = {.subject = subject_of(first, arena)};
    if (own)
        peer.own_subject = subject_of(own, arena);
    int verdict = tls_verify_error(conn);
    if (verdict != X509_V_OK)
        peer.distrust = X509_verify_cert_error_string(verdict);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain) && peer.chain_count < TLS_TOOL_CHAIN_MAX; i++)
        peer.chain[peer.chain_count++] = pem_of(sk_X509_value(chain, i), arena);
    if (peer.chain_count == 0)
        peer.chain[peer.chain_count++] = pem_of(first, arena);
    *ret_peer = peer;
    return true;
}
