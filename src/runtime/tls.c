#include "base/mem.h"
#include "runtime/tls_inside.h"
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <string.h>

/* ---- errors ----------------------------------------------------------------------------- */

void tls_drain_errors(char *ret_text, size_t size)
{
    size_t used = 0;
    unsigned long code;
    ret_text[0] = '\0';
    while ((code = ERR_get_error()) != 0) {
        const char *reason = ERR_reason_error_string(code);
        int n = snprintf(ret_text + used, size - used, "%s%s", used ? ": " : "",
                         reason ? reason : "unknown reason");
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
        ret_text[used] = '\0';
    }
}

/* ---- the socket as a BIO ---------------------------------------------------------------- */

static bool flooded(const struct tls_link *l)
{
    return l->messages_without_data > TLS_KEY_UPDATES_MAX;
}

static int socket_result(BIO *bio, struct tls_link *l, enum net_io io, size_t count)
{
    if (io == NET_DONE)
        return (int)count;
    l->socket_io = io;
    if (io == NET_FAILED)
        l->failure = errno;
    (void)bio;
    return io == NET_END ? 0 : -1;
}

static void keep_first(struct tls_link *l, str bytes)
{
    str part = str_slice(bytes, 0, sizeof l->first - l->first_count);
    if (part.len > 0 && !l->shaken)
        memcpy(l->first + l->first_count, part.ptr, part.len);
    l->first_count += l->shaken ? 0 : part.len;
}

static int socket_read(BIO *bio, char *to, int size)
{
    struct tls_link *l = BIO_get_data(bio);
    struct net_socket *s = net_socket(l->conn);
    BIO_clear_retry_flags(bio);
    if (flooded(l) || size <= 0)
        return -1;
    size_t count = 0;
    enum net_io io = NET_WOULD_WAIT;
    if (s->may_read)
        io = s->driver->read(s, to, (size_t)size, &count);
    if (io == NET_WOULD_WAIT) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (io == NET_DONE)
        keep_first(l, (str){to, count});
    return socket_result(bio, l, io, count);
}

static int socket_write(BIO *bio, const char *from, int size)
{
    struct tls_link *l = BIO_get_data(bio);
    struct net_socket *s = net_socket(l->conn);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return 0;
    struct iovec part = {(void *)from, (size_t)size};
    size_t count = 0;
    enum net_io io = NET_WOULD_WAIT;
    if (s->may_write)
        io = s->driver->write(s, &part, 1, &count);
    if (io == NET_WOULD_WAIT) {
        BIO_set_retry_write(bio);
        return -1;
    }
    return socket_result(bio, l, io, count);
}

static long socket_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    struct tls_link *l = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF)
        return l->socket_io == NET_END;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *socket_method;
static pthread_once_t socket_method_once = PTHREAD_ONCE_INIT;

static void make_socket_method(void)
{
    int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
    socket_method = BIO_meth_new(type, "connection");
    ASSERT(socket_method != NULL);
    BIO_meth_set_read(socket_method, socket_read);
    BIO_meth_set_write(socket_method, socket_write);
    BIO_meth_set_ctrl(socket_method, socket_ctrl);
}

/* ---- the layer -------------------------------------------------------------------------- */

static enum net_io fail_for_good(struct tls_link *l, int number)
{
    l->failed = l->read_ended = true;
    errno = l->failure = number;
    return NET_FAILED;
}

/* What an OpenSSL call that gave no result means. Its reasons leave the queue. */
static enum net_io judge(struct tls_link *l, int result)
{
    int why = SSL_get_error(l->ssl, result);
    char unread[TLS_REASON_BYTES];
    tls_drain_errors(l->reason && l->reason[0] == '\0' ? l->reason : unread, TLS_REASON_BYTES);
    l->wants_write = why == SSL_ERROR_WANT_WRITE;
    if (flooded(l))
        return fail_for_good(l, EPROTO);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return NET_WOULD_WAIT;
    if (l->socket_io == NET_FAILED)
        return fail_for_good(l, l->failure);
    if (why == SSL_ERROR_ZERO_RETURN || l->socket_io == NET_END) {
        l->read_ended = true;
        return NET_END;
    }
    return fail_for_good(l, EPROTO);
}

static enum net_io layer_read(void *layer, void *to, size_t size, size_t *ret_count)
{
    struct tls_link *l = layer;
    if (l->failed)
        return fail_for_good(l, l->failure);
    if (l->read_ended)
        return NET_END; /* what may follow on the socket is in clear: it does not exist */
    ERR_clear_error();
    int result = SSL_read_ex(l->ssl, to, size, ret_count);
    if (result != 1)
        return judge(l, result);
    if (flooded(l))
        return fail_for_good(l, EPROTO);
    l->messages_without_data = 0;
    return NET_DONE;
}

static enum net_io layer_write(void *layer, const void *from, size_t size, size_t *ret_count)
{
    struct tls_link *l = layer;
    if (l->failed)
        return fail_for_good(l, l->failure);
    ERR_clear_error();
    int result = SSL_write_ex(l->ssl, from, size, ret_count);
    if (result == 1)
        return NET_DONE;
    enum net_io io = judge(l, result);
    return io == NET_END ? fail_for_good(l, EPIPE) : io;
}

static bool layer_wants_write(void *layer) { return ((struct tls_link *)layer)->wants_write; }

static void layer_end(void *layer)
{
    struct tls_link *l = layer;
    if (l->failed || !l->shaken)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(l->ssl); /* our close_notify, when there is room for it; not the peer's */
    ERR_clear_error();
}

static void layer_release(void *layer)
{
    struct tls_link *l = layer;
    SSL_free(l->ssl);
    tls_server_close(l->server);
    tls_client_close(l->client);
    mem_free(l->server_name);
    mem_free(l->reason);
    mem_free(l);
}

static const struct net_layer tls_layer = {layer_read, layer_write, layer_wants_write, layer_end,
                                           layer_release};

/* ---- opening ---------------------------------------------------------------------------- */

static bool is_no_renegotiation(const uint8_t *alert, size_t size)
{
    return size == 2 && alert[0] == SSL3_AL_WARNING && alert[1] == SSL_AD_NO_RENEGOTIATION;
}

/* After the handshake the peer can still make us work for nothing: key updates, tickets, asking
 * for renegotiation (which OpenSSL answers with a warning). Data in between forgives it. */
static void count_message(int write, int version, int type, const void *bytes, size_t size,
                          SSL *ssl, void *arg)
{
    (void)version, (void)ssl;
    struct tls_link *l = arg;
    if (!l->shaken)
        return;
    if (type == SSL3_RT_HANDSHAKE ? !write : write && is_no_renegotiation(bytes, size))
        l->messages_without_data++;
}

struct tls_link *tls_link_of(const SSL *ssl) { return SSL_get_app_data(ssl); }

err tls_link_open(struct net_conn *conn, SSL_CTX *context, deadline until,
                  struct tls_link **ret_link)
{
    TRY(net_flush(conn, until)); /* the "220 go ahead" */
    if (net_input(conn).len > 0)
        return err_new(ERR_PROTOCOL, "bytes in clear wait before the TLS handshake");
    pthread_once(&socket_method_once, make_socket_method);
    SSL *ssl = SSL_new(context);
    BIO *bio = BIO_new(socket_method);
    ASSERT(ssl != NULL);
    ASSERT(bio != NULL);
    struct tls_link *l = MEM_NEW(struct tls_link);
    l->conn = conn;
    l->ssl = ssl;
    l->reason = mem_alloc(TLS_REASON_BYTES);
    BIO_set_data(bio, l);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, l);
    SSL_set_msg_callback(ssl, count_message);
    SSL_set_msg_callback_arg(ssl, l);
    net_set_layer(conn, &tls_layer, l);
    *ret_link = l;
    return NULL;
}

static err explain_failure(const struct tls_link *l, enum net_io io)
{
    if (io == NET_END)
        return err_new(ERR_TLS, "the peer closed the connection during the TLS handshake");
    if (l->socket_io == NET_FAILED)
        return err_new(ERR_TLS, "the TLS handshake broke off: %s", strerror(l->failure));
    if (l->reason[0] != '\0')
        return err_new(ERR_TLS, "%s", l->reason);
    return err_new(ERR_TLS, "the TLS handshake failed");
}

static err shake_hands(struct tls_link *l, deadline until)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(l->ssl);
        if (result == 1)
            return NULL;
        enum net_io io = judge(l, result);
        if (io != NET_WOULD_WAIT)
            return explain_failure(l, io);
        err e = net_wait(l->conn, l->wants_write, until);
        if (e && e->kind == ERR_TIMEOUT)
            return err_new(ERR_TIMEOUT, "the TLS handshake took too long");
        if (e)
            return e;
    }
}

err tls_link_handshake(struct tls_link *l, deadline until)
{
    err e = shake_hands(l, until);
    if (e) {
        (void)fail_for_good(l, EPROTO); /* and nothing passes in clear */
        return e;
    }
    l->shaken = true;
    l->wants_write = false;
    mem_free(l->reason);
    l->reason = NULL;
    return NULL;
}

err tls_accept(struct net_conn *conn, struct tls_server *server, deadline until)
{
    struct tls_link *l;
    TRY(tls_link_open(conn, tls_server_context(server), until, &l));
    l->server = tls_server_hold(server);
    SSL_set_accept_state(l->ssl);
    return tls_link_handshake(l, until);
}

err tls_link_to_server(struct net_conn *conn, struct tls_client *client, deadline until,
                       struct tls_link **ret_link)
{
    TRY(tls_link_open(conn, tls_client_context(client), until, ret_link));
    (*ret_link)->client = tls_client_hold(client);
    SSL_set_connect_state((*ret_link)->ssl);
    return NULL;
}

err tls_link_when_expected(struct tls_link *l, err expected, deadline until)
{
    if (expected == NULL)
        return tls_link_handshake(l, until);
    (void)fail_for_good(l, EPROTO);
    return expected;
}

err tls_connect(struct net_conn *conn, struct tls_client *client, str server_name,
                enum tls_verify verify, deadline until)
{
    struct tls_link *l;
    TRY(tls_link_to_server(conn, client, until, &l));
    return tls_link_when_expected(l, tls_client_expect(l, server_name, verify), until);
}

err tls_connect_dane(struct net_conn *conn, struct tls_client *client, const struct tls_dane *dane,
                     deadline until)
{
    struct tls_link *l;
    TRY(tls_link_to_server(conn, client, until, &l));
    return tls_link_when_expected(l, tls_dane_expect(l, dane), until);
}

err tls_make_certificate(str name, const char *certificate_path, const char *key_path)
{
    return tls_certificate_make(name, certificate_path, key_path);
}

/* ---- settings of both ends -------------------------------------------------------------- */

#define AEAD_CIPHERS                                             \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define OLD_CIPHERS                                                                    \
    "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:"     \
    "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"             \
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:" \
    "AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA"

const char *tls_profile_list(enum tls_profile profile)
{
    return profile == TLS_OPPORTUNISTIC ? AEAD_CIPHERS ":" OLD_CIPHERS : AEAD_CIPHERS;
}

/* The hybrid key exchange first, which keeps today's mail secret from tomorrow's machines; an
 * OpenSSL older than 3.5 does not know it. */
static bool set_groups(SSL_CTX *context)
{
    bool hybrid = SSL_CTX_set1_groups_list(context, TLS_HYBRID_GROUP ":X25519:P-256:P-384") == 1;
    ERR_clear_error();
    return hybrid || SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

static bool configure(SSL_CTX *context, enum tls_profile profile)
{
    int oldest = profile == TLS_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(context, profile == TLS_OPPORTUNISTIC ? 0 : 2);
    return SSL_CTX_set_min_proto_version(context, oldest) == 1 &&
           SSL_CTX_set_cipher_list(context, tls_profile_list(profile)) == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                             "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           set_groups(context);
}

err tls_context_open(enum tls_profile profile, bool server, SSL_CTX **ret_context)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context && configure(context, profile)) {
        *ret_context = context;
        return NULL;
    }
    SSL_CTX_free(context);
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    return err_new(ERR_CONFIG, "OpenSSL cannot be set up: %s", why);
}

static err add_ciphers(SSL *ssl, struct buf *out)
{
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);
    err e = NULL;
    for (int i = 0; e == NULL && i < sk_SSL_CIPHER_num(ciphers); i++)
        e = buf_addf(out, "%s%s", i ? ":" : "",
                     SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    sk_SSL_CIPHER_free(ciphers);
    return e;
}

err tls_profile_ciphers(enum tls_profile profile, struct buf *out)
{
    SSL_CTX *context;
    TRY(tls_context_open(profile, true, &context));
    SSL *ssl = SSL_new(context);
    ASSERT(ssl != NULL);
    err e = add_ciphers(ssl, out);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return e;
}

/* ---- facts ------------------------------------------------------------------------------ */

static const struct tls_link *link_on(const struct net_conn *conn)
{
    void *layer;
    if (net_get_layer(conn, &layer) != &tls_layer)
        return NULL;
    const struct tls_link *l = layer;
    return l->shaken ? l : NULL;
}

bool tls_active(const struct net_conn *conn) { return link_on(conn) != NULL; }

static const char *group_of(SSL *ssl)
{
    int id = (int)SSL_get_negotiated_group(ssl);
    const char *name = id != 0 ? SSL_group_to_name(ssl, id) : NULL;
    return name ? name : "";
}

bool tls_has_hybrid(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    bool has = context && SSL_CTX_set1_groups_list(context, TLS_HYBRID_GROUP) == 1;
    ERR_clear_error();
    SSL_CTX_free(context);
    return has;
}

bool tls_get_facts(const struct net_conn *conn, struct tls_facts *ret_facts)
{
    const struct tls_link *l = link_on(conn);
    if (l == NULL)
        return false;
    *ret_facts = (struct tls_facts){
        .version = SSL_get_version(l->ssl),
        .cipher = SSL_get_cipher_name(l->ssl),
        .bits = SSL_get_cipher_bits(l->ssl, NULL),
        .group = group_of(l->ssl),
        .verified = l->name_checked && SSL_get_verify_result(l->ssl) == X509_V_OK,
    };
    (void)str_to_chars(str_of(l->server_name), ret_facts->server_name,
                       sizeof ret_facts->server_name);
    return true;
}

int tls_verify_error(const struct net_conn *conn)
{
    void *layer;
    if (net_get_layer(conn, &layer) != &tls_layer)
        return X509_V_OK;
    return (int)SSL_get_verify_result(((const struct tls_link *)layer)->ssl);
}

str tls_first_bytes(const struct net_conn *conn)
{
    void *layer;
    if (net_get_layer(conn, &layer) != &tls_layer)
        return (str){0};
    const struct tls_link *l = layer;
    return (str){l->first, l->first_count};
}

bool tls_get_binding(const struct net_conn *conn, uint8_t ret_binding[TLS_BINDING_BYTES])
{
    static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 section 2 */
    const struct tls_link *l = link_on(conn);
    if (l == NULL || l->failed)
        return false;
    if (SSL_version(l->ssl) < TLS1_3_VERSION && SSL_get_extms_support(l->ssl) != 1)
        return false;
    uint8_t binding[TLS_BINDING_BYTES];
    ERR_clear_error();
    bool made = SSL_export_keying_material(l->ssl, binding, sizeof binding, label, sizeof label - 1,
                                           NULL, 0, 0) == 1;
    ERR_clear_error();
    if (made)
        memcpy(ret_binding, binding, sizeof binding);
    return made;
}
