/* App passwords: 160 random bits, shown once as base32. So much randomness cannot be guessed at,
 * which makes one SHA-256 enough: a slow hash only helps passwords that people think up. */
#include "account/store_own.h"
#include "base/mem.h"
#include "base/rand.h"
#include "sasl/text.h"
#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

enum {
    TOKEN_BYTES = 20,
    TOKEN_DIGITS = 32, /* of five bits each */
    GROUP_DIGITS = 4,
};
static_assert(TOKEN_BYTES * 8 == TOKEN_DIGITS * 5, "no bits are left over");
static_assert(TOKEN_DIGITS + TOKEN_DIGITS / GROUP_DIGITS == ACCOUNT_APP_PASSWORD_CHARS,
              "hyphens between the groups and a NUL at the end");
static_assert(SHA256_DIGEST_LENGTH == 32, "the size of a token's hash");

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 section 6 */

static void draw_digits(char ret_digits[TOKEN_DIGITS])
{
    uint8_t bytes[TOKEN_DIGITS];
    rand_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < TOKEN_DIGITS; i++)
        ret_digits[i] = alphabet[bytes[i] & 31];
    mem_wipe(bytes, sizeof bytes);
}

static void group(const char digits[TOKEN_DIGITS], char ret_token[ACCOUNT_APP_PASSWORD_CHARS])
{
    size_t used = 0;
    for (size_t i = 0; i < TOKEN_DIGITS; i++) {
        if (i > 0 && i % GROUP_DIGITS == 0)
            ret_token[used++] = '-';
        ret_token[used++] = digits[i];
    }
    ret_token[used] = '\0';
}

bool account_store_token_hash(str text, uint8_t ret_hash[32])
{
    char digits[TOKEN_DIGITS];
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = char_lower(text.ptr[i]);
        if (c == ' ' || c == '-')
            continue;
        if (count == TOKEN_DIGITS || c == '\0' || strchr(alphabet, c) == NULL)
            return false;
        digits[count++] = c;
    }
    if (count != TOKEN_DIGITS)
        return false;
    SHA256((const unsigned char *)digits, sizeof digits, ret_hash);
    mem_wipe(digits, sizeof digits);
    return true;
}

static err insert(struct account_store *store, int64_t user_id, str label, enum keeper_scope scope,
                  str hash)
{
    int changed = 0;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "INSERT INTO app_passwords (user_id, label, scope, hash, created_ms)"
                   " SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM app_passwords"
                   " WHERE user_id = ?1 AND revoked_ms = 0) < ?6");
    account_sql_bind_int(&q, 1, user_id);
    account_sql_bind_str(&q, 2, label);
    account_sql_bind_int(&q, 3, scope);
    account_sql_bind_blob(&q, 4, hash);
    account_sql_bind_int(&q, 5, clock_real_ms());
    account_sql_bind_int(&q, 6, ACCOUNT_APP_PASSWORDS_MAX);
    TRY(account_sql_run(&q, &changed));
    if (changed == 0)
        return err_new(ERR_CONFIG, "this user has %d app passwords already",
                       ACCOUNT_APP_PASSWORDS_MAX);
    return NULL;
}

err account_store_app_add(struct account_store *store, str user, str label, enum keeper_scope scope,
                          char ret_token[ACCOUNT_APP_PASSWORD_CHARS], int64_t *ret_id)
{
    char digits[TOKEN_DIGITS];
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int64_t user_id = 0;
    err e = sasl_text_check(label, ACCOUNT_LABEL_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "the label: %.*s", STR_ARG(e->text));
    draw_digits(digits);
    bool formed = account_store_token_hash((str){digits, sizeof digits}, hash);
    ASSERT(formed);
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &user_id));
    TRY(insert(store, user_id, label, scope, (str){(char *)hash, sizeof hash}));
    group(digits, ret_token);
    mem_wipe(digits, sizeof digits);
    *ret_id = sqlite3_last_insert_rowid(store->db);
    return NULL;
}

static err count_rows(struct account_store *store, int64_t user_id, size_t *ret_count)
{
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(store->db, "SELECT count(*) FROM app_passwords WHERE user_id = ?1");
    account_sql_bind_int(&q, 1, user_id);
    TRY(account_sql_row(&q, &found));
    *ret_count = found ? (size_t)account_sql_int(&q, 0) : 0;
    return NULL;
}

err account_store_app_list(struct account_store *store, str user, struct arena *arena,
                           struct account_app_password **ret_list, size_t *ret_count)
{
    int64_t user_id = 0;
    size_t most = 0, count = 0;
    bool found = false;
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &user_id));
    TRY(count_rows(store, user_id, &most));
    struct account_app_password *list = ARENA_ARRAY(arena, struct account_app_password, most + 1);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(store->db, "SELECT id, label, scope, created_ms, last_used_ms, revoked_ms"
                                     " FROM app_passwords WHERE user_id = ?1 ORDER BY id");
    account_sql_bind_int(&q, 1, user_id);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == most)
            break;
        list[count++] = (struct account_app_password){
            .id = account_sql_int(&q, 0),
            .label = arena_str(arena, account_sql_text(&q, 1)),
            .scope = (enum keeper_scope)account_sql_int(&q, 2),
            .created_ms = account_sql_int(&q, 3),
            .last_used_ms = account_sql_int(&q, 4),
            .revoked_ms = account_sql_int(&q, 5),
        };
    }
    *ret_list = list;
    *ret_count = count;
    return NULL;
}

err account_store_app_revoke(struct account_store *store, str user, int64_t id)
{
    int64_t user_id = 0;
    int changed = 0;
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &user_id));
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(store->db, "UPDATE app_passwords SET revoked_ms = ?3"
                                     " WHERE id = ?1 AND user_id = ?2 AND revoked_ms = 0");
    account_sql_bind_int(&q, 1, id);
    account_sql_bind_int(&q, 2, user_id);
    account_sql_bind_int(&q, 3, clock_real_ms());
    TRY(account_sql_run(&q, &changed));
    return changed ? NULL
                   : err_new(ERR_CONFIG, "there is no app password %lld in use", (long long)id);
}
