#include "secret/vault.h"
#include "base/mem.h"
#include "secret/file.h"
#include "secret/vault_answer.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_BYTES_MAX = 16 * 1024, LOGIN_FIELDS_MAX = 4 };

struct secret_vault {
    const struct config_vault *config;
    struct secret_store_login login;
    pthread_mutex_t lock;  /* of what follows; not held while it is asked */
    struct buf token;      /* of a login by AppRole or Kubernetes; empty: none */
    int64_t good_until_ms; /* on the steady clock */
};

/* One secret that is read. */
struct asking {
    struct secret_vault *vault;
    struct arena *arena; /* of one request */
    struct buf token;
    struct secret_store_told *told;
    deadline until;
};

struct secret_vault *secret_vault_open(const struct config_vault *config,
                                       struct secret_store_login login)
{
    struct secret_vault *v = MEM_NEW(struct secret_vault);
    v->config = config;
    v->login = login;
    buf_init(&v->token, TOKEN_BYTES_MAX);
    pthread_mutex_init(&v->lock, NULL);
    return v;
}

void secret_vault_close(struct secret_vault *v)
{
    if (v == NULL)
        return;
    secret_wipe(&v->token);
    pthread_mutex_destroy(&v->lock);
    mem_free(v);
}

/* ---- one request -------------------------------------------------------------------------- */

static str or_env(str value, const char *variable)
{
    return value.len > 0 ? value : str_of(getenv(variable));
}

static err find_address(const struct secret_vault *v, str *ret_address)
{
    str address = or_env(v->config->address, "VAULT_ADDR");
    while (address.len > 0 && address.ptr[address.len - 1] == '/')
        address.len--;
    *ret_address = address;
    return address.len > 0 ? NULL
                           : err_new(ERR_CONFIG, "vault: secrets.vault.address (or $VAULT_ADDR) "
                                                 "says where it is");
}

/* As a path of a URL; what is a path already stays one. */
static err add_path(str path, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (char_is_alnum((char)c) || str_find(S("-._~/"), (char)c) != STR_NONE)
            TRY(buf_add_char(out, (char)c));
        else
            TRY(buf_addf(out, "%%%c%c", digits[c >> 4], digits[c & 15]));
    }
    return NULL;
}

static err call(struct asking *a, str method, str path, str body, struct http_client_answer *ret)
{
    const struct config_vault *c = a->vault->config;
    struct http_client_field fields[LOGIN_FIELDS_MAX] = {
        {S("X-Vault-Request"), S("true")}
    };
    size_t count = 1;
    str address, namespace = or_env(c->namespace, "VAULT_NAMESPACE");
    TRY(find_address(a->vault, &address));
    if (a->token.len > 0)
        fields[count++] = (struct http_client_field){S("X-Vault-Token"), buf_str(&a->token)};
    if (namespace.len > 0)
        fields[count++] = (struct http_client_field){S("X-Vault-Namespace"), namespace};
    if (body.len > 0)
        fields[count++] = (struct http_client_field){S("Content-Type"), S("application/json")};
    struct http_client_request r = {
        .method = method,
        .url = arena_printf(a->arena, "%.*s/v1/%.*s", STR_ARG(address), STR_ARG(path)),
        .fields = fields,
        .field_count = count,
        .body = body,
        .ca_file = or_env(c->ca_file, "VAULT_CACERT"),
    };
    snprintf(a->told->origin, sizeof a->told->origin, "%.*s",
             STR_ARG(http_client_url_host(address)));
    for (int n = 1;; n++) {
        TRY(secret_store_call(&r, a->arena, a->until, ret));
        if (ret->status != 429)
            return NULL;
        a->told->retry_ms = secret_store_retry_ms(ret);
        secret_store_wipe(ret);
        err e = secret_store_pause(n, a->told->retry_ms, a->until);
        if (e)
            return err_wrap(e, "%s", a->told->origin);
        a->told->retry_ms = 0;
    }
}

/* What an answer other than 200 means. 404 is its caller's. */
static err refusal(struct asking *a, const struct http_client_answer *answer, const char *doing)
{
    str why = secret_vault_answer_why(answer->body, a->arena);
    const char *note = "";
    enum err_kind kind = ERR_PROTOCOL;
    a->told->retry_ms = secret_store_retry_ms(answer);
    if (answer->status == 503)
        note = ": it is sealed or in maintenance";
    else if (answer->status == 307 || answer->status == 472 || answer->status == 473)
        note = ": a standby node; secrets.vault.address must name the active one or its balancer";
    else if (answer->status == 400)
        kind = ERR_CONFIG;
    return err_new(kind, "%s: %s: %d%s%s%.*s", a->told->origin, doing, answer->status, note,
                   why.len ? ": " : "", STR_ARG(why));
}

/* ---- logging in --------------------------------------------------------------------------- */

/* '"name":"value"' with what JSON wants escaped. */
static err add_member(const char *name, str value, struct buf *out)
{
    TRY(buf_addf(out, "%s\"%s\":\"", out->len > 1 ? "," : "", name));
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < ' ')
            TRY(buf_addf(out, "\\u%04x", c));
        else if (c == '"' || c == '\\')
            TRY(buf_addf(out, "\\%c", c));
        else
            TRY(buf_add_char(out, (char)c));
    }
    return buf_add_char(out, '"');
}

static err add_secret_member(struct asking *a, const char *name, str reference, struct buf *out)
{
    struct buf value;
    const struct secret_store_login *l = &a->vault->login;
    buf_init(&value, SECRET_BYTES_MAX);
    err e = str_starts(reference, S("/")) ? secret_file_read(reference, SECRET_FILE_ANY, &value)
                                          : l->read(l->arg, reference, &value);
    secret_trim(&value);
    if (e == NULL)
        e = add_member(name, buf_str(&value), out);
    secret_wipe(&value);
    return e;
}

static err write_login(struct asking *a, struct buf *body)
{
    const struct config_vault *c = a->vault->config;
    char *room;
    TRY(buf_reserve(body, body->max, &room)); /* never moved */
    TRY(buf_add_char(body, '{'));
    if (c->auth == VAULT_AUTH_APPROLE) {
        TRY(add_secret_member(a, "role_id", c->role_id, body));
        if (c->secret_id.len > 0)
            TRY(add_secret_member(a, "secret_id", c->secret_id, body));
    } else {
        TRY(add_member("role", c->role, body));
        TRY(add_secret_member(a, "jwt", c->jwt_file, body));
    }
    return buf_add_char(body, '}');
}

/* Good for two thirds of what it says; without a word, for a minute. */
static void keep_token(struct secret_vault *v, str token, int64_t lease_ms)
{
    char *room;
    pthread_mutex_lock(&v->lock);
    secret_wipe(&v->token);
    err e = buf_reserve(&v->token, token.len, &room);
    if (e == NULL)
        e = buf_add(&v->token, token);
    ASSERT(e == NULL); /* the answer's limit is the same */
    v->good_until_ms = clock_steady_ms() + (lease_ms > 0 ? lease_ms / 3 * 2 : 60 * 1000);
    pthread_mutex_unlock(&v->lock);
}

static err log_in_with(struct asking *a, str body)
{
    const struct config_vault *c = a->vault->config;
    struct http_client_answer answer;
    struct secret_vault_answer login;
    str mount = c->auth_mount;
    if (mount.len == 0)
        mount = c->auth == VAULT_AUTH_APPROLE ? S("approle") : S("kubernetes");
    secret_wipe(&a->token);
    TRY(call(a, S("POST"), arena_printf(a->arena, "auth/%.*s/login", STR_ARG(mount)), body,
             &answer));
    if (answer.status != 200)
        return refusal(a, &answer, "log in");
    char *room;
    err e = buf_reserve(&a->token, TOKEN_BYTES_MAX, &room);
    if (e == NULL)
        e = secret_vault_answer_login(answer.body, &a->token, &login);
    secret_store_wipe(&answer);
    if (e)
        return err_wrap(e, "%s: log in", a->told->origin);
    keep_token(a->vault, buf_str(&a->token), login.lease_ms);
    return NULL;
}

static err log_in(struct asking *a)
{
    struct buf body;
    buf_init(&body, SECRET_BYTES_MAX);
    err e = write_login(a, &body);
    if (e == NULL)
        e = log_in_with(a, buf_str(&body));
    secret_wipe(&body);
    return e;
}

/* The token of before, unless it is over. */
static err find_token(struct asking *a)
{
    struct secret_vault *v = a->vault;
    const struct config_vault *c = v->config;
    char *room;
    if (c->auth == VAULT_AUTH_TOKEN) {
        TRY(v->login.read(v->login.arg, c->token.len ? c->token : S("env:VAULT_TOKEN"), &a->token));
        secret_trim(&a->token);
        return NULL;
    }
    TRY(buf_reserve(&a->token, TOKEN_BYTES_MAX, &room));
    pthread_mutex_lock(&v->lock);
    bool good = v->token.len > 0 && clock_steady_ms() < v->good_until_ms;
    err e = good ? buf_add(&a->token, buf_str(&v->token)) : NULL;
    pthread_mutex_unlock(&v->lock);
    return e ? e : good ? NULL : log_in(a);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* "secret/mail/relay" is data of the engine at "secret/". */
static err path_of(struct asking *a, str path, str *ret_path)
{
    str mount = a->vault->config->mount, rest = path;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, HTTP_CLIENT_URL_CHARS);
    if (mount.len > 0 && str_skip(&rest, mount))
        str_skip(&rest, S("/"));
    else if (mount.len == 0)
        str_split(path, '/', &mount, &rest);
    if (mount.len == 0 || rest.len == 0 || str_contains(path, S("..")))
        return err_new(ERR_CONFIG, "vault:MOUNT/PATH#FIELD is wanted, as in "
                                   "vault:secret/relay#password");
    TRY(add_path(mount, &out));
    TRY(buf_add(&out, S("/data/")));
    TRY(add_path(rest, &out));
    *ret_path = arena_str(a->arena, buf_str(&out));
    return NULL;
}

static err take(struct asking *a, const struct http_client_answer *answer, str field,
                struct buf *ret_secret)
{
    struct secret_vault_answer told;
    char *room;
    TRY(buf_reserve(ret_secret, SECRET_BYTES_MAX, &room)); /* never moved */
    err e = secret_vault_answer_secret(answer->body, field, ret_secret, &told);
    if (e)
        return err_wrap(e, "%s", a->told->origin);
    size_t used = strlen(a->told->origin);
    snprintf(a->told->origin + used, sizeof a->told->origin - used, ", version %d", told.version);
    a->told->lease_ms = told.lease_ms;
    return NULL;
}

static err fetch(struct asking *a, str path, str field, struct buf *ret_secret, int *ret_status)
{
    struct http_client_answer answer;
    str where;
    TRY(path_of(a, path, &where));
    TRY(call(a, S("GET"), where, (str){NULL, 0}, &answer));
    *ret_status = answer.status;
    err e;
    if (answer.status == 200)
        e = take(a, &answer, field, ret_secret);
    else if (answer.status == 404)
        e = err_new(ERR_CONFIG, "%s: %s", a->told->origin,
                    secret_vault_answer_deleted(answer.body) ? "its newest version was deleted"
                                                             : "there is no such secret");
    else
        e = refusal(a, &answer, "read");
    secret_store_wipe(&answer);
    return e;
}

/* A token may be over before its time: a login is tried again, once. */
static err read_secret(struct asking *a, str path, str field, struct buf *ret_secret)
{
    int status = 0;
    TRY(find_token(a));
    err e = fetch(a, path, field, ret_secret, &status);
    if (status != 403 || a->vault->config->auth == VAULT_AUTH_TOKEN)
        return e;
    arena_reset(a->arena);
    TRY(log_in(a));
    return fetch(a, path, field, ret_secret, &status);
}

err secret_vault_read(struct secret_vault *v, str name, struct buf *ret_secret,
                      struct secret_store_told *ret_told, deadline until)
{
    struct asking a = {.vault = v, .told = ret_told, .until = until};
    str path, field;
    *ret_told = (struct secret_store_told){0};
    str_split(name, '#', &path, &field);
    a.arena = arena_open(4 * SECRET_STORE_ARENA_BYTES_MAX);
    buf_init(&a.token, SECRET_BYTES_MAX);
    err e = read_secret(&a, path, field, ret_secret);
    secret_wipe(&a.token);
    arena_close(a.arena);
    return e;
}
