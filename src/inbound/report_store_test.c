#include "inbound/report_letter.h"
#include "inbound/report_store.h"
#include "tests/test.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY = 20000, MAILS = 20 };

struct place {
    char folder[40], path[80];
    struct inbound_report_store *store;
    struct arena *arena;
};

static void open_store(struct place *p, int64_t bytes_max)
{
    CHECK_DONE(inbound_report_store_open(p->path, true, bytes_max, &p->store), "open");
}

static void open_place(struct place *p, int64_t bytes_max)
{
    *p = (struct place){.folder = "/tmp/smtptool-reports-XXXXXX"};
    CHECK(mkdtemp(p->folder) != NULL, "folder");
    snprintf(p->path, sizeof p->path, "%s/r/reports.db", p->folder); /* its folder is made, too */
    p->arena = arena_open(16 << 20);
    open_store(p, bytes_max);
}

static void close_place(struct place *p)
{
    char path[120];
    inbound_report_store_close(p->store);
    arena_close(p->arena);
    snprintf(path, sizeof path, "%s-wal", p->path);
    unlink(path);
    snprintf(path, sizeof path, "%s-shm", p->path);
    unlink(path);
    unlink(p->path);
    snprintf(path, sizeof path, "%s/r", p->folder);
    rmdir(path);
    rmdir(p->folder);
}

static struct inbound_report_sample sample_of(const char *domain, int64_t day)
{
    return (struct inbound_report_sample){
        .counts = true,
        .day = day,
        .due_ms = (day + 1) * REPORT_DAY_MS + 1000,
        .domain = str_of(domain),
        .policy = S("v=DMARC1; p=none; rua=mailto:a@example.com"),
        .provider = S("example.com"),
        .source = S("192.0.2.1"),
        .header_from = str_of(domain),
        .envelope_from = S("bounces.example.com"),
        .spf = S("softfail bounces.example.com"),
        .dkim = S("pass example.com s1\nfail list.example s2 partial\n"),
        .reasons = S("policy_test_mode\ntrusted_forwarder ARC seal of list.example\n"),
        .disposition = MAILAUTH_DMARC_QUARANTINE,
        .dkim_aligned = true,
    };
}

static struct inbound_report_added
add_many(struct place *p, const struct inbound_report_sample *const *samples, size_t count)
{
    struct inbound_report_added added = {0};
    CHECK_DONE(inbound_report_store_add(p->store, samples, count, &added), "add");
    err_forget();
    return added;
}

static size_t add(struct place *p, const struct inbound_report_sample *s)
{
    return add_many(p, &s, 1).left_out;
}

static size_t list(struct place *p, const struct inbound_report_query *q,
                   struct inbound_report_head **ret)
{
    size_t count = 0;
    CHECK_DONE(inbound_report_store_list(p->store, q, p->arena, ret, &count), "list");
    return count;
}

struct rows {
    size_t count;
    uint64_t messages;
    struct mailauth_dmarc_row first;
    struct arena *arena;
};

static err keep_row(void *arg, const struct mailauth_dmarc_row *row)
{
    struct rows *r = arg;
    if (r->count++ == 0) {
        r->first = *row;
        r->first.header_from = arena_str(r->arena, row->header_from);
        r->first.spf.domain = arena_str(r->arena, row->spf.domain);
        r->first.dkim[1].domain = arena_str(r->arena, row->dkim[1].domain);
        r->first.dkim[1].selector = arena_str(r->arena, row->dkim[1].selector);
        r->first.reasons[1].comment = arena_str(r->arena, row->reasons[1].comment);
    }
    r->messages += row->count;
    return NULL;
}

TEST(inbound_report_store_counts)
{
    struct place p;
    struct inbound_report_head *heads;
    open_place(&p, 0);
    struct rows rows = {.arena = p.arena};
    struct inbound_report_sample s = sample_of("example.com", DAY), other = s, silent = s;
    other.source = S("2001:db8::1");
    silent.counts = false;
    CHECK(add(&p, &s) + add(&p, &s) + add(&p, &other) + add(&p, &silent) == 0, "all have room");
    size_t count = list(&p, &(struct inbound_report_query){.day = -1, .most = 9}, &heads);
    CHECK(count == 1, "one report");
    CHECK(heads[0].messages == 3 && heads[0].rows == 2, "three messages, two kinds");
    CHECK_DONE(inbound_report_store_rows(p.store, heads[0].id, keep_row, &rows), "rows");
    CHECK(rows.count == 2 && rows.messages == 3, "in its rows, too");
    const struct mailauth_dmarc_row *r = &rows.first;
    CHECK(r->count == 2 && r->disposition == MAILAUTH_DMARC_QUARANTINE, "the most frequent first");
    CHECK(r->dkim_aligned && !r->spf_aligned, "alignment");
    CHECK_STR(r->header_from, "example.com", "From");
    CHECK(r->spf.result == MAILAUTH_SOFTFAIL, "SPF");
    CHECK_STR(r->spf.domain, "bounces.example.com", "SPF's domain");
    CHECK(r->dkim_count == 2 && r->dkim[0].result == MAILAUTH_PASS && !r->dkim[0].partial, "DKIM");
    CHECK_STR(r->dkim[1].domain, "list.example", "the second's domain");
    CHECK_STR(r->dkim[1].selector, "s2", "its selector");
    CHECK(r->dkim[1].result == MAILAUTH_FAIL && r->dkim[1].partial, "its result");
    CHECK(r->reason_count == 2 && r->reasons[0].type == MAILAUTH_DMARC_OVERRIDE_TEST_MODE &&
              r->reasons[1].type == MAILAUTH_DMARC_OVERRIDE_TRUSTED_FORWARDER,
          "reasons");
    CHECK_STR(r->reasons[1].comment, "ARC seal of list.example", "a reason's words");
    close_place(&p);
}

/* Who sends mail decides how many kinds there are. */
TEST(inbound_report_store_is_bounded)
{
    struct place p;
    struct inbound_report_head *heads;
    size_t left_out = 0;
    open_place(&p, 0);
    struct inbound_report_sample s = sample_of("example.com", DAY);
    for (int i = 0; i < INBOUND_REPORT_STORE_POLICIES_MAX + 3; i++) {
        s.policy = arena_printf(p.arena, "v=DMARC1; p=none; rua=mailto:%d@example.com", i);
        left_out += add(&p, &s);
    }
    CHECK(left_out == 3, "policies of one domain");
    enum { KINDS = INBOUND_REPORT_STORE_ROWS_MAX + 5 };
    const struct inbound_report_sample **many =
        ARENA_ARRAY(p.arena, const struct inbound_report_sample *, KINDS);
    struct inbound_report_sample *samples =
        ARENA_ARRAY(p.arena, struct inbound_report_sample, KINDS);
    for (int i = 0; i < KINDS; i++) {
        samples[i] = sample_of("many.example", DAY);
        samples[i].source = arena_printf(p.arena, "10.0.%d.%d", i / 250, i % 250);
        many[i] = &samples[i];
    }
    CHECK(add_many(&p, many, KINDS).left_out == 0, "many kinds");
    struct inbound_report_query q = {.domain = S("many.example"), .day = DAY, .most = 9};
    CHECK(list(&p, &q, &heads) == 1, "one report");
    CHECK(heads[0].rows == INBOUND_REPORT_STORE_ROWS_MAX, "no more rows");
    CHECK(heads[0].left_out == 5 && heads[0].messages == KINDS, "and it says how many are left");
    CLEANUP(buf_release) struct buf xml;
    buf_init(&xml, 64 << 20);
    struct inbound_report_letter letter = {.head = &heads[0], .receiver = S("mx.example.net")};
    CHECK_DONE(inbound_report_letter_xml(p.store, &letter, &xml), "xml");
    CHECK(str_contains(buf_str(&xml), S("<error>5 of 10005 messages are in no row")), "to others");
    close_place(&p);
}

TEST(inbound_report_store_full)
{
    enum { BYTES = 1 << 20, DAYS = 10, EACH_DAY = 100, ALL = DAYS * EACH_DAY };
    struct place p;
    struct inbound_report_head *heads;
    struct stat facts;
    size_t dropped = 0;
    open_place(&p, BYTES);
    for (int i = 0; i < ALL; i++) {
        struct inbound_report_sample s = sample_of("?", DAY + i / EACH_DAY);
        const struct inbound_report_sample *one = &s;
        s.domain = arena_printf(p.arena, "d%d.example", i);
        s.dkim = arena_printf(p.arena, "pass %02000d s\n", i);
        dropped += add_many(&p, &one, 1).dropped;
    }
    size_t count = list(&p, &(struct inbound_report_query){.day = -1, .most = ALL}, &heads);
    CHECK(dropped > 0 && count + dropped == ALL, "some have gone, and it is said how many");
    CHECK(count > EACH_DAY && heads[0].day == DAY + DAYS - 1, "the newest stay");
    CHECK(heads[count - 1].day > DAY, "the oldest went first");
    CHECK(stat(p.path, &facts) == 0 && facts.st_size <= BYTES / 4 * 5, "the file is bounded");
    close_place(&p);
}

TEST(inbound_report_store_times)
{
    struct place p;
    struct inbound_report_head *heads;
    size_t late = 0;
    const int64_t day_ms = REPORT_DAY_MS;
    open_place(&p, 0);
    struct inbound_report_sample a = sample_of("a.example", DAY), b = sample_of("b.example", DAY);
    a.due_ms += 500;
    add(&p, &a);
    add(&p, &b);
    struct inbound_report_query due = {.due = true, .most = 9, .now_ms = (DAY + 1) * day_ms};
    CHECK(list(&p, &due, &heads) == 0, "none at midnight");
    due.now_ms += 2000;
    CHECK(list(&p, &due, &heads) == 2, "both later");
    CHECK_STR(heads[0].domain, "b.example", "in the order in which they are due");
    add(&p, &a);
    CHECK(list(&p, &due, &heads) == 2, "both still");
    CHECK_STR(heads[0].domain, "a.example", "but the one with more messages first");
    CHECK_DONE(inbound_report_store_postpone(p.store, heads[0].id, due.now_ms + 1), "postpone");
    CHECK_DONE(inbound_report_store_finish(p.store, heads[1].id), "finish");
    CHECK(list(&p, &due, &heads) == 0, "one waits, one is done");
    due.now_ms += 1;
    CHECK(list(&p, &due, &heads) == 1, "then it is due again");
    CHECK_DONE(inbound_report_store_clean(p.store, (DAY + 2) * day_ms, &late), "the next day");
    CHECK(late == 0, "there is time");
    CHECK_DONE(inbound_report_store_clean(p.store, (DAY + 3) * day_ms, &late), "two days on");
    CHECK(late == 1, "it is not sent any more");
    CHECK_DONE(inbound_report_store_clean(p.store, (DAY + 15) * day_ms, &late), "two weeks on");
    struct inbound_report_query all = {.day = -1, .most = 9};
    CHECK(list(&p, &all, &heads) == 0, "nothing is kept");
    close_place(&p);
}

TEST(inbound_report_store_mails)
{
    struct place p;
    struct inbound_report_head *heads;
    struct inbound_report_mail *mails;
    size_t count = 0;
    int64_t sent = 0;
    open_place(&p, 0);
    struct inbound_report_sample s = sample_of("example.com", DAY);
    add(&p, &s);
    list(&p, &(struct inbound_report_query){.day = -1, .most = 9}, &heads);
    struct inbound_report_mail m = {.report = heads[0].id,
                                    .recipient = S("a@example.com"),
                                    .queue_id = S("06CJ2M7T8Q4ZK"),
                                    .state = INBOUND_REPORT_MAIL_CLAIMED,
                                    .time_ms = 5000};
    CHECK_DONE(inbound_report_store_note(p.store, S("id1"), &m), "claim");
    CHECK_DONE(inbound_report_store_claimed(p.store, 9, p.arena, &mails, &count), "claimed");
    CHECK(count == 1, "one is on its way");
    inbound_report_store_close(p.store); /* a restart */
    open_store(&p, 0);
    CHECK_DONE(inbound_report_store_mails(p.store, m.report, p.arena, &mails, &count), "mails");
    CHECK(count == 1 && mails[0].state == INBOUND_REPORT_MAIL_CLAIMED, "it is remembered");
    CHECK_STR(mails[0].queue_id, "06CJ2M7T8Q4ZK", "under which name");
    list(&p, &(struct inbound_report_query){.day = -1, .most = 9}, &heads);
    CHECK_STR(heads[0].report_id, "id1", "and the report's");
    m.state = INBOUND_REPORT_MAIL_SENT;
    CHECK_DONE(inbound_report_store_note(p.store, (str){0}, &m), "sent");
    CHECK_DONE(inbound_report_store_claimed(p.store, 9, p.arena, &mails, &count), "claimed");
    CHECK(count == 0, "none is on its way");
    CHECK_DONE(inbound_report_store_sent(p.store, 5000, &sent), "sent since");
    CHECK(sent == 1, "it counts");
    CHECK_DONE(inbound_report_store_sent(p.store, 5001, &sent), "sent since");
    CHECK(sent == 0, "not for tomorrow");
    close_place(&p);
}

static void run_sql(const char *path, const char *text)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK &&
              sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK,
          text);
    sqlite3_close(db);
}

TEST(inbound_report_store_refuses)
{
    struct place p;
    struct inbound_report_store *none = NULL;
    open_place(&p, 0);
    inbound_report_store_close(p.store);
    p.store = NULL;
    run_sql(p.path, "PRAGMA user_version = 9");
    err e = inbound_report_store_open(p.path, true, 0, &none);
    CHECK(e && e->kind == ERR_CONFIG, "a newer version");
    FILE *file = fopen(p.path, "wb");
    fputs("this is no database, and long enough to be looked at by whoever reads databases\n",
          file);
    fclose(file);
    e = inbound_report_store_open(p.path, true, 0, &none);
    CHECK(e && e->kind == ERR_DAMAGED, "no database");
    unlink(p.path);
    e = inbound_report_store_open(p.path, false, 0, &none);
    CHECK(e && e->kind == ERR_SYSTEM, "not there, and not to be made");
    CHECK(none == NULL, "nothing was opened");
    err_forget();
    close_place(&p);
}
