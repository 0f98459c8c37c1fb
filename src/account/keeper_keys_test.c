#include "account/keeper_keys.h"
#include "account/keeper_local.h"
#include "account/keeper_signer.h"
#include "config/config.h"
#include "config/text_test.h"
#include "mailauth/dkim_private.h"
#include "runtime/sim.h"
#include "secret/resolver.h"
#include "tests/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECOND_MS = 1000 };

static struct place { /* a state folder with two keys */
    char folder[64], dkim[80], domain[100], rsa[120], ed25519[120];
} at;

static void write_file(const char *path, str text, mode_t mode)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL, path);
    if (file == NULL)
        return;
    CHECK(fwrite(text.ptr, 1, text.len, file) == text.len, path);
    fclose(file);
    CHECK(chmod(path, mode) == 0, path);
}

static void make_key(const char *path, enum mailauth_dkim_algorithm algorithm)
{
    struct buf pem;
    buf_init(&pem, MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX);
    CHECK_DONE(mailauth_dkim_private_make(algorithm, &pem), path);
    write_file(path, buf_str(&pem), 0600);
    buf_release(&pem);
}

static void build(void)
{
    snprintf(at.folder, sizeof at.folder, "%s", "/tmp/keeper-keys-XXXXXX");
    CHECK(mkdtemp(at.folder) != NULL, "folder");
    snprintf(at.dkim, sizeof at.dkim, "%s/dkim", at.folder);
    snprintf(at.domain, sizeof at.domain, "%s/example.com", at.dkim);
    snprintf(at.rsa, sizeof at.rsa, "%s/r1.pem", at.domain);
    snprintf(at.ed25519, sizeof at.ed25519, "%s/e1.pem", at.domain);
    CHECK(mkdir(at.dkim, 0700) == 0 && mkdir(at.domain, 0700) == 0, "folders");
    make_key(at.rsa, MAILAUTH_DKIM_RSA);
    make_key(at.ed25519, MAILAUTH_DKIM_ED25519);
}

static void tear_down(void)
{
    unlink(at.rsa);
    unlink(at.ed25519);
    rmdir(at.domain);
    rmdir(at.dkim);
    rmdir(at.folder);
}

static err load_keys(struct keeper_keys *keys, const struct config *config)
{
    struct secret_resolver *secrets = secret_resolver_open(config);
    err e = keeper_keys_load(keys, secrets, config);
    secret_resolver_close(secrets);
    return e;
}

/* NULL text: no domains named. */
static const struct config *load(const char *domains)
{
    char text[600];
    snprintf(text, sizeof text, "hostname: mail.example.com\nstate: %s\n%s\n", at.folder,
             domains ? domains : "");
    return config_text_test(str_of(text));
}

static void check_refused(const char *domains, const char *why)
{
    struct keeper_keys *keys = keeper_keys_open();
    const struct config *config = load(domains);
    char told[500] = "";
    err e = load_keys(keys, config);
    CHECK(e != NULL, why);
    if (e)
        err_describe(e, told, sizeof told);
    CHECK(str_contains(str_of(told), str_of(why)), told);
    CHECK(!str_contains(str_of(told), S("PRIVATE")), "the key is not told");
    config_close(config);
    keeper_keys_close(keys);
}

TEST(keeper_keys_load)
{
    struct keeper_dkim_keys found;
    char named[300];
    struct arena *arena = arena_open(1 << 16);
    build();
    snprintf(named, sizeof named,
             "domains: { example.org: { dkim: [{ selector: s1, key: \"file:%s\" }] } }", at.rsa);
    const struct config *config = load(named);
    struct keeper_keys *keys = keeper_keys_open();
    keeper_keys_list(keys, S("example.com"), arena, &found);
    CHECK(found.count == 0, "nothing is loaded yet");
    CHECK_DONE(load_keys(keys, config), "load");
    keeper_keys_list(keys, S("example.com"), arena, &found);
    CHECK(found.count == 2, "those of the state folder");
    keeper_keys_list(keys, S("example.org"), arena, &found);
    CHECK(found.count == 1 && found.list[0].algorithm == MAILAUTH_DKIM_RSA, "the one named");
    CHECK_STR(found.list[0].selector, "s1", "its selector");
    config_close(config);

    check_refused("domains: { a.example: { dkim: [{ selector: x, key: \"env:NO_SUCH_KEY\" }] } }",
                  "the key x of a.example");
    write_file(at.rsa, S("no key at all"), 0600);
    check_refused(NULL, "the key r1 of example.com");
    unlink(at.rsa);
    CHECK(chmod(at.domain, 0770) == 0, "folder");
    check_refused(NULL, "may write to it"); /* attack 140 */
    CHECK(chmod(at.domain, 0700) == 0, "folder");
    chmod(at.ed25519, 0604);
    check_refused(NULL, "every user may read");
    config = load(NULL);
    CHECK(load_keys(keys, config) != NULL, "a reload that fails");
    err_forget();
    keeper_keys_list(keys, S("example.com"), arena, &found);
    CHECK(found.count == 2, "leaves the old ones");
    config_close(config);
    keeper_keys_close(keys);
    arena_close(arena);
    tear_down();
}

/* A signature by way of the seam is the one that the key itself makes. */
static void check_signature(const struct keeper *keeper, const struct keeper_dkim_key *key)
{
    static const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES] = {1, 2, 3};
    struct keeper_signer signer;
    struct mailauth_dkim_private *private = NULL;
    struct buf pem, asked, own;
    struct arena *arena = arena_open(1 << 16);
    char *room;
    buf_init(&pem, 1 << 16);
    buf_init(&asked, 1 << 12);
    buf_init(&own, 1 << 12);
    FILE *file = fopen(key->algorithm == MAILAUTH_DKIM_RSA ? at.rsa : at.ed25519, "rb");
    CHECK_DONE(buf_reserve(&pem, 8192, &room), "room");
    pem.len = file ? fread(room, 1, 8192, file) : 0;
    if (file)
        fclose(file);
    keeper_signer_init(&signer, keeper, S("example.com"), key);
    deadline until = deadline_after(60 * SECOND_MS);
    CHECK_DONE(signer.signer.sign(&signer.signer, digest, &asked, until), "asked");
    CHECK_DONE(mailauth_dkim_private_read(buf_str(&pem), arena, &private), "key");
    struct mailauth_dkim_signer *direct = mailauth_dkim_private_signer(private);
    CHECK_DONE(direct->sign(direct, digest, &own, until), "own");
    CHECK(asked.len > 0 && str_eq(buf_str(&asked), buf_str(&own)), "the same signature");
    buf_release(&pem);
    buf_release(&asked);
    buf_release(&own);
    arena_close(arena);
}

static void ask(void *arg)
{
    struct keeper_local *local = NULL;
    struct keeper_dkim_keys keys;
    struct buf out;
    struct arena *arena = arena_open(1 << 16);
    deadline until = deadline_after(60 * SECOND_MS);
    const struct config *config = load(NULL);
    (void)arg;
    CHECK_DONE(keeper_local_open(NULL, NULL, 0, &local), "keeper");
    CHECK_DONE(keeper_local_load_keys(local, config), "keys");
    const struct keeper *keeper = keeper_local_seam(local);
    CHECK_DONE(keeper_dkim_keys(keeper, S("example.com"), arena, &keys, until), "ask");
    CHECK(keys.count == 2 && keys.list[0].algorithm != keys.list[1].algorithm, "both");
    for (size_t i = 0; i < keys.count; i++)
        check_signature(keeper, &keys.list[i]);

    buf_init(&out, 1 << 12);
    struct keeper_digest wrong = {.domain = S("example.net"), .selector = S("r1")};
    err e = keeper_dkim_sign(keeper, &wrong, &out, until);
    CHECK(e && e->kind == ERR_CONFIG, "no such domain");
    wrong = (struct keeper_digest){.domain = S("example.com"), .selector = S("zz")};
    e = keeper_dkim_sign(keeper, &wrong, &out, until);
    CHECK(e && e->kind == ERR_CONFIG, "no such selector");
    wrong.selector = S("r1");
    wrong.algorithm = MAILAUTH_DKIM_ED25519;
    e = keeper_dkim_sign(keeper, &wrong, &out, until);
    CHECK(e && e->kind == ERR_CONFIG, "another algorithm");
    CHECK(out.len == 0, "nothing was signed");
    CHECK_DONE(keeper_dkim_keys(keeper, S("example.net"), arena, &keys, until), "ask");
    CHECK(keys.count == 0, "none");
    buf_release(&out);
    config_close(config);
    keeper_local_close(local);
    arena_close(arena);
    err_forget();
}

TEST(keeper_keys_sign)
{
    build();
    sim_run(1, ask, NULL);
    tear_down();
}
