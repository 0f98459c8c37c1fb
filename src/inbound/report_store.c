#include "inbound/report_store.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    CLEAN_STEPS_MAX = 1000, /* reports removed at once to make room */
};

struct inbound_report_store {
    sqlite3 *db;
    pthread_mutex_t lock; /* of db */
    atomic_int holders;
    int64_t bytes_max;
};

static const char *const migrations[] = {
    "CREATE TABLE reports ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  day INTEGER NOT NULL,"
    "  domain TEXT NOT NULL,"
    "  policy TEXT NOT NULL,"
    "  provider TEXT NOT NULL,"
    "  due_ms INTEGER NOT NULL,"
    "  state INTEGER NOT NULL DEFAULT 0,"
    "  report_id TEXT NOT NULL DEFAULT '',"
    "  messages INTEGER NOT NULL DEFAULT 0,"
    "  row_count INTEGER NOT NULL DEFAULT 0,"
    "  left_out INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (day, domain, policy)"
    ") STRICT;"
    "CREATE INDEX reports_by_due ON reports (state, due_ms);"
    "CREATE TABLE rows ("
    "  report INTEGER NOT NULL REFERENCES reports(id) ON DELETE CASCADE,"
    "  source TEXT NOT NULL,"
    "  disposition INTEGER NOT NULL,"
    "  aligned INTEGER NOT NULL," /* 1 DKIM, 2 SPF */
    "  header_from TEXT NOT NULL,"
    "  envelope_from TEXT NOT NULL,"
    "  spf TEXT NOT NULL,"
    "  dkim TEXT NOT NULL,"
    "  reasons TEXT NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  PRIMARY KEY (report, source, disposition, aligned, header_from, envelope_from, spf, dkim,"
    "               reasons)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE mails ("
    "  report INTEGER NOT NULL REFERENCES reports(id) ON DELETE CASCADE,"
    "  recipient TEXT NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  queue_id TEXT NOT NULL,"
    "  note TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  time_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (report, recipient)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX mails_by_time ON mails (time_ms);"
    "CREATE INDEX mails_claimed ON mails (state) WHERE state = 0;",
};

/* ---- opening ---- */

/* A quarter more than is kept: room to work in. */
static err open_database(struct inbound_report_store *s, const char *path, bool make)
{
    struct account_sql_file f = {.path = path,
                                 .make = make,
                                 .bytes_max = s->bytes_max / 4 * 5,
                                 .migrations = migrations,
                                 .migration_count = ARRAY_LEN(migrations)};
    return account_sql_file_open(&f, &s->db);
}

err inbound_report_store_open(const char *path, bool make, int64_t bytes_max,
                              struct inbound_report_store **ret_store)
{
    struct inbound_report_store *s = MEM_NEW(struct inbound_report_store);
    pthread_mutex_init(&s->lock, NULL);
    atomic_init(&s->holders, 1);
    s->bytes_max = bytes_max ? bytes_max : INBOUND_REPORT_STORE_BYTES_MAX;
    err e = open_database(s, path, make);
    if (e)
        inbound_report_store_close(s);
    else
        *ret_store = s;
    return e;
}

struct inbound_report_store *inbound_report_store_hold(struct inbound_report_store *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

void inbound_report_store_close(struct inbound_report_store *s)
{
    if (s == NULL || atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    sqlite3_close_v2(s->db);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

/* ---- counting ---- */

/* The statements of one batch, prepared once. */
struct adding {
    sqlite3 *db;
    struct account_sql find, make, bump, row, tally;
};

static void end_adding(struct adding *a)
{
    account_sql_end(&a->find);
    account_sql_end(&a->make);
    account_sql_end(&a->bump);
    account_sql_end(&a->row);
    account_sql_end(&a->tally);
}

#define SAME_ROW                                                            \
    "report = ?1 AND source = ?2 AND disposition = ?3 AND aligned = ?4 AND" \
    " header_from = ?5 AND envelope_from = ?6 AND spf = ?7 AND dkim = ?8 AND reasons = ?9"

static void begin_adding(struct adding *a, sqlite3 *db)
{
    a->db = db;
    a->find = account_sql_begin(db, "SELECT id, state, row_count FROM reports"
                                    " WHERE day = ?1 AND domain = ?2 AND policy = ?3");
    a->make = account_sql_begin(
        db, "INSERT INTO reports (day, domain, policy, provider, due_ms)"
            " SELECT ?1, ?2, ?3, ?4, ?5"
            " WHERE (SELECT count(*) FROM reports WHERE day = ?1) < ?6"
            " AND (SELECT count(*) FROM reports WHERE day = ?1 AND domain = ?2) < ?7");
    a->bump = account_sql_begin(db, "UPDATE rows SET count = count + 1 WHERE " SAME_ROW);
    a->row =
        account_sql_begin(db, "INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)");
    a->tally = account_sql_begin(db, "UPDATE reports SET messages = messages + 1,"
                                     " row_count = row_count + ?2, left_out = left_out + ?3"
                                     " WHERE id = ?1");
}

static err make_report(struct adding *a, const struct inbound_report_sample *s, int *ret_changed)
{
    account_sql_again(&a->make);
    account_sql_bind_int(&a->make, 1, s->day);
    account_sql_bind_str(&a->make, 2, s->domain);
    account_sql_bind_str(&a->make, 3, s->policy);
    account_sql_bind_str(&a->make, 4, s->provider);
    account_sql_bind_int(&a->make, 5, s->due_ms);
    account_sql_bind_int(&a->make, 6, INBOUND_REPORT_STORE_REPORTS_MAX);
    account_sql_bind_int(&a->make, 7, INBOUND_REPORT_STORE_POLICIES_MAX);
    return account_sql_run(&a->make, ret_changed);
}

static void bind_row(struct account_sql *q, int64_t report, const struct inbound_report_sample *s)
{
    account_sql_again(q);
    account_sql_bind_int(q, 1, report);
    account_sql_bind_str(q, 2, s->source);
    account_sql_bind_int(q, 3, s->disposition);
    account_sql_bind_int(q, 4, s->dkim_aligned | s->spf_aligned << 1);
    account_sql_bind_str(q, 5, s->header_from);
    account_sql_bind_str(q, 6, s->envelope_from);
    account_sql_bind_str(q, 7, s->spf);
    account_sql_bind_str(q, 8, s->dkim);
    account_sql_bind_str(q, 9, s->reasons);
}

static err count_row(struct adding *a, int64_t report, bool roomy,
                     const struct inbound_report_sample *s)
{
    int bumped = 0, made = 0;
    bind_row(&a->bump, report, s);
    TRY(account_sql_run(&a->bump, &bumped));
    if (bumped == 0 && roomy) {
        bind_row(&a->row, report, s);
        TRY(account_sql_run(&a->row, &made));
    }
    account_sql_again(&a->tally);
    account_sql_bind_int(&a->tally, 1, report);
    account_sql_bind_int(&a->tally, 2, made);
    account_sql_bind_int(&a->tally, 3, bumped == 0 && made == 0);
    return account_sql_run(&a->tally, NULL);
}

static err add_one(struct adding *a, const struct inbound_report_sample *s, bool *ret_left_out)
{
    bool found = false;
    account_sql_again(&a->find);
    account_sql_bind_int(&a->find, 1, s->day);
    account_sql_bind_str(&a->find, 2, s->domain);
    account_sql_bind_str(&a->find, 3, s->policy);
    TRY(account_sql_row(&a->find, &found));
    if (found) {
        /* What comes when it was sent already (a date set back) is told as left out. */
        bool roomy = account_sql_int(&a->find, 1) == REPORT_DAY_OPEN &&
                     account_sql_int(&a->find, 2) < INBOUND_REPORT_STORE_ROWS_MAX;
        int64_t id = account_sql_int(&a->find, 0);
        account_sql_again(&a->find);
        return count_row(a, id, roomy, s);
    }
    int made = 0;
    TRY(make_report(a, s, &made));
    *ret_left_out = made == 0;
    return made ? count_row(a, sqlite3_last_insert_rowid(a->db), true, s) : NULL;
}

static err change(sqlite3 *db, const char *text, int64_t first, int64_t second, int *ret_changed)
{
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, text);
    account_sql_bind_int(&q, 1, first);
    if (sqlite3_bind_parameter_count(q.statement) > 1)
        account_sql_bind_int(&q, 2, second);
    return account_sql_run(&q, ret_changed);
}

static err is_too_much(struct inbound_report_store *s, bool *ret_too_much)
{
    int64_t pages = 0, free = 0, size = 0;
    TRY(account_sql_file_number(s->db, "PRAGMA page_count", &pages));
    TRY(account_sql_file_number(s->db, "PRAGMA freelist_count", &free));
    TRY(account_sql_file_number(s->db, "PRAGMA page_size", &size));
    *ret_too_much = (pages - free) * size > s->bytes_max;
    return NULL;
}

/* There is room for a batch above what is kept, so this comes behind it. */
static err drop_oldest(struct inbound_report_store *s, size_t *dropped)
{
    bool too_much = false;
    TRY(is_too_much(s, &too_much));
    for (int i = 0; too_much && i < CLEAN_STEPS_MAX; i++) {
        int open = 0, gone = 0;
        TRY(change(s->db,
                   "DELETE FROM reports WHERE state = ?1 AND"
                   " id = (SELECT id FROM reports ORDER BY day, id LIMIT 1)",
                   REPORT_DAY_OPEN, 0, &open));
        if (open == 0)
            TRY(change(s->db,
                       "DELETE FROM reports WHERE state <> ?1 AND"
                       " id = (SELECT id FROM reports ORDER BY day, id LIMIT 1)",
                       REPORT_DAY_OPEN, 0, &gone));
        if (open == 0 && gone == 0)
            return NULL;
        *dropped += (size_t)open;
        TRY(is_too_much(s, &too_much));
    }
    return NULL;
}

err inbound_report_store_add(struct inbound_report_store *s,
                             const struct inbound_report_sample *const *samples, size_t count,
                             struct inbound_report_added *ret_added)
{
    struct inbound_report_added added = {0};
    struct adding a;
    ACCOUNT_SQL_LOCK(s);
    TRY(account_sql_file_begin(s->db));
    begin_adding(&a, s->db);
    err e = NULL;
    for (size_t i = 0; i < count && e == NULL; i++) {
        bool left = false;
        if (samples[i]->counts)
            e = add_one(&a, samples[i], &left);
        added.left_out += left;
    }
    end_adding(&a);
    TRY(account_sql_file_end(s->db, e));
    TRY(drop_oldest(s, &added.dropped));
    *ret_added = added;
    return NULL;
}

/* ---- cleaning ---- */

err inbound_report_store_clean(struct inbound_report_store *s, int64_t now_ms, size_t *ret_late)
{
    int64_t today = now_ms / REPORT_DAY_MS;
    int late = 0;
    ACCOUNT_SQL_LOCK(s);
    TRY(change(s->db, "DELETE FROM reports WHERE day < ?1", today - REPORT_DAY_KEEP, 0, NULL));
    /* One that may be in the queue already is looked after whatever the time. */
    TRY(change(s->db,
               "UPDATE reports SET state = 2 WHERE state = 0 AND day < ?1 AND id NOT IN"
               " (SELECT report FROM mails WHERE mails.state = ?2)",
               (now_ms - REPORT_DAY_LATE_MS) / REPORT_DAY_MS, INBOUND_REPORT_MAIL_CLAIMED, &late));
    *ret_late = (size_t)late;
    return NULL;
}

/* ---- reading ---- */

static str text_of(const struct account_sql *q, int column, struct arena *arena)
{
    return arena_str(arena, account_sql_text(q, column));
}

static struct inbound_report_head head_of(const struct account_sql *q, struct arena *arena)
{
    return (struct inbound_report_head){.id = account_sql_int(q, 0),
                                        .day = account_sql_int(q, 1),
                                        .due_ms = account_sql_int(q, 2),
                                        .domain = text_of(q, 3, arena),
                                        .policy = text_of(q, 4, arena),
                                        .provider = text_of(q, 5, arena),
                                        .report_id = text_of(q, 6, arena),
                                        .state = (enum report_day_state)account_sql_int(q, 7),
                                        .messages = account_sql_int(q, 8),
                                        .rows = account_sql_int(q, 9),
                                        .left_out = account_sql_int(q, 10)};
}

#define HEAD                                                                        \
    "SELECT id, day, due_ms, domain, policy, provider, report_id, state, messages," \
    " row_count, left_out FROM reports WHERE "

err inbound_report_store_list(struct inbound_report_store *s, const struct inbound_report_query *r,
                              struct arena *arena, struct inbound_report_head **ret_list,
                              size_t *ret_count)
{
    struct inbound_report_head *list = ARENA_ARRAY(arena, struct inbound_report_head, r->most);
    size_t count = 0;
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        s->db, r->due ? HEAD
                   "state = 0 AND due_ms <= ?1 AND day < ?2 ORDER BY messages DESC, due_ms LIMIT ?3"
                      : HEAD "(?1 = '' OR domain = ?1) AND (?2 < 0 OR day = ?2)"
                             " ORDER BY day DESC, domain, id LIMIT ?3");
    if (r->due)
        account_sql_bind_int(&q, 1, r->now_ms);
    else
        account_sql_bind_str(&q, 1, r->domain);
    account_sql_bind_int(&q, 2, r->due ? r->now_ms / REPORT_DAY_MS : r->day);
    account_sql_bind_int(&q, 3, (int64_t)r->most);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == r->most)
            break;
        list[count++] = head_of(&q, arena);
    }
    *ret_list = list;
    *ret_count = count;
    return NULL;
}

/* ?1 is the key, ?2 the number of mails. */
static err read_mails(sqlite3 *db, const char *text, int64_t key, size_t most, struct arena *arena,
                      struct inbound_report_mail **ret_list, size_t *ret_count)
{
    struct inbound_report_mail *list = ARENA_ARRAY(arena, struct inbound_report_mail, most);
    size_t count = 0;
    bool found = false;
    CLEANUP(account_sql_end) struct account_sql q = account_sql_begin(db, text);
    account_sql_bind_int(&q, 1, key);
    account_sql_bind_int(&q, 2, (int64_t)most);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found || count == most)
            break;
        list[count++] = (struct inbound_report_mail){
            .report = account_sql_int(&q, 0),
            .recipient = text_of(&q, 1, arena),
            .state = (enum inbound_report_mail_state)account_sql_int(&q, 2),
            .queue_id = text_of(&q, 3, arena),
            .note = text_of(&q, 4, arena),
            .bytes = account_sql_int(&q, 5),
            .time_ms = account_sql_int(&q, 6)};
    }
    *ret_list = list;
    *ret_count = count;
    return NULL;
}

#define MAIL "SELECT report, recipient, state, queue_id, note, bytes, time_ms FROM mails WHERE "

err inbound_report_store_mails(struct inbound_report_store *s, int64_t report, struct arena *arena,
                               struct inbound_report_mail **ret_list, size_t *ret_count)
{
    ACCOUNT_SQL_LOCK(s);
    return read_mails(s->db, MAIL "report = ?1 ORDER BY recipient LIMIT ?2", report,
                      4 * INBOUND_REPORT_STORE_MAILS_MAX, arena, ret_list, ret_count);
}

err inbound_report_store_claimed(struct inbound_report_store *s, size_t most, struct arena *arena,
                                 struct inbound_report_mail **ret_list, size_t *ret_count)
{
    ACCOUNT_SQL_LOCK(s);
    return read_mails(s->db, MAIL "state = ?1 ORDER BY time_ms LIMIT ?2",
                      INBOUND_REPORT_MAIL_CLAIMED, most, arena, ret_list, ret_count);
}

static enum mailauth_result result_named(str name)
{
    for (enum mailauth_result r = MAILAUTH_NONE; r < MAILAUTH_PERMERROR; r++)
        if (str_eq(name, mailauth_result_name(r)))
            return r;
    return MAILAUTH_PERMERROR;
}

/* The word in front; the rest begins behind the blank. */
static str word(str *rest)
{
    str head;
    str_split(*rest, ' ', &head, rest);
    return head;
}

static void read_dkim(str lines, struct mailauth_dmarc_row *row)
{
    for (str line; lines.len > 0 && row->dkim_count < MAILAUTH_DMARC_REPORT_SIGNATURES_MAX;) {
        str_split(lines, '\n', &line, &lines);
        struct mailauth_dmarc_dkim *d = &row->dkim[row->dkim_count++];
        d->result = result_named(word(&line));
        d->domain = word(&line);
        d->selector = word(&line);
        d->partial = line.len > 0;
    }
}

static enum mailauth_dmarc_override override_named(str name)
{
    static const char *const names[] = {
        [MAILAUTH_DMARC_OVERRIDE_LOCAL_POLICY] = "local_policy",
        [MAILAUTH_DMARC_OVERRIDE_TRUSTED_FORWARDER] = "trusted_forwarder",
        [MAILAUTH_DMARC_OVERRIDE_TEST_MODE] = "policy_test_mode",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && str_eq(name, str_of(names[i])))
            return (enum mailauth_dmarc_override)i;
    return MAILAUTH_DMARC_OVERRIDE_OTHER;
}

static void read_reasons(str lines, struct mailauth_dmarc_row *row)
{
    for (str line; lines.len > 0 && row->reason_count < MAILAUTH_DMARC_REPORT_REASONS_MAX;) {
        str_split(lines, '\n', &line, &lines);
        struct mailauth_dmarc_reason *r = &row->reasons[row->reason_count++];
        r->type = override_named(word(&line));
        r->comment = line;
    }
}

static void read_row(const struct account_sql *q, struct mailauth_dmarc_row *row)
{
    str spf = account_sql_text(q, 5);
    int64_t aligned = account_sql_int(q, 2), done = account_sql_int(q, 1);
    *row = (struct mailauth_dmarc_row){.count = (uint64_t)account_sql_int(q, 8),
                                       .header_from = account_sql_text(q, 3),
                                       .envelope_from = account_sql_text(q, 4),
                                       .dkim_aligned = aligned & 1,
                                       .spf_aligned = aligned & 2};
    bool known = done >= MAILAUTH_DMARC_NONE && done <= MAILAUTH_DMARC_REJECT;
    row->disposition = known ? (enum mailauth_dmarc_policy)done : MAILAUTH_DMARC_NONE;
    err e = address_parse_ip(account_sql_text(q, 0), &row->source);
    (void)e; /* then it is 0.0.0.0: we wrote none that cannot be read */
    row->spf.result = result_named(word(&spf));
    row->spf.domain = spf;
    read_dkim(account_sql_text(q, 6), row);
    read_reasons(account_sql_text(q, 7), row);
}

err inbound_report_store_rows(struct inbound_report_store *s, int64_t report,
                              err (*each)(void *arg, const struct mailauth_dmarc_row *), void *arg)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    struct mailauth_dmarc_row *row = ARENA_NEW(arena, struct mailauth_dmarc_row);
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        s->db, "SELECT source, disposition, aligned, header_from, envelope_from, spf, dkim,"
               " reasons, count FROM rows WHERE report = ?1 ORDER BY count DESC, source");
    account_sql_bind_int(&q, 1, report);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        read_row(&q, row);
        TRY(each(arg, row));
    }
}

/* ---- sending ---- */

err inbound_report_store_postpone(struct inbound_report_store *s, int64_t report, int64_t due_ms)
{
    ACCOUNT_SQL_LOCK(s);
    return change(s->db, "UPDATE reports SET due_ms = ?2 WHERE id = ?1", report, due_ms, NULL);
}

static err write_note(sqlite3 *db, str report_id, const struct inbound_report_mail *m)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        db, "INSERT OR REPLACE INTO mails (report, recipient, state, queue_id, note, bytes,"
            " time_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    account_sql_bind_int(&q, 1, m->report);
    account_sql_bind_str(&q, 2, m->recipient);
    account_sql_bind_int(&q, 3, m->state);
    account_sql_bind_str(&q, 4, m->queue_id);
    account_sql_bind_str(&q, 5, m->note);
    account_sql_bind_int(&q, 6, m->bytes);
    account_sql_bind_int(&q, 7, m->time_ms);
    TRY(account_sql_run(&q, NULL));
    if (report_id.len == 0)
        return NULL;
    CLEANUP(account_sql_end)
    struct account_sql id =
        account_sql_begin(db, "UPDATE reports SET report_id = ?2 WHERE id = ?1");
    account_sql_bind_int(&id, 1, m->report);
    account_sql_bind_str(&id, 2, report_id);
    return account_sql_run(&id, NULL);
}

err inbound_report_store_note(struct inbound_report_store *s, str report_id,
                              const struct inbound_report_mail *m)
{
    ACCOUNT_SQL_LOCK(s);
    TRY(account_sql_exec(s->db, "PRAGMA synchronous = FULL"));
    err e = account_sql_file_begin(s->db);
    if (e == NULL)
        e = account_sql_file_end(s->db, write_note(s->db, report_id, m));
    sqlite3_exec(s->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    return e;
}

err inbound_report_store_finish(struct inbound_report_store *s, int64_t report)
{
    ACCOUNT_SQL_LOCK(s);
    return change(s->db, "UPDATE reports SET state = ?2 WHERE id = ?1", report, REPORT_DAY_DONE,
                  NULL);
}

err inbound_report_store_sent(struct inbound_report_store *s, int64_t since_ms, int64_t *ret_count)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "SELECT count(*) FROM mails WHERE time_ms >= ?1 AND state <> ?2");
    account_sql_bind_int(&q, 1, since_ms);
    account_sql_bind_int(&q, 2, INBOUND_REPORT_MAIL_REFUSED);
    TRY(account_sql_row(&q, &found));
    *ret_count = found ? account_sql_int(&q, 0) : 0;
    return NULL;
}
