#include "oauth/grant.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/mem.h"
#include "http/client.h"
#include "oauth/form.h"
#include "oauth/url.h"
#include "secret/secret.h"

/* Once, and never moved: no copy of a secret stays behind. */
static err begin(struct buf *b)
{
    char *room;
    buf_init(b, OAUTH_FORM_BYTES_MAX);
    return buf_reserve(b, OAUTH_FORM_BYTES_MAX, &room);
}

/* "Basic " and id:secret, each as a form has them (RFC 6749 section 2.3.1). */
static err add_basic(const struct oauth_client *client, struct buf *out)
{
    struct buf id, secret, pair;
    err e = begin(&id), other = begin(&secret), third = begin(&pair);
    ASSERT(e == NULL && other == NULL && third == NULL);
    e = oauth_form_add(&id, S(""), client->id);
    if (e == NULL)
        e = oauth_form_add(&secret, S(""), client->secret);
    if (e == NULL)
        e = buf_add(&pair, str_from(buf_str(&id), 1)); /* behind the "=" */
    if (e == NULL)
        e = buf_add_char(&pair, ':');
    if (e == NULL)
        e = buf_add(&pair, str_from(buf_str(&secret), 1));
    if (e == NULL)
        e = buf_add(out, S("Basic "));
    if (e == NULL)
        e = codec_base64_encode(buf_str(&pair), out);
    secret_wipe(&id);
    secret_wipe(&secret);
    secret_wipe(&pair);
    return e;
}

static err add_client(const struct oauth_client *client, struct buf *form)
{
    bool basic = client->basic && client->secret.len > 0;
    if (!basic)
        TRY(oauth_form_add(form, S("client_id"), client->id));
    if (!basic && client->secret.len > 0)
        TRY(oauth_form_add(form, S("client_secret"), client->secret));
    return NULL;
}

static err post(const struct oauth_client *client, str url, struct buf *form, struct arena *arena,
                struct http_client_answer *ret_answer)
{
    struct buf basic;
    TRY(oauth_url_check(url));
    TRY(add_client(client, form));
    TRY(begin(&basic));
    struct http_client_field fields[] = {
        {S("Content-Type"),  S("application/x-www-form-urlencoded")},
        {S("Accept"),        S("application/json")                 },
        {S("Authorization"), {0}                                   },
    };
    err e = client->basic && client->secret.len > 0 ? add_basic(client, &basic) : NULL;
    fields[2].value = buf_str(&basic);
    struct http_client_request request = {
        .method = S("POST"),
        .url = url,
        .fields = fields,
        .field_count = basic.len > 0 ? 3 : 2,
        .body = buf_str(form),
        .ca_file = client->ca_file,
        .ms_max = OAUTH_GRANT_MS_MAX,
        .body_bytes_max = OAUTH_ANSWER_BYTES_MAX,
    };
    if (e == NULL)
        e = http_client_call(&request, arena, ret_answer);
    secret_wipe(&basic);
    return e;
}

err oauth_grant_device_code(const struct oauth_client *client, str url, str scopes,
                            struct arena *arena, struct oauth_device_answer *ret_answer,
                            struct oauth_refusal *ret_refusal)
{
    struct http_client_answer answer;
    struct buf form;
    TRY(begin(&form));
    err e = oauth_form_add(&form, S("scope"), scopes);
    if (e == NULL)
        e = post(client, url, &form, arena, &answer);
    secret_wipe(&form);
    if (e == NULL)
        e = oauth_answer_device(answer.status, answer.body, arena, ret_answer, ret_refusal);
    return e;
}

err oauth_grant_token(const struct oauth_client *client, str url, str form, struct arena *arena,
                      struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    struct http_client_answer answer;
    struct buf whole;
    TRY(begin(&whole));
    err e = buf_add(&whole, form);
    if (e == NULL)
        e = post(client, url, &whole, arena, &answer);
    secret_wipe(&whole);
    if (e == NULL) {
        e = oauth_answer_token(answer.status, answer.body, arena, ret_answer, ret_refusal);
        if (answer.body.len > 0)
            mem_wipe((char *)(uintptr_t)answer.body.ptr, answer.body.len); /* in the arena */
    }
    return e;
}

err oauth_grant_form_code(str code, str redirect, str verifier, struct buf *out)
{
    TRY(begin(out));
    TRY(oauth_form_add(out, S("grant_type"), S("authorization_code")));
    TRY(oauth_form_add(out, S("code"), code));
    TRY(oauth_form_add(out, S("redirect_uri"), redirect));
    return oauth_form_add(out, S("code_verifier"), verifier);
}

err oauth_grant_form_device(str device_code, struct buf *out)
{
    TRY(begin(out));
    TRY(oauth_form_add(out, S("grant_type"), S("urn:ietf:params:oauth:grant-type:device_code")));
    return oauth_form_add(out, S("device_code"), device_code);
}

err oauth_grant_form_refresh(str refresh, struct buf *out)
{
    TRY(begin(out));
    TRY(oauth_form_add(out, S("grant_type"), S("refresh_token")));
    return oauth_form_add(out, S("refresh_token"), refresh);
}

err oauth_grant_form_client(str scopes, struct buf *out)
{
    TRY(begin(out));
    TRY(oauth_form_add(out, S("grant_type"), S("client_credentials")));
    return oauth_form_add(out, S("scope"), scopes);
}

err oauth_grant_revoke(const struct oauth_client *client, str url, str token, const char *hint,
                       struct arena *arena, struct oauth_refusal *ret_refusal)
{
    struct http_client_answer answer;
    struct oauth_refusal refusal = {0};
    struct oauth_token_answer ignored;
    struct buf form;
    TRY(begin(&form));
    err e = oauth_form_add(&form, S("token"), token);
    if (e == NULL)
        e = oauth_form_add(&form, S("token_type_hint"), str_of(hint));
    if (e == NULL)
        e = post(client, url, &form, arena, &answer);
    secret_wipe(&form);
    if (e)
        return e;
    if (answer.status < 200 || answer.status > 299)
        TRY(oauth_answer_token(answer.status, answer.body, arena, &ignored, &refusal));
    *ret_refusal = refusal;
    return NULL;
}
