/* Real HTTP on loopback, with and without TLS. */
#include "http/client.h"
#include "http/curl.h"
#include "http/serve_test.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = (4 << 20) + HTTP_CLIENT_ANSWER_BYTES_MAX };

/* False: there is no libcurl on this machine, and the test has said so. */
static bool have_libcurl(void)
{
    const struct http_curl *curl;
    err e = http_curl_open(&curl);
    if (e)
        test_skip("libcurl is not installed");
    err_forget();
    return e == NULL;
}

static void echo(void *arg, str request, struct buf *answer)
{
    (void)arg;
    CHECK_DONE(buf_addf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", request.len),
               "head");
    CHECK_DONE(buf_add(answer, request), "body");
}

/* ---- what goes out ----------------------------------------------------------------------- */

TEST(http_client_request)
{
    static const struct http_client_field fields[] = {
        {{"X-Token", 7},       {"hunter2", 7}          },
        {{"X-Empty", 7},       {NULL, 0}               },
        {{"Content-Type", 12}, {"application/json", 16}},
    };
    static const struct {
        const char *label, *method, *path, *body;
        size_t fields;
        const char *first, *has[3], *has_not[3];
    } cases[] = {
        {"a GET",
         "",                     "/v1/x?y=1",
         "",                                       2,
         "GET /v1/x?y=1 HTTP/1.1\r\n",                                      {"\r\nX-Token: hunter2\r\n", "\r\nX-Empty:\r\n"},
         {"Expect", "Content-Type", "Cookie"}                                                                                                                                      },
        {"a POST",
         "POST",                 "/",
         "{}",                                     3,
         "POST / HTTP/1.1\r\n",                                             {"\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 2\r\n", "\r\n\r\n{}"},
         {"Expect", "urlencoded"}                                                                                                                                                  },
        {"a PUT",         "PUT", "/",         "a", 0, "PUT / HTTP/1.1\r\n", {"\r\n\r\na"},                                                                         {"Content-Type"}},
        {"an empty POST",
         "POST",                 "/",
         "",                                       0,
         "POST / HTTP/1.1\r\n",                                             {"\r\nContent-Length: 0\r\n"},
         {"Content-Type"}                                                                                                                                                          },
    };
    if (!have_libcurl())
        return;
    /* Who is in the environment has no say: nobody listens there. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    struct http_serve_test server = {.answer = echo};
    http_serve_test_open(&server);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(ARENA_BYTES_MAX);
        struct http_client_answer a = {0};
        struct http_client_request r = {str_of(cases[i].method),
                                        arena_printf(arena, "%s%s", server.url, cases[i].path),
                                        fields, cases[i].fields, str_of(cases[i].body)};
        CHECK_DONE(http_client_call(&r, arena, &a), cases[i].label);
        CHECK(a.status == 200, cases[i].label);
        CHECK(str_starts(a.body, str_of(cases[i].first)), cases[i].label);
        for (size_t h = 0; h < 3; h++) {
            CHECK(str_contains(a.body, str_of(cases[i].has[h])), cases[i].has[h]);
            CHECK(cases[i].has_not[h] == NULL || !str_contains(a.body, str_of(cases[i].has_not[h])),
                  cases[i].has_not[h]);
        }
        arena_close(arena);
    }
    http_serve_test_close(&server);
    unsetenv("http_proxy");
}

/* Attacks 48 to 53, through this entrance; nothing is sent. */
TEST(http_client_refuses)
{
    char far[HTTP_CLIENT_URL_CHARS + 8] = "";
    memset(far, 'a', sizeof far - 1);
    memcpy(far, "http://127.0.0.1/", 17);
    const struct {
        const char *label, *method, *url, *name, *value;
        enum err_kind kind;
    } cases[] = {
        {"a line end in a value",       "GET",                "http://127.0.0.1:1/",           "X-A",    "secret\r\nX-B: b",
         ERR_CONFIG                                                                                                                    },
        {"a bare LF in a value",        "GET",                "http://127.0.0.1:1/",           "X-A",    "secret\nX-B: b",   ERR_CONFIG},
        {"a control character",         "GET",                "http://127.0.0.1:1/",           "X-A",    "secret\t",         ERR_CONFIG},
        {"a line end in a name",        "GET",                "http://127.0.0.1:1/",           "X\r\nA", "secret",           ERR_CONFIG},
        {"a colon in a name",           "GET",                "http://127.0.0.1:1/",           "X:A",    "secret",           ERR_CONFIG},
        {"no name",                     "GET",                "http://127.0.0.1:1/",           "",       "secret",           ERR_CONFIG},
        {"a line end in a method",      "GET / HTTP/1.1\r\n", "http://127.0.0.1:1/",           "A",      "secret",
         ERR_CONFIG                                                                                                                    },
        {"a line end in a URL",         "GET",                "http://127.0.0.1:1/\r\nX: b",   "A",      "secret",           ERR_CONFIG},
        {"a blank in a URL",            "GET",                "http://127.0.0.1:1/ b",         "A",      "secret",           ERR_CONFIG},
        {"a login in a URL",            "GET",                "http://me:secret@127.0.0.1:1/", "A",      "secret",           ERR_CONFIG},
        {"a long URL",                  "GET",                far,                             "A",      "secret",           ERR_CONFIG},
        {"another scheme",              "GET",                "file:///etc/passwd",            "A",      "secret",           ERR_CONFIG},
        {"no URL",                      "GET",                "",                              "A",      "secret",           ERR_CONFIG},
        {"in clear to another machine", "GET",                "http://192.0.2.1/",             "A",      "secret",           ERR_CONFIG},
        {"nobody there",                "GET",                "http://127.0.0.1:1/",           "A",      "secret",           ERR_SYSTEM},
        {"nobody there, by name",       "GET",                "http://localhost:1/",           "A",      "secret",           ERR_SYSTEM},
    };
    if (!have_libcurl())
        return;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(ARENA_BYTES_MAX);
        struct http_client_answer a = {0};
        struct http_client_field field = {str_of(cases[i].name), str_of(cases[i].value)};
        struct http_client_request r = {str_of(cases[i].method), str_of(cases[i].url), &field, 1};
        char why[512] = "";
        err e = http_client_call(&r, arena, &a);
        CHECK(e && e->kind == cases[i].kind, cases[i].label);
        err_describe(e, why, sizeof why);
        CHECK(strstr(why, "secret") == NULL, cases[i].label);
        CHECK(a.status == 0, cases[i].label);
        err_forget();
        arena_close(arena);
    }
}

/* ---- what comes back --------------------------------------------------------------------- */

struct canned {
    const char *head, *repeated;
    int times;
};

static void answer_canned(void *arg, str request, struct buf *answer)
{
    const struct canned *c = arg;
    (void)request;
    CHECK_DONE(buf_add(answer, str_of(c->head)), "head");
    for (int i = 0; i < c->times; i++)
        CHECK_DONE(buf_add(answer, str_of(c->repeated)), "repeated");
}

#define OK "HTTP/1.1 200 OK\r\n"

TEST(http_client_answer)
{
    enum { BODY_BYTES_MAX = 512 };
    static const struct {
        const char *label;
        struct canned canned;
        bool silent;
        int status; /* 0: an err of this kind */
        enum err_kind kind;
        const char *type, *x, *body;
    } cases[] = {
  /* clang-format off */
        {"as it should be", {OK "Content-Type: text/plain\r\nx-a:  1 \r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok"}, false, 200, 0, "text/plain", "1", "ok"},
        {"no length", {OK "\r\nok"}, false, 200, 0, "", "", "ok"},
        {"a refusal is an answer", {"HTTP/1.1 503 Sealed\r\nContent-Length: 2\r\n\r\nno"}, false, 503, 0, "", "", "no"},
        {"a redirect is not followed", {"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}, false, 302, 0, "", "", ""},
        {"a redirect to a file", {"HTTP/1.1 302 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"}, false, 302, 0, "", "", ""},
        {"an interim answer", {"HTTP/1.1 100 Continue\r\nX-A: 0\r\n\r\n" OK "Content-Length: 2\r\n\r\nok"}, false, 200, 0, "", "", "ok"},
        {"a byte below the limit", {OK "\r\n", "a", BODY_BYTES_MAX - 1}, false, 200, 0, "", "", NULL},
        {"the limit", {OK "\r\n", "a", BODY_BYTES_MAX}, false, 200, 0, "", "", NULL},
        {"too long, and says so", {OK "Content-Length: 513\r\n\r\n"}, true, 0, ERR_LIMIT, NULL, NULL, NULL},
        {"too long, and does not", {OK "\r\n", "a", BODY_BYTES_MAX + 1}, false, 0, ERR_LIMIT, NULL, NULL, NULL},
        {"as many fields as may be", {OK, "X-A: 1\r\n", HTTP_CLIENT_FIELDS_MAX}, false, 200, 0, "", "1", ""},
        {"too many fields", {OK, "X-A: 1\r\n", HTTP_CLIENT_FIELDS_MAX + 1}, false, 0, ERR_LIMIT, NULL, NULL, NULL},
        {"cut short", {OK "Content-Length: 10\r\n\r\nok"}, false, 0, ERR_PROTOCOL, NULL, NULL, NULL},
        {"slow", {OK "Content-Length: 10\r\n\r\nok"}, true, 0, ERR_TIMEOUT, NULL, NULL, NULL},
        {"silent", {""}, true, 0, ERR_TIMEOUT, NULL, NULL, NULL},
        {"not HTTP", {"220 mx.example.com ESMTP\r\n"}, false, 0, ERR_PROTOCOL, NULL, NULL, NULL},
  /* clang-format on */
    };
    if (!have_libcurl())
        return;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(ARENA_BYTES_MAX);
        struct canned canned = cases[i].canned;
        struct http_serve_test server = {
            .answer = answer_canned, .arg = &canned, .silent = cases[i].silent};
        http_serve_test_open(&server);
        struct http_client_answer a = {0};
        struct http_client_request r = {.url = str_of(server.url),
                                        .ms_max = cases[i].kind == ERR_TIMEOUT ? 300 : 20000,
                                        .body_bytes_max = BODY_BYTES_MAX};
        err e = http_client_call(&r, arena, &a);
        if (cases[i].status) {
            CHECK_DONE(e, cases[i].label);
            CHECK_STR(a.type, cases[i].type, cases[i].label);
            CHECK_STR(http_client_field_of(&a, S("X-A")), cases[i].x, cases[i].label);
            if (cases[i].body)
                CHECK_STR(a.body, cases[i].body, cases[i].label);
            else
                CHECK(a.body.len == (size_t)canned.times, cases[i].label);
        } else {
            CHECK(e && e->kind == cases[i].kind, cases[i].label);
        }
        CHECK(a.status == cases[i].status, cases[i].label);
        CHECK(__atomic_load_n(&server.requests, __ATOMIC_SEQ_CST) == 1, cases[i].label);
        http_serve_test_close(&server);
        arena_close(arena);
        err_forget();
    }
}

/* ---- TLS --------------------------------------------------------------------------------- */

TEST(http_client_tls)
{
    static const struct {
        const char *label, *san;
        int from_days, to_days;
        bool other_roots, system_roots;
        bool trusted;
    } cases[] = {
        {"its address in it",         "IP:127.0.0.1",     -1,  30, false, false, true },
        {"another name",              "DNS:example.test", -1,  30, false, false, false},
        {"expired",                   "IP:127.0.0.1",     -30, -1, false, false, false},
        {"not yet valid",             "IP:127.0.0.1",     2,   30, false, false, false},
        {"a root that we do not use", "IP:127.0.0.1",     -1,  30, true,  false, false},
        {"a root that nobody uses",   "IP:127.0.0.1",     -1,  30, false, true,  false},
    };
    struct canned canned = {OK "Content-Length: 2\r\n\r\nok"};
    if (!have_libcurl())
        return;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_serve_test_identity own =
            http_serve_test_identity_make(cases[i].san, cases[i].from_days, cases[i].to_days);
        struct http_serve_test_identity other =
            http_serve_test_identity_make("DNS:other.test", -1, 30);
        struct arena *arena = arena_open(ARENA_BYTES_MAX);
        char roots[40];
        http_serve_test_roots(cases[i].other_roots ? &other : &own, roots);
        struct http_serve_test server = {.answer = answer_canned, .arg = &canned, .identity = &own};
        http_serve_test_open(&server);
        struct http_client_answer a = {0};
        struct http_client_request r = {.url = str_of(server.url), .ms_max = 20000};
        if (!cases[i].system_roots)
            r.ca_file = str_of(roots);
        err e = http_client_call(&r, arena, &a);
        if (cases[i].trusted)
            CHECK_DONE(e, cases[i].label);
        else
            CHECK(e && e->kind == ERR_TLS, cases[i].label);
        CHECK(__atomic_load_n(&server.requests, __ATOMIC_SEQ_CST) == cases[i].trusted,
              cases[i].label);
        http_serve_test_close(&server);
        unlink(roots);
        arena_close(arena);
        http_serve_test_identity_release(&own);
        http_serve_test_identity_release(&other);
        err_forget();
    }
}

TEST(http_client_url_host)
{
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"https://a.example/x?y#z",    "a.example"     },
        {"HTTPS://a.example:8200",     "a.example:8200"},
        {"http://[::1]:1/",            "[::1]:1"       },
        {"https://a.example?x",        "a.example"     },
        {"https://me:word@a.example/", ""              },
        {"https://a.example/@",        "a.example"     },
        {"https:/a.example",           ""              },
        {"ftp://a.example/",           ""              },
        {"",                           ""              },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(http_client_url_host(str_of(cases[i].url)), cases[i].host, cases[i].url);
}
