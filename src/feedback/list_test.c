/* The suppression list in a real file. */
#include "base/clock.h"
#include "feedback/list.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

#define DAY_MS (24LL * 3600 * 1000)
#define NOW (1780000000000LL)

struct room {
    char folder[64], path[100];
    struct feedback_list *list;
    struct arena *arena;
};

static void enter(struct room *r)
{
    snprintf(r->folder, sizeof r->folder, "/tmp/smtptool-list-XXXXXX");
    CHECK(mkdtemp(r->folder) != NULL, "folder");
    snprintf(r->path, sizeof r->path, "%s/suppress.db", r->folder);
    r->arena = arena_open(1 << 20);
    CHECK_DONE(feedback_list_open(r->path, true, &r->list), "open");
}

static void leave(struct room *r)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[120];
    feedback_list_close(r->list);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s%s", r->path, ends[i]);
        unlink(path);
    }
    rmdir(r->folder);
    arena_close(r->arena);
}

static size_t add(struct room *r, const char *address, const char *tenant, const char *stream,
                  enum feedback_reason reason, int64_t expires_ms)
{
    struct feedback_entry e = {
        str_of(address), str_of(tenant), str_of(stream), reason, NOW, expires_ms, 0, S("said")};
    size_t made = 99;
    CHECK_DONE(feedback_list_add(r->list, &e, 1, &made), address);
    return made;
}

static bool is_listed(struct room *r, const char *address, const char *tenant, const char *stream,
                      int64_t now_ms, struct feedback_entry *ret)
{
    struct envelope_flow flow = {str_of(tenant), str_of(stream), {0}};
    bool found = false;
    CHECK_DONE(feedback_list_find(r->list, str_of(address), &flow, now_ms, r->arena, ret, &found),
               address);
    return found;
}

TEST(feedback_list_scope)
{
    static const struct {
        const char *label, *address, *tenant, *stream;
        bool listed;
    } cases[] = {
        {"for all",                "all@example.net",  "shop", "news",     true },
        {"for all, nobody's mail", "all@example.net",  "",     "",         true },
        {"in another case",        "ALL@Example.NET",  "shop", "",         true },
        {"its tenant",             "one@example.net",  "shop", "news",     true },
        {"its tenant, no stream",  "one@example.net",  "shop", "",         true },
        {"another tenant",         "one@example.net",  "lab",  "news",     false},
        {"no tenant",              "one@example.net",  "",     "",         false},
        {"its stream",             "news@example.net", "shop", "news",     true },
        {"another stream",         "news@example.net", "shop", "receipts", false},
        {"no stream",              "news@example.net", "shop", "",         false},
        {"not there",              "none@example.net", "shop", "news",     false},
        {"no address",             "none",             "shop", "news",     false},
    };
    struct room r;
    struct feedback_entry e;
    enter(&r);
    CHECK(add(&r, "All@example.net", "", "", FEEDBACK_MANUAL, 0) == 1, "all");
    add(&r, "one@example.net", "shop", "", FEEDBACK_COMPLAINT, 0);
    add(&r, "news@example.net", "shop", "news", FEEDBACK_UNSUBSCRIBE, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(is_listed(&r, cases[i].address, cases[i].tenant, cases[i].stream, NOW, &e) ==
                  cases[i].listed,
              cases[i].label);
    leave(&r);
}

TEST(feedback_list_again)
{
    struct room r;
    struct feedback_entry e = {0};
    enter(&r);
    CHECK(add(&r, "a@x.example", "", "", FEEDBACK_HARD_BOUNCE, NOW + DAY_MS) == 1, "new");
    CHECK(add(&r, "a@x.example", "", "", FEEDBACK_HARD_BOUNCE, NOW + 2 * DAY_MS) == 0, "again");
    CHECK(is_listed(&r, "a@x.example", "", "", NOW, &e), "there");
    CHECK(e.count == 2 && e.expires_ms == NOW + 2 * DAY_MS, "counted, the later end");
    CHECK(!is_listed(&r, "a@x.example", "", "", NOW + 3 * DAY_MS, &e), "it has ended");
    add(&r, "a@x.example", "", "", FEEDBACK_COMPLAINT, 0);
    add(&r, "a@x.example", "", "", FEEDBACK_HARD_BOUNCE, NOW + DAY_MS);
    CHECK(is_listed(&r, "a@x.example", "", "", NOW + 900 * DAY_MS, &e), "never ends");
    CHECK(e.reason == FEEDBACK_COMPLAINT, "the weightier reason stays");
    struct envelope_flow other = {S("shop"), {0}, {0}};
    size_t gone = 9;
    CHECK_DONE(feedback_list_remove(r.list, S("A@x.example"), &other, &gone), "another's");
    CHECK(gone == 0, "another's entry is not touched");
    CHECK_DONE(feedback_list_remove(r.list, S("A@x.example"), NULL, &gone), "all");
    CHECK(gone == 1 && !is_listed(&r, "a@x.example", "", "", NOW, &e), "removed");
    struct feedback_entry bad = {.address = S("nobody")},
                          both[] = {{.address = S("b@x.example")}, bad};
    CHECK(feedback_list_add(r.list, both, 2, &gone) != NULL, "one is no address");
    CHECK(!is_listed(&r, "b@x.example", "", "", NOW, &e), "all or none");
    leave(&r);
}

TEST(feedback_list_strikes)
{
    struct room r;
    struct feedback_entry e = {.address = S("full@x.example"), .since_ms = NOW}, found;
    bool listed = true;
    enter(&r);
    for (int i = 0; i < 2; i++) {
        CHECK_DONE(feedback_list_strike(r.list, &e, 3, &listed), "strike");
        CHECK(!listed, "not yet");
    }
    CHECK_DONE(feedback_list_arrived(r.list, S("Full@x.example")), "mail arrived");
    for (int i = 0; i < 3; i++) {
        CHECK(!listed, "begun anew");
        CHECK_DONE(feedback_list_strike(r.list, &e, 3, &listed), "strike");
    }
    CHECK(listed && is_listed(&r, "full@x.example", "", "", NOW, &found), "the third");
    CHECK(found.reason == FEEDBACK_REPEATED && found.count == 3, "repeated");
    struct feedback_entry slow = {.address = S("slow@x.example"), .since_ms = NOW};
    for (int i = 0; i < 5; i++, slow.since_ms += 31 * DAY_MS) {
        CHECK_DONE(feedback_list_strike(r.list, &slow, 2, &listed), "one a month");
        CHECK(!listed, "never within 30 days");
    }
    leave(&r);
}

struct seen {
    size_t entries, strikes;
};
static void see(void *arg, str address, bool strike)
{
    struct seen *s = arg;
    s->entries += !strike && address.len > 0;
    s->strikes += strike;
}

struct sums {
    size_t rows;
    int64_t complaints, hard;
};
static err sum_up(void *arg, const struct feedback_campaign *c)
{
    struct sums *s = arg;
    s->rows++;
    s->complaints += c->counts[FEEDBACK_COUNT_COMPLAINTS];
    s->hard += c->counts[FEEDBACK_COUNT_HARD];
    return NULL;
}

struct loops {
    size_t rows;
    int64_t count, matched;
};
static err see_loop(void *arg, const struct feedback_loop *l)
{
    struct loops *s = arg;
    s->rows++;
    s->count += l->count;
    s->matched += l->matched;
    return NULL;
}

TEST(feedback_list_changes)
{
    struct room r;
    struct feedback_list *other;
    struct feedback_list_place place = {0};
    struct seen seen = {0};
    bool listed;
    enter(&r);
    add(&r, "a@x.example", "", "", FEEDBACK_MANUAL, 0);
    CHECK_DONE(feedback_list_new(r.list, &place, see, &seen), "look");
    CHECK(seen.entries == 1, "one");
    CHECK_DONE(feedback_list_open(r.path, false, &other), "another process");
    struct feedback_entry e = {.address = S("b@x.example"), .since_ms = NOW};
    size_t made;
    CHECK_DONE(feedback_list_add(other, &e, 1, &made), "by another");
    CHECK_DONE(feedback_list_strike(other, &e, 3, &listed), "by another");
    feedback_list_close(other);
    CHECK_DONE(feedback_list_new(r.list, &place, see, &seen), "look again");
    CHECK(seen.entries == 2 && seen.strikes == 1, "only what is new");
    struct envelope_flow flow = {S("shop"), S("news"), S("spring")};
    struct sums sums = {0};
    CHECK_DONE(feedback_list_batch_begin(r.list), "batch");
    CHECK_DONE(feedback_list_count(r.list, &flow, FEEDBACK_COUNT_COMPLAINTS, NOW), "count");
    CHECK_DONE(feedback_list_count(r.list, &flow, FEEDBACK_COUNT_COMPLAINTS, NOW), "count");
    struct feedback_entry bad = {.address = S("nobody")};
    CHECK(feedback_list_add(r.list, &bad, 1, &made) != NULL, "one step fails");
    CHECK_DONE(feedback_list_batch_end(r.list), "the others stay");
    CHECK_DONE(feedback_list_count(r.list, &flow, FEEDBACK_COUNT_HARD, NOW - 500 * DAY_MS), "old");
    CHECK_DONE(feedback_list_clean(r.list, NOW), "clean");
    CHECK_DONE(feedback_list_campaigns(r.list, 0, sum_up, &sums), "sums");
    struct loops loops = {0};
    for (int i = 0; i < 3; i++)
        CHECK_DONE(feedback_list_heard(r.list, S("arf.x.example"), i == 1, NOW + i), "heard");
    CHECK_DONE(feedback_list_loops(r.list, see_loop, &loops), "loops");
    CHECK(loops.rows == 1 && loops.count == 3 && loops.matched == 1, "of one loop");
    CHECK(sums.rows == 1 && sums.complaints == 2 && sums.hard == 0, "two complaints");
    leave(&r);
}
