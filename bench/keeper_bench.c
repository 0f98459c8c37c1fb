/* bench/keeper_bench.c -- logins per second: the keeper in this process, and in a second one
 *
 * keeper-bench [ROUNDS]: in each round (default 7) every kind of login has a second, by 16 fibers
 * of one loop; one process and two take turns, so that what else the machine does meets both alike.
 * Printed are the median of the rounds and the lowest and highest. "TLS 1.3" rows do a whole
 * handshake before each login, both ends in this process (P-256).
 */
#include "account/keeper_local.h"
#include "account/keeper_process.h"
#include "account/keeper_remote.h"
#include "account/store.h"
#include "config/config.h"
#include "runtime/loop.h"
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIBERS = 16, ROUNDS_MAX = 100 };

struct run {
    const struct keeper *keeper;
    str password;
    SSL_CTX *server, *client; /* NULL: no handshake */
    int64_t until_ms;
    int done, failed;
};

static SSL_CTX *server_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static bool handshake(struct run *r)
{
    BIO *near, *far;
    SSL *client = SSL_new(r->client), *server = SSL_new(r->server);
    BIO_new_bio_pair(&near, 0, &far, 0);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    int turns = 0;
    while (turns++ < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server))) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    bool done = SSL_is_init_finished(client) && SSL_is_init_finished(server);
    SSL_free(client);
    SSL_free(server);
    return done;
}

static void log_in_again_and_again(void *arg)
{
    struct run *r = arg;
    struct arena *arena = arena_open(64 * 1024);
    while (clock_steady_ms() < r->until_ms) {
        struct keeper_claim claim = {.user = S("bob@example.com"), .password = r->password};
        struct keeper_verdict v = {0};
        bool secure = r->server == NULL || handshake(r);
        err e = keeper_check_login(r->keeper, &claim, arena, &v, deadline_after(60000));
        if (!secure || e || v.reason != KEEPER_RIGHT)
            r->failed++;
        else
            r->done++;
        arena_reset(arena);
        err_forget();
    }
    arena_close(arena);
}

static void run_fibers(void *arg)
{
    struct group fibers;
    group_init(&fibers);
    for (int i = 0; i < FIBERS; i++)
        fiber_spawn(&fibers, "login", log_in_again_and_again, arg);
    err e = group_wait(&fibers, DEADLINE_NEVER);
    (void)e;
    group_close(&fibers);
}

struct row {
    const char *label;
    const struct keeper *keeper;
    str password;
    bool tls;
    double rates[ROUNDS_MAX];
    int failed;
};

static void measure(struct row *row, int round)
{
    struct run r = {.keeper = row->keeper, .password = row->password};
    if (row->tls) {
        r.server = server_context();
        r.client = SSL_CTX_new(TLS_client_method());
    }
    struct loop *l = loop_open(NULL);
    int64_t start_ms = clock_steady_ms();
    r.until_ms = start_ms + 1000;
    loop_run(l, "bench", run_fibers, &r);
    row->rates[round] = r.done * 1000.0 / (double)(clock_steady_ms() - start_ms);
    row->failed += r.failed;
    loop_close(l);
    SSL_CTX_free(r.server);
    SSL_CTX_free(r.client);
}

static int by_rate(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void show(struct row *row, int rounds)
{
    qsort(row->rates, (size_t)rounds, sizeof row->rates[0], by_rate);
    printf("%-42s %7.0f logins/s (%.0f to %.0f)%s\n", row->label, row->rates[rounds / 2],
           row->rates[0], row->rates[rounds - 1], row->failed ? "  SOME FAILED" : "");
}

static void die(err e)
{
    char why[256];
    if (e == NULL)
        return;
    err_describe(e, why, sizeof why);
    fprintf(stderr, "keeper-bench: %s\n", why);
    _exit(1);
}

/* One process and two by turns; then the app password; then with TLS. */
static struct row rows[] = {
    {"one process, password"},
    {"two processes, password"},
    {"one process, app password"},
    {"two processes, app password"},
    {"one process, TLS 1.3, password"},
    {"two processes, TLS 1.3, password"},
    {"one process, TLS 1.3, app password"},
    {"two processes, TLS 1.3, app password"},
};

static void measure_all(struct keeper_process *p, str path, str token, int rounds)
{
    struct account_store *store = NULL;
    struct keeper_local *local = NULL;
    struct keeper_remote *remote = NULL;
    die(keeper_process_ready(p));
    die(account_store_open(path, &store));
    die(keeper_local_open(store, NULL, 0, &local));
    die(keeper_remote_open(p->requests_fd, &remote));
    const struct keeper *one = keeper_local_seam(local), *two = keeper_remote_seam(remote);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].keeper = i % 2 ? two : one;
        rows[i].password = i / 2 % 2 ? token : S("correct horse");
        rows[i].tls = i / 4 % 2;
    }
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            measure(&rows[i], round);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        show(&rows[i], rounds);
    keeper_remote_close(remote);
    keeper_local_close(local);
    keeper_process_close(p);
}

static void prepare(str path, char token[ACCOUNT_APP_PASSWORD_CHARS])
{
    struct account_store *store = NULL;
    int64_t id;
    die(account_store_open(path, &store));
    die(account_store_add(store, S("bob@example.com"), S("correct horse"), false));
    die(account_store_app_add(store, S("bob@example.com"), S("bench"), KEEPER_SUBMISSION, token,
                              &id));
    account_store_close(store);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/keeper-bench-XXXXXX", path[64], token[ACCOUNT_APP_PASSWORD_CHARS];
    uint64_t rounds = 7;
    if (argc > 1 && (!str_to_u64(str_of(argv[1]), ROUNDS_MAX, &rounds) || rounds == 0))
        return 64;
    if (mkdtemp(folder) == NULL)
        return 73;
    snprintf(path, sizeof path, "%s/accounts.db", folder);
    prepare(str_of(path), token);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct keeper_process p;
    die(keeper_process_fork(&p));
    if (p.is_main) {
        measure_all(&p, str_of(path), str_of(token), (int)rounds);
        return 0;
    }
    struct config *config = config_default();
    struct keeper_process_options options = {.config = config, .store_path = str_of(path)};
    int status = keeper_process_run(&p, &options);
    config_close(config);
    static const char *const names[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, names[i]);
        unlink(name);
    }
    rmdir(folder);
    return status;
}
