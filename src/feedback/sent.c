#include "feedback/sent.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include <pthread.h>

struct feedback_sent {
    sqlite3 *db;
    pthread_mutex_t lock; /* of db */
};

static const char *const migrations[] = {
    "CREATE TABLE sent ("
    "  queue_id TEXT NOT NULL,"
    "  rcpt INTEGER NOT NULL,"
    "  day INTEGER NOT NULL,"
    "  recipient TEXT NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  tenant TEXT NOT NULL,"
    "  stream TEXT NOT NULL,"
    "  campaign TEXT NOT NULL,"
    "  PRIMARY KEY (queue_id, rcpt)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX sent_by_day ON sent (day);",
    "ALTER TABLE sent ADD COLUMN egress TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sent ADD COLUMN site TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sent ADD COLUMN provider TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE sent ADD COLUMN complained INTEGER NOT NULL DEFAULT 0;",
};

err feedback_sent_open(const char *path, bool make, struct feedback_sent **ret_sent)
{
    struct account_sql_file f = {.path = path,
                                 .make = make,
                                 .bytes_max = FEEDBACK_SENT_BYTES_MAX,
                                 .migrations = migrations,
                                 .migration_count = ARRAY_LEN(migrations)};
    sqlite3 *db;
    TRY(account_sql_file_open(&f, &db));
    struct feedback_sent *s = MEM_NEW(struct feedback_sent);
    s->db = db;
    pthread_mutex_init(&s->lock, NULL);
    *ret_sent = s;
    return NULL;
}

void feedback_sent_close(struct feedback_sent *s)
{
    if (s == NULL)
        return;
    sqlite3_close_v2(s->db);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static err add_all(struct feedback_sent *s, const struct feedback_sent_row *const *rows,
                   size_t count)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        s->db, "INSERT OR REPLACE INTO sent (queue_id, rcpt, day, recipient, sender, tenant,"
               " stream, campaign, egress, site, provider)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    for (size_t i = 0; i < count; i++) {
        const struct feedback_sent_row *r = rows[i];
        account_sql_again(&q);
        account_sql_bind_str(&q, 1, r->queue_id);
        account_sql_bind_int(&q, 2, r->rcpt);
        account_sql_bind_int(&q, 3, r->day);
        account_sql_bind_str(&q, 4, r->recipient);
        account_sql_bind_str(&q, 5, r->sender);
        account_sql_bind_str(&q, 6, r->flow.tenant);
        account_sql_bind_str(&q, 7, r->flow.stream);
        account_sql_bind_str(&q, 8, r->flow.campaign);
        account_sql_bind_str(&q, 9, r->way.egress);
        account_sql_bind_str(&q, 10, r->way.site);
        account_sql_bind_str(&q, 11, r->way.provider);
        TRY(account_sql_run(&q, NULL));
    }
    return NULL;
}

err feedback_sent_add(struct feedback_sent *s, const struct feedback_sent_row *const *rows,
                      size_t count)
{
    ACCOUNT_SQL_LOCK(s);
    TRY(account_sql_file_begin(s->db));
    return account_sql_file_end(s->db, add_all(s, rows, count));
}

err feedback_sent_find(struct feedback_sent *s, str queue_id, uint32_t rcpt, struct arena *arena,
                       struct feedback_sent_row *ret_row, bool *ret_found)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "SELECT day, recipient, sender, tenant, stream, campaign, egress,"
                                 " site, provider FROM sent WHERE queue_id = ?1 AND rcpt = ?2");
    account_sql_bind_str(&q, 1, queue_id);
    account_sql_bind_int(&q, 2, rcpt);
    TRY(account_sql_row(&q, &found));
    *ret_found = found;
    if (!found)
        return NULL;
    *ret_row = (struct feedback_sent_row){
        .queue_id = arena_str(arena, queue_id),
        .rcpt = rcpt,
        .day = (uint32_t)account_sql_int(&q, 0),
        .recipient = arena_str(arena, account_sql_text(&q, 1)),
        .sender = arena_str(arena, account_sql_text(&q, 2)),
        .flow = {arena_str(arena, account_sql_text(&q, 3)),
                 arena_str(arena, account_sql_text(&q, 4)),
                 arena_str(arena, account_sql_text(&q, 5))},
        .way = {arena_str(arena, account_sql_text(&q, 6)),
                 arena_str(arena, account_sql_text(&q, 7)),
                 arena_str(arena, account_sql_text(&q, 8))},
    };
    return NULL;
}

err feedback_sent_complain(struct feedback_sent *s, str queue_id, uint32_t rcpt, bool *ret_first)
{
    int changed = 0;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(s->db, "UPDATE sent SET complained = 1 WHERE"
                                                    " queue_id = ?1 AND rcpt = ?2 AND"
                                                    " complained = 0");
    account_sql_bind_str(&q, 1, queue_id);
    account_sql_bind_int(&q, 2, rcpt);
    TRY(account_sql_run(&q, &changed));
    *ret_first = changed > 0;
    return NULL;
}

err feedback_sent_drop(struct feedback_sent *s, uint32_t before_day, bool *ret_more)
{
    int changed = 0;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(s->db, "DELETE FROM sent WHERE (queue_id, rcpt) IN"
                                 " (SELECT queue_id, rcpt FROM sent WHERE day < ?1 LIMIT ?2)");
    account_sql_bind_int(&q, 1, before_day);
    account_sql_bind_int(&q, 2, FEEDBACK_SENT_DROP_MAX);
    TRY(account_sql_run(&q, &changed));
    *ret_more = changed == FEEDBACK_SENT_DROP_MAX;
    return NULL;
}

err feedback_sent_domains(struct feedback_sent *s, str sender,
                          err (*each)(void *arg, str domain, int64_t count), void *arg)
{
    bool found = false;
    ACCOUNT_SQL_LOCK(s);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        s->db, "SELECT lower(substr(recipient, instr(recipient, '@') + 1)) AS domain, count(*)"
               " FROM sent WHERE ?1 = '' OR lower(substr(sender, instr(sender, '@') + 1)) = ?1"
               " GROUP BY domain");
    account_sql_bind_str(&q, 1, sender);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        TRY(each(arg, account_sql_text(&q, 0), account_sql_int(&q, 1)));
    }
}
