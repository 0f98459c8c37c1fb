#include "account/sql_file.h"
#include "runtime/file.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

err account_sql_file_number(sqlite3 *db, const char *text, int64_t *ret_number)
{
    bool found = false;
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, text);
    TRY(account_sql_row(&q, &found));
    *ret_number = found ? account_sql_int(&q, 0) : 0;
    return NULL;
}

err account_sql_file_begin(sqlite3 *db) { return account_sql_exec(db, "BEGIN IMMEDIATE"); }

err account_sql_file_end(sqlite3 *db, err e)
{
    if (e == NULL)
        e = account_sql_exec(db, "COMMIT");
    if (e)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return e;
}

static err migrate_steps(sqlite3 *db, const struct account_sql_file *f)
{
    int64_t version = 0, newest = (int64_t)f->migration_count;
    char pragma[64];
    TRY(account_sql_file_number(db, "PRAGMA user_version", &version));
    if (version > newest)
        return err_new(ERR_CONFIG, "%s is of version %lld; this program knows %lld", f->path,
                       (long long)version, (long long)newest);
    for (int64_t i = version; i < newest; i++)
        TRY(account_sql_exec(db, f->migrations[i]));
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld", (long long)newest);
    return version == newest ? NULL : account_sql_exec(db, pragma);
}

static err migrate(sqlite3 *db, const struct account_sql_file *f)
{
    int64_t version = 0;
    TRY(account_sql_file_number(db, "PRAGMA user_version", &version));
    if (version == (int64_t)f->migration_count)
        return NULL;
    TRY(account_sql_file_begin(db));
    return account_sql_file_end(db, migrate_steps(db, f));
}

/* SQLite gives its -wal and -shm files the owner and mode of this one. */
static void give_to_folder(int fd, const char *folder)
{
    struct stat facts;
    if (geteuid() == 0 && stat(folder, &facts) == 0 && fchown(fd, facts.st_uid, facts.st_gid) != 0)
        return; /* it is root's then, and says so when another wants it */
}

static err check_secret(int fd, const char *path)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return err_new(ERR_SYSTEM, "look at %s", path);
    if (!S_ISREG(facts.st_mode) || facts.st_nlink != 1)
        return err_new(ERR_CONFIG, "%s is not a file of its own", path);
    if (facts.st_mode & 077)
        return err_new(ERR_CONFIG, "%s holds secrets, but others may read it: chmod 600 it", path);
    return NULL;
}

/* Made here, for SQLite would make it readable by others. */
static err make_file(const struct account_sql_file *f)
{
    char chars[ACCOUNT_SQL_FILE_PATH_CHARS];
    if (!str_to_chars(str_of(f->path), chars, sizeof chars))
        return err_new(ERR_CONFIG, "the path of a database is too long");
    const char *folder = dirname(chars);
    int fd = open(f->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && f->make) {
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return err_new(ERR_SYSTEM, "make folder %s", folder);
        fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0 && !f->secret)
            give_to_folder(fd, folder);
    }
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s", f->path);
    err e = f->secret ? check_secret(fd, f->path) : NULL;
    close(fd);
    return e;
}

static err set_up(sqlite3 *db, const struct account_sql_file *f)
{
    char pragma[80];
    int64_t page = 0;
    TRY(account_sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"
                             "PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 8388608;"
                             "PRAGMA temp_store = MEMORY;"));
    TRY(account_sql_exec(db,
                         f->synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
    if (f->secret)
        TRY(account_sql_exec(db, "PRAGMA secure_delete = ON"));
    TRY(migrate(db, f));
    if (f->bytes_max == 0)
        return NULL;
    TRY(account_sql_file_number(db, "PRAGMA page_size", &page));
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %lld",
             (long long)(f->bytes_max / (page > 0 ? page : 4096)));
    return account_sql_exec(db, pragma);
}

/* ---- full disks --------------------------------------------------------------------------- */

/* For SQLite, before it commits: other than 0 takes the change back. */
static int is_too_full(void *db) { return !file_leaves_enough(sqlite3_db_filename(db, "main")); }

static bool lacks_room(sqlite3 *db)
{
    int code = sqlite3_extended_errcode(db);
    return code == SQLITE_FULL || code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMSIZE ||
           code == SQLITE_IOERR_SHMMAP;
}

/* alone: what processes share of a log (-shm) is kept in memory. */
static err open_once(const struct account_sql_file *f, bool alone, sqlite3 **ret_db,
                     bool *ret_lacks_room)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
    int code = sqlite3_open_v2(f->path, &db, flags, NULL);
    err e = code == SQLITE_OK ? NULL : account_sql_err(db, code, f->path);
    if (e == NULL) {
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, ACCOUNT_SQL_FILE_BUSY_MS);
        e = alone ? account_sql_exec(db, "PRAGMA locking_mode = EXCLUSIVE") : NULL;
    }
    if (e == NULL)
        e = set_up(db, f);
    if (e) {
        *ret_lacks_room = lacks_room(db);
        sqlite3_close_v2(db);
        return e;
    }
    sqlite3_commit_hook(db, is_too_full, db);
    *ret_db = db;
    return NULL;
}

err account_sql_file_open(const struct account_sql_file *f, sqlite3 **ret_db)
{
    bool lacks_room = false;
    TRY(make_file(f));
    err e = open_once(f, false, ret_db, &lacks_room);
    return e && lacks_room ? open_once(f, true, ret_db, &lacks_room) : e;
}
