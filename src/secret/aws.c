#include "secret/aws.h"
#include "base/mem.h"
#include "secret/aws_answer.h"
#include "secret/aws_credentials.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CREDENTIALS_ARENA_BYTES_MAX = 2 * SECRET_STORE_ARENA_BYTES_MAX,
    AHEAD_MS = 5 * 60 * 1000, /* credentials are over so long before they are */
    KEPT_MS = 5 * 60 * 1000,  /* those that say nothing: files and variables change */
    NAME_CHARS_MAX = 2048,    /* an ARN */
};

struct secret_aws {
    const struct config_aws *config;
    pthread_mutex_t lock; /* of all below; held while credentials are fetched, so that one does */
    struct arena *arena;  /* of the credentials; NULL: none */
    struct secret_aws_found found;
    int64_t good_until_ms; /* on the steady clock */
    int64_t ahead_ms;      /* their clock, less ours */
};

struct asking {
    struct secret_aws *aws;
    struct arena *arena;
    struct secret_store_told *told;
    deadline until;
    str region, url, host, name, field;
    struct secret_aws_credentials credentials; /* copies in the arena */
};

struct secret_aws *secret_aws_open(const struct config_aws *config)
{
    struct secret_aws *a = MEM_NEW(struct secret_aws);
    a->config = config;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

static void forget(struct secret_aws *a)
{
    const struct secret_aws_credentials *c = &a->found.credentials;
    if (a->arena && c->secret.len > 0 && c->secret.ptr != getenv("AWS_SECRET_ACCESS_KEY")) {
        mem_wipe((char *)c->secret.ptr, c->secret.len);
        if (c->token.len > 0)
            mem_wipe((char *)c->token.ptr, c->token.len);
    }
    arena_close(a->arena);
    a->arena = NULL;
    a->found = (struct secret_aws_found){0};
}

void secret_aws_close(struct secret_aws *a)
{
    if (a == NULL)
        return;
    forget(a);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

/* ---- who we are --------------------------------------------------------------------------- */

static int64_t good_for_ms(const struct secret_aws_found *f, int64_t ahead_ms)
{
    if (f->until_ms == 0)
        return KEPT_MS;
    int64_t left_ms = f->until_ms - (clock_real_ms() + ahead_ms) - AHEAD_MS;
    return left_ms > 0 ? left_ms : 0;
}

static err find_credentials(struct asking *a, bool fresh)
{
    struct secret_aws *s = a->aws;
    if (fresh || s->arena == NULL || clock_steady_ms() >= s->good_until_ms) {
        struct secret_aws_found found;
        struct arena *arena = arena_open(CREDENTIALS_ARENA_BYTES_MAX);
        err e = secret_aws_credentials_find(s->config, arena, a->until, &found);
        if (e) {
            arena_close(arena);
            return e;
        }
        forget(s);
        s->arena = arena;
        s->found = found;
        s->good_until_ms = clock_steady_ms() + good_for_ms(&found, s->ahead_ms);
    }
    const struct secret_aws_credentials *c = &s->found.credentials;
    a->credentials = (struct secret_aws_credentials){arena_str(a->arena, c->key_id),
                                                     arena_str(a->arena, c->secret),
                                                     arena_str(a->arena, c->token)};
    return NULL;
}

static err take_credentials(struct asking *a, bool fresh)
{
    pthread_mutex_lock(&a->aws->lock);
    err e = find_credentials(a, fresh);
    pthread_mutex_unlock(&a->aws->lock);
    return e;
}

static void wipe_credentials(struct asking *a)
{
    str secret = a->credentials.secret, token = a->credentials.token;
    if (secret.len > 0)
        mem_wipe((char *)secret.ptr, secret.len);
    if (token.len > 0)
        mem_wipe((char *)token.ptr, token.len);
}

/* ---- one request -------------------------------------------------------------------------- */

/* "arn:aws:secretsmanager:eu-central-1:…" says its region itself. */
static str region_of(const struct asking *a)
{
    str rest = a->name, part = {NULL, 0};
    if (str_skip(&rest, S("arn:"))) {
        for (int i = 0; i < 3; i++)
            str_split(rest, ':', &part, &rest);
        return part;
    }
    if (a->aws->config->region.len > 0)
        return a->aws->config->region;
    part = str_of(getenv("AWS_REGION"));
    return part.len > 0 ? part : str_of(getenv("AWS_DEFAULT_REGION"));
}

static bool is_region(str region)
{
    for (size_t i = 0; i < region.len; i++)
        if (!char_is_alnum(region.ptr[i]) && region.ptr[i] != '-')
            return false;
    return region.len > 0 && region.len <= 64;
}

static bool is_name(str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && str_find(S("/_+=.@-:!"), name.ptr[i]) == STR_NONE)
            return false;
    return name.len > 0 && name.len <= NAME_CHARS_MAX;
}

static err prepare(struct asking *a)
{
    str endpoint = a->aws->config->endpoint;
    a->region = region_of(a);
    if (!is_name(a->name))
        return err_new(ERR_CONFIG, "aws-sm:NAME is wanted: letters, digits and /_+=.@-");
    if (!is_region(a->region))
        return err_new(ERR_CONFIG, "aws-sm: in which region? secrets.aws.region or $AWS_REGION");
    bool china = str_starts(a->region, S("cn-"));
    a->url = endpoint.len > 0
                 ? endpoint
                 : arena_printf(a->arena, "https://secretsmanager.%.*s.amazonaws.com%s",
                                STR_ARG(a->region), china ? ".cn" : "");
    while (a->url.ptr[a->url.len - 1] == '/')
        a->url.len--;
    a->host = http_client_url_host(a->url);
    snprintf(a->told->origin, sizeof a->told->origin, "%.*s", STR_ARG(a->host));
    a->url = arena_printf(a->arena, "%.*s/", STR_ARG(a->url));
    return NULL;
}

static int64_t now_ms(struct secret_aws *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t ms = clock_real_ms() + s->ahead_ms;
    pthread_mutex_unlock(&s->lock);
    return ms;
}

static err call(struct asking *a, struct http_client_answer *ret_answer)
{
    struct http_client_field fields[SECRET_AWS_FIELDS_MAX];
    struct secret_aws_field signed_fields[SECRET_AWS_FIELDS_MAX];
    char time[SECRET_AWS_TIME_CHARS];
    struct buf authorization;
    size_t count = 0;
    secret_aws_sign_time(now_ms(a->aws), time);
    /* The name has no character that JSON would want escaped. */
    str body = arena_printf(a->arena, "{\"SecretId\":\"%.*s\"}", STR_ARG(a->name));
    signed_fields[count++] = (struct secret_aws_field){S("Host"), a->host};
    signed_fields[count++] =
        (struct secret_aws_field){S("Content-Type"), S("application/x-amz-json-1.1")};
    signed_fields[count++] =
        (struct secret_aws_field){S("X-Amz-Target"), S("secretsmanager.GetSecretValue")};
    signed_fields[count++] = (struct secret_aws_field){S("X-Amz-Date"), str_of(time)};
    if (a->credentials.token.len > 0)
        signed_fields[count++] =
            (struct secret_aws_field){S("X-Amz-Security-Token"), a->credentials.token};
    struct secret_aws_request request = {S("POST"), S("/"), S(""), signed_fields, count, body};
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct http_client_field){signed_fields[i].name, signed_fields[i].value};
    buf_init(&authorization, HTTP_CLIENT_FIELD_BYTES_MAX);
    err e = secret_aws_sign(&request, &a->credentials, a->region, S("secretsmanager"), time,
                            &authorization);
    fields[count++] = (struct http_client_field){S("Authorization"), buf_str(&authorization)};
    struct http_client_request r = {.method = S("POST"),
                                    .url = a->url,
                                    .fields = fields,
                                    .field_count = count,
                                    .body = body,
                                    .ca_file = a->aws->config->ca_file};
    if (e == NULL)
        e = secret_store_call(&r, a->arena, a->until, ret_answer);
    buf_release(&authorization);
    return e;
}

static err take(struct asking *a, const struct http_client_answer *answer, struct buf *ret_secret)
{
    char *room;
    str version;
    TRY(buf_reserve(ret_secret, SECRET_BYTES_MAX, &room)); /* never moved */
    err e = secret_aws_answer_secret(answer->body, a->field, a->arena, ret_secret, &version);
    if (e)
        return err_wrap(e, "%s", a->told->origin);
    size_t used = strlen(a->told->origin);
    if (version.len > 0)
        snprintf(a->told->origin + used, sizeof a->told->origin - used, ", version %.*s",
                 STR_ARG(version));
    return NULL;
}

/* ---- what becomes of a refusal ------------------------------------------------------------ */

struct tries {
    int throttled;
    bool renewed, clock_set;
};

static void set_clock(struct secret_aws *s, int64_t their_ms)
{
    pthread_mutex_lock(&s->lock);
    s->ahead_ms = their_ms - clock_real_ms();
    pthread_mutex_unlock(&s->lock);
}

/* True in *ret_again: something was done about it. */
static err mend(struct asking *a, const struct http_client_answer *answer,
                enum secret_aws_refusal refusal, struct tries *tries, bool *ret_again)
{
    int64_t date_ms = secret_store_date_ms(answer);
    *ret_again = false;
    if (refusal == SECRET_AWS_THROTTLED) {
        a->told->retry_ms = secret_store_retry_ms(answer);
        *ret_again = true;
        TRY(secret_store_pause(++tries->throttled, a->told->retry_ms, a->until));
        a->told->retry_ms = 0;
    } else if (refusal == SECRET_AWS_EXPIRED && !tries->renewed) {
        *ret_again = tries->renewed = true;
        wipe_credentials(a);
        return take_credentials(a, true);
    } else if (refusal == SECRET_AWS_SKEWED && !tries->clock_set && date_ms > 0) {
        *ret_again = tries->clock_set = true;
        set_clock(a->aws, date_ms);
    }
    return NULL;
}

static err refuse(const struct asking *a, int status, enum secret_aws_refusal refusal, str name)
{
    bool spoken = refusal == SECRET_AWS_GONE || refusal == SECRET_AWS_INVALID;
    const char *note = refusal == SECRET_AWS_SKEWED ? ": one of the two clocks is wrong" : "";
    return err_new(spoken ? ERR_CONFIG : ERR_PROTOCOL, "%s: %d%s%.*s%s", a->told->origin, status,
                   name.len ? " " : "", STR_ARG(name), note);
}

static err read_secret(struct asking *a, struct buf *ret_secret)
{
    struct tries tries = {0};
    TRY(prepare(a));
    TRY(take_credentials(a, false));
    for (;;) {
        struct http_client_answer answer;
        bool again;
        str name;
        TRY(call(a, &answer));
        if (answer.status == 200) {
            err e = take(a, &answer, ret_secret);
            secret_store_wipe(&answer);
            return e;
        }
        enum secret_aws_refusal refusal = secret_aws_answer_refusal(answer.body, a->arena, &name);
        if (answer.status == 429)
            refusal = SECRET_AWS_THROTTLED;
        TRY(mend(a, &answer, refusal, &tries, &again));
        if (!again)
            return refuse(a, answer.status, refusal, name);
    }
}

err secret_aws_read(struct secret_aws *s, str name, struct buf *ret_secret,
                    struct secret_store_told *ret_told, deadline until)
{
    struct asking a = {.aws = s, .told = ret_told, .until = until};
    *ret_told = (struct secret_store_told){0};
    str_split(name, '#', &a.name, &a.field);
    a.arena = arena_open(10 * SECRET_STORE_ARENA_BYTES_MAX);
    err e = read_secret(&a, ret_secret);
    wipe_credentials(&a);
    arena_close(a.arena);
    return e;
}
