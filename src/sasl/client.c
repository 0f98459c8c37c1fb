#include "sasl/client.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "sasl/cram.h"
#include "sasl/refusal.h"
#include "sasl/scram.h"
#include "sasl/scram_message.h"
#include "sasl/text.h"
#include <string.h>

enum {
    NONCE_BYTES = 24,
    SERVER_SALT_BYTES_MAX = 1024, /* other servers' salts may be longer than ours */
    GS2_BYTES_MAX = 64,
    SAID_BYTES_MAX = SASL_REFUSAL_JSON_BYTES_MAX,
};

typedef err (*step_fn)(struct sasl_client *, str challenge);

struct sasl_client {
    enum sasl_mechanism mechanism;
    step_fn next;  /* NULL: the server has nothing more to ask */
    bool finished; /* the exchange went to its end */
    uint16_t port;
    struct buf user, secret, binding, host, nonce;
    struct buf gs2, auth_message;
    struct buf response, said;
    struct sasl_scram_answer answer;
};

/* The exchange is complete, as far as we are concerned. */
static err last(struct sasl_client *c)
{
    c->next = NULL;
    c->finished = true;
    return NULL;
}

static err plain(struct sasl_client *c, str challenge)
{
    (void)challenge; /* empty, or some text that asks for it */
    TRY(buf_add_char(&c->response, '\0'));
    TRY(buf_add(&c->response, buf_str(&c->user)));
    TRY(buf_add_char(&c->response, '\0'));
    TRY(buf_add(&c->response, buf_str(&c->secret)));
    return last(c);
}

static err login_password(struct sasl_client *c, str challenge)
{
    (void)challenge; /* prompts are written in many ways; their order is what counts */
    TRY(buf_add(&c->response, buf_str(&c->secret)));
    return last(c);
}

static err login_user(struct sasl_client *c, str challenge)
{
    (void)challenge;
    c->next = login_password;
    return buf_add(&c->response, buf_str(&c->user));
}

static err cram(struct sasl_client *c, str challenge)
{
    char digest[SASL_CRAM_DIGEST_CHARS];
    if (challenge.len == 0)
        return err_new(ERR_PROTOCOL, "CRAM-MD5 without a challenge");
    if (!sasl_cram_digest(buf_str(&c->secret), challenge, digest))
        return err_new(ERR_CONFIG, "MD5 is not available here, so CRAM-MD5 is not");
    TRY(buf_add(&c->response, buf_str(&c->user)));
    TRY(buf_add_char(&c->response, ' '));
    TRY(buf_add(&c->response, (str){digest, sizeof digest}));
    return last(c);
}

static err scram_final(struct sasl_client *c, str challenge)
{
    str text;
    struct buf signature;
    TRY(sasl_scram_message_server_final(challenge, &text));
    buf_init(&signature, SASL_SCRAM_MESSAGE_BYTES_MAX);
    err e = codec_base64_decode(text, &signature);
    str want = {(const char *)c->answer.signature, c->answer.len};
    if (e == NULL && !sasl_scram_same(buf_str(&signature), want))
        e = err_new(ERR_PROTOCOL,
                    "the server does not know our password: a wrong server signature");
    buf_release(&signature);
    return e ? e : last(c);
}

/* c= r=, without the proof, to the end of out. */
static err add_without_proof(const struct sasl_client *c, str nonce, struct buf *out)
{
    struct buf bound;
    buf_init(&bound, GS2_BYTES_MAX + 3 * SASL_USER_BYTES_MAX + SASL_BINDING_BYTES_MAX);
    err e = buf_add(&bound, buf_str(&c->gs2));
    if (e == NULL && sasl_mechanism_binds(c->mechanism))
        e = buf_add(&bound, buf_str(&c->binding));
    if (e == NULL)
        e = buf_add(out, S("c="));
    if (e == NULL)
        e = codec_base64_encode(buf_str(&bound), out);
    if (e == NULL)
        e = buf_add(out, S(",r="));
    if (e == NULL)
        e = buf_add(out, nonce);
    buf_release(&bound);
    return e;
}

static err check_server_first(const struct sasl_client *c, const struct sasl_scram_server_first *p)
{
    if (!str_starts(p->nonce, buf_str(&c->nonce)) || p->nonce.len == c->nonce.len)
        return err_new(ERR_PROTOCOL, "the server's nonce does not continue ours");
    if (p->iterations > SASL_SCRAM_ITERATIONS_MAX)
        return err_new(ERR_LIMIT, "the server asks for %llu SCRAM rounds; we do at most %d",
                       (unsigned long long)p->iterations, SASL_SCRAM_ITERATIONS_MAX);
    if (p->iterations < SASL_SCRAM_ITERATIONS_MIN)
        return err_new(ERR_PROTOCOL,
                       "the server asks for only %llu SCRAM rounds; fewer than %d protect nothing",
                       (unsigned long long)p->iterations, SASL_SCRAM_ITERATIONS_MIN);
    return NULL;
}

static enum sasl_scram_hash hash_of(enum sasl_mechanism m)
{
    bool sha1 = m == SASL_SCRAM_SHA_1 || m == SASL_SCRAM_SHA_1_PLUS;
    return sha1 ? SASL_SCRAM_WITH_SHA_1 : SASL_SCRAM_WITH_SHA_256;
}

static err scram_second(struct sasl_client *c, str challenge)
{
    struct sasl_scram_server_first parts;
    TRY(sasl_scram_message_server_first(challenge, &parts));
    TRY(check_server_first(c, &parts));
    TRY(add_without_proof(c, parts.nonce, &c->response));
    TRY(buf_add_char(&c->auth_message, ','));
    TRY(buf_add(&c->auth_message, challenge));
    TRY(buf_add_char(&c->auth_message, ','));
    TRY(buf_add(&c->auth_message, buf_str(&c->response)));
    struct buf salt;
    buf_init(&salt, SERVER_SALT_BYTES_MAX);
    err e = codec_base64_decode(parts.salt, &salt);
    if (e == NULL)
        sasl_scram_answer_make(hash_of(c->mechanism), buf_str(&c->secret), buf_str(&salt),
                               (uint32_t)parts.iterations, buf_str(&c->auth_message), &c->answer);
    buf_release(&salt);
    if (e)
        return err_wrap(e, "the salt of SCRAM");
    c->next = scram_final;
    TRY(buf_add(&c->response, S(",p=")));
    return codec_base64_encode((str){(char *)c->answer.proof, c->answer.len}, &c->response);
}

static err scram_first(struct sasl_client *c, str challenge)
{
    if (challenge.len)
        return err_new(ERR_PROTOCOL, "SCRAM begins with the client, but the server spoke first");
    TRY(buf_add(&c->auth_message, S("n=")));
    TRY(sasl_scram_message_name_encode(buf_str(&c->user), &c->auth_message));
    TRY(buf_add(&c->auth_message, S(",r=")));
    TRY(buf_add(&c->auth_message, buf_str(&c->nonce)));
    TRY(buf_add(&c->response, buf_str(&c->gs2)));
    c->next = scram_second;
    return buf_add(&c->response, buf_str(&c->auth_message));
}

/* A challenge after the token holds the reason (JSON); a dummy answer brings the final 535. */
static err token_refused(struct sasl_client *c, str challenge)
{
    c->next = NULL;
    c->finished = false;
    TRY(buf_add(&c->said, str_slice(challenge, 0, SAID_BYTES_MAX)));
    return c->mechanism == SASL_OAUTHBEARER ? buf_add_char(&c->response, '\1') : NULL;
}

/* RFC 7628 section 3.1 */
static err oauthbearer(struct sasl_client *c, str challenge)
{
    (void)challenge;
    TRY(buf_add(&c->response, S("n,a=")));
    TRY(sasl_scram_message_name_encode(buf_str(&c->user), &c->response));
    TRY(buf_addf(&c->response, ",\1host=%.*s\1port=%u\1auth=Bearer %.*s\1\1",
                 STR_ARG(buf_str(&c->host)), (unsigned)c->port, STR_ARG(buf_str(&c->secret))));
    c->finished = true;
    c->next = token_refused;
    return NULL;
}

static err xoauth2(struct sasl_client *c, str challenge)
{
    (void)challenge;
    TRY(buf_addf(&c->response, "user=%.*s\1auth=Bearer %.*s\1\1", STR_ARG(buf_str(&c->user)),
                 STR_ARG(buf_str(&c->secret))));
    c->finished = true;
    c->next = token_refused;
    return NULL;
}

static const struct {
    step_fn first;
    bool speaks_first, token;
} starts[SASL_MECHANISM_COUNT] = {
    [SASL_PLAIN] = {plain,       true,  false},
    [SASL_LOGIN] = {login_user,  false, false},
    [SASL_CRAM_MD5] = {cram,        false, false},
    [SASL_SCRAM_SHA_1] = {scram_first, true,  false},
    [SASL_SCRAM_SHA_1_PLUS] = {scram_first, true,  false},
    [SASL_SCRAM_SHA_256] = {scram_first, true,  false},
    [SASL_SCRAM_SHA_256_PLUS] = {scram_first, true,  false},
    [SASL_OAUTHBEARER] = {oauthbearer, true,  true },
    [SASL_XOAUTH2] = {xoauth2,     true,  true },
};

/* b64token of RFC 6750 section 2.1 */
static bool is_token(str token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] <= 0x20 || token.ptr[i] > 0x7e)
            return false;
    return token.len > 0 && token.len <= SASL_TOKEN_BYTES_MAX;
}

static err check_options(const struct sasl_client_options *o)
{
    err e = sasl_text_check(o->user, SASL_USER_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "the user name cannot be used: %.*s", STR_ARG(e->text));
    if (starts[o->mechanism].token)
        return is_token(o->secret) ? NULL : err_new(ERR_CONFIG, "the token cannot be used");
    e = sasl_text_check(o->secret, SASL_TOKEN_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "the password cannot be used: %.*s", STR_ARG(e->text));
    return NULL;
}

static err set_gs2(struct sasl_client *c, const struct sasl_client_options *o)
{
    if (sasl_mechanism_binds(o->mechanism))
        return buf_add(&c->gs2, S("p=tls-exporter,,"));
    /* A server that binds with another hash would take "y" for a sign of a downgrade. */
    unsigned plus =
        sasl_mechanism_bit(SASL_SCRAM_SHA_1_PLUS) | sasl_mechanism_bit(SASL_SCRAM_SHA_256_PLUS);
    bool stripped = o->binding.len && !(o->offered & plus);
    return buf_add(&c->gs2, stripped ? S("y,,") : S("n,,"));
}

static err set_nonce(struct sasl_client *c, str nonce)
{
    uint8_t bytes[NONCE_BYTES];
    if (nonce.len)
        return buf_add(&c->nonce, nonce);
    rand_bytes(bytes, sizeof bytes);
    return codec_base64_encode((str){(char *)bytes, sizeof bytes}, &c->nonce);
}

static err fill(struct sasl_client *c, const struct sasl_client_options *o)
{
    c->mechanism = o->mechanism;
    c->next = starts[o->mechanism].first;
    c->port = o->port;
    buf_init(&c->user, SASL_USER_BYTES_MAX);
    buf_init(&c->secret, SASL_TOKEN_BYTES_MAX);
    buf_init(&c->binding, SASL_BINDING_BYTES_MAX);
    buf_init(&c->host, 255);
    buf_init(&c->nonce, SASL_SCRAM_NONCE_BYTES_MAX);
    buf_init(&c->gs2, GS2_BYTES_MAX);
    buf_init(&c->auth_message, 4 * SASL_SCRAM_MESSAGE_BYTES_MAX);
    buf_init(&c->response, 2 * SASL_MESSAGE_BYTES_MAX);
    buf_init(&c->said, SAID_BYTES_MAX);
    TRY(buf_add(&c->user, o->user));
    TRY(buf_add(&c->secret, o->secret));
    TRY(buf_add(&c->binding, o->binding));
    TRY(buf_add(&c->host, o->host));
    TRY(set_nonce(c, o->nonce));
    return set_gs2(c, o);
}

err sasl_client_open(const struct sasl_client_options *options, struct sasl_client **ret_client)
{
    ASSERT(options->mechanism > SASL_NONE);
    ASSERT(options->mechanism < SASL_MECHANISM_COUNT);
    ASSERT(!sasl_mechanism_binds(options->mechanism) || options->binding.len > 0);
    TRY(check_options(options));
    struct sasl_client *c = MEM_NEW(struct sasl_client);
    err e = fill(c, options);
    if (e)
        sasl_client_close(c);
    else
        *ret_client = c;
    return e;
}

void sasl_client_close(struct sasl_client *c)
{
    if (c == NULL)
        return;
    struct buf *all[] = {&c->user, &c->secret,       &c->binding,  &c->host, &c->nonce,
                         &c->gs2,  &c->auth_message, &c->response, &c->said};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->ptr)
            mem_wipe(all[i]->ptr, all[i]->cap);
        buf_release(all[i]);
    }
    mem_wipe(c, sizeof *c);
    mem_free(c);
}

bool sasl_client_speaks_first(const struct sasl_client *c)
{
    return starts[c->mechanism].speaks_first;
}

err sasl_client_step(struct sasl_client *c, str challenge, str *ret_response)
{
    if (c->next == NULL)
        return err_new(ERR_PROTOCOL, "the server asks for more than the mechanism has");
    if (challenge.len > SASL_MESSAGE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a challenge above %d bytes", SASL_MESSAGE_BYTES_MAX);
    buf_clear(&c->response);
    err e = c->next(c, challenge);
    if (e) {
        c->next = NULL;
        c->finished = false;
        return e;
    }
    *ret_response = buf_str(&c->response);
    return NULL;
}

err sasl_client_finish(const struct sasl_client *c)
{
    if (c->finished)
        return NULL;
    return err_new(ERR_PROTOCOL, "the server said yes before the login was complete");
}

str sasl_client_said(const struct sasl_client *c) { return buf_str(&c->said); }
