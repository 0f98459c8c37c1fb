#include "personality/swaks_auth.h"
#include "base/codec.h"
#include "base/mem.h"
#include "sasl/client.h"
#include "sasl/cram.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { LINE_BYTES_MAX = 64 << 10, STEPS_MAX = 8, DIGEST_CHARS_MAX = 64 };

struct login { /* one try */
    struct swaks_talk *t;
    const struct swaks_auth *auth;
    str type; /* as the server has it */
};

/* ---- saying ----------------------------------------------------------------------------- */

static str encode(struct arena *arena, str bytes)
{
    struct buf text;
    buf_init(&text, LINE_BYTES_MAX * 2);
    err e = codec_base64_encode(bytes, &text);
    str encoded = e ? (str){0} : arena_str(arena, buf_str(&text));
    err_forget();
    if (text.ptr)
        mem_wipe(text.ptr, text.cap);
    buf_release(&text);
    return encoded;
}

/* Say before + base64(bytes). visible stands for the bytes where the password must not be seen. */
static bool say(const struct login *l, str before, str bytes, str visible, int hoped,
                deadline until)
{
    struct arena *arena = l->t->plan->arena;
    bool plain = l->auth->show_plain;
    str shown = plain ? visible : encode(arena, visible);
    struct swaks_step step = {
        .sends = true,
        .line = arena_printf(arena, "%.*s%.*s", STR_ARG(before), STR_ARG(encode(arena, bytes))),
        .shown = arena_printf(arena, "%.*s%.*s", STR_ARG(before), STR_ARG(shown)),
        .hoped = hoped,
        .decode = plain,
    };
    return personality_swaks_talk_do(l->t, &step, until);
}

static bool begin(const struct login *l, deadline until)
{
    struct swaks_step step = {
        .sends = true,
        .line = arena_printf(l->t->plan->arena, "AUTH %.*s", STR_ARG(l->type)),
        .hoped = 334,
        .decode = l->auth->show_plain,
    };
    return personality_swaks_talk_do(l->t, &step, until);
}

static str password_shown(const struct login *l)
{
    return l->auth->hide ? l->auth->hidden : l->auth->password;
}

/* What the server asked, decoded; empty when it cannot be. */
static str challenge(const struct login *l)
{
    struct buf bytes;
    buf_init(&bytes, LINE_BYTES_MAX);
    err e = codec_base64_decode(str_trim(str_from(buf_str(&l->t->reply), 4)), &bytes);
    str text = e ? (str){0} : arena_str(l->t->plan->arena, buf_str(&bytes));
    err_forget();
    buf_release(&bytes);
    return text;
}

/* ---- the types -------------------------------------------------------------------------- */

static bool log_in_plain(const struct login *l, deadline until)
{
    struct arena *arena = l->t->plan->arena;
    const struct swaks_auth *a = l->auth;
    str seen = password_shown(l), before = arena_printf(arena, "AUTH %.*s ", STR_ARG(l->type));
    char *bytes = arena_alloc(arena, a->user.len + a->password.len + 2);
    char *at = str_put(bytes + 1, a->user);
    at = str_put(at + 1, a->password);
    str all = {bytes, (size_t)(at - bytes)}, visible;
    if (a->show_plain) {
        visible = arena_printf(arena, "\\0%.*s\\0%.*s", STR_ARG(a->user), STR_ARG(seen));
    } else {
        char *text = arena_alloc(arena, a->user.len + seen.len + 2);
        char *end = str_put(text + 1, a->user);
        end = str_put(end + 1, seen);
        visible = (str){text, (size_t)(end - text)};
    }
    return say(l, before, all, visible, 235, until);
}

static bool log_in_login(const struct login *l, bool initial, deadline until)
{
    const struct swaks_auth *a = l->auth;
    str before =
        initial ? arena_printf(l->t->plan->arena, "AUTH %.*s ", STR_ARG(l->type)) : (str){0};
    if (!initial && !begin(l, until))
        return false;
    return say(l, before, a->user, a->user, 334, until) &&
           say(l, (str){0}, a->password, password_shown(l), 235, until);
}

static str hmac_sha1(struct arena *arena, str secret, str text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf hex;
    buf_init(&hex, DIGEST_CHARS_MAX);
    const void *made = HMAC(EVP_sha1(), secret.len ? secret.ptr : "", (int)secret.len,
                            (const unsigned char *)text.ptr, text.len, bytes, &len);
    err e = made ? codec_hex_encode((str){(char *)bytes, len}, &hex) : NULL;
    str digest = made && e == NULL ? arena_str(arena, buf_str(&hex)) : (str){0};
    err_forget();
    buf_release(&hex);
    return digest;
}

static bool log_in_cram(const struct login *l, bool sha1, deadline until)
{
    struct arena *arena = l->t->plan->arena;
    char md5[SASL_CRAM_DIGEST_CHARS];
    if (!begin(l, until))
        return false;
    str asked = challenge(l), digest;
    if (sha1)
        digest = hmac_sha1(arena, l->auth->password, asked);
    else
        digest =
            sasl_cram_digest(l->auth->password, asked, md5) ? (str){md5, sizeof md5} : (str){0};
    str answer = arena_printf(arena, "%.*s %.*s", STR_ARG(l->auth->user), STR_ARG(digest));
    return say(l, (str){0}, answer, answer, 235, until);
}

/* SCRAM and tokens: the state machine that the rest of this program logs in with. */
static bool talk_sasl(const struct login *l, struct sasl_client *sasl, deadline until)
{
    str response, before = arena_printf(l->t->plan->arena, "AUTH %.*s ", STR_ARG(l->type));
    str asked = {0};
    for (int i = 0; i < STEPS_MAX; i++) {
        err e = sasl_client_step(sasl, asked, &response);
        if (e) {
            personality_swaks_output_say(l->t->plan->output, SWAKS_FAILS, "%.*s", STR_ARG(e->text));
            (void)personality_swaks_talk_ask(l->t, 501, S("*"), until);
            return false;
        }
        str visible = l->auth->hide && i == 0 && sasl_client_finish(sasl) == NULL
                          ? l->auth->hidden /* a token, whole */
                          : response;
        err_forget();
        bool ok = say(l, before, response, visible, 334, until);
        if (!ok)
            return false;
        asked = challenge(l);
        before = (str){0};
    }
    return false;
}

static bool was_accepted(const struct login *l)
{
    return str_starts(buf_str(&l->t->reply), S("235"));
}

static bool log_in_sasl(const struct login *l, enum sasl_mechanism mechanism, unsigned offered,
                        deadline until)
{
    const struct swaks_plan *p = l->t->plan;
    uint8_t binding[TLS_BINDING_BYTES];
    bool bound = tls_get_binding(l->t->conn, binding);
    struct sasl_client *sasl;
    if (sasl_mechanism_binds(mechanism) && !bound)
        return false;
    struct sasl_client_options options = {
        .mechanism = mechanism,
        .offered = offered,
        .user = l->auth->user,
        .secret = l->auth->password,
        .binding = bound ? (str){(char *)binding, sizeof binding}
            : (str){0              },
        .host = p->server,
        .port = p->port,
    };
    err e = sasl_client_open(&options, &sasl);
    if (e) {
        personality_swaks_output_say(p->output, SWAKS_FAILS, "%.*s", STR_ARG(e->text));
        err_forget();
        return false;
    }
    (void)talk_sasl(l, sasl, until);
    bool fine = was_accepted(l);
    if (fine && sasl_client_finish(sasl) != NULL) {
        personality_swaks_output_say(p->output, SWAKS_FAILS,
                                     "the server said yes without showing that it knows us");
        fine = false;
    }
    err_forget();
    sasl_client_close(sasl);
    return fine;
}

static bool log_in(const struct login *l, const struct swaks_login *type, unsigned offered,
                   deadline until)
{
    switch (type->kind) {
    case SWAKS_LOGIN_PLAIN:
        return log_in_plain(l, until);
    case SWAKS_LOGIN_LOGIN:
        return log_in_login(l, false, until);
    case SWAKS_LOGIN_LOGIN_INITIAL:
        return log_in_login(l, true, until);
    case SWAKS_LOGIN_CRAM_MD5:
        return log_in_cram(l, false, until);
    case SWAKS_LOGIN_CRAM_SHA1:
        return log_in_cram(l, true, until);
    case SWAKS_LOGIN_SASL:
        return log_in_sasl(l, sasl_mechanism_of(type->base), offered, until);
    default:
        return false;
    }
}

static bool is_offered(str list, str name)
{
    while (list.len) {
        str one;
        str_split(list, ' ', &one, &list);
        if (str_eq_nocase(one, name))
            return true;
    }
    return false;
}

enum swaks_auth_result personality_swaks_auth_run(struct swaks_talk *t, str offered, deadline until)
{
    const struct swaks_auth *a = &t->plan->auth;
    bool tried = false;
    for (size_t i = 0; i < a->type_count && !t->ended; i++) {
        const struct swaks_login *type = &a->types[i];
        bool initial = str_eq(type->name, S("LOGIN-INITIAL"));
        struct login l = {t, a, initial ? S("LOGIN") : type->name};
        if (!is_offered(offered, l.type))
            continue;
        if (a->any && type->kind == SWAKS_LOGIN_SASL && (a->user.len == 0 || a->password.len == 0))
            continue; /* it has no empty names */
        tried = true;
        if (log_in(&l, type, sasl_mechanism_offered(offered), until))
            return SWAKS_AUTH_DONE;
    }
    return tried ? SWAKS_AUTH_REFUSED : SWAKS_AUTH_NO_COMMON;
}
