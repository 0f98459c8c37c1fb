#include "lib/client.h"
#include "base/mem.h"
#include "config/value.h"
#include "sasl/mechanism.h"
#include "smtp/path.h"
#include <string.h>

enum {
    ARENA_BYTES_MAX = 64 << 10,
    HELLO_BYTES_MAX = 255,
    TIME_MS_MAX = 24 * 3600 * 1000,
    RETRIES_MAX = 10,
};

/* ---- its life --------------------------------------------------------------------------- */

static void wipe(struct buf *secret)
{
    if (secret->ptr)
        mem_wipe(secret->ptr, secret->cap);
    buf_release(secret);
}

static struct smtptool_client *open_client(void)
{
    struct smtptool_client *c = MEM_NEW(struct smtptool_client);
    c->arena = arena_open(ARENA_BYTES_MAX);
    c->policy = config_client_policy;
    c->policy.retries = 0; /* the caller decides what he waits for */
    buf_init(&c->user, SASL_USER_BYTES_MAX);
    buf_init(&c->secret, SASL_TOKEN_BYTES_MAX);
    buf_init(&c->mechanism, SASL_USER_BYTES_MAX);
    buf_init(&c->hello, HELLO_BYTES_MAX);
    buf_init(&c->ca_file, LIB_CLIENT_PATH_BYTES_MAX);
    return c;
}

int smtptool_client_new(const char *url, struct smtptool_client **ret_client,
                        struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (url == NULL || ret_client == NULL)
        return lib_call_misuse(ret_error, "a URL and a place for the client are needed");
    if (!lib_call_begin(&call, NULL, ret_error))
        return SMTPTOOL_MISUSE;
    struct smtptool_client *c = open_client();
    err e = config_value_hop(str_of(url), c->arena, &c->hop);
    if (e == NULL)
        *ret_client = c;
    else
        smtptool_client_free(c);
    return lib_call_end(&call, e);
}

void smtptool_client_free(struct smtptool_client *c)
{
    if (c == NULL || __atomic_load_n(&c->busy, __ATOMIC_ACQUIRE))
        return;
    wipe(&c->secret);
    buf_release(&c->user);
    buf_release(&c->mechanism);
    buf_release(&c->hello);
    buf_release(&c->ca_file);
    tls_client_close(c->tls);
    arena_close(c->arena);
    mem_free(c);
}

/* ---- settings --------------------------------------------------------------------------- */

struct setting {
    const char *text, *secret;
    long first, second, third;
    smtptool_watch *watch;
    void *arg;
};

static int change(struct smtptool_client *c, err (*set)(struct smtptool_client *, struct setting *),
                  struct setting setting, struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (c == NULL)
        return lib_call_misuse(ret_error, "a client that is NULL");
    if (!lib_call_begin(&call, &c->busy, ret_error))
        return SMTPTOOL_MISUSE;
    return lib_call_end(&call, set(c, &setting));
}

static err check_text(const char *name, str text, size_t most)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127)
            return err_new(ERR_CONFIG, "%s: holds a control byte", name);
    if (text.len > most)
        return err_new(ERR_LIMIT, "%s: more than %zu bytes", name, most);
    return text.len > 0 ? NULL : err_new(ERR_CONFIG, "%s: is empty", name);
}

static err keep(struct buf *kept, str text)
{
    buf_clear(kept);
    return buf_add(kept, text);
}

static err set_login(struct smtptool_client *c, struct setting *s)
{
    bool token = s->first == SMTPTOOL_TOKEN;
    wipe(&c->secret);
    buf_clear(&c->user);
    if (s->text == NULL)
        return NULL;
    if (s->first != SMTPTOOL_TOKEN && s->first != SMTPTOOL_PASSWORD)
        return err_new(ERR_CONFIG, "the secret is neither a password nor a token");
    if (c->hop.tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(&c->hop))
        return err_new(ERR_CONFIG, "a login goes over verified TLS only, so without ?tls= in the "
                                   "URL (except to this machine)");
    TRY(check_text("user", str_of(s->text), SASL_USER_BYTES_MAX));
    TRY(check_text(token ? "token" : "password", str_of(s->secret),
                   token ? SASL_TOKEN_BYTES_MAX : SASL_PASSWORD_BYTES_MAX));
    char *room; /* at once and whole: a buf that grows leaves copies behind */
    TRY(buf_reserve(&c->secret, strlen(s->secret), &room));
    TRY(keep(&c->secret, str_of(s->secret)));
    c->token = token;
    return keep(&c->user, str_of(s->text));
}

static err set_mechanism(struct smtptool_client *c, struct setting *s)
{
    str name = str_of(s->text);
    if (name.len > 0 && sasl_mechanism_of(name) == SASL_NONE)
        return err_new(ERR_CONFIG, "mechanism: none of PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1, "
                                   "SCRAM-SHA-256, these two with -PLUS, OAUTHBEARER, XOAUTH2");
    return keep(&c->mechanism, name);
}

static err set_ca_file(struct smtptool_client *c, struct setting *s)
{
    struct tls_client *tls = NULL;
    if (s->text) {
        TRY(check_text("CA file", str_of(s->text), LIB_CLIENT_PATH_BYTES_MAX));
        TRY(tls_client_open(str_of(s->text), &tls));
    }
    tls_client_close(c->tls);
    c->tls = tls;
    return keep(&c->ca_file, str_of(s->text));
}

static err set_hello(struct smtptool_client *c, struct setting *s)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    str name = {0};
    if (s->text) {
        TRY(check_text("hello", str_of(s->text), HELLO_BYTES_MAX));
        if (!smtp_domain_parse(str_of(s->text), SMTP_DOMAIN_HELLO, arena, &name))
            return err_new(ERR_CONFIG, "hello: \"%s\" is no host name", s->text);
    }
    return keep(&c->hello, name);
}

static err set_timeouts(struct smtptool_client *c, struct setting *s)
{
    const long given[] = {s->first, s->second, s->third};
    int64_t *const kept[] = {&c->policy.connect_ms, &c->policy.reply_ms, &c->policy.data_done_ms};
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        if (given[i] < 0 || given[i] > TIME_MS_MAX)
            return err_new(ERR_CONFIG, "timeouts: 0 to %d milliseconds, not %ld", TIME_MS_MAX,
                           given[i]);
    for (size_t i = 0; i < ARRAY_LEN(given); i++)
        if (given[i] > 0)
            *kept[i] = given[i];
    return NULL;
}

static err set_retries(struct smtptool_client *c, struct setting *s)
{
    if (s->first < 0 || s->first > RETRIES_MAX)
        return err_new(ERR_CONFIG, "retries: 0 to %d, not %ld", RETRIES_MAX, s->first);
    if (s->second < 1 || s->second > TIME_MS_MAX)
        return err_new(ERR_CONFIG, "retries: the first wait is 1 to %d milliseconds, not %ld",
                       TIME_MS_MAX, s->second);
    c->policy.retries = (int)s->first;
    c->policy.retry_first_ms = s->second;
    return NULL;
}

static err set_watch(struct smtptool_client *c, struct setting *s)
{
    c->watch = s->watch;
    c->watch_arg = s->arg;
    return NULL;
}

/* ---- the calls -------------------------------------------------------------------------- */

int smtptool_client_login(struct smtptool_client *c, const char *user, const char *secret,
                          int secret_kind, struct smtptool_error **ret_error)
{
    struct setting setting = {.text = user, .secret = secret, .first = secret_kind};
    return change(c, set_login, setting, ret_error);
}

int smtptool_client_mechanism(struct smtptool_client *c, const char *mechanism,
                              struct smtptool_error **ret_error)
{
    return change(c, set_mechanism, (struct setting){.text = mechanism}, ret_error);
}

int smtptool_client_ca_file(struct smtptool_client *c, const char *path,
                            struct smtptool_error **ret_error)
{
    return change(c, set_ca_file, (struct setting){.text = path}, ret_error);
}

int smtptool_client_hello(struct smtptool_client *c, const char *name,
                          struct smtptool_error **ret_error)
{
    return change(c, set_hello, (struct setting){.text = name}, ret_error);
}

int smtptool_client_timeouts(struct smtptool_client *c, long connect_ms, long reply_ms,
                             long data_done_ms, struct smtptool_error **ret_error)
{
    struct setting setting = {.first = connect_ms, .second = reply_ms, .third = data_done_ms};
    return change(c, set_timeouts, setting, ret_error);
}

int smtptool_client_retries(struct smtptool_client *c, int retries, long first_ms,
                            struct smtptool_error **ret_error)
{
    struct setting setting = {.first = retries, .second = first_ms};
    return change(c, set_retries, setting, ret_error);
}

int smtptool_client_watch(struct smtptool_client *c, smtptool_watch *watch, void *arg,
                          struct smtptool_error **ret_error)
{
    return change(c, set_watch, (struct setting){.watch = watch, .arg = arg}, ret_error);
}
