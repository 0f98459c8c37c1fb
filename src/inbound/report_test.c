#include "config/text_test.h"
#include "inbound/report.h"
#include "inbound/report_store.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

enum { KINDS = 3, NOW_MS = 1000 };

struct town {
    char folder[40];
    struct config *config;
    struct sim_fs *fs;
    struct inbound_report *reports;
    struct mailauth_dmarc_record record;
    struct address ip;
    struct arena *arena;
    size_t dropped; /* by events */
    int64_t lost;   /* what they say */
};

static const struct config *present(void *arg) { return config_hold(((struct town *)arg)->config); }

static void listen_to(void *arg, const struct event *e)
{
    struct town *t = arg;
    t->dropped += e->kind == EVENT_REPORT_DROPPED;
    t->lost += e->kind == EVENT_REPORT_DROPPED ? e->count : 0;
}

static void open_town(struct town *t, struct event_sink *sink)
{
    snprintf(t->folder, sizeof t->folder, "/tmp/smtptool-report-XXXXXX");
    CHECK(mkdtemp(t->folder) != NULL, "folder");
    t->arena = arena_open(1 << 20);
    t->fs = sim_fs_open();
    sim_fs_use(t->fs);
    t->config = config_text_test(S("hostname: mx.example.net\n"
                                   "mailauth: { reports: { aggregate: on } }\n"));
    CHECK_DONE(mailauth_dmarc_record_parse(S("v=DMARC1; p=none; rua=mailto:a@example.com"),
                                           t->arena, &t->record),
               "policy");
    CHECK_DONE(address_parse_ip(S("192.0.2.1"), &t->ip), "address");
    *sink = (struct event_sink){listen_to, t};
    t->reports = inbound_report_open(&(struct inbound_report_options){
        .folder = t->folder, .config = present, .config_arg = t, .events = sink});
}

static void count(struct town *t, int kind)
{
    char author[40];
    snprintf(author, sizeof author, "d%d.example", kind);
    struct mailauth_judgement j = {0};
    j.peer.ip = &t->ip;
    j.peer.sender = S("a@example.com");
    j.spf.result = j.dmarc.result = MAILAUTH_PASS;
    j.spf.domain = S("example.com");
    j.dmarc.author = j.dmarc.policy_domain = j.dmarc.organizational = str_of(author);
    j.dmarc.record = &t->record;
    inbound_report_count(t->reports, &(struct inbound_report_seen){.config = t->config,
                                                                   .judgement = &j,
                                                                   .now_ms = clock_real_ms()});
}

/* Messages in the store, looked at from outside. */
static int64_t counted(struct town *t)
{
    char path[80];
    struct inbound_report_store *store;
    struct inbound_report_head *heads;
    size_t count = 0;
    int64_t messages = 0;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 20);
    snprintf(path, sizeof path, "%s/reports.db", t->folder);
    if (access(path, F_OK) != 0)
        return 0;
    struct inbound_report_query q = {.day = -1, .most = 1000};
    CHECK_DONE(inbound_report_store_open(path, false, 0, &store), "look");
    CHECK_DONE(inbound_report_store_list(store, &q, arena, &heads, &count), "list");
    inbound_report_store_close(store);
    for (size_t i = 0; i < count; i++)
        messages += heads[i].messages;
    return messages;
}

static void remove_store(struct town *t)
{
    static const char *const names[] = {"reports.db", "reports.db-wal", "reports.db-shm"};
    char path[80];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", t->folder, names[i]);
        unlink(path);
    }
    rmdir(t->folder);
}

static void close_town(struct town *t)
{
    config_close(t->config);
    arena_close(t->arena);
    sim_fs_use(NULL);
    sim_fs_close(t->fs);
    remove_store(t);
}

static void batches(void *arg)
{
    struct town *t = arg;
    struct event_sink sink;
    struct group group;
    group_init(&group);
    open_town(t, &sink);
    fiber_spawn(&group, "reports", inbound_report_run, t->reports);
    CHECK_DONE(fiber_sleep(deadline_after(100)), "it waits");
    for (int i = 0; i < 100; i++)
        count(t, i % KINDS);
    CHECK_DONE(fiber_sleep(deadline_after(INBOUND_REPORT_GATHER_MS / 2)), "a second");
    CHECK(counted(t) == 0, "nothing is written behind each message");
    CHECK_DONE(fiber_sleep(deadline_after(INBOUND_REPORT_GATHER_MS)), "two more");
    CHECK(counted(t) == 100, "they are written together");
    count(t, 0);
    CHECK_DONE(fiber_sleep(deadline_after(100)), "it gathers");
    count(t, 1);
    group_close(&group);
    count(t, 2); /* a session that ends behind the fiber */
    inbound_report_close(t->reports);
    CHECK(counted(t) == 103, "what was not written is written at the end");
    CHECK(t->dropped == 0, "nothing is lost");
    close_town(t);
}

TEST(inbound_report_batches)
{
    struct town t = {0};
    sim_run(1, batches, &t);
}

/* Whoever floods us fills neither memory nor disk. */
static void flood(void *arg)
{
    struct town *t = arg;
    struct event_sink sink;
    struct group group;
    enum { MANY = 60000 };
    group_init(&group);
    open_town(t, &sink);
    for (int i = 0; i < MANY; i++)
        count(t, i % KINDS);
    fiber_spawn(&group, "reports", inbound_report_run, t->reports);
    CHECK_DONE(fiber_sleep(deadline_after(2 * INBOUND_REPORT_GATHER_MS)), "it writes");
    CHECK(t->dropped == 1 && t->lost > 0, "some had no room, and that is said once");
    CHECK(counted(t) + t->lost == MANY, "nobody is forgotten");
    group_close(&group);
    inbound_report_close(t->reports);
    close_town(t);
}

TEST(inbound_report_flood)
{
    struct town t = {0};
    sim_run(1, flood, &t);
}

static void damage(void *arg)
{
    struct town *t = arg;
    struct event_sink sink;
    struct group group;
    char path[80];
    group_init(&group);
    open_town(t, &sink);
    snprintf(path, sizeof path, "%s/reports.db", t->folder);
    FILE *file = fopen(path, "wb");
    for (int i = 0; file && i < 100; i++)
        fputs("this is no database, whatever its name says\n", file);
    CHECK(file && fclose(file) == 0, "damaged");
    fiber_spawn(&group, "reports", inbound_report_run, t->reports);
    count(t, 0);
    CHECK_DONE(fiber_sleep(deadline_after(60 * 1000)), "a minute");
    CHECK(t->dropped == 2 && t->lost == 1, "the trouble is told, and the message");
    unlink(path); /* the operator's remedy */
    CHECK_DONE(fiber_sleep(deadline_after(INBOUND_REPORT_REOPEN_MS)), "ten more");
    count(t, 0);
    CHECK_DONE(fiber_sleep(deadline_after(2 * INBOUND_REPORT_GATHER_MS)), "it writes");
    CHECK(counted(t) == 1, "and goes on");
    group_close(&group);
    inbound_report_close(t->reports);
    close_town(t);
}

TEST(inbound_report_damage)
{
    struct town t = {0};
    sim_run(1, damage, &t);
}
