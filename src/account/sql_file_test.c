#include "account/sql_file.h"
#include "runtime/file.h"
#include "tests/test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const layout[] = {"CREATE TABLE names(name TEXT);"};

static sqlite3 *open_at(const char *path)
{
    struct account_sql_file f = {
        .path = path, .make = true, .migrations = layout, .migration_count = ARRAY_LEN(layout)};
    sqlite3 *db = NULL;
    CHECK_DONE(account_sql_file_open(&f, &db), "open");
    return db;
}

static int64_t names(sqlite3 *db)
{
    int64_t count = -1;
    CHECK_DONE(account_sql_file_number(db, "SELECT count(*) FROM names", &count), "count");
    return count;
}

TEST(account_sql_file_leaves_the_rest_of_the_disk)
{
    char folder[] = "/tmp/smtptool-sql-XXXXXX", path[64];
    CHECK(mkdtemp(folder) != NULL, "a folder");
    snprintf(path, sizeof path, "%s/names.db", folder);
    sqlite3 *db = open_at(path);
    CHECK_DONE(account_sql_exec(db, "INSERT INTO names VALUES ('a')"), "there is room");

    file_keep_free(UINT64_MAX);
    err e = account_sql_exec(db, "INSERT INTO names VALUES ('b')");
    int why = errno;
    CHECK(e && e->kind == ERR_SYSTEM && why == ENOSPC, "attack 188: one statement");
    CHECK_DONE(account_sql_file_begin(db), "begin");
    e = account_sql_file_end(db, account_sql_exec(db, "INSERT INTO names VALUES ('c')"));
    CHECK(e && e->kind == ERR_SYSTEM, "attack 188: several");
    CHECK(names(db) == 1, "what was not kept is not there, and it can be read");
    sqlite3_close_v2(db);
    db = open_at(path);
    CHECK(names(db) == 1, "it opens");

    file_keep_free(0);
    CHECK_DONE(account_sql_exec(db, "INSERT INTO names VALUES ('d')"), "room again");
    CHECK(names(db) == 2, "two");
    sqlite3_close_v2(db);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0, "nothing is left");
    err_forget();
}
