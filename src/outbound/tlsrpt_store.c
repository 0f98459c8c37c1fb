#include "outbound/tlsrpt_store.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include <stdatomic.h>

struct outbound_tlsrpt_store {
    sqlite3 *db;
    pthread_mutex_t lock; /* of db */
    atomic_int holders;
};

static const char layout[] =
    "CREATE TABLE reports ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  day INTEGER NOT NULL,"
    "  domain TEXT NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  state INTEGER NOT NULL DEFAULT 0,"
    "  report_id TEXT NOT NULL DEFAULT '',"
    "  sessions INTEGER NOT NULL DEFAULT 0,"
    "  failures INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (day, domain)"
    ") STRICT;"
    "CREATE INDEX reports_by_due ON reports (state, due_ms);"
    "CREATE TABLE counts ("
    "  report INTEGER NOT NULL REFERENCES reports(id) ON DELETE CASCADE,"
    "  policy TEXT NOT NULL,"
    "  result INTEGER NOT NULL,"
    "  sending_ip TEXT NOT NULL,"
    "  receiving_ip TEXT NOT NULL,"
    "  mx_host TEXT NOT NULL,"
    "  info TEXT NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  PRIMARY KEY (report, policy, result, sending_ip, receiving_ip, mx_host, info)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE notes ("
    "  report INTEGER NOT NULL REFERENCES reports(id) ON DELETE CASCADE,"
    "  uri TEXT NOT NULL,"
    "  text TEXT NOT NULL,"
    "  sent INTEGER NOT NULL,"
    "  time_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (report, uri)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX notes_by_time ON notes (time_ms);";

/* ---- opening ---- */

err outbound_tlsrpt_store_open(const char *path, bool make,
                               struct outbound_tlsrpt_store **ret_store)
{
    static const char *const migrations[] = {layout};
    const struct account_sql_file file = {.path = path,
                                          .make = make,
                                          .bytes_max = OUTBOUND_TLSRPT_STORE_BYTES_MAX,
                                          .migrations = migrations,
                                          .migration_count = ARRAY_LEN(migrations)};
    sqlite3 *db;
    TRY(account_sql_file_open(&file, &db));
    struct outbound_tlsrpt_store *s = MEM_NEW(struct outbound_tlsrpt_store);
    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->holders, 1);
    s->db = db;
    *ret_store = s;
    return NULL;
}

struct outbound_tlsrpt_store *outbound_tlsrpt_store_hold(struct outbound_tlsrpt_store *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

void outbound_tlsrpt_store_close(struct outbound_tlsrpt_store *s)
{
    if (s == NULL || atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    sqlite3_close_v2(s->db);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

/* ---- counting ---- */

/* One batch, with its statements prepared once. */
struct adding {
    sqlite3 *db;
    const struct outbound_tlsrpt_sample *const *samples;
    size_t count, left_out;
    struct account_sql make, find, sum, bump, room, row;
};

#define SAME_ROW                                                          \
    "report = ?1 AND policy = ?2 AND result = ?3 AND sending_ip = ?4 AND" \
    " receiving_ip = ?5 AND mx_host = ?6 AND info = ?7"

static void begin_adding(struct adding *a)
{
    a->make = account_sql_begin(a->db, "INSERT INTO reports (day, domain, due_ms) SELECT ?1, ?2, ?3"
                                       " WHERE (SELECT count(*) FROM reports WHERE day = ?1) < ?4"
                                       " ON CONFLICT DO NOTHING");
    a->find =
        account_sql_begin(a->db, "SELECT id, state FROM reports WHERE day = ?1 AND domain = ?2");
    a->sum = account_sql_begin(a->db, "UPDATE reports SET sessions = sessions + 1,"
                                      " failures = failures + ?2 WHERE id = ?1");
    a->bump = account_sql_begin(a->db, "UPDATE counts SET count = count + 1 WHERE " SAME_ROW);
    a->room = account_sql_begin(
        a->db, "SELECT (SELECT count(*) FROM counts WHERE report = ?1) < ?3 AND"
               " (EXISTS (SELECT 1 FROM counts WHERE report = ?1 AND policy = ?2) OR"
               " (SELECT count(DISTINCT policy) FROM counts WHERE report = ?1) < ?4)");
    a->row = account_sql_begin(a->db, "INSERT INTO counts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)");
}

static void end_adding(struct adding *a)
{
    account_sql_end(&a->make);
    account_sql_end(&a->find);
    account_sql_end(&a->sum);
    account_sql_end(&a->bump);
    account_sql_end(&a->room);
    account_sql_end(&a->row);
}

static err find_report(struct adding *a, const struct outbound_tlsrpt_sample *s, int64_t *ret_id)
{
    bool found = false;
    account_sql_again(&a->make);
    account_sql_bind_int(&a->make, 1, s->day);
    account_sql_bind_str(&a->make, 2, s->domain);
    account_sql_bind_int(&a->make, 3, s->due_ms);
    account_sql_bind_int(&a->make, 4, OUTBOUND_TLSRPT_STORE_REPORTS_MAX);
    TRY(account_sql_run(&a->make, NULL));
    account_sql_again(&a->find);
    account_sql_bind_int(&a->find, 1, s->day);
    account_sql_bind_str(&a->find, 2, s->domain);
    TRY(account_sql_row(&a->find, &found));
    bool open = found && account_sql_int(&a->find, 1) == REPORT_DAY_OPEN;
    *ret_id = open ? account_sql_int(&a->find, 0) : 0;
    return NULL;
}

static void bind_row(struct account_sql *q, int64_t report, const struct outbound_tlsrpt_sample *s)
{
    account_sql_again(q);
    account_sql_bind_int(q, 1, report);
    account_sql_bind_str(q, 2, s->policy);
    account_sql_bind_int(q, 3, s->result);
    account_sql_bind_str(q, 4, s->sending_ip);
    account_sql_bind_str(q, 5, s->receiving_ip);
    account_sql_bind_str(q, 6, s->mx_host);
    account_sql_bind_str(q, 7, s->info);
}

static err bump(struct adding *a, int64_t report, const struct outbound_tlsrpt_sample *s,
                bool *ret_done)
{
    int changed = 0;
    bind_row(&a->bump, report, s);
    TRY(account_sql_run(&a->bump, &changed));
    *ret_done = changed > 0;
    return NULL;
}

static err has_room(struct adding *a, int64_t report, const struct outbound_tlsrpt_sample *s,
                    bool *ret_room)
{
    bool found = false;
    account_sql_again(&a->room);
    account_sql_bind_int(&a->room, 1, report);
    account_sql_bind_str(&a->room, 2, s->policy);
    account_sql_bind_int(&a->room, 3, OUTBOUND_TLSRPT_STORE_ROWS_MAX);
    account_sql_bind_int(&a->room, 4, OUTBOUND_TLSRPT_STORE_POLICIES_MAX);
    TRY(account_sql_row(&a->room, &found));
    *ret_room = found && account_sql_int(&a->room, 0) != 0;
    return NULL;
}

/* Without particulars there are few kinds: one of each type and result. */
static struct outbound_tlsrpt_sample plain(const struct outbound_tlsrpt_sample *s)
{
    struct outbound_tlsrpt_sample p = *s;
    p.policy = str_slice(s->policy, 0, str_find(s->policy, '\n') + 1);
    p.sending_ip = p.receiving_ip = p.mx_host = p.info = (str){0};
    return p;
}

static err add_row(struct adding *a, int64_t report, const struct outbound_tlsrpt_sample *s)
{
    bool done = false, room = false;
    struct outbound_tlsrpt_sample row = *s;
    TRY(bump(a, report, &row, &done));
    if (!done)
        TRY(has_room(a, report, &row, &room));
    if (!done && !room) {
        row = plain(s);
        TRY(bump(a, report, &row, &done));
    }
    if (done)
        return NULL;
    bind_row(&a->row, report, &row);
    return account_sql_run(&a->row, NULL);
}

static err add_sample(struct adding *a, const struct outbound_tlsrpt_sample *s)
{
    int64_t report = 0;
    TRY(find_report(a, s, &report));
    if (report == 0) {
        a->left_out++;
        return NULL;
    }
    account_sql_again(&a->sum);
    account_sql_bind_int(&a->sum, 1, report);
    account_sql_bind_int(&a->sum, 2, s->result != TLSPOLICY_SUCCESS);
    TRY(account_sql_run(&a->sum, NULL));
    return add_row(a, report, s);
}

static err add_all(struct adding *a)
{
    begin_adding(a);
    err e = NULL;
    for (size_t i = 0; e == NULL && i < a->count; i++)
        e = add_sample(a, a->samples[i]);
    end_adding(a);
    return e;
}

err outbound_tlsrpt_store_add(struct outbound_tlsrpt_store *s,
                              const struct outbound_tlsrpt_sample *const *samples, size_t count,
                              size_t *ret_left_out)
{
    ACCOUNT_SQL_LOCK(s);
    struct adding a = {.db = s->db, .samples = samples, .count = count};
    TRY(account_sql_file_begin(s->db));
    TRY(account_sql_file_end(s->db, add_all(&a)));
    *ret_left_out = a.left_out;
    return NULL;
}

/* ---- looking ---- */

#define HEAD "SELECT id, day, due_ms, domain, report_id, state, sessions, failures FROM reports"

static struct outbound_tlsrpt_head read_head(const struct account_sql *q, struct arena *arena)
{
    return (struct outbound_tlsrpt_head){
        .id = account_sql_int(q, 0),
        .day = account_sql_int(q, 1),
        .due_ms = account_sql_int(q, 2),
        .domain = arena_str(arena, account_sql_text(q, 3)),
        .report_id = arena_str(arena, account_sql_text(q, 4)),
        .state = (enum report_day_state)account_sql_int(q, 5),
        .sessions = account_sql_int(q, 6),
        .failures = account_sql_int(q, 7),
    };
}

err outbound_tlsrpt_store_list(struct outbound_tlsrpt_store *s,
                               const struct outbound_tlsrpt_query *query, struct arena *arena,
                               struct outbound_tlsrpt_head **ret_list, size_t *ret_count)
{
    static const char due[] = HEAD " WHERE state = 0 AND due_ms <= ?1 AND day < ?2"
                                   " ORDER BY sessions DESC, id LIMIT ?3",
                      any[] = HEAD " WHERE ?1 = '' OR domain = ?1"
                                   " ORDER BY day DESC, domain LIMIT ?2";
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(s->db, query->due ? due : any);
    if (query->due) {
        account_sql_bind_int(&q, 1, query->now_ms);
        account_sql_bind_int(&q, 2, query->now_ms / REPORT_DAY_MS);
        account_sql_bind_int(&q, 3, (int64_t)query->most);
    } else {
        account_sql_bind_str(&q, 1, query->domain);
        account_sql_bind_int(&q, 2, (int64_t)query->most);
    }
    struct outbound_tlsrpt_head *list =
        ARENA_ARRAY(arena, struct outbound_tlsrpt_head, query->most);
    size_t count = 0;
    bool found = true;
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == query->most)
            break;
        list[count++] = read_head(&q, arena);
    }
    *ret_list = list;
    *ret_count = count;
    return NULL;
}

static err load_row(const struct account_sql *q, const struct outbound_tlsrpt_head *head,
                    struct tlspolicy_report_tally *tally)
{
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open(8 * OUTBOUND_TLSRPT_POLICY_BYTES_MAX + (64 << 10));
    int64_t result = account_sql_int(q, 1);
    struct tlspolicy_report_session session = {
        .domain = head->domain,
        .ended_ms = head->day * REPORT_DAY_MS,
        .result = result >= 0 && result < TLSPOLICY_RESULTS ? (enum tlspolicy_result)result
                                                            : TLSPOLICY_VALIDATION_FAILURE,
        .detail = {.sending_ip = account_sql_text(q, 2),
                   .receiving_ip = account_sql_text(q, 3),
                   .mx_host = account_sql_text(q, 4),
                   .info = account_sql_text(q, 5)},
        .count = (uint64_t)account_sql_int(q, 6),
    };
    outbound_tlsrpt_sample_policy(account_sql_text(q, 0), head->domain, arena, &session.policy);
    return tlspolicy_report_tally_add(tally, &session);
}

err outbound_tlsrpt_store_load(struct outbound_tlsrpt_store *s,
                               const struct outbound_tlsrpt_head *head,
                               struct tlspolicy_report_tally *tally)
{
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "SELECT policy, result, sending_ip, receiving_ip, mx_host, info,"
                                 " count FROM counts WHERE report = ?1");
    account_sql_bind_int(&q, 1, head->id);
    for (;;) {
        bool found = false;
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        TRY(load_row(&q, head, tally));
    }
}

/* ---- what became of a report ---- */

struct noting {
    sqlite3 *db;
    int64_t report;
    str report_id;
    const struct outbound_tlsrpt_note *note;
};

static err write_note(const struct noting *n)
{
    CLEANUP(account_sql_end)
    struct account_sql id =
        account_sql_begin(n->db, "UPDATE reports SET report_id = ?2 WHERE id = ?1 AND ?2 <> ''");
    account_sql_bind_int(&id, 1, n->report);
    account_sql_bind_str(&id, 2, n->report_id);
    TRY(account_sql_run(&id, NULL));
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(n->db, "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3, ?4, ?5)");
    account_sql_bind_int(&q, 1, n->report);
    account_sql_bind_str(&q, 2, n->note->uri);
    account_sql_bind_str(&q, 3, n->note->text);
    account_sql_bind_int(&q, 4, n->note->sent);
    account_sql_bind_int(&q, 5, n->note->time_ms);
    return account_sql_run(&q, NULL);
}

err outbound_tlsrpt_store_note(struct outbound_tlsrpt_store *s, int64_t report, str report_id,
                               const struct outbound_tlsrpt_note *note)
{
    ACCOUNT_SQL_LOCK(s);
    struct noting n = {s->db, report, report_id, note};
    TRY(account_sql_exec(s->db, "PRAGMA synchronous = FULL"));
    err e = account_sql_file_begin(s->db);
    if (e == NULL)
        e = account_sql_file_end(s->db, write_note(&n));
    err normal = account_sql_exec(s->db, "PRAGMA synchronous = NORMAL");
    return e ? e : normal;
}

err outbound_tlsrpt_store_notes(struct outbound_tlsrpt_store *s, int64_t report,
                                struct arena *arena, struct outbound_tlsrpt_note **ret_list,
                                size_t *ret_count)
{
    enum { MOST = 2 * 10 };
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        s->db, "SELECT uri, text, sent, time_ms FROM notes WHERE report = ?1 ORDER BY time_ms");
    account_sql_bind_int(&q, 1, report);
    struct outbound_tlsrpt_note *list = ARENA_ARRAY(arena, struct outbound_tlsrpt_note, MOST);
    size_t count = 0;
    bool found = true;
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == MOST)
            break;
        list[count++] = (struct outbound_tlsrpt_note){
            arena_str(arena, account_sql_text(&q, 0)), arena_str(arena, account_sql_text(&q, 1)),
            account_sql_int(&q, 3), account_sql_int(&q, 2) != 0};
    }
    *ret_list = list;
    *ret_count = count;
    return NULL;
}

err outbound_tlsrpt_store_sent(struct outbound_tlsrpt_store *s, int64_t since_ms,
                               int64_t *ret_count)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "SELECT count(*) FROM notes WHERE time_ms >= ?1 AND sent = 1");
    account_sql_bind_int(&q, 1, since_ms);
    TRY(account_sql_row(&q, &found));
    *ret_count = found ? account_sql_int(&q, 0) : 0;
    return NULL;
}

err outbound_tlsrpt_store_settle(struct outbound_tlsrpt_store *s, int64_t report,
                                 enum report_day_state state, int64_t due_ms)
{
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "UPDATE reports SET state = ?2, due_ms = ?3 WHERE id = ?1");
    account_sql_bind_int(&q, 1, report);
    account_sql_bind_int(&q, 2, state);
    account_sql_bind_int(&q, 3, due_ms);
    return account_sql_run(&q, NULL);
}

err outbound_tlsrpt_store_clean(struct outbound_tlsrpt_store *s, int64_t now_ms, int64_t *ret_late)
{
    int64_t today = now_ms / REPORT_DAY_MS;
    int late = 0;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql over =
        account_sql_begin(s->db, "UPDATE reports SET state = 2 WHERE state = 0 AND day < ?1");
    account_sql_bind_int(&over, 1, (now_ms - REPORT_DAY_LATE_MS) / REPORT_DAY_MS);
    TRY(account_sql_run(&over, &late));
    CLEANUP(account_sql_end)
    struct account_sql old = account_sql_begin(s->db, "DELETE FROM reports WHERE day < ?1");
    account_sql_bind_int(&old, 1, today - REPORT_DAY_KEEP);
    TRY(account_sql_run(&old, NULL));
    *ret_late = late;
    return NULL;
}
