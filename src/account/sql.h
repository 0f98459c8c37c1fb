/* account/sql.h -- a thin layer over SQLite: bound parameters only, codes become errs
 *
 *     struct account_sql q = account_sql_begin(db, "SELECT id FROM users WHERE name = ?1");
 *     account_sql_bind_str(&q, 1, name);
 *     TRY(account_sql_row(&q, &found));   … columns …   account_sql_end(&q);
 *
 * The first failure sticks to the statement and comes out of _row or _run.
 */
#pragma once
#include "base/err.h"
#include <pthread.h>
#include <sqlite3.h>

struct account_sql {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int code; /* SQLITE_OK, or what went wrong first */
};

void account_sql_unlock(pthread_mutex_t **); /* for CLEANUP */
#define ACCOUNT_SQL_LOCK(owner)                                             \
    CLEANUP(account_sql_unlock) pthread_mutex_t *sql_lock = &(owner)->lock; \
    pthread_mutex_lock(sql_lock)

must_use err account_sql_err(sqlite3 *, int code, const char *doing);
must_use err account_sql_exec(sqlite3 *, const char *text); /* text is a literal of ours */

struct account_sql account_sql_begin(sqlite3 *, const char *text);
void account_sql_end(struct account_sql *);                      /* for CLEANUP, too */
void account_sql_again(struct account_sql *);                    /* ready for other values */
void account_sql_bind_str(struct account_sql *, int place, str); /* as text; not copied */
void account_sql_bind_blob(struct account_sql *, int place, str);
void account_sql_bind_int(struct account_sql *, int place, int64_t);
must_use err account_sql_row(struct account_sql *, bool *ret_found);
must_use err account_sql_run(struct account_sql *, int *ret_changed); /* ret_changed may be NULL */
str account_sql_text(const struct account_sql *, int column); /* good until the next _row or _end */
str account_sql_blob(const struct account_sql *, int column);
int64_t account_sql_int(const struct account_sql *, int column);
