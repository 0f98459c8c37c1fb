#include "account/keeper_local.h"
#include "account/password.h"
#include "account/store.h"
#include "runtime/loop.h"
#include "runtime/sim.h"
#include "secret/secret.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

struct seen {
    const struct keeper *keeper;
    enum keeper_reason right, wrong, unknown;
    bool sender_own, scram_known, secret_right, refused, timed_out;
    char app_token[ACCOUNT_APP_PASSWORD_CHARS];
};

static enum keeper_reason login(const struct keeper *k, str user, str password, struct seen *seen)
{
    struct arena *arena = arena_open(64 * 1024);
    struct keeper_verdict v = {.reason = KEEPER_REASON_COUNT};
    struct keeper_claim claim = {.user = user, .password = password};
    CHECK_DONE(keeper_check_login(k, &claim, arena, &v, deadline_after(30000)), "login");
    if (v.reason == KEEPER_RIGHT)
        seen->sender_own = v.sender_count == 1 && str_eq(v.senders[0], S("own"));
    enum keeper_reason reason = v.reason;
    arena_close(arena);
    return reason;
}

static void calls(void *arg)
{
    struct seen *seen = arg;
    struct arena *arena = arena_open(64 * 1024);
    struct keeper_scram scram = {0};
    struct buf secret;
    seen->right = login(seen->keeper, S("Bob@example.com"), S("correct horse"), seen);
    seen->wrong = login(seen->keeper, S("bob@example.com"), S("incorrect"), seen);
    seen->unknown = login(seen->keeper, S("eve@example.com"), S("correct horse"), seen);
    CHECK_DONE(keeper_scram_lookup(seen->keeper, S("bob@example.com"), KEEPER_SUBMISSION, arena,
                                   &scram, deadline_after(30000)),
               "scram");
    seen->scram_known = scram.verifier.known;
    buf_init(&secret, SECRET_BYTES_MAX);
    CHECK_DONE(
        keeper_secret(seen->keeper, S("env:SMTPTOOL_TEST_LOCAL"), &secret, deadline_after(30000)),
        "secret");
    seen->secret_right = str_eq(buf_str(&secret), S("s3cret"));
    secret_wipe(&secret);
    err e = keeper_secret(seen->keeper, S("file:/etc/passwd"), &secret, deadline_after(30000));
    seen->refused = e && e->kind == ERR_CONFIG && secret.len == 0;
    struct keeper_claim late = {.user = S("bob@example.com"), .password = S("correct horse")};
    struct keeper_verdict v;
    e = keeper_check_login(seen->keeper, &late, arena, &v, deadline_after(0));
    seen->timed_out = e && e->kind == ERR_TIMEOUT;
    secret_wipe(&secret);
    arena_close(arena);
}

/* The login that came too late is still being checked, and its end is a note to the loop. */
static void settle(void *arg)
{
    const uint64_t *work = arg;
    for (int i = 0; i < 1000 && account_password_work() < *work; i++)
        CHECK_DONE(fiber_sleep(deadline_after(10)), "sleep");
    CHECK(account_password_work() == *work, "one hash for each login");
    CHECK_DONE(fiber_sleep(deadline_after(100)), "sleep");
}

static struct keeper_local *open_keeper(char folder[32])
{
    char path[64];
    struct account_store *store = NULL;
    struct keeper_local *k = NULL;
    snprintf(folder, 32, "/tmp/keeper-local-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/accounts.db", folder);
    setenv("SMTPTOOL_TEST_LOCAL", "s3cret", 1);
    CHECK_DONE(account_store_open(str_of(path), &store), "open");
    CHECK_DONE(account_store_add(store, S("bob@example.com"), S("correct horse"), false), "add");
    str references[] = {S("env:SMTPTOOL_TEST_LOCAL")};
    CHECK_DONE(keeper_local_open(store, references, 1, &k), "keeper");
    return k;
}

static void clear_folder(const char *folder)
{
    static const char *const names[] = {"accounts.db", "accounts.db-wal", "accounts.db-shm"};
    char path[64];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void check_seen(const struct seen *seen, const char *label)
{
    CHECK(seen->right == KEEPER_RIGHT, label);
    CHECK(seen->sender_own, label);
    CHECK(seen->wrong == KEEPER_WRONG_PASSWORD, label);
    CHECK(seen->unknown == KEEPER_UNKNOWN_USER, label);
    CHECK(seen->scram_known, label);
    CHECK(seen->secret_right, label);
    CHECK(seen->refused, label); /* attack 145 */
    CHECK(seen->timed_out, label);
}

TEST(keeper_local)
{
    char folder[32];
    struct keeper_local *k = open_keeper(folder);
    struct seen seen = {.keeper = keeper_local_seam(k)};
    struct loop *l = loop_open(NULL);
    uint64_t work = account_password_work() + 4;
    loop_run(l, "test", calls, &seen);
    keeper_local_close(k); /* the late login may still be hashing: it has the store */
    loop_run(l, "settle", settle, &work);
    loop_close(l);
    check_seen(&seen, "on the job pool");
    clear_folder(folder);
}

TEST(keeper_local_simulated)
{
    char folder[32];
    struct keeper_local *k = open_keeper(folder);
    struct seen seen = {.keeper = keeper_local_seam(k)};
    sim_run(7, calls, &seen);
    keeper_local_close(k);
    check_seen(&seen, "in the simulation");
    clear_folder(folder);
}
