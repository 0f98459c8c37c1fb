#include "account/sql_file.h"
#include "account/store_own.h"
#include "base/mem.h"
#include "base/rand.h"
#include "sasl/name.h"
#include "sasl/text.h"
#include <string.h>

/* One step for each version of the layout; PRAGMA user_version counts the steps done. */
static const char *const migrations[] = {
    "CREATE TABLE users ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  hash TEXT NOT NULL,"
    "  scram_salt BLOB NOT NULL,"
    "  scram_iterations INTEGER NOT NULL,"
    "  scram_stored_key BLOB NOT NULL,"
    "  scram_server_key BLOB NOT NULL,"
    "  cram_secret TEXT,"
    "  disabled INTEGER NOT NULL DEFAULT 0,"
    "  second_factor INTEGER NOT NULL DEFAULT 0,"
    "  created_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE senders ("
    "  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,"
    "  pattern TEXT NOT NULL,"
    "  PRIMARY KEY (user_id, pattern)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE app_passwords ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,"
    "  label TEXT NOT NULL,"
    "  scope INTEGER NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  created_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL DEFAULT 0,"
    "  revoked_ms INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX app_passwords_by_hash ON app_passwords (user_id, hash);"
    "CREATE TABLE keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "INSERT INTO keys VALUES ('fake', randomblob(32));",
};

err account_store_name(str user, char ret_chars[SASL_USER_BYTES_MAX], str *ret_name)
{
    err e = sasl_text_check(user, SASL_USER_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "the user name: %.*s", STR_ARG(e->text));
    size_t len;
    if (!sasl_name_fold(user, ret_chars, SASL_USER_BYTES_MAX, &len))
        return err_new(ERR_CONFIG, "the user name is too long");
    *ret_name = (str){ret_chars, len};
    return NULL;
}

/* -- opening ---------------------------------------------------------------------------------- */

static err read_fake_key(struct account_store *store)
{
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(store->db, "SELECT value FROM keys WHERE name = 'fake'");
    TRY(account_sql_row(&q, &found));
    str key = found ? account_sql_blob(&q, 0) : (str){0};
    if (key.len != sizeof store->fake_key)
        return err_new(ERR_DAMAGED, "the account database has lost its key");
    memcpy(store->fake_key, key.ptr, key.len);
    return NULL;
}

static err open_database(struct account_store *store, const char *path)
{
    const struct account_sql_file file = {.path = path,
                                          .make = true,
                                          .synced = true,
                                          .secret = true,
                                          .migrations = migrations,
                                          .migration_count = ARRAY_LEN(migrations)};
    TRY(account_sql_file_open(&file, &store->db));
    return read_fake_key(store);
}

static err make_dummy(struct account_store *store)
{
    char text[33] = {0};
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + rand_below(26));
    return account_password_hash(str_of(text), store->dummy_hash);
}

err account_store_open(str path, struct account_store **ret_store)
{
    char chars[ACCOUNT_STORE_PATH_BYTES_MAX];
    if (!str_to_chars(path, chars, sizeof chars))
        return err_new(ERR_CONFIG, "the path of the account database is too long");
    struct account_store *store = MEM_NEW(struct account_store);
    pthread_mutex_init(&store->lock, NULL);
    err e = open_database(store, chars);
    if (e == NULL)
        e = make_dummy(store);
    if (e)
        account_store_close(store);
    else
        *ret_store = store;
    return e;
}

void account_store_close(struct account_store *store)
{
    if (store == NULL)
        return;
    sqlite3_close_v2(store->db);
    pthread_mutex_destroy(&store->lock);
    mem_wipe(store, sizeof *store);
    mem_free(store);
}

/* -- users ------------------------------------------------------------------------------------ */

struct new_password {
    char hash[ACCOUNT_PASSWORD_HASH_CHARS];
    struct sasl_scram_verifier verifier;
};

static err prepare(str password, struct new_password *p)
{
    uint8_t salt[SASL_SCRAM_SALT_BYTES];
    err e = sasl_text_check(password, SASL_PASSWORD_BYTES_MAX);
    if (e)
        return err_new(ERR_CONFIG, "the password: %.*s", STR_ARG(e->text));
    rand_bytes(salt, sizeof salt);
    TRY(account_password_hash(password, p->hash));
    sasl_scram_verifier_make(password, (str){(char *)salt, sizeof salt}, SASL_SCRAM_ITERATIONS,
                             &p->verifier);
    return NULL;
}

/* Places 2 to 7, the same in INSERT and UPDATE; a place that is not bound is NULL. */
static void bind_password(struct account_sql *q, const struct new_password *p, str cram_secret)
{
    const struct sasl_scram_verifier *v = &p->verifier;
    account_sql_bind_str(q, 2, str_of(p->hash));
    account_sql_bind_blob(q, 3, (str){(const char *)v->salt, v->salt_len});
    account_sql_bind_int(q, 4, v->iterations);
    account_sql_bind_blob(q, 5, (str){(const char *)v->stored_key, sizeof v->stored_key});
    account_sql_bind_blob(q, 6, (str){(const char *)v->server_key, sizeof v->server_key});
    if (cram_secret.len)
        account_sql_bind_str(q, 7, cram_secret);
}

static err insert_user(struct account_store *store, str name, const struct new_password *p,
                       str cram_secret)
{
    int changed = 0;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "INSERT INTO users (name, hash, scram_salt, scram_iterations, scram_stored_key,"
                   " scram_server_key, cram_secret, created_ms)"
                   " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8"
                   " WHERE (SELECT count(*) FROM users) < ?9 ON CONFLICT DO NOTHING");
    account_sql_bind_str(&q, 1, name);
    bind_password(&q, p, cram_secret);
    account_sql_bind_int(&q, 8, clock_real_ms());
    account_sql_bind_int(&q, 9, ACCOUNT_USERS_MAX);
    TRY(account_sql_run(&q, &changed));
    if (changed == 0)
        return err_new(ERR_CONFIG, "%.*s exists already, or there are %d users", STR_ARG(name),
                       ACCOUNT_USERS_MAX);
    return NULL;
}

static err insert_sender(struct account_store *store, int64_t user_id, str pattern)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "INSERT OR IGNORE INTO senders (user_id, pattern) VALUES (?1, ?2)");
    account_sql_bind_int(&q, 1, user_id);
    account_sql_bind_str(&q, 2, pattern);
    return account_sql_run(&q, NULL);
}

static err add_in_transaction(struct account_store *store, str name, const struct new_password *p,
                              str cram_secret)
{
    TRY(account_sql_file_begin(store->db));
    err e = insert_user(store, name, p, cram_secret);
    if (e == NULL)
        e = insert_sender(store, sqlite3_last_insert_rowid(store->db), S("own"));
    return account_sql_file_end(store->db, e);
}

err account_store_add(struct account_store *store, str user, str password, bool keep_cram_secret)
{
    char chars[SASL_USER_BYTES_MAX];
    str name;
    struct new_password p;
    TRY(account_store_name(user, chars, &name));
    TRY(prepare(password, &p));
    ACCOUNT_SQL_LOCK(store);
    err e = add_in_transaction(store, name, &p, keep_cram_secret ? password : (str){0});
    mem_wipe(&p, sizeof p);
    return e;
}

err account_store_user_id(struct account_store *store, str user, int64_t *ret_id)
{
    char chars[SASL_USER_BYTES_MAX];
    str name;
    bool found = false;
    TRY(account_store_name(user, chars, &name));
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(store->db, "SELECT id FROM users WHERE name = ?1");
    account_sql_bind_str(&q, 1, name);
    TRY(account_sql_row(&q, &found));
    if (!found)
        return err_new(ERR_CONFIG, "there is no user %.*s", STR_ARG(name));
    *ret_id = account_sql_int(&q, 0);
    return NULL;
}

/* A change of one row: ?1 is the user's id, ?2 a number. */
static err change(struct account_store *store, str user, const char *text, int64_t value)
{
    int64_t id = 0;
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &id));
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(store->db, text);
    account_sql_bind_int(&q, 1, id);
    account_sql_bind_int(&q, 2, value);
    return account_sql_run(&q, NULL);
}

err account_store_remove(struct account_store *store, str user)
{
    return change(store, user, "DELETE FROM users WHERE id = ?1 AND ?2 = 1", 1);
}

err account_store_set_disabled(struct account_store *store, str user, bool disabled)
{
    return change(store, user, "UPDATE users SET disabled = ?2 WHERE id = ?1", disabled);
}

err account_store_set_second_factor(struct account_store *store, str user, bool on)
{
    return change(store, user, "UPDATE users SET second_factor = ?2 WHERE id = ?1", on);
}

static err update_password(struct account_store *store, str user, const struct new_password *p,
                           str cram_secret)
{
    int64_t id = 0;
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &id));
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "UPDATE users SET hash = ?2, scram_salt = ?3, scram_iterations = ?4,"
                   " scram_stored_key = ?5, scram_server_key = ?6, cram_secret = ?7 WHERE id = ?1");
    account_sql_bind_int(&q, 1, id);
    bind_password(&q, p, cram_secret);
    return account_sql_run(&q, NULL);
}

err account_store_set_password(struct account_store *store, str user, str password,
                               bool keep_cram_secret)
{
    struct new_password p;
    TRY(prepare(password, &p));
    err e = update_password(store, user, &p, keep_cram_secret ? password : (str){0});
    mem_wipe(&p, sizeof p);
    return e;
}

static err replace_senders(struct account_store *store, int64_t id, const str *patterns,
                           size_t count)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(store->db, "DELETE FROM senders WHERE user_id = ?1");
    account_sql_bind_int(&q, 1, id);
    TRY(account_sql_run(&q, NULL));
    for (size_t i = 0; i < count; i++)
        TRY(insert_sender(store, id, patterns[i]));
    return NULL;
}

err account_store_set_senders(struct account_store *store, str user, const str *patterns,
                              size_t count)
{
    int64_t id = 0;
    if (count > ACCOUNT_SENDERS_MAX)
        return err_new(ERR_CONFIG, "more than %d sender patterns", ACCOUNT_SENDERS_MAX);
    for (size_t i = 0; i < count; i++)
        TRY(account_sender_check(patterns[i]));
    ACCOUNT_SQL_LOCK(store);
    TRY(account_store_user_id(store, user, &id));
    TRY(account_sql_file_begin(store->db));
    return account_sql_file_end(store->db, replace_senders(store, id, patterns, count));
}

err account_store_senders(struct account_store *store, int64_t user_id, struct arena *arena,
                          str **ret_senders, size_t *ret_count)
{
    str *senders = ARENA_ARRAY(arena, str, ACCOUNT_SENDERS_MAX);
    size_t count = 0;
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "SELECT pattern FROM senders WHERE user_id = ?1 ORDER BY pattern LIMIT ?2");
    account_sql_bind_int(&q, 1, user_id);
    account_sql_bind_int(&q, 2, ACCOUNT_SENDERS_MAX);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            break;
        str pattern = account_sql_text(&q, 0);
        if (pattern.len <= ACCOUNT_SENDER_BYTES_MAX)
            senders[count++] = arena_str(arena, pattern);
    }
    *ret_senders = senders;
    *ret_count = count;
    return NULL;
}

static err count_users(struct account_store *store, size_t *ret_count)
{
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(store->db, "SELECT count(*) FROM users");
    TRY(account_sql_row(&q, &found));
    *ret_count = found ? (size_t)account_sql_int(&q, 0) : 0;
    return NULL;
}

err account_store_list(struct account_store *store, struct arena *arena,
                       struct account_user **ret_users, size_t *ret_count)
{
    size_t most = 0, count = 0;
    bool found = false;
    ACCOUNT_SQL_LOCK(store);
    TRY(count_users(store, &most));
    struct account_user *users = ARENA_ARRAY(arena, struct account_user, most + 1);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        store->db, "SELECT id, name, disabled, second_factor, cram_secret IS NOT NULL, created_ms"
                   " FROM users ORDER BY name");
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == most)
            break;
        struct account_user *u = &users[count++];
        u->name = arena_str(arena, account_sql_text(&q, 1));
        u->disabled = account_sql_int(&q, 2);
        u->second_factor = account_sql_int(&q, 3);
        u->cram_secret = account_sql_int(&q, 4);
        u->created_ms = account_sql_int(&q, 5);
        TRY(account_store_senders(store, account_sql_int(&q, 0), arena, &u->senders,
                                  &u->sender_count));
    }
    *ret_users = users;
    *ret_count = count;
    return NULL;
}
