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

/* A database of ours: one file, WAL, with the layout of one version. */
struct account_sql_file {
    const char *what;   /* "the reports", for errs */
    const char *layout; /* makes it anew, and sets user_version */
    int version;
    bool make;         /* when it is not there, with mode 0600, and its folder */
    int64_t bytes_max; /* that are kept; a quarter more is room to work in */
};

/* ERR_CONFIG: made by a newer version, or the path is too long. ERR_SYSTEM, ERR_DAMAGED,
 * ERR_TIMEOUT. */
must_use err account_sql_open(const char *path, const struct account_sql_file *, sqlite3 **ret_db);
void account_sql_unlock(pthread_mutex_t **); /* for CLEANUP */
#define ACCOUNT_SQL_LOCK(owner)                                             \
    CLEANUP(account_sql_unlock) pthread_mutex_t *sql_lock = &(owner)->lock; \
    pthread_mutex_lock(sql_lock)
/* In one transaction: all that run() does, or nothing. */
must_use err account_sql_together(sqlite3 *, err (*run)(void *arg), void *arg);
must_use err account_sql_number(sqlite3 *, const char *text, int64_t *ret_number); /* one, or 0 */

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
