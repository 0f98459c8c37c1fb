#include "sasl/server.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "sasl/scram_message.h"
#include "sasl/text.h"
#include <assert.h>
#include <string.h>

enum {
    NONCE_BYTES = 24,
    GS2_BYTES_MAX = SASL_SCRAM_MESSAGE_BYTES_MAX,
    CHALLENGE_BYTES_MAX = 2048,
    WHY_BYTES_MAX = 120,
};
static_assert(2 * SASL_SCRAM_NONCE_BYTES_MAX + 2 * SASL_SCRAM_SALT_BYTES_MAX + 32 <=
                  CHALLENGE_BYTES_MAX,
              "server-first fits");

typedef enum sasl_server_status (*step_fn)(struct sasl_server *, str response);

struct sasl_server {
    enum sasl_mechanism mechanism;
    step_fn next; /* NULL: no response is due */
    bool lookup_due;
    struct sasl_scram_verifier verifier;
    struct buf user, password, digest, challenge;
    struct buf cram_challenge;
    struct buf hostname, own_nonce, binding;
    struct buf gs2, nonce;   /* SCRAM: the header as it came; both nonces */
    struct buf auth_message; /* client-first-bare "," server-first "," client-final-without-proof */
    char why[WHY_BYTES_MAX];
};

/* Sizes were checked before, so that a buf of ours never overflows. */
static void put(struct buf *b, str s)
{
    err e = buf_add(b, s);
    ASSERT(e == NULL);
}

static void put_base64(struct buf *b, str bytes)
{
    err e = codec_base64_encode(bytes, b);
    ASSERT(e == NULL);
}

static void set(struct buf *b, str s)
{
    buf_clear(b);
    put(b, s);
}

static enum sasl_server_status stop(struct sasl_server *s, enum sasl_server_status status, str why)
{
    str cut = str_slice(why, 0, sizeof s->why - 1);
    memcpy(s->why, cut.ptr, cut.len);
    s->why[cut.len] = '\0';
    s->next = NULL;
    return status;
}

static enum sasl_server_status malformed(struct sasl_server *s, err e)
{
    return stop(s, SASL_SERVER_MALFORMED, e->text);
}

static enum sasl_server_status refused(struct sasl_server *s, str why)
{
    return stop(s, SASL_SERVER_REFUSED, why);
}

static enum sasl_server_status ask(struct sasl_server *s, str challenge, step_fn next)
{
    set(&s->challenge, challenge);
    s->next = next;
    return SASL_SERVER_CHALLENGE;
}

static enum sasl_server_status check(struct sasl_server *s)
{
    s->next = NULL;
    return SASL_SERVER_CHECK;
}

static err take_user(struct sasl_server *s, str user)
{
    TRY(sasl_text_check(user, SASL_USER_BYTES_MAX));
    set(&s->user, user);
    return NULL;
}

static err take_password(struct sasl_server *s, str password)
{
    TRY(sasl_text_check(password, SASL_PASSWORD_BYTES_MAX));
    set(&s->password, password);
    return NULL;
}

/* [authzid] NUL authcid NUL password (RFC 4616 section 2) */
static enum sasl_server_status plain(struct sasl_server *s, str response)
{
    str authzid, rest, user, password;
    size_t nuls = 0;
    for (size_t i = 0; i < response.len; i++)
        nuls += response.ptr[i] == '\0';
    if (nuls != 2)
        return stop(s, SASL_SERVER_MALFORMED, S("PLAIN without its two NULs"));
    str_split(response, '\0', &authzid, &rest);
    str_split(rest, '\0', &user, &password);
    err e = take_user(s, user);
    if (e == NULL)
        e = take_password(s, password);
    if (e)
        return malformed(s, e);
    if (authzid.len && !str_eq_nocase(authzid, user))
        return refused(s, S("asked to act for somebody else"));
    return check(s);
}

static enum sasl_server_status login_password(struct sasl_server *s, str response)
{
    err e = take_password(s, response);
    return e ? malformed(s, e) : check(s);
}

static enum sasl_server_status login_user(struct sasl_server *s, str response)
{
    err e = take_user(s, response);
    return e ? malformed(s, e) : ask(s, S("Password:"), login_password);
}

/* user SP digest (RFC 2195 section 2) */
static enum sasl_server_status cram(struct sasl_server *s, str response)
{
    size_t space = str_find_last(response, ' ');
    str digest = space == STR_NONE ? (str){0} : str_from(response, space + 1);
    if (digest.len != SASL_CRAM_DIGEST_CHARS)
        return stop(s, SASL_SERVER_MALFORMED, S("CRAM-MD5 without its digest"));
    err e = take_user(s, str_slice(response, 0, space));
    if (e)
        return malformed(s, e);
    set(&s->digest, digest);
    return check(s);
}

static enum sasl_server_status cram_start(struct sasl_server *s)
{
    err e = buf_addf(&s->cram_challenge, "<%.*s.%lld@%.*s>", STR_ARG(buf_str(&s->own_nonce)),
                     (long long)(clock_real_ms() / 1000), STR_ARG(buf_str(&s->hostname)));
    ASSERT(e == NULL);
    return ask(s, buf_str(&s->cram_challenge), cram);
}

/* The last word of SCRAM was ours; the client has nothing to add (RFC 4954 section 4). */
static enum sasl_server_status scram_end(struct sasl_server *s, str response)
{
    if (response.len)
        return stop(s, SASL_SERVER_MALFORMED, S("more after the end of SCRAM"));
    s->next = NULL;
    return SASL_SERVER_DONE;
}

/* What c= has to be: the header that came first, and the channel's bytes for PLUS. */
static bool binding_right(const struct sasl_server *s, str binding)
{
    struct buf want, text;
    buf_init(&want, GS2_BYTES_MAX + SASL_BINDING_BYTES_MAX);
    buf_init(&text, 2 * (GS2_BYTES_MAX + SASL_BINDING_BYTES_MAX));
    put(&want, buf_str(&s->gs2));
    if (s->mechanism == SASL_SCRAM_SHA_256_PLUS)
        put(&want, buf_str(&s->binding));
    put_base64(&text, buf_str(&want));
    bool right = sasl_scram_same(buf_str(&text), binding);
    buf_release(&want);
    buf_release(&text);
    return right;
}

static err decode_proof(str text, uint8_t ret_proof[SASL_SCRAM_KEY_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, SASL_SCRAM_KEY_BYTES + 3); /* the decoder takes room for whole groups */
    err e = codec_base64_decode(text, &bytes);
    if (e == NULL && bytes.len != SASL_SCRAM_KEY_BYTES)
        e = err_new(ERR_PROTOCOL, "a proof of %zu bytes", bytes.len);
    if (e == NULL)
        memcpy(ret_proof, bytes.ptr, SASL_SCRAM_KEY_BYTES);
    buf_release(&bytes);
    return e;
}

static enum sasl_server_status scram_final(struct sasl_server *s, str response)
{
    struct sasl_scram_client_final parts;
    uint8_t proof[SASL_SCRAM_KEY_BYTES], signature[SASL_SCRAM_KEY_BYTES];
    err e = sasl_scram_message_client_final(response, &parts);
    if (e == NULL)
        e = decode_proof(parts.proof, proof);
    if (e)
        return malformed(s, e);
    if (!str_eq(parts.nonce, buf_str(&s->nonce)))
        return refused(s, S("SCRAM nonce is not the one given"));
    if (!binding_right(s, parts.binding))
        return refused(s, S("SCRAM is bound to another channel"));
    put(&s->auth_message, S(","));
    put(&s->auth_message, parts.without_proof);
    str message = buf_str(&s->auth_message);
    if (!sasl_scram_proof_right(&s->verifier, message, (str){(char *)proof, sizeof proof}))
        return refused(s, S("no such user, or a wrong password"));
    sasl_scram_hmac((str){(char *)s->verifier.server_key, SASL_SCRAM_KEY_BYTES}, message,
                    signature);
    buf_clear(&s->challenge);
    put(&s->challenge, S("v="));
    put_base64(&s->challenge, (str){(char *)signature, sizeof signature});
    s->next = scram_end;
    return SASL_SERVER_CHALLENGE;
}

/* RFC 5802 section 6. "y" says "I could bind, but you do not offer it": where we do offer it,
 * somebody between us has removed it from our list. */
static const char *binding_wrong(const struct sasl_server *s,
                                 const struct sasl_scram_client_first *p)
{
    bool plus = s->mechanism == SASL_SCRAM_SHA_256_PLUS;
    if (plus && p->flag != 'p')
        return "SCRAM-SHA-256-PLUS without a channel binding";
    if (!plus && p->flag == 'p')
        return "a channel binding in SCRAM-SHA-256";
    if (plus && !str_eq(p->binding_name, S("tls-exporter")))
        return "a channel binding other than tls-exporter";
    if (p->flag == 'y' && s->binding.len)
        return "the client believes that no channel binding is offered";
    return NULL;
}

static err take_names(struct sasl_server *s, const struct sasl_scram_client_first *p,
                      bool *ret_same)
{
    struct buf name, authzid;
    buf_init(&name, SASL_USER_BYTES_MAX);
    buf_init(&authzid, SASL_USER_BYTES_MAX);
    err e = sasl_scram_message_name_decode(p->user, &name);
    if (e == NULL)
        e = sasl_scram_message_name_decode(p->authzid, &authzid);
    if (e == NULL)
        e = take_user(s, buf_str(&name));
    if (e == NULL)
        *ret_same = authzid.len == 0 || str_eq_nocase(buf_str(&authzid), buf_str(&name));
    buf_release(&name);
    buf_release(&authzid);
    return e;
}

static enum sasl_server_status scram_first(struct sasl_server *s, str response)
{
    struct sasl_scram_client_first parts;
    bool same = false;
    err e = sasl_scram_message_client_first(response, &parts);
    if (e == NULL)
        e = take_names(s, &parts, &same);
    if (e)
        return malformed(s, e);
    const char *wrong = binding_wrong(s, &parts);
    if (wrong)
        return refused(s, str_of(wrong));
    if (!same)
        return refused(s, S("asked to act for somebody else"));
    put(&s->gs2, parts.gs2);
    put(&s->auth_message, parts.bare);
    put(&s->nonce, parts.nonce);
    put(&s->nonce, buf_str(&s->own_nonce));
    s->next = NULL;
    s->lookup_due = true;
    return SASL_SERVER_LOOKUP;
}

enum sasl_server_status sasl_server_verifier(struct sasl_server *s,
                                             const struct sasl_scram_verifier *verifier)
{
    ASSERT(s->lookup_due);
    ASSERT(verifier->salt_len <= SASL_SCRAM_SALT_BYTES_MAX);
    s->lookup_due = false;
    s->verifier = *verifier;
    struct buf *challenge = &s->challenge;
    buf_clear(challenge);
    put(challenge, S("r="));
    put(challenge, buf_str(&s->nonce));
    put(challenge, S(",s="));
    put_base64(challenge, (str){(const char *)verifier->salt, verifier->salt_len});
    err e = buf_addf(challenge, ",i=%u", (unsigned)verifier->iterations);
    ASSERT(e == NULL);
    put(&s->auth_message, S(","));
    put(&s->auth_message, buf_str(challenge));
    s->next = scram_final;
    return SASL_SERVER_CHALLENGE;
}

static enum sasl_server_status start(struct sasl_server *s, const str *response)
{
    static const struct {
        step_fn first;
        const char *prompt;
    } starts[SASL_MECHANISM_COUNT] = {
        [SASL_PLAIN] = {plain,       ""         },
        [SASL_LOGIN] = {login_user,  "Username:"},
        [SASL_SCRAM_SHA_256] = {scram_first, ""         },
        [SASL_SCRAM_SHA_256_PLUS] = {scram_first, ""         },
    };
    if (s->mechanism == SASL_CRAM_MD5)
        return response ? stop(s, SASL_SERVER_MALFORMED, S("CRAM-MD5 with an initial response"))
                        : cram_start(s);
    step_fn first = starts[s->mechanism].first;
    ASSERT(first != NULL); /* sasl_server_open() takes no other mechanism */
    return response ? first(s, *response) : ask(s, str_of(starts[s->mechanism].prompt), first);
}

/* Stands for "nothing came yet"; sasl_server_step() never calls it. */
static enum sasl_server_status not_started(struct sasl_server *s, str response)
{
    return start(s, &response);
}

enum sasl_server_status sasl_server_step(struct sasl_server *s, const str *response)
{
    ASSERT(s->next != NULL);
    if (response && response->len > SASL_MESSAGE_BYTES_MAX)
        return stop(s, SASL_SERVER_MALFORMED, S("a response above the limit"));
    if (s->next == not_started)
        return start(s, response);
    ASSERT(response != NULL);
    return s->next(s, *response);
}

static void draw_nonce(struct buf *nonce)
{
    uint8_t bytes[NONCE_BYTES];
    rand_bytes(bytes, sizeof bytes);
    put_base64(nonce, (str){(char *)bytes, sizeof bytes});
}

struct sasl_server *sasl_server_open(const struct sasl_server_options *options)
{
    bool plus = options->mechanism == SASL_SCRAM_SHA_256_PLUS;
    ASSERT(plus || options->mechanism == SASL_SCRAM_SHA_256 ||
           (options->mechanism >= SASL_PLAIN && options->mechanism <= SASL_CRAM_MD5));
    ASSERT(!plus || options->binding.len > 0);
    struct sasl_server *s = MEM_NEW(struct sasl_server);
    s->mechanism = options->mechanism;
    s->next = not_started;
    buf_init(&s->user, SASL_USER_BYTES_MAX);
    buf_init(&s->password, SASL_PASSWORD_BYTES_MAX);
    buf_init(&s->digest, SASL_CRAM_DIGEST_CHARS);
    buf_init(&s->challenge, CHALLENGE_BYTES_MAX);
    buf_init(&s->cram_challenge, CHALLENGE_BYTES_MAX);
    buf_init(&s->hostname, CHALLENGE_BYTES_MAX / 2);
    buf_init(&s->own_nonce, SASL_SCRAM_NONCE_BYTES_MAX);
    buf_init(&s->binding, SASL_BINDING_BYTES_MAX);
    buf_init(&s->gs2, GS2_BYTES_MAX);
    buf_init(&s->nonce, 2 * SASL_SCRAM_NONCE_BYTES_MAX);
    buf_init(&s->auth_message, 2 * SASL_SCRAM_MESSAGE_BYTES_MAX + CHALLENGE_BYTES_MAX + 2);
    put(&s->hostname, str_slice(options->hostname, 0, 255));
    put(&s->binding, options->binding);
    if (options->nonce.len)
        put(&s->own_nonce, options->nonce);
    else
        draw_nonce(&s->own_nonce);
    return s;
}

static void wipe(struct buf *b)
{
    if (b->ptr)
        mem_wipe(b->ptr, b->cap);
    buf_release(b);
}

void sasl_server_close(struct sasl_server *s)
{
    if (s == NULL)
        return;
    struct buf *all[] = {&s->user,     &s->password,       &s->digest,      &s->challenge,
                         &s->hostname, &s->cram_challenge, &s->own_nonce,   &s->binding,
                         &s->gs2,      &s->nonce,          &s->auth_message};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        wipe(all[i]);
    mem_wipe(s, sizeof *s);
    mem_free(s);
}

str sasl_server_challenge(const struct sasl_server *s) { return buf_str(&s->challenge); }

struct sasl_server_claim sasl_server_claim(const struct sasl_server *s)
{
    return (struct sasl_server_claim){
        .user = buf_str(&s->user),
        .password = buf_str(&s->password),
        .challenge = buf_str(&s->cram_challenge),
        .digest = buf_str(&s->digest),
    };
}

str sasl_server_why(const struct sasl_server *s) { return str_of(s->why); }
