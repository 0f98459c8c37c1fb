#include "feedback/list.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include "sasl/name.h"
#include <assert.h>
#include <pthread.h>

#define DAY_MS (24LL * 3600 * 1000)

struct feedback_list {
    sqlite3 *db;
    pthread_mutex_t lock; /* of db */
    bool batch;           /* a transaction is open around all */
    int64_t count;        /* of entries, as far as we know: another process may add some */
};

static const char *const migrations[] = {
    "CREATE TABLE entries ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  address TEXT NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  stream TEXT NOT NULL,"
    "  reason INTEGER NOT NULL,"
    "  since_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  source TEXT NOT NULL,"
    "  UNIQUE (address, tenant, stream)"
    ") STRICT;"
    "CREATE INDEX entries_by_end ON entries (expires_ms) WHERE expires_ms > 0;"
    "CREATE TABLE strikes ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  address TEXT NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  first_ms INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  UNIQUE (address, tenant)"
    ") STRICT;"
    "CREATE TABLE campaigns ("
    "  tenant TEXT NOT NULL,"
    "  stream TEXT NOT NULL,"
    "  campaign TEXT NOT NULL,"
    "  day INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  PRIMARY KEY (day, tenant, stream, campaign, kind)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE loops ("
    "  domain TEXT PRIMARY KEY,"
    "  last_ms INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  matched INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};

/* ---- words ------------------------------------------------------------------------------ */

static const char *const reasons[FEEDBACK_REASONS] = {
    [FEEDBACK_HARD_BOUNCE] = "hard_bounce", [FEEDBACK_REPEATED] = "repeated",
    [FEEDBACK_COMPLAINT] = "complaint",     [FEEDBACK_UNSUBSCRIBE] = "unsubscribe",
    [FEEDBACK_MANUAL] = "manual",
};

const char *feedback_list_reason_name(enum feedback_reason r) { return reasons[r]; }

bool feedback_list_reason_find(str name, enum feedback_reason *ret_reason)
{
    for (int i = 0; i < FEEDBACK_REASONS; i++) {
        if (!str_eq(name, str_of(reasons[i])))
            continue;
        *ret_reason = (enum feedback_reason)i;
        return true;
    }
    return false;
}

bool feedback_list_fold(str address, char ret_chars[FEEDBACK_LIST_ADDRESS_CHARS], str *ret_address)
{
    size_t len, at = str_find_last(address, '@');
    if (at == STR_NONE || at == 0 || at + 1 == address.len ||
        address.len > ENVELOPE_ADDRESS_BYTES_MAX || !str_is_utf8(address))
        return false;
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.ptr[i] < ' ' || address.ptr[i] == 0x7f)
            return false;
    if (!sasl_name_fold(address, ret_chars, FEEDBACK_LIST_ADDRESS_CHARS, &len))
        return false;
    *ret_address = (str){ret_chars, len};
    return true;
}

/* ---- opening ---------------------------------------------------------------------------- */

static err count_entries(struct feedback_list *l)
{
    return account_sql_file_number(l->db, "SELECT count(*) FROM entries", &l->count);
}

err feedback_list_open(const char *path, bool make, struct feedback_list **ret_list)
{
    struct account_sql_file f = {.path = path,
                                 .make = make,
                                 .synced = true,
                                 .migrations = migrations,
                                 .migration_count = ARRAY_LEN(migrations)};
    sqlite3 *db;
    TRY(account_sql_file_open(&f, &db));
    struct feedback_list *l = MEM_NEW(struct feedback_list);
    l->db = db;
    pthread_mutex_init(&l->lock, NULL);
    err e = count_entries(l);
    if (e)
        feedback_list_close(l);
    else
        *ret_list = l;
    return e;
}

void feedback_list_close(struct feedback_list *l)
{
    if (l == NULL)
        return;
    sqlite3_close_v2(l->db);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

/* ---- changing ----------------------------------------------------------------------------- */

static err begin(struct feedback_list *l)
{
    return l->batch ? account_sql_exec(l->db, "SAVEPOINT step") : account_sql_file_begin(l->db);
}

static err end(struct feedback_list *l, err e)
{
    if (!l->batch)
        return account_sql_file_end(l->db, e);
    if (e)
        sqlite3_exec(l->db, "ROLLBACK TO step", NULL, NULL, NULL);
    err released = account_sql_exec(l->db, "RELEASE step");
    return e ? e : released;
}

err feedback_list_batch_begin(struct feedback_list *l)
{
    ACCOUNT_SQL_LOCK(l);
    TRY(account_sql_file_begin(l->db));
    l->batch = true;
    return NULL;
}

err feedback_list_batch_end(struct feedback_list *l)
{
    ACCOUNT_SQL_LOCK(l);
    l->batch = false;
    return account_sql_file_end(l->db, NULL);
}

/* ---- adding ----------------------------------------------------------------------------- */

static err fold(str address, char chars[FEEDBACK_LIST_ADDRESS_CHARS], str *ret_address)
{
    if (!feedback_list_fold(address, chars, ret_address))
        return err_new(ERR_CONFIG, "\"%.*s\" is no address", STR_ARG(str_slice(address, 0, 100)));
    return NULL;
}

static err check_room(const struct feedback_list *l, size_t more)
{
    if (l->count + (int64_t)more > FEEDBACK_LIST_ENTRIES_MAX)
        return err_new(ERR_LIMIT, "the suppression list has %lld entries: it is full",
                       (long long)l->count);
    return NULL;
}

static err add_one(struct account_sql *q, const struct feedback_entry *e, size_t *made)
{
    int64_t count = e->count > 0 ? e->count : 1;
    bool found = false;
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str address;
    TRY(fold(e->address, chars, &address));
    account_sql_again(q);
    account_sql_bind_str(q, 1, address);
    account_sql_bind_str(q, 2, e->tenant);
    account_sql_bind_str(q, 3, e->stream);
    account_sql_bind_int(q, 4, e->reason);
    account_sql_bind_int(q, 5, e->since_ms);
    account_sql_bind_int(q, 6, e->expires_ms);
    account_sql_bind_int(q, 7, count);
    account_sql_bind_str(q, 8, str_slice(e->source, 0, FEEDBACK_LIST_SOURCE_BYTES_MAX));
    TRY(account_sql_row(q, &found));
    *made += found && account_sql_int(q, 0) == count; /* else it was there, and has more */
    return account_sql_run(q, NULL);
}

/* What people have asked for outlives what a server said. */
static const char upsert[] =
    "INSERT INTO entries (address, tenant, stream, reason, since_ms, expires_ms, count, source)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    " ON CONFLICT (address, tenant, stream) DO UPDATE SET"
    "  count = count + excluded.count,"
    "  source = CASE WHEN excluded.reason >= reason THEN excluded.source ELSE source END,"
    "  since_ms = min(since_ms, excluded.since_ms),"
    "  expires_ms = CASE WHEN expires_ms = 0 OR excluded.expires_ms = 0 THEN 0"
    "               ELSE max(expires_ms, excluded.expires_ms) END,"
    "  reason = max(reason, excluded.reason) RETURNING count";

static err add_all(struct feedback_list *l, const struct feedback_entry *entries, size_t count,
                   size_t *ret_new)
{
    size_t made = 0;
    TRY(check_room(l, count));
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(l->db, upsert);
    for (size_t i = 0; i < count; i++)
        TRY(add_one(&q, &entries[i], &made));
    *ret_new = made;
    return NULL;
}

err feedback_list_add(struct feedback_list *l, const struct feedback_entry *entries, size_t count,
                      size_t *ret_new)
{
    size_t added = 0;
    ACCOUNT_SQL_LOCK(l);
    ASSERT(count <= FEEDBACK_LIST_BATCH_MAX);
    TRY(begin(l));
    TRY(end(l, add_all(l, entries, count, &added)));
    l->count += (int64_t)added;
    *ret_new = added;
    return NULL;
}

/* ---- strikes ---------------------------------------------------------------------------- */

static err drop_strikes(struct feedback_list *l, str address)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(l->db, "DELETE FROM strikes WHERE address = ?1");
    account_sql_bind_str(&q, 1, address);
    return account_sql_run(&q, NULL);
}

static err count_strike(struct feedback_list *l, str address, const struct feedback_entry *e,
                        int64_t *ret_count)
{
    bool found = false;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "INSERT INTO strikes (address, tenant, first_ms, count) VALUES (?1, ?2, ?3, 1)"
               " ON CONFLICT (address, tenant) DO UPDATE SET"
               "  count = CASE WHEN first_ms < ?4 THEN 1 ELSE count + 1 END,"
               "  first_ms = CASE WHEN first_ms < ?4 THEN ?3 ELSE first_ms END"
               " RETURNING count");
    account_sql_bind_str(&q, 1, address);
    account_sql_bind_str(&q, 2, e->tenant);
    account_sql_bind_int(&q, 3, e->since_ms);
    account_sql_bind_int(&q, 4, e->since_ms - FEEDBACK_LIST_STRIKE_DAYS * DAY_MS);
    TRY(account_sql_row(&q, &found));
    *ret_count = found ? account_sql_int(&q, 0) : 0;
    return account_sql_run(&q, NULL); /* to its end */
}

static err strike(struct feedback_list *l, const struct feedback_entry *e, int again,
                  bool *ret_listed)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str address;
    int64_t count = 0;
    size_t added = 0;
    TRY(fold(e->address, chars, &address));
    TRY(count_strike(l, address, e, &count));
    *ret_listed = count >= again;
    if (!*ret_listed)
        return NULL;
    struct feedback_entry entry = *e;
    entry.reason = FEEDBACK_REPEATED;
    entry.count = count;
    TRY(drop_strikes(l, address));
    TRY(add_all(l, &entry, 1, &added));
    l->count += (int64_t)added;
    return NULL;
}

err feedback_list_strike(struct feedback_list *l, const struct feedback_entry *e, int again,
                         bool *ret_listed)
{
    bool listed = false;
    ACCOUNT_SQL_LOCK(l);
    TRY(begin(l));
    TRY(end(l, strike(l, e, again, &listed)));
    *ret_listed = listed;
    return NULL;
}

err feedback_list_arrived(struct feedback_list *l, str address)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    ACCOUNT_SQL_LOCK(l);
    TRY(fold(address, chars, &folded));
    return drop_strikes(l, folded);
}

/* ---- removing, finding ------------------------------------------------------------------ */

err feedback_list_remove(struct feedback_list *l, str address, const struct envelope_flow *scope,
                         size_t *ret_count)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    int changed = 0;
    ACCOUNT_SQL_LOCK(l);
    TRY(fold(address, chars, &folded));
    TRY(drop_strikes(l, folded));
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, scope ? "DELETE FROM entries WHERE address = ?1 AND tenant = ?2 AND stream = ?3"
                     : "DELETE FROM entries WHERE address = ?1");
    account_sql_bind_str(&q, 1, folded);
    if (scope) {
        account_sql_bind_str(&q, 2, scope->tenant);
        account_sql_bind_str(&q, 3, scope->stream);
    }
    TRY(account_sql_run(&q, &changed));
    l->count -= changed;
    *ret_count = (size_t)changed;
    return NULL;
}

#define COLUMNS "address, tenant, stream, reason, since_ms, expires_ms, count, source"

static void read_entry(const struct account_sql *q, struct feedback_entry *ret)
{
    int64_t reason = account_sql_int(q, 3);
    *ret = (struct feedback_entry){
        .address = account_sql_text(q, 0),
        .tenant = account_sql_text(q, 1),
        .stream = account_sql_text(q, 2),
        .reason = reason >= 0 && reason < FEEDBACK_REASONS ? (enum feedback_reason)reason
                                                           : FEEDBACK_MANUAL,
        .since_ms = account_sql_int(q, 4),
        .expires_ms = account_sql_int(q, 5),
        .count = account_sql_int(q, 6),
        .source = account_sql_text(q, 7),
    };
}

static void copy_entry(struct feedback_entry *e, struct arena *arena)
{
    e->address = arena_str(arena, e->address);
    e->tenant = arena_str(arena, e->tenant);
    e->stream = arena_str(arena, e->stream);
    e->source = arena_str(arena, e->source);
}

err feedback_list_find(struct feedback_list *l, str address, const struct envelope_flow *flow,
                       int64_t now_ms, struct arena *arena, struct feedback_entry *ret_entry,
                       bool *ret_found)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    bool found = false;
    if (!feedback_list_fold(address, chars, &folded)) { /* such a one is on no list */
        *ret_found = false;
        return NULL;
    }
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "SELECT " COLUMNS " FROM entries WHERE address = ?1"
               " AND tenant IN ('', ?2) AND stream IN ('', ?3)"
               " AND (expires_ms = 0 OR expires_ms > ?4) ORDER BY reason DESC LIMIT 1");
    account_sql_bind_str(&q, 1, folded);
    account_sql_bind_str(&q, 2, flow->tenant);
    account_sql_bind_str(&q, 3, flow->stream);
    account_sql_bind_int(&q, 4, now_ms);
    TRY(account_sql_row(&q, &found));
    *ret_found = found;
    if (!found)
        return NULL;
    read_entry(&q, ret_entry);
    copy_entry(ret_entry, arena);
    return NULL;
}

err feedback_list_each(struct feedback_list *l, const struct feedback_list_query *query,
                       err (*each)(void *arg, const struct feedback_entry *), void *arg)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(l->db, "SELECT " COLUMNS " FROM entries"
                                 " WHERE (?1 = '' OR address = ?1) AND (?2 = 0 OR tenant = ?3)"
                                 " AND (?4 < 0 OR reason = ?4)"
                                 " ORDER BY address, tenant, stream LIMIT ?5");
    account_sql_bind_str(&q, 1, query->address);
    account_sql_bind_int(&q, 2, query->tenant != NULL);
    account_sql_bind_str(&q, 3, query->tenant ? *query->tenant : (str){0});
    account_sql_bind_int(&q, 4, query->reason_given ? (int)query->reason : -1);
    account_sql_bind_int(&q, 5, query->most > 0 ? query->most : -1);
    for (;;) {
        struct feedback_entry e;
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        read_entry(&q, &e);
        TRY(each(arg, &e));
    }
}

/* ---- what changed ----------------------------------------------------------------------- */

static err each_new(struct feedback_list *l, const char *text, int64_t *place, bool strikes,
                    void (*each)(void *arg, str address, bool strike), void *arg)
{
    bool found = false;
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(l->db, text);
    account_sql_bind_int(&q, 1, *place);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        *place = account_sql_int(&q, 0);
        each(arg, account_sql_text(&q, 1), strikes);
    }
}

err feedback_list_new(struct feedback_list *l, struct feedback_list_place *place,
                      void (*each)(void *arg, str address, bool strike), void *arg)
{
    ACCOUNT_SQL_LOCK(l);
    TRY(each_new(l, "SELECT id, address FROM entries WHERE id > ?1 ORDER BY id", &place->entry,
                 false, each, arg));
    return each_new(l, "SELECT id, address FROM strikes WHERE id > ?1 ORDER BY id", &place->strike,
                    true, each, arg);
}

static err drop_before(struct feedback_list *l, const char *text, int64_t before)
{
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(l->db, text);
    account_sql_bind_int(&q, 1, before);
    return account_sql_run(&q, NULL);
}

err feedback_list_clean(struct feedback_list *l, int64_t now_ms)
{
    ACCOUNT_SQL_LOCK(l);
    TRY(drop_before(l, "DELETE FROM entries WHERE expires_ms > 0 AND expires_ms <= ?1", now_ms));
    TRY(drop_before(l, "DELETE FROM strikes WHERE first_ms < ?1",
                    now_ms - FEEDBACK_LIST_STRIKE_DAYS * DAY_MS));
    TRY(drop_before(l, "DELETE FROM campaigns WHERE day < ?1",
                    now_ms / DAY_MS - FEEDBACK_LIST_COUNT_DAYS));
    return count_entries(l);
}

/* ---- campaigns -------------------------------------------------------------------------- */

err feedback_list_count(struct feedback_list *l, const struct envelope_flow *flow,
                        enum feedback_count kind, int64_t now_ms)
{
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "INSERT INTO campaigns (tenant, stream, campaign, day, kind, count)"
               " VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT DO UPDATE SET count = count + 1");
    account_sql_bind_str(&q, 1, flow->tenant);
    account_sql_bind_str(&q, 2, flow->stream);
    account_sql_bind_str(&q, 3, flow->campaign);
    account_sql_bind_int(&q, 4, now_ms / DAY_MS);
    account_sql_bind_int(&q, 5, kind);
    return account_sql_run(&q, NULL);
}

#define SUM(kind) "sum(CASE WHEN kind = " #kind " THEN count ELSE 0 END)"

err feedback_list_campaigns(struct feedback_list *l, int64_t since_day,
                            err (*each)(void *arg, const struct feedback_campaign *), void *arg)
{
    bool found = false;
    static_assert(FEEDBACK_COUNTS == 5, "as many as are asked for");
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "SELECT tenant, stream, campaign, max(day), " SUM(0) "," SUM(1) "," SUM(2) "," SUM(
                   3) "," SUM(4) " FROM campaigns WHERE day >= ?1"
                                 " GROUP BY tenant, stream, campaign ORDER BY 4 DESC, 1, 2, 3");
    account_sql_bind_int(&q, 1, since_day);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        struct feedback_campaign c = {
            {account_sql_text(&q,  0), account_sql_text(&q, 1), account_sql_text(&q, 2)},
            account_sql_int(&q, 3),
            {0}
        };
        for (int i = 0; i < FEEDBACK_COUNTS; i++)
            c.counts[i] = account_sql_int(&q, 4 + i);
        TRY(each(arg, &c));
    }
}

/* ---- feedback loops --------------------------------------------------------------------- */

/* Anybody can send what looks like a report: so many names are kept, and no more. */
err feedback_list_heard(struct feedback_list *l, str domain, bool matched, int64_t now_ms)
{
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "INSERT INTO loops SELECT ?1, ?2, 1, ?3"
               " WHERE (SELECT count(*) FROM loops) < ?4 OR ?1 IN (SELECT domain FROM loops)"
               " ON CONFLICT DO UPDATE SET last_ms = excluded.last_ms, count = count + 1,"
               "  matched = matched + excluded.matched");
    account_sql_bind_str(&q, 1, str_slice(domain, 0, 255));
    account_sql_bind_int(&q, 2, now_ms);
    account_sql_bind_int(&q, 3, matched);
    account_sql_bind_int(&q, 4, FEEDBACK_LIST_LOOPS_MAX);
    return account_sql_run(&q, NULL);
}

err feedback_list_loops(struct feedback_list *l,
                        err (*each)(void *arg, const struct feedback_loop *), void *arg)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(l);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        l->db, "SELECT domain, last_ms, count, matched FROM loops ORDER BY domain");
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        struct feedback_loop loop = {account_sql_text(&q, 0), account_sql_int(&q, 1),
                                     account_sql_int(&q, 2), account_sql_int(&q, 3)};
        TRY(each(arg, &loop));
    }
}
