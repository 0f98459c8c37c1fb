/* account/sql_file.h -- a database that lies in one file: made, opened and brought up to date
 *
 * Mode 0600, a log of its own (WAL), no link followed. Several processes may have it open; who has
 * to wait for another gets ERR_TIMEOUT in the end. All of it blocks.
 *
 * What file_keep_free() says holds for all of them: a change for which there is not enough left
 * is not kept (ERR_SYSTEM, ENOSPC). On a full disk one that is there already opens all the same:
 * for this process alone then, as the file that processes share their locks by cannot be made.
 */
#pragma once
#include "account/sql.h"

enum { ACCOUNT_SQL_FILE_PATH_CHARS = 1024, ACCOUNT_SQL_FILE_BUSY_MS = 5000 };

struct account_sql_file {
    const char *path;
    bool make;   /* when it is not there, and its folder; else ERR_SYSTEM */
    bool synced; /* every change is on the disk when it is done; else a power cut may lose the last
                  */
    /* What it holds is nobody else's business. A plain file with one name that others may not read,
     * or ERR_CONFIG; it stays with who makes it, and what is deleted is overwritten. */
    bool secret;
    int64_t bytes_max; /* 0: no bound; an err of SQLite's when it is reached */
    const char *const
        *migrations; /* one for each version of the layout; user_version counts them */
    size_t migration_count;
};

/* A file that root makes belongs to the owner of its folder, unless it is secret. ERR_CONFIG: a
 * newer version made it. */
must_use err account_sql_file_open(const struct account_sql_file *, sqlite3 **ret_db);

/* Between these a failure takes all back: end() gives the err that it is told, or its own. */
must_use err account_sql_file_begin(sqlite3 *);
must_use err account_sql_file_end(sqlite3 *, err);

/* The first column of the first row; 0: there is none. */
must_use err account_sql_file_number(sqlite3 *, const char *text, int64_t *ret_number);
