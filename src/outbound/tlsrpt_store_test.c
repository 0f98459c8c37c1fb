#include "base/mem.h"
#include "outbound/tlsrpt_store.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

enum { DAY = 20000, MANY = 1500 };

static char folder[40], path[60];
static struct config config = {
    .hostname = {"mx.example.com", 14}
};

static struct outbound_tlsrpt_store *open_store(void)
{
    struct outbound_tlsrpt_store *s = NULL;
    CHECK_DONE(outbound_tlsrpt_store_open(path, true, &s), path);
    return s;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/smtptool-tlsrpt-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/tls.db", folder);
}

static void remove_folder(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[70];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    CHECK(rmdir(folder) == 0, folder);
}

static size_t add(struct outbound_tlsrpt_store *s, const struct tlspolicy_report_session *session)
{
    size_t left_out = 0;
    struct outbound_tlsrpt_sample *sample = outbound_tlsrpt_sample_make(&config, session);
    const struct outbound_tlsrpt_sample *one = sample;
    CHECK_DONE(outbound_tlsrpt_store_add(s, &one, 1, &left_out), "add");
    mem_free(sample);
    return left_out;
}

static struct outbound_tlsrpt_head only_head(struct outbound_tlsrpt_store *s, struct arena *arena)
{
    struct outbound_tlsrpt_head *heads;
    size_t count = 0;
    struct outbound_tlsrpt_query q = {.most = 10};
    CHECK_DONE(outbound_tlsrpt_store_list(s, &q, arena, &heads, &count), "list");
    CHECK(count == 1, "one report");
    return heads[0];
}

static struct tlspolicy_report_session failure(int number, struct arena *arena)
{
    static const str lines[] = {S("version: STSv1"), S("mode: enforce")};
    static const str mx[] = {S("*.example.com")};
    return (struct tlspolicy_report_session){
        .domain = S("example.com"),
        .ended_ms = (int64_t)DAY * REPORT_DAY_MS + number,
        .policy = {.type = TLSPOLICY_REPORT_STS,
                   .strings = lines,
                   .string_count = ARRAY_LEN(lines),
                   .mx = mx,
                   .mx_count = 1},
        .result = TLSPOLICY_CERTIFICATE_EXPIRED,
        .detail = {.mx_host = arena_printf(arena,                "mx%d.example.com",  number)},
    };
}

/* Attack 214: whatever finds no room for its particulars, the sums stay true; also after a start.
 */
TEST(outbound_tlsrpt_store_sums)
{
    struct arena *arena = arena_open(32 << 20);
    make_folder();
    struct outbound_tlsrpt_store *s = open_store();
    for (int i = 0; i < MANY; i++) {
        struct tlspolicy_report_session session = failure(i, arena);
        if (i % 3 == 0)
            session.result = TLSPOLICY_SUCCESS;
        CHECK(add(s, &session) == 0, "it is counted");
    }
    outbound_tlsrpt_store_close(s);
    s = open_store();
    struct outbound_tlsrpt_head head = only_head(s, arena);
    CHECK(head.sessions == MANY && head.failures == MANY - MANY / 3, "sums");
    struct tlspolicy_report_tally *tally = tlspolicy_report_tally_open();
    struct tlspolicy_report r = {0};
    CHECK_DONE(outbound_tlsrpt_store_load(s, &head, tally), "load");
    CHECK(tlspolicy_report_tally_report(tally, S("example.com"), (int64_t)DAY * 86400, &r), "day");
    uint64_t successes = 0, failures = 0, told = 0;
    size_t whole = 0;
    for (size_t i = 0; i < r.policy_count; i++) {
        successes += r.policies[i].successes;
        failures += r.policies[i].failures;
        whole += r.policies[i].string_count == 2 && r.policies[i].mx_count == 1;
        for (size_t d = 0; d < r.policies[i].detail_count; d++)
            told += r.policies[i].details[d].count;
    }
    CHECK(successes == MANY / 3 && failures == MANY - MANY / 3 && told == failures, "sums");
    CHECK(whole == 1, "the policy");
    tlspolicy_report_tally_close(tally);
    outbound_tlsrpt_store_close(s);
    remove_folder();
    arena_close(arena);
}

/* Many policies of one day: the tally takes them all. */
TEST(outbound_tlsrpt_store_policies)
{
    struct arena *arena = arena_open(4 << 20);
    make_folder();
    struct outbound_tlsrpt_store *s = open_store();
    for (int i = 0; i < 40; i++) {
        str line = arena_printf(arena, "mode: %d", i);
        struct tlspolicy_report_session session = failure(1, arena);
        session.policy.strings = &line;
        session.policy.string_count = 1;
        session.policy.type = (enum tlspolicy_report_type)(i % 3);
        CHECK(add(s, &session) == 0, "it is counted");
    }
    struct outbound_tlsrpt_head head = only_head(s, arena);
    struct tlspolicy_report_tally *tally = tlspolicy_report_tally_open();
    CHECK_DONE(outbound_tlsrpt_store_load(s, &head, tally), "load");
    tlspolicy_report_tally_close(tally);
    outbound_tlsrpt_store_close(s);
    remove_folder();
    arena_close(arena);
}

/* What was sent is closed; what is late is given up; what is old goes. */
TEST(outbound_tlsrpt_store_life)
{
    struct arena *arena = arena_open(4 << 20);
    int64_t late = 0, sent = 0, end = ((int64_t)DAY + 1) * REPORT_DAY_MS;
    make_folder();
    struct outbound_tlsrpt_store *s = open_store();
    struct tlspolicy_report_session session = failure(1, arena);
    struct outbound_tlsrpt_head *heads;
    size_t count = 0;
    add(s, &session);
    struct outbound_tlsrpt_query due = {.due = true, .now_ms = end, .most = 10};
    CHECK_DONE(outbound_tlsrpt_store_list(s, &due, arena, &heads, &count), "due");
    CHECK(count == 0, "not at midnight, when everybody reports");
    due.now_ms = end + OUTBOUND_TLSRPT_FIRST_MS + OUTBOUND_TLSRPT_SPREAD_MS;
    CHECK_DONE(outbound_tlsrpt_store_list(s, &due, arena, &heads, &count), "due");
    CHECK(count == 1, "within hours");
    struct outbound_tlsrpt_note note = {S("mailto:a@example.com"), S("queued"), end, true}, *notes;
    CHECK_DONE(outbound_tlsrpt_store_note(s, heads[0].id, S("id1"), &note), "note");
    CHECK_DONE(outbound_tlsrpt_store_sent(s, end, &sent), "sent");
    CHECK(sent == 1, "sent");
    CHECK_DONE(outbound_tlsrpt_store_notes(s, heads[0].id, arena, &notes, &count), "notes");
    CHECK(count == 1 && str_eq(notes[0].uri, note.uri), "noted");
    CHECK_STR(only_head(s, arena).report_id, "id1", "its id");
    CHECK_DONE(outbound_tlsrpt_store_clean(s, end + REPORT_DAY_LATE_MS - 1, &late), "");
    CHECK(late == 0, "not late yet");
    CHECK_DONE(outbound_tlsrpt_store_clean(s, end + REPORT_DAY_LATE_MS, &late), "clean");
    CHECK(late == 1 && add(s, &session) == 1, "given up: nothing is counted into it");
    CHECK_DONE(outbound_tlsrpt_store_clean(s, end + 20LL * REPORT_DAY_MS, &late), "clean");
    CHECK(add(s, &session) == 0, "it has gone, and a new one begins");
    outbound_tlsrpt_store_close(s);
    remove_folder();
    arena_close(arena);
}
