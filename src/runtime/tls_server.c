#include "base/mem.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>

/* One name with its certificates (an RSA and an ECDSA one may share it). */
struct tls_identity {
    char *name; /* empty: the default only */
    SSL_CTX *context;
};

struct tls_server {
    struct tls_identity *identities; /* the first is the default */
    size_t count;
    int64_t expires_ms;
    int holders;
};

/* ---- which certificate ------------------------------------------------------------------ */

static struct tls_identity *find_exact(const struct tls_server *server, str name)
{
    for (size_t i = 0; i < server->count; i++)
        if (str_eq_nocase(str_of(server->identities[i].name), name))
            return &server->identities[i];
    return NULL;
}

/* "*.example.com" stands for one label, as in certificates (RFC 9525 section 6.3). */
static struct tls_identity *find_wildcard(const struct tls_server *server, str name)
{
    size_t dot = str_find(name, '.');
    if (dot == STR_NONE || dot == 0)
        return NULL;
    for (size_t i = 0; i < server->count; i++) {
        str pattern = str_of(server->identities[i].name);
        if (str_skip(&pattern, S("*")) && str_eq_nocase(pattern, str_from(name, dot)))
            return &server->identities[i];
    }
    return NULL;
}

static int choose_certificate(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const struct tls_server *server = arg;
    str name = str_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    if (name.len == 0 || name.len >= TLS_NAME_BYTES_MAX || !tls_certificate_name_fits(name))
        return SSL_TLSEXT_ERR_NOACK; /* the default certificate */
    struct tls_link *l = tls_link_of(ssl);
    mem_free(l->server_name);
    l->server_name = mem_copy_chars(name.ptr);
    struct tls_identity *found = find_exact(server, name);
    if (found == NULL)
        found = find_wildcard(server, name);
    if (found == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_set_SSL_CTX(ssl, found->context) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* A browser that was lured here says "h2": it must not get a word of SMTP. */
static int choose_protocol(SSL *ssl, const uint8_t **ret_name, uint8_t *ret_len,
                           const uint8_t *offered, unsigned size, void *arg)
{
    (void)ssl, (void)arg;
    str left = {(const char *)offered, size};
    while (left.len > 0) {
        str name = str_slice(left, 1, (uint8_t)left.ptr[0]);
        if (str_eq(name, S("smtp"))) {
            *ret_name = (const uint8_t *)name.ptr;
            *ret_len = (uint8_t)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
        left = str_from(left, 1 + (size_t)(uint8_t)left.ptr[0]);
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- opening ---------------------------------------------------------------------------- */

static err new_identity(struct tls_server *server, enum tls_profile profile, str name)
{
    SSL_CTX *context;
    TRY(tls_context_open(profile, true, &context));
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_id_context(context, (const uint8_t *)"smtp", 4);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    struct tls_identity *identity = &server->identities[server->count++];
    identity->context = context;
    identity->name = mem_alloc(name.len + 1);
    if (!str_to_chars(name, identity->name, name.len + 1))
        return err_new(ERR_CONFIG, "a NUL in the name of a certificate");
    return NULL;
}

static err add_certificate(struct tls_server *server, enum tls_profile profile,
                           const struct tls_certificate *certificate)
{
    struct tls_identity *identity = find_exact(server, certificate->name);
    if (identity == NULL) {
        TRY(new_identity(server, profile, certificate->name));
        identity = &server->identities[server->count - 1];
    }
    return tls_certificate_load(identity->context, certificate, &server->expires_ms);
}

err tls_server_open(const struct tls_server_options *options, struct tls_server **ret_server)
{
    if (options->certificate_count == 0)
        return err_new(ERR_CONFIG, "TLS needs a certificate");
    struct tls_server *server = MEM_NEW(struct tls_server);
    server->holders = 1;
    server->expires_ms = INT64_MAX;
    server->identities = mem_alloc(options->certificate_count * sizeof *server->identities);
    for (size_t i = 0; i < options->certificate_count; i++) {
        err e = add_certificate(server, options->profile, &options->certificates[i]);
        if (e) {
            tls_server_close(server);
            return e;
        }
    }
    *ret_server = server;
    return NULL;
}

struct tls_server *tls_server_hold(struct tls_server *server)
{
    __atomic_add_fetch(&server->holders, 1, __ATOMIC_RELAXED);
    return server;
}

void tls_server_close(struct tls_server *server)
{
    if (server == NULL || __atomic_sub_fetch(&server->holders, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < server->count; i++) {
        SSL_CTX_free(server->identities[i].context);
        mem_free(server->identities[i].name);
    }
    mem_free(server->identities);
    mem_free(server);
}

int64_t tls_server_expires(const struct tls_server *server) { return server->expires_ms; }

SSL_CTX *tls_server_context(const struct tls_server *server)
{
    return server->identities[0].context;
}
