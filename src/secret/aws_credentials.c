#include "secret/aws_credentials.h"
#include "secret/aws_answer.h"
#include "secret/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"

enum { INSTANCE_MS_MAX = 2000, TOKEN_SECONDS = 300 }; /* a machine without metadata is silent */

static str env(const char *name) { return str_of(getenv(name)); }

/* ---- environment and file ----------------------------------------------------------------- */

static bool find_in_environment(struct secret_aws_found *found)
{
    found->credentials = (struct secret_aws_credentials){
        env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")};
    return found->credentials.key_id.len > 0 && found->credentials.secret.len > 0;
}

static str path_of_file(struct arena *arena)
{
    str own = env("AWS_SHARED_CREDENTIALS_FILE"), home = env("HOME");
    if (own.len > 0)
        return own;
    return home.len > 0 ? arena_printf(arena, "%.*s/.aws/credentials", STR_ARG(home)) : own;
}

static err find_in_file(const struct config_aws *config, struct arena *arena,
                        struct secret_aws_found *found, bool *ret_there)
{
    struct buf text;
    str path = path_of_file(arena), profile = config->profile;
    bool wanted = profile.len > 0 || env("AWS_PROFILE").len > 0;
    *ret_there = false;
    if (profile.len == 0)
        profile = wanted ? env("AWS_PROFILE") : S("default");
    if (path.len == 0)
        return NULL;
    buf_init(&text, SECRET_BYTES_MAX);
    err e = secret_file_read(path, SECRET_FILE_NOT_OTHERS, &text);
    if (e == NULL && secret_aws_answer_profile(buf_str(&text), profile, &found->credentials)) {
        struct secret_aws_credentials *c = &found->credentials;
        *c = (struct secret_aws_credentials){
            arena_str(arena, c->key_id), arena_str(arena, c->secret), arena_str(arena, c->token)};
        *ret_there = true;
    }
    secret_wipe(&text);
    if (e && e->kind == ERR_SYSTEM && err_number(e) == ENOENT && !wanted)
        return NULL;
    if (e == NULL && wanted && !*ret_there)
        return err_new(ERR_CONFIG, "%.*s has no profile %.*s with keys", STR_ARG(path),
                       STR_ARG(profile));
    return e;
}

/* ---- over HTTP ---------------------------------------------------------------------------- */

static err ask(struct http_client_request *r, struct arena *arena, deadline until,
               struct http_client_answer *ret_answer)
{
    TRY(secret_store_call(r, arena, until, ret_answer));
    if (ret_answer->status != 200)
        return err_new(ERR_PROTOCOL, "%.*s: credentials: %d", STR_ARG(http_client_url_host(r->url)),
                       ret_answer->status);
    return NULL;
}

static err ask_for_credentials(struct http_client_request *r, struct arena *arena, deadline until,
                               struct secret_aws_found *found)
{
    struct http_client_answer answer;
    TRY(ask(r, arena, until, &answer));
    err e =
        secret_aws_answer_credentials(answer.body, arena, &found->credentials, &found->until_ms);
    secret_store_wipe(&answer);
    return e;
}

/* Where AWS puts such an endpoint on its own networks; else it is this machine, or HTTPS. */
static bool is_container_host(str url)
{
    str host = http_client_url_host(url);
    return str_eq(host, S("169.254.170.2")) || str_eq(host, S("169.254.170.23")) ||
           str_eq(host, S("[fd00:ec2::23]"));
}

static err container_token(struct arena *arena, str *ret_token)
{
    struct buf token;
    str path = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    *ret_token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (path.len == 0)
        return NULL;
    buf_init(&token, SECRET_BYTES_MAX);
    err e = secret_file_read(path, SECRET_FILE_ANY, &token);
    secret_trim(&token);
    if (e == NULL)
        *ret_token = arena_str(arena, buf_str(&token));
    secret_wipe(&token);
    return e;
}

static err find_in_container(struct arena *arena, deadline until, struct secret_aws_found *found,
                             bool *ret_there)
{
    str relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    str url = env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), token;
    *ret_there = relative.len > 0 || url.len > 0;
    if (!*ret_there)
        return NULL;
    if (relative.len > 0)
        url = arena_printf(arena, CONTAINER_HOST "%.*s", STR_ARG(relative));
    TRY(container_token(arena, &token));
    struct http_client_field field = {S("Authorization"), token};
    struct http_client_request r = {.url = url,
                                    .fields = &field,
                                    .field_count = token.len > 0,
                                    .allow_clear = is_container_host(url)};
    return ask_for_credentials(&r, arena, until, found);
}

/* A token first: without it, who can make a server fetch a URL could read the answers (SSRF). */
static err find_at_instance(struct arena *arena, deadline until, struct secret_aws_found *found)
{
    struct http_client_answer answer;
    str host = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (str_eq_nocase(env("AWS_EC2_METADATA_DISABLED"), S("true")))
        return err_new(ERR_CONFIG, "aws-sm: no credentials: neither in the environment, nor in the "
                                   "shared file, nor from a container");
    bool own = host.len > 0;
    while (own && host.ptr[host.len - 1] == '/')
        host.len--;
    if (!own)
        host = S(INSTANCE_HOST);
    until = deadline_sooner(until, deadline_after(INSTANCE_MS_MAX));
    struct http_client_field field = {S("X-aws-ec2-metadata-token-ttl-seconds"),
                                      arena_printf(arena, "%d", TOKEN_SECONDS)};
    struct http_client_request r = {.method = S("PUT"),
                                    .url =
                                        arena_printf(arena, "%.*s/latest/api/token", STR_ARG(host)),
                                    .fields = &field,
                                    .field_count = 1,
                                    .allow_clear = !own};
    TRY(ask(&r, arena, until, &answer));
    field = (struct http_client_field){S("X-aws-ec2-metadata-token"), str_trim(answer.body)};
    r.method = S("GET");
    str folder =
        arena_printf(arena, "%.*s/latest/meta-data/iam/security-credentials/", STR_ARG(host));
    r.url = folder;
    TRY(ask(&r, arena, until, &answer));
    str role, rest;
    str_split(answer.body, '\n', &role, &rest);
    r.url = arena_printf(arena, "%.*s%.*s", STR_ARG(folder), STR_ARG(str_trim(role)));
    return ask_for_credentials(&r, arena, until, found);
}

err secret_aws_credentials_find(const struct config_aws *config, struct arena *arena,
                                deadline until, struct secret_aws_found *ret_found)
{
    struct secret_aws_found found = {0};
    bool there = config->profile.len == 0 && find_in_environment(&found);
    if (!there)
        TRY(find_in_file(config, arena, &found, &there));
    if (!there)
        TRY(find_in_container(arena, until, &found, &there));
    err e = there ? NULL : find_at_instance(arena, until, &found);
    if (e)
        return err_wrap(e, "credentials of AWS: nowhere else are any; from the instance");
    *ret_found = found;
    return NULL;
}
