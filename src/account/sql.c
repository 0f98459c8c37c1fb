#include "account/sql.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

err account_sql_err(sqlite3 *db, int code, const char *doing)
{
    const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_new(ERR_DAMAGED, "%s: %s", doing, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_new(ERR_TIMEOUT, "%s: %s", doing, why);
    default:
        errno = db ? sqlite3_system_errno(db) : EIO;
        return err_new(ERR_SYSTEM, "%s: %s", doing, why);
    }
}

static err failed(sqlite3 *db, int code)
{
    const char *path = sqlite3_db_filename(db, "main");
    return account_sql_err(db, code, path && *path ? path : "the database");
}

err account_sql_exec(sqlite3 *db, const char *text)
{
    int code = sqlite3_exec(db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? NULL : failed(db, code);
}

static void keep(struct account_sql *q, int code)
{
    if (q->code == SQLITE_OK)
        q->code = code;
}

struct account_sql account_sql_begin(sqlite3 *db, const char *text)
{
    struct account_sql q = {.db = db};
    q.code = sqlite3_prepare_v2(db, text, -1, &q.statement, NULL);
    return q;
}

void account_sql_end(struct account_sql *q)
{
    sqlite3_finalize(q->statement);
    q->statement = NULL;
}

void account_sql_again(struct account_sql *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
}

void account_sql_bind_str(struct account_sql *q, int place, str s)
{
    keep(q, sqlite3_bind_text(q->statement, place, s.len ? s.ptr : "", (int)s.len, SQLITE_STATIC));
}

void account_sql_bind_blob(struct account_sql *q, int place, str s)
{
    keep(q, sqlite3_bind_blob(q->statement, place, s.len ? s.ptr : "", (int)s.len, SQLITE_STATIC));
}

void account_sql_bind_int(struct account_sql *q, int place, int64_t value)
{
    keep(q, sqlite3_bind_int64(q->statement, place, value));
}

static err step(struct account_sql *q, int *ret_code)
{
    int code = q->code == SQLITE_OK ? sqlite3_step(q->statement) : q->code;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return failed(q->db, code);
    *ret_code = code;
    return NULL;
}

err account_sql_row(struct account_sql *q, bool *ret_found)
{
    int code = SQLITE_OK;
    TRY(step(q, &code));
    *ret_found = code == SQLITE_ROW;
    return NULL;
}

err account_sql_run(struct account_sql *q, int *ret_changed)
{
    int code = SQLITE_OK;
    TRY(step(q, &code));
    if (ret_changed)
        *ret_changed = sqlite3_changes(q->db);
    return NULL;
}

str account_sql_blob(const struct account_sql *q, int column)
{
    const char *ptr = sqlite3_column_blob(q->statement, column);
    return (str){ptr, ptr ? (size_t)sqlite3_column_bytes(q->statement, column) : 0};
}

str account_sql_text(const struct account_sql *q, int column)
{
    const char *ptr = (const char *)sqlite3_column_text(q->statement, column);
    return (str){ptr, ptr ? (size_t)sqlite3_column_bytes(q->statement, column) : 0};
}

int64_t account_sql_int(const struct account_sql *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

/* ---- a database of ours ------------------------------------------------------------------- */

enum { BUSY_MS = 5000, PATH_CHARS = 600, PAGE_BYTES = 4096 };

void account_sql_unlock(pthread_mutex_t **lock) { pthread_mutex_unlock(*lock); }

err account_sql_number(sqlite3 *db, const char *text, int64_t *ret_number)
{
    bool found = false;
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, text);
    TRY(account_sql_row(&q, &found));
    *ret_number = found ? account_sql_int(&q, 0) : 0;
    return NULL;
}

err account_sql_together(sqlite3 *db, err (*run)(void *arg), void *arg)
{
    TRY(account_sql_exec(db, "BEGIN IMMEDIATE"));
    err e = run(arg);
    if (e == NULL)
        e = account_sql_exec(db, "COMMIT");
    if (e)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

struct making {
    sqlite3 *db;
    const struct account_sql_file *file;
};

static err make_layout(void *arg)
{
    const struct making *m = arg;
    int64_t version = 0;
    TRY(account_sql_number(m->db, "PRAGMA user_version", &version));
    if (version > m->file->version)
        return err_new(ERR_CONFIG, "%s are of version %lld; this program knows %d", m->file->what,
                       (long long)version, m->file->version);
    return version == m->file->version ? NULL : account_sql_exec(m->db, m->file->layout);
}

static err migrate_file(sqlite3 *db, const struct account_sql_file *file)
{
    int64_t version = 0;
    struct making making = {db, file};
    TRY(account_sql_number(db, "PRAGMA user_version", &version));
    return version == file->version ? NULL : account_sql_together(db, make_layout, &making);
}

/* The file is made here, for SQLite would make it readable by others. */
static err make_file(const char *path, const struct account_sql_file *file)
{
    char folder[PATH_CHARS];
    int flags = O_RDWR | (file->make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW;
    if (!str_to_chars(str_of(path), folder, sizeof folder))
        return err_new(ERR_CONFIG, "the path of %s is too long", file->what);
    int fd = open(path, flags, 0600);
    if (fd < 0 && file->make && errno == ENOENT && mkdir(dirname(folder), 0700) == 0)
        fd = open(path, flags, 0600);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s", path);
    close(fd);
    return NULL;
}

static err set_up(sqlite3 *db, const struct account_sql_file *file)
{
    char pragma[80];
    int64_t page = 0;
    TRY(account_sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                             "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                             "PRAGMA journal_size_limit = 8388608;"));
    TRY(migrate_file(db, file));
    TRY(account_sql_number(db, "PRAGMA page_size", &page));
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %lld",
             (long long)(file->bytes_max / (page > 0 ? page : PAGE_BYTES) * 5 / 4));
    return account_sql_exec(db, pragma);
}

err account_sql_open(const char *path, const struct account_sql_file *file, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    TRY(make_file(path, file));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
    int code = sqlite3_open_v2(path, &db, flags, NULL);
    err e = code == SQLITE_OK ? NULL : account_sql_err(db, code, path);
    if (e == NULL) {
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, BUSY_MS);
        e = set_up(db, file);
    }
    if (e)
        sqlite3_close_v2(db);
    else
        *ret_db = db;
    return e;
}
