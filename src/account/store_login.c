/* Checking a login. The order of work never depends on whether the user exists: the same queries,
 * then one yescrypt hash (against a dummy when there is no user). */
#include "account/store_own.h"
#include "base/mem.h"
#include "sasl/cram.h"
#include <string.h>

struct row {
    bool found;
    int64_t id; /* 0 when not found: no app password belongs to it */
    char hash[ACCOUNT_PASSWORD_HASH_CHARS];
    char cram_secret[SASL_PASSWORD_BYTES_MAX + 1]; /* empty: none */
    struct sasl_scram_verifier verifier;
    bool disabled, second_factor;
    int64_t app_id, app_used_ms; /* the app password that fits the claim; 0: none */
};

static bool take_key(str bytes, uint8_t ret_key[SASL_SCRAM_KEY_BYTES])
{
    if (bytes.len != SASL_SCRAM_KEY_BYTES)
        return false;
    memcpy(ret_key, bytes.ptr, bytes.len);
    return true;
}

static err take_columns(const struct account_sql *q, struct row *row)
{
    struct sasl_scram_verifier *v = &row->verifier;
    str salt = account_sql_blob(q, 2);
    int64_t iterations = account_sql_int(q, 3);
    if (salt.len == 0 || salt.len > sizeof v->salt || iterations < SASL_SCRAM_ITERATIONS_MIN ||
        iterations > SASL_SCRAM_ITERATIONS_MAX ||
        !take_key(account_sql_blob(q, 4), v->stored_key) ||
        !take_key(account_sql_blob(q, 5), v->server_key) ||
        !str_to_chars(account_sql_text(q, 1), row->hash, sizeof row->hash) ||
        !str_to_chars(account_sql_text(q, 6), row->cram_secret, sizeof row->cram_secret))
        return err_new(ERR_DAMAGED, "a user's row in the account database");
    memcpy(v->salt, salt.ptr, salt.len);
    v->salt_len = salt.len;
    v->iterations = (uint32_t)iterations;
    v->known = true;
    row->id = account_sql_int(q, 0);
    row->disabled = account_sql_int(q, 7);
    row->second_factor = account_sql_int(q, 8);
    row->found = true;
    return NULL;
}

static err read_user(struct account_store *store, str name, struct row *row)
{
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "SELECT id, hash, scram_salt, scram_iterations, scram_stored_key,"
                   " scram_server_key, cram_secret, disabled, second_factor"
                   " FROM users WHERE name = ?1");
    account_sql_bind_str(&q, 1, name);
    TRY(account_sql_row(&q, &found));
    if (found)
        return take_columns(&q, row);
    memcpy(row->hash, store->dummy_hash, sizeof row->hash);
    return NULL;
}

static err read_app_password(struct account_store *store, const struct keeper_claim *claim,
                             struct row *row)
{
    uint8_t hash[32];
    bool found = false;
    if (!account_store_token_hash(claim->password, hash))
        return NULL;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "SELECT id, last_used_ms FROM app_passwords"
                   " WHERE user_id = ?1 AND hash = ?2 AND scope = ?3 AND revoked_ms = 0");
    account_sql_bind_int(&q, 1, row->id);
    account_sql_bind_blob(&q, 2, (str){(char *)hash, sizeof hash});
    account_sql_bind_int(&q, 3, claim->scope);
    TRY(account_sql_row(&q, &found));
    if (found) {
        row->app_id = account_sql_int(&q, 0);
        row->app_used_ms = account_sql_int(&q, 1);
    }
    return NULL;
}

static err touch(struct account_store *store, int64_t app_id, int64_t now_ms)
{
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(store->db, "UPDATE app_passwords SET last_used_ms = ?2 WHERE id = ?1");
    account_sql_bind_int(&q, 1, app_id);
    account_sql_bind_int(&q, 2, now_ms);
    return account_sql_run(&q, NULL);
}

/* Everything that the claim needs, in one go under the lock. */
static err read_row(struct account_store *store, const struct keeper_claim *claim, str name,
                    struct arena *arena, struct row *row, struct keeper_verdict *verdict)
{
    ACCOUNT_SQL_LOCK(store);
    TRY(read_user(store, name, row));
    TRY(read_app_password(store, claim, row));
    verdict->user = row->found ? arena_str(arena, name) : (str){0};
    return account_store_senders(store, row->id, arena, &verdict->senders, &verdict->sender_count);
}

static enum keeper_reason judge_digest(const struct keeper_claim *claim, const struct row *row)
{
    char digest[SASL_CRAM_DIGEST_CHARS];
    bool kept = row->cram_secret[0] != '\0';
    bool made =
        sasl_cram_digest(kept ? str_of(row->cram_secret) : S("nobody"), claim->challenge, digest);
    bool same = made && sasl_scram_same((str){digest, sizeof digest}, claim->digest);
    if (!row->found)
        return KEEPER_UNKNOWN_USER;
    if (!kept)
        return KEEPER_NO_SECRET;
    return same ? KEEPER_RIGHT : KEEPER_WRONG_PASSWORD;
}

static enum keeper_reason judge_password(const struct keeper_claim *claim, const struct row *row)
{
    if (row->app_id && !row->disabled)
        return KEEPER_RIGHT;
    bool right = account_password_right(claim->password, str_of(row->hash)) || row->app_id;
    if (!row->found)
        return KEEPER_UNKNOWN_USER;
    return right ? KEEPER_RIGHT : KEEPER_WRONG_PASSWORD;
}

static enum keeper_reason judge(const struct keeper_claim *claim, const struct row *row)
{
    enum keeper_reason reason =
        claim->digest.len ? judge_digest(claim, row) : judge_password(claim, row);
    if (reason != KEEPER_RIGHT)
        return reason;
    if (row->disabled)
        return KEEPER_DISABLED;
    bool needs_app_password = row->second_factor && claim->scope == KEEPER_SUBMISSION;
    return needs_app_password && row->app_id == 0 ? KEEPER_SECOND_FACTOR : KEEPER_RIGHT;
}

/* The time of last use is a help for people; that it could not be written must not stop mail. */
static void note_use(struct account_store *store, const struct row *row)
{
    int64_t now_ms = clock_real_ms();
    if (row->app_id == 0 || now_ms - row->app_used_ms < ACCOUNT_STORE_TOUCH_MS)
        return;
    ACCOUNT_SQL_LOCK(store);
    err ignored = touch(store, row->app_id, now_ms);
    (void)ignored;
}

/* A name that nobody can have still costs a hash. */
static str name_or_nobody(str user, char chars[SASL_USER_BYTES_MAX])
{
    str name = {0};
    err e = account_store_name(user, chars, &name);
    return e ? (str){0} : name;
}

err account_store_verify(struct account_store *store, const struct keeper_claim *claim,
                         struct arena *arena, struct keeper_verdict *ret_verdict)
{
    char chars[SASL_USER_BYTES_MAX];
    struct row row = {0};
    struct keeper_verdict verdict = {0};
    err e = read_row(store, claim, name_or_nobody(claim->user, chars), arena, &row, &verdict);
    if (e == NULL) {
        verdict.reason = judge(claim, &row);
        if (verdict.reason == KEEPER_RIGHT) {
            verdict.app_password_id = row.app_id;
            note_use(store, &row);
        }
        *ret_verdict = verdict;
    }
    mem_wipe(&row, sizeof row);
    return e;
}

err account_store_scram(struct account_store *store, str user, enum keeper_scope scope,
                        struct arena *arena, struct keeper_scram *ret_scram)
{
    char chars[SASL_USER_BYTES_MAX];
    struct row row = {0};
    struct keeper_scram scram = {0};
    str name = name_or_nobody(user, chars);
    struct keeper_claim claim = {.user = name, .scope = scope};
    err e = read_row(store, &claim, name, arena, &row, &scram.verdict);
    if (e == NULL) {
        str key = {(char *)store->fake_key, sizeof store->fake_key};
        sasl_scram_verifier_fake(key, name,
                                 &scram.verifier); /* always, so that the work is the same */
        bool needs_app_password = row.second_factor && scope == KEEPER_SUBMISSION;
        scram.verdict.reason = !row.found           ? KEEPER_UNKNOWN_USER
                               : row.disabled       ? KEEPER_DISABLED
                               : needs_app_password ? KEEPER_SECOND_FACTOR
                                                    : KEEPER_RIGHT;
        if (scram.verdict.reason == KEEPER_RIGHT)
            scram.verifier = row.verifier;
        *ret_scram = scram;
    }
    mem_wipe(&row, sizeof row);
    mem_wipe(&scram, sizeof scram);
    return e;
}
