#include "account/keeper_wire.h"
#include "account/sender.h"
#include "secret/secret.h"
#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(SECRET_BYTES_MAX + 64 <= KEEPER_FRAME_BYTES_MAX, "a secret fits");
static_assert(ACCOUNT_SENDERS_MAX * (ACCOUNT_SENDER_BYTES_MAX + 4) + SASL_USER_BYTES_MAX + 256 <=
                  KEEPER_FRAME_BYTES_MAX,
              "a verdict fits");

/* -- writing ---------------------------------------------------------------------------------- */

static err add_number(struct buf *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        TRY(buf_add_char(out, (char)(value >> (8 * i))));
    return NULL;
}

static err add_text(struct buf *out, str text, size_t max)
{
    if (text.len > max)
        return err_new(ERR_LIMIT, "a text of %zu bytes for the keeper, of at most %zu", text.len,
                       max);
    TRY(add_number(out, text.len, 4));
    return buf_add(out, text);
}

static err add_verdict(struct buf *out, const struct keeper_verdict *v)
{
    if (v->sender_count > ACCOUNT_SENDERS_MAX)
        return err_new(ERR_LIMIT, "more than %d sender patterns", ACCOUNT_SENDERS_MAX);
    TRY(add_number(out, v->reason, 1));
    TRY(add_text(out, v->user, SASL_USER_BYTES_MAX));
    TRY(add_number(out, (uint64_t)v->app_password_id, 8));
    TRY(add_number(out, v->sender_count, 1));
    for (size_t i = 0; i < v->sender_count; i++)
        TRY(add_text(out, v->senders[i], ACCOUNT_SENDER_BYTES_MAX));
    return NULL;
}

static err add_verifier(struct buf *out, const struct sasl_scram_verifier *v)
{
    TRY(add_number(out, v->known, 1));
    TRY(add_text(out, (str){(const char *)v->salt, v->salt_len}, SASL_SCRAM_SALT_BYTES_MAX));
    TRY(add_number(out, v->iterations, 4));
    TRY(buf_add(out, (str){(const char *)v->stored_key, SASL_SCRAM_KEY_BYTES}));
    return buf_add(out, (str){(const char *)v->server_key, SASL_SCRAM_KEY_BYTES});
}

static err add_digest(struct buf *out, enum keeper_op op, const struct keeper_digest *d)
{
    TRY(add_text(out, d->domain, KEEPER_DOMAIN_BYTES_MAX));
    if (op == KEEPER_DKIM_KEYS)
        return NULL;
    TRY(add_text(out, d->selector, KEEPER_SELECTOR_BYTES_MAX));
    TRY(add_number(out, d->algorithm, 1));
    return buf_add(out, (str){(const char *)d->bytes, sizeof d->bytes});
}

static err add_keys(struct buf *out, const struct keeper_dkim_keys *k)
{
    TRY(add_number(out, k->count, 1));
    for (size_t i = 0; i < k->count; i++) {
        TRY(add_text(out, k->list[i].selector, KEEPER_SELECTOR_BYTES_MAX));
        TRY(add_number(out, k->list[i].algorithm, 1));
    }
    return NULL;
}

static bool is_secret(enum keeper_op op)
{
    return op == KEEPER_SECRET || op == KEEPER_SECRET_AGAIN;
}

static err add_request_body(struct buf *out, const struct keeper_request *r)
{
    TRY(add_number(out, r->id, 4));
    TRY(add_number(out, r->op, 1));
    if (is_secret(r->op))
        return add_text(out, r->reference, KEEPER_REFERENCE_BYTES_MAX);
    if (r->op >= KEEPER_DKIM_KEYS)
        return add_digest(out, r->op, &r->digest);
    TRY(add_number(out, r->claim.scope, 1));
    TRY(add_text(out, r->claim.user, SASL_USER_BYTES_MAX));
    if (r->op == KEEPER_SCRAM_LOOKUP)
        return NULL;
    TRY(add_text(out, r->claim.password, SASL_PASSWORD_BYTES_MAX));
    TRY(add_text(out, r->claim.challenge, KEEPER_CHALLENGE_BYTES_MAX));
    return add_text(out, r->claim.digest, SASL_PASSWORD_BYTES_MAX);
}

static err add_reply_body(struct buf *out, const struct keeper_reply *r)
{
    TRY(add_number(out, r->id, 4));
    TRY(add_number(out, r->op, 1));
    TRY(add_number(out, r->failed, 1));
    if (r->failed) {
        TRY(add_number(out, r->kind, 1));
        TRY(add_number(out, (uint32_t)r->number, 4));
        return add_text(out, r->why, KEEPER_WHY_BYTES_MAX);
    }
    if (is_secret(r->op))
        return add_text(out, r->secret, SECRET_BYTES_MAX);
    if (r->op == KEEPER_DKIM_KEYS)
        return add_keys(out, &r->keys);
    if (r->op == KEEPER_DKIM_SIGN)
        return add_text(out, r->signature, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
    TRY(add_verdict(out, &r->verdict));
    return r->op == KEEPER_SCRAM_LOOKUP ? add_verifier(out, &r->verifier) : NULL;
}

/* Room for the length first; then it is put there, or all is taken back. */
static err close_frame(struct buf *out, size_t start, err e)
{
    size_t len = out->len - start - KEEPER_FRAME_HEADER_BYTES;
    if (e == NULL && len > KEEPER_FRAME_BYTES_MAX)
        e = err_new(ERR_LIMIT, "a frame of %zu bytes for the keeper", len);
    if (e) {
        out->len = start;
        return e;
    }
    for (int i = 0; i < KEEPER_FRAME_HEADER_BYTES; i++)
        out->ptr[start + (size_t)i] = (char)(len >> (8 * (KEEPER_FRAME_HEADER_BYTES - 1 - i)));
    return NULL;
}

err keeper_wire_add_request(const struct keeper_request *r, struct buf *out)
{
    size_t start = out->len;
    TRY(add_number(out, 0, KEEPER_FRAME_HEADER_BYTES));
    return close_frame(out, start, add_request_body(out, r));
}

err keeper_wire_add_reply(const struct keeper_reply *r, struct buf *out)
{
    size_t start = out->len;
    TRY(add_number(out, 0, KEEPER_FRAME_HEADER_BYTES));
    return close_frame(out, start, add_reply_body(out, r));
}

/* -- reading ---------------------------------------------------------------------------------- */

static err cut_short(void) { return err_new(ERR_PROTOCOL, "a frame of the keeper is cut short"); }

static err read_number(str *in, int bytes, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (in->len < (size_t)bytes)
        return cut_short();
    for (int i = 0; i < bytes; i++)
        value = value << 8 | (unsigned char)in->ptr[i];
    if (value > max)
        return err_new(ERR_PROTOCOL, "a number out of range in a frame of the keeper");
    *in = str_from(*in, (size_t)bytes);
    *ret_value = value;
    return NULL;
}

static err read_text(str *in, size_t max, str *ret_text)
{
    uint64_t len = 0;
    TRY(read_number(in, 4, max, &len));
    if (in->len < len)
        return cut_short();
    *ret_text = str_slice(*in, 0, len);
    *in = str_from(*in, len);
    return NULL;
}

static err read_key(str *in, uint8_t key[SASL_SCRAM_KEY_BYTES])
{
    if (in->len < SASL_SCRAM_KEY_BYTES)
        return cut_short();
    memcpy(key, in->ptr, SASL_SCRAM_KEY_BYTES);
    *in = str_from(*in, SASL_SCRAM_KEY_BYTES);
    return NULL;
}

static err read_verdict(str *in, struct arena *arena, struct keeper_verdict *v)
{
    uint64_t n = 0;
    TRY(read_number(in, 1, KEEPER_REASON_COUNT - 1, &n));
    v->reason = (enum keeper_reason)n;
    TRY(read_text(in, SASL_USER_BYTES_MAX, &v->user));
    TRY(read_number(in, 8, INT64_MAX, &n));
    v->app_password_id = (int64_t)n;
    TRY(read_number(in, 1, ACCOUNT_SENDERS_MAX, &n));
    v->sender_count = n;
    v->senders = n ? ARENA_ARRAY(arena, str, n) : NULL;
    for (size_t i = 0; i < v->sender_count; i++)
        TRY(read_text(in, ACCOUNT_SENDER_BYTES_MAX, &v->senders[i]));
    return NULL;
}

static err read_verifier(str *in, struct sasl_scram_verifier *v)
{
    uint64_t n = 0;
    str salt;
    TRY(read_number(in, 1, 1, &n));
    v->known = n;
    TRY(read_text(in, SASL_SCRAM_SALT_BYTES_MAX, &salt));
    if (salt.len == 0)
        return err_new(ERR_PROTOCOL, "a verifier without salt");
    memcpy(v->salt, salt.ptr, salt.len);
    v->salt_len = salt.len;
    TRY(read_number(in, 4, SASL_SCRAM_ITERATIONS_MAX, &n));
    v->iterations = (uint32_t)n;
    TRY(read_key(in, v->stored_key));
    return read_key(in, v->server_key);
}

static err read_head(str *in, uint32_t *ret_id, enum keeper_op *ret_op)
{
    uint64_t n = 0;
    TRY(read_number(in, 4, UINT32_MAX, &n));
    *ret_id = (uint32_t)n;
    TRY(read_number(in, 1, KEEPER_SECRET_AGAIN, &n));
    if (n < KEEPER_CHECK_LOGIN)
        return err_new(ERR_PROTOCOL, "an unknown request to the keeper");
    *ret_op = (enum keeper_op)n;
    return NULL;
}

static err read_claim(str *in, enum keeper_op op, struct keeper_claim *c)
{
    uint64_t n = 0;
    TRY(read_number(in, 1, KEEPER_SCOPE_COUNT - 1, &n));
    c->scope = (enum keeper_scope)n;
    TRY(read_text(in, SASL_USER_BYTES_MAX, &c->user));
    if (op == KEEPER_SCRAM_LOOKUP)
        return NULL;
    TRY(read_text(in, SASL_PASSWORD_BYTES_MAX, &c->password));
    TRY(read_text(in, KEEPER_CHALLENGE_BYTES_MAX, &c->challenge));
    return read_text(in, SASL_PASSWORD_BYTES_MAX, &c->digest);
}

static err read_algorithm(str *in, enum mailauth_dkim_algorithm *ret_algorithm)
{
    uint64_t n = 0;
    TRY(read_number(in, 1, MAILAUTH_DKIM_ED25519, &n));
    *ret_algorithm = (enum mailauth_dkim_algorithm)n;
    return NULL;
}

static err read_digest(str *in, enum keeper_op op, struct keeper_digest *d)
{
    TRY(read_text(in, KEEPER_DOMAIN_BYTES_MAX, &d->domain));
    if (op == KEEPER_DKIM_KEYS)
        return NULL;
    TRY(read_text(in, KEEPER_SELECTOR_BYTES_MAX, &d->selector));
    TRY(read_algorithm(in, &d->algorithm));
    if (in->len < sizeof d->bytes)
        return cut_short();
    memcpy(d->bytes, in->ptr, sizeof d->bytes);
    *in = str_from(*in, sizeof d->bytes);
    return NULL;
}

static err read_keys(str *in, struct keeper_dkim_keys *k)
{
    uint64_t n = 0;
    TRY(read_number(in, 1, KEEPER_DKIM_KEYS_MAX, &n));
    for (; k->count < n; k->count++) {
        TRY(read_text(in, KEEPER_SELECTOR_BYTES_MAX, &k->list[k->count].selector));
        TRY(read_algorithm(in, &k->list[k->count].algorithm));
    }
    return NULL;
}

static err read_end(str in)
{
    return in.len ? err_new(ERR_PROTOCOL, "a frame of the keeper has bytes left over") : NULL;
}

err keeper_wire_read_request(str body, struct keeper_request *ret_request)
{
    struct keeper_request r = {0};
    TRY(read_head(&body, &r.id, &r.op));
    if (is_secret(r.op))
        TRY(read_text(&body, KEEPER_REFERENCE_BYTES_MAX, &r.reference));
    else if (r.op >= KEEPER_DKIM_KEYS)
        TRY(read_digest(&body, r.op, &r.digest));
    else
        TRY(read_claim(&body, r.op, &r.claim));
    TRY(read_end(body));
    *ret_request = r;
    return NULL;
}

static err read_failure(str *in, struct keeper_reply *r)
{
    uint64_t n = 0;
    TRY(read_number(in, 1, ERR_DAMAGED, &n));
    r->kind = (enum err_kind)n;
    TRY(read_number(in, 4, INT32_MAX, &n));
    r->number = (int)n;
    return read_text(in, KEEPER_WHY_BYTES_MAX, &r->why);
}

static err read_result(str *in, struct arena *arena, struct keeper_reply *r)
{
    if (is_secret(r->op))
        return read_text(in, SECRET_BYTES_MAX, &r->secret);
    if (r->op == KEEPER_DKIM_KEYS)
        return read_keys(in, &r->keys);
    if (r->op == KEEPER_DKIM_SIGN)
        return read_text(in, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX, &r->signature);
    TRY(read_verdict(in, arena, &r->verdict));
    return r->op == KEEPER_SCRAM_LOOKUP ? read_verifier(in, &r->verifier) : NULL;
}

err keeper_wire_read_reply(str body, struct arena *arena, struct keeper_reply *ret_reply)
{
    struct keeper_reply r = {0};
    uint64_t failed = 0;
    TRY(read_head(&body, &r.id, &r.op));
    TRY(read_number(&body, 1, 1, &failed));
    r.failed = failed;
    if (failed)
        TRY(read_failure(&body, &r));
    else
        TRY(read_result(&body, arena, &r));
    TRY(read_end(body));
    *ret_reply = r;
    return NULL;
}

err keeper_wire_take(str *input, str *ret_body, bool *ret_whole)
{
    str rest = *input;
    uint64_t len = 0;
    if (rest.len < KEEPER_FRAME_HEADER_BYTES) {
        *ret_whole = false;
        return NULL;
    }
    TRY(read_number(&rest, KEEPER_FRAME_HEADER_BYTES, UINT32_MAX, &len));
    if (len == 0 || len > KEEPER_FRAME_BYTES_MAX)
        return err_new(ERR_LIMIT, "a frame of the keeper of %llu bytes", (unsigned long long)len);
    *ret_whole = rest.len >= len;
    if (*ret_whole) {
        *ret_body = str_slice(rest, 0, len);
        *input = str_from(rest, len);
    }
    return NULL;
}

err keeper_wire_err(const struct keeper_reply *r)
{
    ASSERT(r->failed);
    errno = r->number;
    return err_new(r->kind, "the keeper: %.*s", STR_ARG(r->why));
}
