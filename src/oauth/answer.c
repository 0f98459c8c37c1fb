#include "oauth/answer.h"
#include "base/buf.h"
#include "oauth/url.h"
#include <jansson.h>

static const struct {
    const char *code;
    enum oauth_refusal_kind kind;
} codes[] = {
    {"authorization_pending",     OAUTH_PENDING    },
    {"slow_down",                 OAUTH_SLOW_DOWN  },
    {"expired_token",             OAUTH_EXPIRED    },
    {"access_denied",             OAUTH_DENIED     },
    {"authorization_declined",    OAUTH_DENIED     }, /* Microsoft, for a device code */
    {"invalid_grant",             OAUTH_LOGIN_AGAIN},
    {"interaction_required",      OAUTH_LOGIN_AGAIN},
    {"login_required",            OAUTH_LOGIN_AGAIN},
    {"consent_required",          OAUTH_LOGIN_AGAIN},
    {"invalid_client",            OAUTH_BAD_CLIENT },
    {"unauthorized_client",       OAUTH_BAD_CLIENT },
    {"org_internal",              OAUTH_BAD_CLIENT }, /* Google: another organisation's client */
    {"deleted_client",            OAUTH_BAD_CLIENT },
    {"invalid_scope",             OAUTH_BAD_SCOPE  },
    {"invalid_request",           OAUTH_BAD_REQUEST},
    {"unsupported_grant_type",    OAUTH_BAD_REQUEST},
    {"unsupported_response_type", OAUTH_BAD_REQUEST},
    {"redirect_uri_mismatch",     OAUTH_BAD_REQUEST},
    {"temporarily_unavailable",   OAUTH_TEMPORARY  },
    {"server_error",              OAUTH_TEMPORARY  },
};

enum oauth_refusal_kind oauth_answer_refusal_kind(str code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (str_eq(code, str_of(codes[i].code)))
            return codes[i].kind;
    return OAUTH_OTHER;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static err parse(str body, json_t **ret_object)
{
    json_error_t why;
    if (body.len > OAUTH_ANSWER_BYTES_MAX)
        return err_new(ERR_LIMIT, "an answer above %d bytes", OAUTH_ANSWER_BYTES_MAX);
    json_t *root = json_loadb(body.len ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_new(ERR_PROTOCOL, "the answer is no JSON object");
    }
    *ret_object = root;
    return NULL;
}

/* A text of visible ASCII and blanks. Absent, null or empty: an empty text. */
static err text_of(const json_t *object, const char *key, size_t bytes_max, struct arena *arena,
                   str *ret_text)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        *ret_text = (str){0};
        return NULL;
    }
    str text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || text.len > bytes_max)
        return err_new(ERR_PROTOCOL, "%s: a text of at most %zu bytes is wanted", key, bytes_max);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
            return err_new(ERR_PROTOCOL, "%s: a character that is not visible ASCII", key);
    *ret_text = arena_str(arena, text);
    return NULL;
}

/* Other people's words: whatever they are, bounded, and visible. */
static str words_of(const json_t *object, const char *key, struct arena *arena)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (str){0};
    str text = str_slice((str){json_string_value(value), json_string_length(value)}, 0,
                         OAUTH_TEXT_BYTES_MAX);
    char *room = arena_chars(arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (room[i] < 0x20 || room[i] > 0x7e)
            room[i] = room[i] == '\n' || room[i] == '\r' ? ' ' : '?';
    return str_trim((str){room, text.len});
}

/* A number of seconds, which some write as a text. */
static err seconds_of(const json_t *object, const char *key, int64_t untold, int64_t most,
                      int64_t *ret_seconds)
{
    const json_t *value = json_object_get(object, key);
    uint64_t number = 0;
    if (value == NULL || json_is_null(value)) {
        *ret_seconds = untold;
        return NULL;
    }
    str text = {json_string_value(value), json_string_length(value)};
    double real = json_number_value(value);
    if (json_is_number(value) && real >= 0 && real <= (double)most)
        number = (uint64_t)real;
    else if (!json_is_string(value) || !str_to_u64(text, (uint64_t)most, &number))
        return err_new(ERR_PROTOCOL, "%s: a number of seconds is wanted", key);
    *ret_seconds = (int64_t)number;
    return NULL;
}

/* ---- refusals ------------------------------------------------------------------------------ */

static struct oauth_refusal refusal_of(int status, const json_t *object, struct arena *arena)
{
    struct oauth_refusal r = {.code = words_of(object, "error", arena),
                              .description = words_of(object, "error_description", arena)};
    r.kind = oauth_answer_refusal_kind(r.code);
    if (r.kind == OAUTH_OTHER && (status >= 500 || status == 429))
        r.kind = OAUTH_TEMPORARY;
    if (r.code.len == 0)
        r.code = arena_printf(arena, "HTTP status %d", status);
    return r;
}

/* An answer that is none of the kind, but is some answer: trouble at the other end is temporary. */
static err judge(int status, str body, struct arena *arena, json_t **ret_object,
                 struct oauth_refusal *ret_refusal)
{
    json_t *object = NULL;
    err e = parse(body, &object);
    bool refused = status < 200 || status > 299 || json_object_get(object, "error") != NULL;
    if (!refused && e)
        return e;
    *ret_refusal = (struct oauth_refusal){0};
    if (refused) {
        *ret_refusal = refusal_of(status, object, arena);
        json_decref(object);
        object = NULL;
    }
    *ret_object = object;
    return NULL;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static bool is_token(str token)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] == ' ')
            return false;
    return token.len > 0;
}

static err read_token(const json_t *object, struct arena *arena, struct oauth_token_answer *a)
{
    str type;
    TRY(text_of(object, "access_token", OAUTH_TOKEN_BYTES_MAX, arena, &a->access));
    TRY(text_of(object, "refresh_token", OAUTH_TOKEN_BYTES_MAX, arena, &a->refresh));
    TRY(text_of(object, "scope", OAUTH_TEXT_BYTES_MAX, arena, &a->scope));
    TRY(text_of(object, "token_type", OAUTH_TEXT_BYTES_MAX, arena, &type));
    TRY(seconds_of(object, "expires_in", OAUTH_LIFE_S_UNTOLD, OAUTH_LIFE_S_MAX, &a->life_s));
    if (!is_token(a->access))
        return err_new(ERR_PROTOCOL, "the answer has no access token");
    if (type.len > 0 && !str_eq_nocase(type, S("bearer")))
        return err_new(ERR_PROTOCOL, "a token of type %.*s, where bearer is wanted", STR_ARG(type));
    return NULL;
}

err oauth_answer_token(int status, str body, struct arena *arena,
                       struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    json_t *object;
    struct oauth_token_answer answer = {0};
    TRY(judge(status, body, arena, &object, ret_refusal));
    if (object == NULL)
        return NULL;
    err e = read_token(object, arena, &answer);
    json_decref(object);
    if (e == NULL)
        *ret_answer = answer;
    return e;
}

/* ---- device codes -------------------------------------------------------------------------- */

static err read_device(const json_t *object, struct arena *arena, struct oauth_device_answer *a)
{
    TRY(text_of(object, "device_code", OAUTH_TOKEN_BYTES_MAX, arena, &a->device_code));
    TRY(text_of(object, "user_code", OAUTH_TEXT_BYTES_MAX, arena, &a->user_code));
    TRY(text_of(object, "verification_uri", OAUTH_URL_BYTES_MAX, arena, &a->url));
    if (a->url.len == 0) /* the draft's name, which Google kept */
        TRY(text_of(object, "verification_url", OAUTH_URL_BYTES_MAX, arena, &a->url));
    TRY(text_of(object, "verification_uri_complete", OAUTH_URL_BYTES_MAX, arena, &a->url_complete));
    TRY(seconds_of(object, "expires_in", OAUTH_LIFE_S_UNTOLD, OAUTH_LIFE_S_MAX, &a->life_s));
    TRY(seconds_of(object, "interval", OAUTH_DEVICE_INTERVAL_S, OAUTH_DEVICE_INTERVAL_S_MAX,
                   &a->interval_s));
    if (a->device_code.len == 0 || a->user_code.len == 0 || a->url.len == 0)
        return err_new(ERR_PROTOCOL, "the answer has no device code, user code or URL");
    TRY(oauth_url_check(a->url));
    return a->url_complete.len > 0 ? oauth_url_check(a->url_complete) : NULL;
}

err oauth_answer_device(int status, str body, struct arena *arena,
                        struct oauth_device_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    json_t *object;
    struct oauth_device_answer answer = {0};
    TRY(judge(status, body, arena, &object, ret_refusal));
    if (object == NULL)
        return NULL;
    err e = read_device(object, arena, &answer);
    json_decref(object);
    if (e == NULL)
        *ret_answer = answer;
    return e;
}

/* ---- discovery ----------------------------------------------------------------------------- */

static bool lists(const json_t *object, const char *key, const char *text)
{
    const json_t *list = json_object_get(object, key), *each;
    size_t i;
    json_array_foreach(list, i,
                       each) if (json_is_string(each) &&
                                 str_eq(str_of(json_string_value(each)), str_of(text))) return true;
    return false;
}

static err endpoint_of(const json_t *object, const char *key, bool required, struct arena *arena,
                       str *ret_url)
{
    TRY(text_of(object, key, OAUTH_URL_BYTES_MAX, arena, ret_url));
    if (ret_url->len > 0)
        return oauth_url_check(*ret_url);
    return required ? err_new(ERR_PROTOCOL, "the document has no %s", key) : NULL;
}

static str without_slash(str url)
{
    return url.len > 0 && url.ptr[url.len - 1] == '/' ? str_slice(url, 0, url.len - 1) : url;
}

static err read_discovery(const json_t *object, str issuer, struct arena *arena,
                          struct oauth_discovery *d)
{
    TRY(text_of(object, "issuer", OAUTH_URL_BYTES_MAX, arena, &d->issuer));
    if (!str_eq(without_slash(d->issuer), without_slash(issuer)))
        return err_new(ERR_PROTOCOL, "the document is of the issuer \"%.*s\", not of %.*s",
                       STR_ARG(d->issuer), STR_ARG(issuer));
    TRY(endpoint_of(object, "authorization_endpoint", true, arena, &d->authorize));
    TRY(endpoint_of(object, "token_endpoint", true, arena, &d->token));
    TRY(endpoint_of(object, "device_authorization_endpoint", false, arena, &d->device));
    TRY(endpoint_of(object, "revocation_endpoint", false, arena, &d->revoke));
    d->by_form = lists(object, "token_endpoint_auth_methods_supported", "client_secret_post");
    d->s256 = lists(object, "code_challenge_methods_supported", "S256");
    return NULL;
}

err oauth_answer_discovery(int status, str body, str issuer, struct arena *arena,
                           struct oauth_discovery *ret_discovery)
{
    json_t *object;
    struct oauth_discovery d = {0};
    if (status != 200)
        return err_new(ERR_PROTOCOL, "status %d where a discovery document is wanted", status);
    TRY(parse(body, &object));
    err e = read_discovery(object, issuer, arena, &d);
    json_decref(object);
    if (e == NULL)
        *ret_discovery = d;
    return e;
}

/* ---- scopes -------------------------------------------------------------------------------- */

/* With "https://host/X" some grant "X" in other letters' case, or with a "/" less or more. */
static bool same_scope(str a, str b) { return str_eq_nocase(without_slash(a), without_slash(b)); }

static bool holds(str list, str scope)
{
    while (list.len > 0) {
        str one;
        str_split(list, ' ', &one, &list);
        if (same_scope(one, scope))
            return true;
    }
    return false;
}

str oauth_answer_missing_scope(str wanted, str granted, struct arena *arena)
{
    str missing = {0};
    while (wanted.len > 0) {
        str one;
        str_split(wanted, ' ', &one, &wanted);
        if (one.len == 0 || holds(S("openid offline_access email profile"), one) ||
            str_ends_nocase(one, S("/.default")) || holds(granted, one))
            continue;
        missing = arena_printf(arena, "%.*s%s%.*s", STR_ARG(missing), missing.len ? " " : "",
                               STR_ARG(one));
    }
    return missing;
}
