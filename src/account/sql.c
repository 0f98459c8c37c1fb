#include "account/sql.h"
#include <errno.h>

err account_sql_err(sqlite3 *db, int code, const char *doing)
{
    const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    if (code == SQLITE_CONSTRAINT_COMMITHOOK) { /* account/sql_file.h has the only one */
        errno = ENOSPC;
        return err_new(ERR_SYSTEM, "%s: what is left of the disk is for the queue", doing);
    }
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

void account_sql_unlock(pthread_mutex_t **lock) { pthread_mutex_unlock(*lock); }
