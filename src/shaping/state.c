#include "shaping/state.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_CHARS = ACCOUNT_SQL_FILE_PATH_CHARS + 16 };

/* One step for each version of the layout. */
static const char *const migrations[] = {
    "CREATE TABLE warmup ("
    "  egress TEXT NOT NULL,"
    "  site TEXT NOT NULL,"
    "  mode INTEGER NOT NULL,"
    "  step INTEGER NOT NULL,"
    "  day INTEGER NOT NULL,"
    "  own_cap INTEGER NOT NULL,"
    "  sent INTEGER NOT NULL,"
    "  slot INTEGER NOT NULL,"
    "  slot_sent INTEGER NOT NULL,"
    "  told INTEGER NOT NULL,"
    "  blocks INTEGER NOT NULL,"
    "  spam INTEGER NOT NULL,"
    "  deferrals INTEGER NOT NULL,"
    "  stepped_back INTEGER NOT NULL,"
    "  PRIMARY KEY (egress, site)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE quotas ("
    "  scope INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  PRIMARY KEY (scope, name, kind, at_ms)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX quotas_by_time ON quotas (at_ms);"
    "CREATE TABLE logins ("
    "  account TEXT PRIMARY KEY,"
    "  level INTEGER NOT NULL,"
    "  until_ms INTEGER NOT NULL,"
    "  text TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE lanes ("
    "  site TEXT NOT NULL,"
    "  egress TEXT NOT NULL,"
    "  rate INTEGER NOT NULL,"
    "  allowed INTEGER NOT NULL,"
    "  ceiling INTEGER NOT NULL,"
    "  connections INTEGER NOT NULL,"
    "  connections_refused INTEGER NOT NULL,"
    "  blocked_level INTEGER NOT NULL,"
    "  blocked_until_ms INTEGER NOT NULL,"
    "  down_level INTEGER NOT NULL,"
    "  down_until_ms INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  seen_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (site, egress)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX lanes_by_time ON lanes (seen_ms);",
};

struct shaping_state {
    sqlite3 *db;
};

/* ---- opening ------------------------------------------------------------------------------ */

static err check_whole(sqlite3 *db)
{
    bool found = false;
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, "PRAGMA quick_check(1)");
    TRY(account_sql_row(&q, &found));
    str said = account_sql_text(&q, 0);
    if (!found || !str_eq(said, S("ok")))
        return err_new(ERR_DAMAGED, "%.*s", STR_ARG(str_slice(said, 0, 200)));
    return NULL;
}

static err open_whole(const char *path, bool make, sqlite3 **ret_db)
{
    struct account_sql_file file = {
        .path = path,
        .make = make,
        .synced = true,
        .bytes_max = SHAPING_STATE_BYTES_MAX,
        .migrations = migrations,
        .migration_count = ARRAY_LEN(migrations),
    };
    sqlite3 *db = NULL;
    TRY(account_sql_file_open(&file, &db));
    err e = check_whole(db);
    if (e)
        sqlite3_close_v2(db);
    else
        *ret_db = db;
    return e;
}

/* Its log goes, too: it belongs to what is set aside. */
static err set_aside(const char *path)
{
    char other[PATH_CHARS];
    snprintf(other, sizeof other, "%s.damaged", path);
    if (rename(path, other) != 0)
        return err_new(ERR_SYSTEM, "set %s aside", path);
    static const char *const ends[] = {"-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(other, sizeof other, "%s%s", path, ends[i]);
        if (unlink(other) != 0 && errno != ENOENT)
            return err_new(ERR_SYSTEM, "remove %s", other);
    }
    return NULL;
}

err shaping_state_open(const char *path, bool make, struct shaping_state **ret_state,
                       bool *ret_set_aside)
{
    sqlite3 *db = NULL;
    err e = open_whole(path, make, &db);
    bool damaged = e && e->kind == ERR_DAMAGED && make;
    if (damaged) {
        TRY(set_aside(path));
        e = open_whole(path, make, &db);
    }
    if (e)
        return e;
    struct shaping_state *s = MEM_NEW(struct shaping_state);
    s->db = db;
    *ret_state = s;
    *ret_set_aside = damaged;
    return NULL;
}

void shaping_state_close(struct shaping_state *s)
{
    if (s == NULL)
        return;
    sqlite3_close_v2(s->db);
    mem_free(s);
}

/* ---- reading ------------------------------------------------------------------------------ */

static str text_of(const struct account_sql *q, int column, struct arena *arena)
{
    return arena_str(arena,
                     str_slice(account_sql_text(q, column), 0, SHAPING_STATE_TEXT_BYTES_MAX));
}

static void take_warmup(const struct account_sql *q, struct arena *arena, void *ret_row)
{
    int64_t mode = account_sql_int(q, 2);
    *(struct warmup_record *)ret_row = (struct warmup_record){
        .egress = text_of(q, 0, arena),
        .site = text_of(q, 1, arena),
        .mode = mode >= WARMUP_ON && mode <= WARMUP_DONE ? (enum warmup_mode)mode : WARMUP_ON,
        .step = (int)account_sql_int(q, 3),
        .day = (int32_t)account_sql_int(q, 4),
        .own_cap = account_sql_int(q, 5),
        .sent = account_sql_int(q, 6),
        .slot = (int)account_sql_int(q, 7),
        .slot_sent = account_sql_int(q, 8),
        .told = account_sql_int(q, 9),
        .blocks = account_sql_int(q, 10),
        .spam = account_sql_int(q, 11),
        .deferrals = account_sql_int(q, 12),
        .stepped_back = account_sql_int(q, 13) != 0,
    };
}

static void take_quota(const struct account_sql *q, struct arena *arena, void *ret_row)
{
    *(struct shaping_state_quota *)ret_row = (struct shaping_state_quota){
        .scope = (int)account_sql_int(q, 0),
        .name = text_of(q, 1, arena),
        .kind = (int)account_sql_int(q, 2),
        .at_ms = account_sql_int(q, 3),
        .count = account_sql_int(q, 4),
    };
}

static void take_login(const struct account_sql *q, struct arena *arena, void *ret_row)
{
    *(struct shaping_state_login *)ret_row = (struct shaping_state_login){
        .account = text_of(q, 0, arena),
        .level = (int)account_sql_int(q, 1),
        .until_ms = account_sql_int(q, 2),
        .text = text_of(q, 3, arena),
    };
}

static void take_lane(const struct account_sql *q, struct arena *arena, void *ret_row)
{
    *(struct shaping_state_lane *)ret_row = (struct shaping_state_lane){
        .site = text_of(q, 0, arena),
        .egress = text_of(q, 1, arena),
        .rate = account_sql_int(q, 2),
        .allowed = account_sql_int(q, 3),
        .ceiling = account_sql_int(q, 4),
        .connections = (int)account_sql_int(q, 5),
        .connections_refused = (int)account_sql_int(q, 6),
        .blocked_level = (int)account_sql_int(q, 7),
        .blocked_until_ms = account_sql_int(q, 8),
        .down_level = (int)account_sql_int(q, 9),
        .down_until_ms = account_sql_int(q, 10),
        .text = text_of(q, 11, arena),
        .seen_ms = account_sql_int(q, 12),
    };
}

struct table_of {
    const char *count, *rows; /* rows: ?1 is the most */
    size_t most, size;
    void (*take)(const struct account_sql *, struct arena *, void *ret_row);
};

static const struct table_of warmup_table = {
    "SELECT count(*) FROM warmup",
    "SELECT egress, site, mode, step, day, own_cap, sent, slot, slot_sent, told, blocks, spam,"
    " deferrals, stepped_back FROM warmup LIMIT ?1",
    WARMUP_TRACKS_MAX, sizeof(struct warmup_record), take_warmup};
static const struct table_of quota_table = {
    "SELECT count(*) FROM quotas",
    "SELECT scope, name, kind, at_ms, count FROM quotas ORDER BY at_ms DESC LIMIT ?1",
    SHAPING_STATE_QUOTAS_MAX, sizeof(struct shaping_state_quota), take_quota};
static const struct table_of login_table = {
    "SELECT count(*) FROM logins", "SELECT account, level, until_ms, text FROM logins LIMIT ?1",
    SHAPING_STATE_LOGINS_MAX, sizeof(struct shaping_state_login), take_login};
static const struct table_of lane_table = {
    "SELECT count(*) FROM lanes",
    "SELECT site, egress, rate, allowed, ceiling, connections, connections_refused, blocked_level,"
    " blocked_until_ms, down_level, down_until_ms, text, seen_ms FROM lanes"
    " ORDER BY seen_ms DESC LIMIT ?1",
    SHAPING_STATE_LANES_MAX, sizeof(struct shaping_state_lane), take_lane};

static err read_table(sqlite3 *db, const struct table_of *t, struct arena *arena, void *ret_list,
                      size_t *ret_count)
{
    int64_t rows = 0;
    size_t count = 0;
    bool found = false;
    TRY(account_sql_file_number(db, t->count, &rows));
    size_t most = rows < (int64_t)t->most ? (size_t)rows : t->most;
    char *list = arena_alloc(arena, (most + 1) * t->size);
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, t->rows);
    account_sql_bind_int(&q, 1, (int64_t)most);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == most)
            break;
        t->take(&q, arena, list + count++ * t->size);
    }
    memcpy(ret_list, &list, sizeof list);
    *ret_count = count;
    return NULL;
}

err shaping_state_read(struct shaping_state *s, struct arena *arena,
                       struct shaping_state_rows *ret_rows)
{
    struct shaping_state_rows r = {0};
    TRY(read_table(s->db, &warmup_table, arena, &r.warmup, &r.warmup_count));
    TRY(read_table(s->db, &quota_table, arena, &r.quotas, &r.quota_count));
    TRY(read_table(s->db, &login_table, arena, &r.logins, &r.login_count));
    TRY(read_table(s->db, &lane_table, arena, &r.lanes, &r.lane_count));
    *ret_rows = r;
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------ */

static err put_warmup(struct account_sql *q, const struct warmup_record *r)
{
    const int64_t numbers[] = {r->mode,   r->step, r->day,       r->own_cap,
                               r->sent,   r->slot, r->slot_sent, r->told,
                               r->blocks, r->spam, r->deferrals, r->stepped_back};
    account_sql_again(q);
    account_sql_bind_str(q, 1, r->egress);
    account_sql_bind_str(q, 2, r->site);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        account_sql_bind_int(q, (int)i + 3, numbers[i]);
    return account_sql_run(q, NULL);
}

static err put_quota(struct account_sql *q, const struct shaping_state_quota *r)
{
    account_sql_again(q);
    account_sql_bind_int(q, 1, r->scope);
    account_sql_bind_str(q, 2, r->name);
    account_sql_bind_int(q, 3, r->kind);
    account_sql_bind_int(q, 4, r->at_ms);
    account_sql_bind_int(q, 5, r->count);
    return account_sql_run(q, NULL);
}

static err put_login(struct account_sql *q, const struct shaping_state_login *r)
{
    account_sql_again(q);
    account_sql_bind_str(q, 1, r->account);
    account_sql_bind_int(q, 2, r->level);
    account_sql_bind_int(q, 3, r->until_ms);
    account_sql_bind_str(q, 4, str_slice(r->text, 0, SHAPING_STATE_TEXT_BYTES_MAX));
    return account_sql_run(q, NULL);
}

static err put_lane(struct account_sql *q, const struct shaping_state_lane *r)
{
    const int64_t numbers[] = {r->rate,
                               r->allowed,
                               r->ceiling,
                               r->connections,
                               r->connections_refused,
                               r->blocked_level,
                               r->blocked_until_ms,
                               r->down_level,
                               r->down_until_ms};
    account_sql_again(q);
    account_sql_bind_str(q, 1, r->site);
    account_sql_bind_str(q, 2, r->egress);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        account_sql_bind_int(q, (int)i + 3, numbers[i]);
    account_sql_bind_str(q, 12, str_slice(r->text, 0, SHAPING_STATE_TEXT_BYTES_MAX));
    account_sql_bind_int(q, 13, r->seen_ms);
    return account_sql_run(q, NULL);
}

static err write_warmup(sqlite3 *db, const struct shaping_state_rows *r)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        db, "INSERT OR REPLACE INTO warmup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
            " ?12, ?13, ?14)");
    for (size_t i = 0; i < r->warmup_count; i++)
        TRY(put_warmup(&q, &r->warmup[i]));
    return NULL;
}

static bool is_same_quota(const struct shaping_state_quota *a, const struct shaping_state_quota *b)
{
    return a->scope == b->scope && str_eq(a->name, b->name);
}

/* All of that name goes before what is counted now is put there. */
static err clear_quotas(sqlite3 *db, const struct shaping_state_rows *r)
{
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(db, "DELETE FROM quotas WHERE scope = ?1 AND name = ?2");
    for (size_t i = 0; i < r->quota_count; i++) {
        if (i > 0 && is_same_quota(&r->quotas[i], &r->quotas[i - 1]))
            continue;
        account_sql_again(&q);
        account_sql_bind_int(&q, 1, r->quotas[i].scope);
        account_sql_bind_str(&q, 2, r->quotas[i].name);
        TRY(account_sql_run(&q, NULL));
    }
    return NULL;
}

static err write_quotas(sqlite3 *db, const struct shaping_state_rows *r)
{
    TRY(clear_quotas(db, r));
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(db, "INSERT OR REPLACE INTO quotas VALUES (?1, ?2, ?3, ?4, ?5)");
    for (size_t i = 0; i < r->quota_count; i++)
        TRY(put_quota(&q, &r->quotas[i]));
    return NULL;
}

static err write_logins(sqlite3 *db, const struct shaping_state_rows *r)
{
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(db, "INSERT OR REPLACE INTO logins VALUES (?1, ?2, ?3, ?4)");
    for (size_t i = 0; i < r->login_count; i++)
        TRY(put_login(&q, &r->logins[i]));
    return NULL;
}

static err write_lanes(sqlite3 *db, const struct shaping_state_rows *r)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        db, "INSERT OR REPLACE INTO lanes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
            " ?12, ?13)");
    for (size_t i = 0; i < r->lane_count; i++)
        TRY(put_lane(&q, &r->lanes[i]));
    return NULL;
}

static err forget(sqlite3 *db, const char *text, int64_t number)
{
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, text);
    account_sql_bind_int(&q, 1, number);
    return account_sql_run(&q, NULL);
}

static err clean(sqlite3 *db, int64_t now_ms)
{
    TRY(forget(db, "DELETE FROM quotas WHERE at_ms < ?1", now_ms - SHAPING_STATE_QUOTA_MS));
    TRY(forget(db, "DELETE FROM logins WHERE level <= ?1", 0));
    TRY(forget(db, "DELETE FROM lanes WHERE seen_ms < ?1", now_ms - SHAPING_STATE_LANE_MS));
    return forget(db,
                  "DELETE FROM lanes WHERE seen_ms <"
                  " (SELECT seen_ms FROM lanes ORDER BY seen_ms DESC LIMIT 1 OFFSET ?1 - 1)",
                  SHAPING_STATE_LANES_MAX);
}

static err write_all(sqlite3 *db, const struct shaping_state_rows *r, int64_t now_ms)
{
    TRY(write_warmup(db, r));
    TRY(write_quotas(db, r));
    TRY(write_logins(db, r));
    TRY(write_lanes(db, r));
    return clean(db, now_ms);
}

err shaping_state_write(struct shaping_state *s, const struct shaping_state_rows *r, int64_t now_ms)
{
    TRY(account_sql_file_begin(s->db));
    return account_sql_file_end(s->db, write_all(s->db, r, now_ms));
}

err shaping_state_change(struct shaping_state *s, struct arena *arena, int64_t now_ms,
                         err (*change)(void *arg, struct arena *, struct shaping_state_rows *rows),
                         void *arg)
{
    struct shaping_state_rows rows;
    TRY(account_sql_file_begin(s->db));
    err e = shaping_state_read(s, arena, &rows);
    if (e == NULL)
        e = change(arg, arena, &rows);
    if (e == NULL)
        e = write_all(s->db, &rows, now_ms);
    return account_sql_file_end(s->db, e);
}
