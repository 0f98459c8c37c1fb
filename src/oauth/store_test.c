/* Real HTTP on loopback, real files: a token is renewed once, kept sealed, and lost by nobody's
 * fault. */
#include "base/clock.h"
#include "http/curl.h"
#include "http/serve_test.h"
#include "oauth/store.h"
#include "runtime/file.h"
#include "secret/secret.h"
#include "tests/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct provider {
    struct http_serve_test server;
    const char *status, *body; /* a refusal; NULL: a token */
    int tokens;
    char last[600]; /* the last request */
};

static void answer(void *arg, str request, struct buf *out)
{
    struct provider *p = arg;
    char body[200];
    str_to_chars(str_slice(request, request.len > 500 ? request.len - 500 : 0, 500), p->last,
                 sizeof p->last);
    snprintf(body, sizeof body,
             "{\"access_token\":\"at%d\",\"refresh_token\":\"rt%d\",\"expires_in\":3600}",
             p->tokens + 1, p->tokens + 1);
    const char *said = p->body ? p->body : body;
    p->tokens += p->body == NULL;
    CHECK_DONE(buf_addf(out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
                        p->body ? p->status : "200 OK", strlen(said), said),
               "answer");
}

static err read_secret(void *arg, str reference, struct buf *ret_secret)
{
    (void)arg, (void)reference;
    return buf_add(ret_secret, S("s3&t"));
}

struct bench {
    struct provider provider;
    struct oauth_store *store;
    char folder[40];
};

static bool set_up(struct bench *b)
{
    const struct http_curl *curl;
    err e = http_curl_open(&curl);
    err_forget();
    if (e) {
        test_skip("libcurl is not installed");
        return false;
    }
    *b = (struct bench){.provider.server = {.answer = answer}, .folder = "/tmp/oauth-store-XXXXXX"};
    b->provider.server.arg = &b->provider;
    http_serve_test_open(&b->provider.server);
    CHECK(mkdtemp(b->folder) != NULL, "a folder");
    struct oauth_store_options o = {
        .folder = str_of(b->folder), .own_key = true, .secret = read_secret};
    CHECK_DONE(oauth_store_open(&o, &b->store), "open");
    return true;
}

static err remove_one(void *arg, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    return unlink(path) == 0 ? NULL : err_new(ERR_SYSTEM, "unlink");
}

static void tear_down(struct bench *b)
{
    oauth_store_close(b->store);
    http_serve_test_close(&b->provider.server);
    CHECK_DONE(folder_list(b->folder, remove_one, b->folder), "clean up");
    CHECK(rmdir(b->folder) == 0, "clean up");
}

/* A login whose token was had so long ago and lives for so long. */
static void put(struct bench *b, const char *name, int64_t age_ms, int64_t life_s)
{
    struct oauth_entry e = {.provider = S("test"),
                            .token = str_of(b->provider.server.url),
                            .client_id = S("id"),
                            .client_secret_ref = S("env:X"),
                            .basic = true,
                            .scopes = S("mail"),
                            .flow = OAUTH_FLOW_DEVICE};
    struct oauth_token_answer a = {.access = S("at0"), .refresh = S("rt0"), .life_s = life_s};
    oauth_entry_take(&e, &a, clock_real_ms() - age_ms);
    CHECK_DONE(oauth_store_put(b->store, str_of(name), &e), "put");
}

static err take(struct bench *b, const char *name, enum oauth_store_renew how, char ret_token[40])
{
    struct buf token;
    buf_init(&token, OAUTH_TOKEN_BYTES_MAX);
    err e = oauth_store_token(b->store, str_of(name), how, &token);
    str_to_chars(buf_str(&token), ret_token, 40);
    secret_wipe(&token);
    return e;
}

TEST(oauth_store_renews)
{
    struct bench b;
    char token[40];
    if (!set_up(&b))
        return;
    put(&b, "me", 0, 3600);
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token), "good");
    CHECK_STR(str_of(token), "at0", "a good one is given as it is");
    CHECK(b.provider.server.requests == 0, "and nobody is asked");
    put(&b, "me", 58 * 60 * 1000, 3600);
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token), "due");
    CHECK_STR(str_of(token), "at1", "renewed before its end");
    CHECK(strstr(b.provider.last, "grant_type=refresh_token&refresh_token=rt0") != NULL, "how");
    CHECK(strstr(b.provider.last, "Authorization: Basic aWQ6czMlMjZ0") != NULL, "id:s3%26t");
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_NOW, token), "forced");
    CHECK_STR(str_of(token), "at2", "renewed because it was asked for");
    CHECK(strstr(b.provider.last, "refresh_token=rt1") != NULL, "with the changed refresh token");
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token), "kept");
    CHECK(b.provider.server.requests == 2, "remembered");
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_IF_OLD, token), "refused just after it was had");
    CHECK(b.provider.server.requests == 2, "a new one would be refused as well");
    put(&b, "me", 2 * 60 * 1000, 3600);
    CHECK_DONE(take(&b, "me", OAUTH_STORE_RENEW_IF_OLD, token), "refused long before its end");
    CHECK(b.provider.server.requests == 3, "whose clock is wrong does not matter");
    tear_down(&b);
}

TEST(oauth_store_trouble)
{
    static const struct {
        const char *label, *status, *body;
        int64_t age_ms;
        const char *token; /* NULL: none */
        bool again;        /* the user is told to log in again */
    } cases[] = {
        {"down, and it is good",     "503 No", "{}",                            58 * 60 * 1000, "at0", false},
        {"down, and it is over",     "503 No", "{}",                            61 * 60 * 1000, NULL,  false},
        {"void, and it is good",     "400 No", "{\"error\":\"invalid_grant\"}", 58 * 60 * 1000, "at0",
         false                                                                                              },
        {"void, and it is over",     "400 No", "{\"error\":\"invalid_grant\"}", 61 * 60 * 1000, NULL,
         true                                                                                               },
        {"nonsense, and it is over", "200 OK", "[]",                            61 * 60 * 1000, NULL,  false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        char token[40], why[400] = "";
        if (!set_up(&b))
            return;
        b.provider.status = cases[i].status;
        b.provider.body = cases[i].body;
        put(&b, "me", cases[i].age_ms, 3600);
        err e = take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token);
        if (e)
            err_describe(e, why, sizeof why);
        CHECK((e == NULL) == (cases[i].token != NULL), cases[i].label);
        CHECK_STR(str_of(token), cases[i].token ? cases[i].token : "", cases[i].label);
        CHECK((strstr(why, "log in again: smtptool oauth login me") != NULL) == cases[i].again,
              cases[i].label);
        CHECK(strstr(why, "rt0") == NULL && strstr(why, "s3&t") == NULL, "no secret in an err");
        err_forget();
        int before = b.provider.server.requests;
        CHECK((take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token) == NULL) == (cases[i].token != NULL),
              cases[i].label);
        CHECK(cases[i].token == NULL || b.provider.server.requests == before,
              "a provider in trouble is left alone for a minute");
        err_forget();
        tear_down(&b);
    }
}

TEST(oauth_store_names)
{
    struct bench b;
    char token[40];
    str *names;
    size_t count;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    if (!set_up(&b))
        return;
    CHECK_DONE(oauth_store_names(b.store, arena, &names, &count), "no store yet");
    CHECK(count == 0, "none");
    err e = take(&b, "me", OAUTH_STORE_RENEW_IF_DUE, token);
    CHECK(e && e->kind == ERR_CONFIG, "there is no such login");
    e = take(&b, "../me", OAUTH_STORE_RENEW_IF_DUE, token);
    CHECK(e && e->kind == ERR_CONFIG, "a name that is a path");
    put(&b, "shop", 0, 3600);
    put(&b, "me@our.test", 0, 3600);
    CHECK_DONE(oauth_store_names(b.store, arena, &names, &count), "two");
    CHECK(count == 2 && str_eq(names[0], S("me@our.test")), "sorted");
    CHECK_DONE(oauth_store_remove(b.store, S("shop")), "remove");
    e = take(&b, "shop", OAUTH_STORE_RENEW_IF_DUE, token);
    CHECK(e && e->kind == ERR_CONFIG, "removed");
    tear_down(&b);
}
