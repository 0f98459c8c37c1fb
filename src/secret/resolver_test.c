/* Stores on loopback, and what is remembered of them. */
#include "config/config.h"
#include "http/curl.h"
#include "http/serve_test.h"
#include "secret/aws_answer.h"
#include "secret/reference.h"
#include "secret/resolver.h"
#include "secret/sealed.h"
#include "secret/vault_answer.h"
#include "tests/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool have_libcurl(void)
{
    const struct http_curl *curl;
    err e = http_curl_open(&curl);
    if (e)
        test_skip("libcurl is not installed");
    err_forget();
    return e == NULL;
}

/* ---- answers ------------------------------------------------------------------------------ */

TEST(secret_vault_answer)
{
    static const struct {
        const char *label, *body, *field, *want;
        enum err_kind kind;
    } cases[] = {
  /* clang-format off */
        {"a field", "{\"data\":{\"data\":{\"p\":\"s3cret\",\"q\":\"x\"},\"metadata\":{\"version\":2}}}", "p", "s3cret", 0},
        {"the only field", "{\"data\":{\"data\":{\"p\":\"s3cret\"},\"metadata\":{}}}", "", "s3cret", 0},
        {"a number", "{\"data\":{\"data\":{\"p\":42},\"metadata\":{}}}", "p", "42", 0},
        {"which?", "{\"data\":{\"data\":{\"p\":\"s3cret\",\"q\":\"x\"},\"metadata\":{}}}", "", NULL, ERR_CONFIG},
        {"no such field", "{\"data\":{\"data\":{\"p\":\"s3cret\"},\"metadata\":{}}}", "q", NULL, ERR_CONFIG},
        {"a list", "{\"data\":{\"data\":{\"p\":[\"s3cret\"]},\"metadata\":{}}}", "p", NULL, ERR_CONFIG},
        {"deleted", "{\"data\":{\"data\":null,\"metadata\":{\"version\":2}}}", "p", NULL, ERR_CONFIG},
        {"version 1 of the engine", "{\"data\":{\"p\":\"s3cret\"}}", "p", NULL, ERR_PROTOCOL},
        {"a member twice", "{\"data\":{\"data\":{\"p\":\"s3cret\",\"p\":\"x\"},\"metadata\":{}}}", "p", NULL, ERR_PROTOCOL},
        {"no JSON", "s3cret", "p", NULL, ERR_PROTOCOL},
        {"too deep", "{\"data\":[[[[[[[[[[[[[[[[[\"s3cret\"]]]]]]]]]]]]]]]]]}", "p", NULL, ERR_PROTOCOL},
        {"empty", "", "p", NULL, ERR_PROTOCOL},
  /* clang-format on */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secret_vault_answer a;
        struct buf out;
        char why[256] = "";
        buf_init(&out, SECRET_BYTES_MAX);
        err e = secret_vault_answer_secret(str_of(cases[i].body), str_of(cases[i].field), &out, &a);
        if (cases[i].want) {
            CHECK_DONE(e, cases[i].label);
            CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
        } else {
            CHECK(e && e->kind == cases[i].kind && out.len == 0, cases[i].label);
            err_describe(e, why, sizeof why);
            CHECK(strstr(why, "s3cret") == NULL, cases[i].label);
        }
        secret_wipe(&out);
        err_forget();
    }
}

TEST(secret_aws_answer)
{
    static const struct {
        const char *body;
        enum secret_aws_refusal refusal;
    } cases[] = {
        {"{\"__type\":\"com.amazonaws#ThrottlingException\",\"message\":\"x\"}",
         SECRET_AWS_THROTTLED                                                                                   },
        {"{\"__type\":\"ResourceNotFoundException\"}",                                        SECRET_AWS_GONE   },
        {"{\"__type\":\"ExpiredTokenException\"}",                                            SECRET_AWS_EXPIRED},
        {"{\"__type\":\"RequestTimeTooSkewed\"}",                                             SECRET_AWS_SKEWED },
        {"{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: now\"}",
         SECRET_AWS_SKEWED                                                                                      },
        {"{\"__type\":\"InvalidSignatureException\",\"message\":\"no match\"}",               SECRET_AWS_OTHER  },
        {"{\"__type\":\"InvalidRequestException\",\"Message\":\"marked for deletion\"}",
         SECRET_AWS_GONE                                                                                        },
        {"no JSON",                                                                           SECRET_AWS_OTHER  },
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str name;
        CHECK(secret_aws_answer_refusal(str_of(cases[i].body), arena, &name) == cases[i].refusal,
              cases[i].body);
        err_forget();
    }
    struct secret_aws_credentials c;
    static const char file[] = "[default]\naws_access_key_id=A\n[mail] \r\n# mine\n"
                               "AWS_ACCESS_KEY_ID = B \naws_secret_access_key = S=\n"
                               "aws_session_token=T\n[other]\naws_access_key_id=C\n";
    CHECK(secret_aws_answer_profile(str_of(file), S("mail"), &c), "a profile");
    CHECK_STR(c.key_id, "B", "its key");
    CHECK_STR(c.secret, "S=", "its secret");
    CHECK_STR(c.token, "T", "its token");
    CHECK(!secret_aws_answer_profile(str_of(file), S("default"), &c), "half a profile");
    CHECK(!secret_aws_answer_profile(str_of(file), S("none"), &c), "no profile");
    arena_close(arena);
}

TEST(secret_reference_show)
{
    static const struct {
        const char *reference, *shown;
    } cases[] = {
        {"vault:secret/relay#password", "vault:secret/relay#password"},
        {"command:pass show -p s3cret", "command:pass …"           },
        {"command:pass",                "command:pass"               },
        {"s3cret",                      "(no reference)"             },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char shown[SECRET_REFERENCE_SHOWN_CHARS];
        secret_reference_show(str_of(cases[i].reference), shown);
        CHECK_STR(str_of(shown), cases[i].shown, cases[i].reference);
    }
}

/* ---- a store that changes its mind -------------------------------------------------------- */

static struct {
    int status; /* atomic */
    const char *body;
} store;

static void answer(void *arg, str request, struct buf *out)
{
    int status = __atomic_load_n(&store.status, __ATOMIC_SEQ_CST);
    (void)arg;
    CHECK(str_starts(request, S("GET /v1/kv/data/relay%20one HTTP/1.1\r\n")), "its path");
    CHECK(str_contains(request, S("X-Vault-Token: t0ken\r\n")), "its token");
    CHECK_DONE(buf_addf(out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", status,
                        strlen(store.body), store.body),
               "answer");
}

static const struct step {
    const char *label;
    int status;
    const char *body, *want;
    bool fresh, reload;
    int requests; /* of this step */
    bool kept, stale, changed;
} steps[] = {
#define SECRET(value) "{\"data\":{\"data\":{\"p\":\"" value "\"},\"metadata\":{\"version\":1}}}"
  /* clang-format off */
    {"asked",               200, SECRET("one"),   "one", false, false, 1, false, false, false},
    {"kept",                200, SECRET("two"),   "one", false, false, 0, true,  false, false},
    {"refused elsewhere",   200, SECRET("two"),   "two", true,  false, 1, false, false, false},
    {"a reload asks",       200, SECRET("three"), "three", false, true, 1, false, false, false},
    {"sealed",              503, "{\"errors\":[\"Vault is sealed\"]}", "three", true, false, 1, false, true, true},
    {"not asked at once",   200, SECRET("four"),  "three", true, false, 0, true,  true,  false},
    {"after a reload",      503, "",              "three", false, true, 1, false, true,  false},
    {"it is back",          200, SECRET("four"),  "four", false, true,  1, false, false, true},
    {"deleted",             404, "{\"data\":{\"data\":null,\"metadata\":{\"deletion_time\":\"x\"}}}", NULL, true, false, 1, false, false, false},
    {"and stays so",        503, "",              NULL,  false, true,   1, false, false, false},
  /* clang-format on */
};

static struct config *vault_config(const char *url)
{
    struct config *config = NULL;
    struct config_errors errors;
    char path[] = "/tmp/smtptool-secrets-XXXXXX", text[256];
    int fd = mkstemp(path);
    int n =
        snprintf(text, sizeof text,
                 "hostname: mail.example.com\n"
                 "secrets: { vault: { address: \"%s\", token: \"env:SMTPTOOL_TEST_TOKEN\" } }\n",
                 url);
    CHECK(fd >= 0 && write(fd, text, (size_t)n) == n, path);
    close(fd);
    config_errors_init(&errors);
    CHECK_DONE(config_load(str_of(path), &config, &errors), path);
    config_errors_release(&errors);
    unlink(path);
    return config;
}

static void run_step(struct secret_resolver *r, const struct config *config,
                     struct http_serve_test *server, const struct step *s)
{
    struct secret_resolver_told told = {0};
    struct buf got;
    int before = __atomic_load_n(&server->requests, __ATOMIC_SEQ_CST);
    store.body = s->body;
    __atomic_store_n(&store.status, s->status, __ATOMIC_SEQ_CST);
    if (s->reload)
        secret_resolver_set(r, config);
    buf_init(&got, SECRET_BYTES_MAX);
    err e = secret_resolver_read(r, S("vault:kv/relay one#p"), s->fresh, &got, &told);
    if (s->want) {
        CHECK_DONE(e, s->label);
        CHECK_STR(buf_str(&got), s->want, s->label);
    } else {
        CHECK(e != NULL && got.len == 0, s->label);
    }
    int after = __atomic_load_n(&server->requests, __ATOMIC_SEQ_CST);
    CHECK(after - before == s->requests, s->label);
    CHECK(told.kept == s->kept, s->label);
    CHECK(told.stale == s->stale && (told.why[0] != '\0') == s->stale, s->label);
    CHECK(told.changed == s->changed, s->label);
    secret_wipe(&got);
    err_forget();
}

TEST(secret_resolver_remembers)
{
    if (!have_libcurl())
        return;
    struct http_serve_test server = {.answer = answer};
    http_serve_test_open(&server);
    setenv("SMTPTOOL_TEST_TOKEN", "t0ken", 1);
    struct config *config = vault_config(server.url);
    if (config == NULL)
        return;
    struct secret_resolver *r = secret_resolver_open(config);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        run_step(r, config, &server, &steps[i]);
    secret_resolver_close(r);
    config_close(config);
    unsetenv("SMTPTOOL_TEST_TOKEN");
    http_serve_test_close(&server);
}

/* What is on this machine: each kind by its reference. A program that fails leaves the last value,
 * and sees no variable that a reference names. */
TEST(secret_resolver_kinds)
{
    char folder[] = "/tmp/smtptool-kinds-XXXXXX", path[64], reference[128];
    struct secret_resolver *r = secret_resolver_open(NULL);
    struct secret_resolver_told told;
    struct buf got;
    buf_init(&got, SECRET_BYTES_MAX);
    if (mkdtemp(folder) == NULL) {
        secret_resolver_close(r);
        return test_skip("no folder for a file");
    }
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    snprintf(path, sizeof path, "%s/relay", folder);
    setenv("NETRC", path, 1);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "machine a password s3cret\n", 26) == 26 && close(fd) == 0, path);
    CHECK_DONE(secret_resolver_read(r, S("credential:relay"), false, &got, NULL), "credential");
    CHECK_STR(buf_str(&got), "machine a password s3cret", "credential");
    secret_wipe(&got);
    CHECK_DONE(secret_resolver_read(r, S("netrc:a"), false, &got, NULL), "netrc");
    CHECK_STR(buf_str(&got), "s3cret", "netrc");
    secret_wipe(&got);
    CHECK(chmod(path, 0644) == 0, path);
    err e = secret_resolver_read(r, S("netrc:a"), false, &got, NULL);
    CHECK(e && e->kind == ERR_CONFIG && got.len == 0, "others may read it");
    CHECK(chmod(path, 0600) == 0, path);

    snprintf(reference, sizeof reference, "command:cat %s", path);
    CHECK_DONE(secret_resolver_read(r, str_of(reference), false, &got, &told), "command");
    CHECK(!told.kept && !told.stale, "asked");
    secret_wipe(&got);
    unlink(path);
    CHECK_DONE(secret_resolver_read(r, str_of(reference), false, &got, &told), "it fails");
    CHECK_STR(buf_str(&got), "machine a password s3cret", "the last good value");
    CHECK(told.stale && told.changed, "and says so");
    secret_wipe(&got);
    setenv("VAULT_TOKEN", "t0ken", 1);
    e = secret_resolver_read(r, S("command:sh -c 'printf %s \"$VAULT_TOKEN\"'"), false, &got, NULL);
    CHECK(e && got.len == 0, "no program sees another's secret");
    unsetenv("VAULT_TOKEN");
    e = secret_resolver_read(r, S("encrypted:/nonexistent/file#a"), false, &got, NULL);
    CHECK(e && e->kind == ERR_CONFIG, "no sealed file");
    unsetenv("NETRC");
    unsetenv("CREDENTIALS_DIRECTORY");
    rmdir(folder);
    secret_resolver_close(r);
    err_forget();
}

/* A keyring that is a folder: `secret-tool` as it is called, with a file for each entry. */
TEST(secret_resolver_keyring)
{
    static const char tool[] =
        "#!/bin/sh\n"
        "case $1 in\n"
        "lookup) [ \"$2 $4\" = 'service username' ] && cat \"$0-$3-$5\" ;;\n"
        "store) [ \"$3 $5\" = 'service username' ] && cat > \"$0-$4-$6\" ;;\n"
        "esac\n";
    char folder[] = "/tmp/smtptool-ring-XXXXXX", path[64], file[64], entry[100], before[1024];
    struct secret_resolver *r = secret_resolver_open(NULL);
    struct secret_sealed *sealed = NULL;
    struct buf got;
    buf_init(&got, SECRET_BYTES_MAX);
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    if (mkdtemp(folder) == NULL) {
        secret_resolver_close(r);
        return test_skip("no folder for a file");
    }
    setenv("PATH", "/nonexistent", 1);
    err e = secret_resolver_read(r, S("keyring:mail/me"), false, &got, NULL);
    CHECK(e && e->kind == ERR_CONFIG && strstr(e->text.ptr, "no secret-tool"),
          "says what is missing");
    snprintf(path, sizeof path, "%s/secret-tool", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0700);
    CHECK(fd >= 0 && write(fd, tool, strlen(tool)) == (ssize_t)strlen(tool) && close(fd) == 0,
          path);
    snprintf(entry, sizeof entry, "%s:/usr/bin:/bin", folder);
    setenv("PATH", entry, 1);
    e = secret_resolver_read(r, S("keyring:mail/me"), false, &got, NULL);
    CHECK(e && e->kind == ERR_CONFIG, "no such entry");
    snprintf(entry, sizeof entry, "%s-mail-me", path);
    fd = open(entry, O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0 && write(fd, "s3cret\n", 7) == 7 && close(fd) == 0, entry);
    CHECK_DONE(secret_resolver_read(r, S("keyring:mail/me"), false, &got, NULL), "an entry");
    CHECK_STR(buf_str(&got), "s3cret", "an entry");
    secret_wipe(&got);
    unlink(entry);

    /* A sealed file whose key is there: made, kept, found. */
    struct secret_unlock unlock = {SECRET_UNLOCK_KEYRING, S("team")};
    snprintf(file, sizeof file, "%s/sealed", folder);
    CHECK_DONE(secret_sealed_open(str_of(file), &unlock, true, &sealed), "a key is made");
    CHECK_DONE(secret_sealed_set(sealed, S("a"), S("one")), "set");
    secret_sealed_close(sealed);
    snprintf(entry, sizeof entry, "encrypted:%s#a", file);
    CHECK_DONE(secret_resolver_read(r, str_of(entry), false, &got, NULL), "and found");
    CHECK_STR(buf_str(&got), "one", "and found");
    secret_wipe(&got);
    setenv("PATH", before, 1);
    snprintf(entry, sizeof entry, "%s-smtptool-sealed-team", path);
    CHECK(unlink(entry) == 0 && unlink(file) == 0 && unlink(path) == 0 && rmdir(folder) == 0,
          "nothing else is there");
    secret_resolver_close(r);
    err_forget();
}
