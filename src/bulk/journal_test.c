#include "base/codec.h"
#include "bulk/journal.h"
#include "bulk/token.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "tests/test.h"
#include <stdio.h>
#include <unistd.h>

static char path[64];
static int counts[BULK_ENTRY_END + 1];

static void count(void *arg, const struct bulk_entry *e)
{
    (void)arg;
    counts[e->kind]++;
}

static void write_some(void *arg)
{
    struct bulk_journal *j;
    uint64_t place;
    (void)arg;
    memset(counts, 0, sizeof counts);
    CHECK_DONE(bulk_journal_open(path, S("c"), count, NULL, &j), "open");
    for (uint64_t i = 1; i <= 5000; i++) {
        CHECK_DONE(
            bulk_journal_add(j,
                             &(struct bulk_entry){.kind = i % 2 ? BULK_ENTRY_TRY : BULK_ENTRY_SENT,
                                                  .key = i * 8,
                                                  .code = 250},
                             &place),
            "add");
        if (i % 1000 == 0)
            CHECK_DONE(bulk_journal_sync(j, place, deadline_after(60000)), "sync");
    }
    bool running = false;
    CHECK_DONE(bulk_journal_read(path, count, NULL, &running), "read beside it");
    CHECK(counts[BULK_ENTRY_TRY] == 2500 && counts[BULK_ENTRY_SENT] == 2500, "all of them");
    struct bulk_journal *second;
    err e = bulk_journal_open(path, S("c"), count, NULL, &second);
    CHECK(e && e->kind == ERR_LIMIT && running, "one process has it");
    bulk_journal_close(j);
}

static err reopen(void)
{
    struct bulk_journal *j;
    memset(counts, 0, sizeof counts);
    TRY(bulk_journal_open(path, S("c"), count, NULL, &j));
    bulk_journal_close(j);
    return NULL;
}

TEST(bulk_journal)
{
    struct file *file;
    struct loop *loop = loop_open(NULL);
    snprintf(path, sizeof path, "/tmp/build-journal-test-%d", (int)getpid());
    loop_run(loop, "journal", write_some, NULL);
    loop_close(loop);
    CHECK_DONE(file_open(path, FILE_WRITE, &file), "open");
    CHECK_DONE(file_resize(file, 24 + 24 * 5000 - 7), "tear");
    CHECK_DONE(reopen(), "torn at the end");
    CHECK(counts[BULK_ENTRY_SENT] == 2499, "all but the torn one");
    struct file_facts facts;
    CHECK_DONE(file_facts(file, &facts), "facts");
    CHECK(facts.size == 24 + 24 * 4999, "cut off");
    struct iovec part = {(void *)"x", 1};
    CHECK_DONE(file_write_at(file, &part, 1, 24 + 24 * 4500), "tear what no sync had come to");
    CHECK_DONE(reopen(), "torn before sound records that were written with it");
    CHECK(counts[BULK_ENTRY_TRY] == 2250 && counts[BULK_ENTRY_SENT] == 2250, "all before it");
    CHECK_DONE(file_write_at(file, &part, 1, 24 * 100 + 3), "damage");
    err e = reopen();
    CHECK(e && e->kind == ERR_DAMAGED, "damaged inside");
    struct bulk_journal *j;
    e = bulk_journal_open(path, S("other"), count, NULL, &j);
    CHECK(e && e->kind == ERR_CONFIG, "of another campaign");
    file_close(file);
    CHECK_DONE(file_remove(path), "remove");
    err_forget();
}

static void crew_member(void *arg)
{
    struct bulk_journal *j = arg;
    uint64_t place;
    for (uint64_t i = 1; i <= 50; i++) {
        struct bulk_entry e = {.kind = BULK_ENTRY_TRY, .key = i * 8};
        CHECK_DONE(bulk_journal_add(j, &e, &place), "add");
        CHECK_DONE(bulk_journal_sync(j, place, deadline_after(60000)), "sync");
    }
}

/* Fewer than the journal was told of, so that each sync waits for its moment. */
static void crew(void *arg)
{
    struct bulk_journal *j;
    struct group group;
    (void)arg;
    CHECK_DONE(bulk_journal_open(path, S("c"), count, NULL, &j), "open");
    bulk_journal_set_crew(j, 4);
    group_init(&group);
    for (int i = 0; i < 3; i++)
        fiber_spawn(&group, "member", crew_member, j);
    CHECK_DONE(group_wait(&group, deadline_after(60000)), "all of them");
    group_close(&group);
    memset(counts, 0, sizeof counts);
    bool running = false;
    CHECK_DONE(bulk_journal_read(path, count, NULL, &running), "zeros are no records");
    CHECK(running && counts[BULK_ENTRY_TRY] == 150, "all are there");
    bulk_journal_close(j);
}

TEST(bulk_journal_crew)
{
    struct loop *loop = loop_open(NULL);
    snprintf(path, sizeof path, "/tmp/build-journal-test-%d", (int)getpid());
    loop_run(loop, "journal", crew, NULL);
    loop_close(loop);
    CHECK_DONE(reopen(), "again");
    CHECK(counts[BULK_ENTRY_TRY] == 150, "all of them");
    CHECK_DONE(file_remove(path), "remove");
}

static uint64_t key_number(char campaign, int i)
{
    char address[64];
    snprintf(address, sizeof address, "u%d@x.example", i);
    return bulk_seen_key((str){&campaign, 1}, str_of(address));
}

TEST(bulk_seen)
{
    /* As many as fit into memory, and many more; then every third once more. */
    static const int counts_of_keys[] = {10000, 49152, 300000};
    for (size_t n = 0; n < ARRAY_LEN(counts_of_keys); n++) {
        struct bulk_seen *s = bulk_seen_open("/tmp");
        int count_of_keys = counts_of_keys[n], wrong = 0;
        enum bulk_seen_state state;
        uint64_t doubt, later;
        for (int i = 0; i < count_of_keys; i++)
            CHECK_DONE(bulk_seen_set(s, key_number('c', i), BULK_SEEN_DOUBT), "set");
        for (int i = 0; i < count_of_keys; i += 3)
            CHECK_DONE(bulk_seen_set(s, key_number('c', i), BULK_SEEN_LATER), "again");
        for (int i = 0; i < count_of_keys; i++) {
            CHECK_DONE(bulk_seen_get(s, key_number('c', i), &state), "get");
            wrong += state != (i % 3 ? BULK_SEEN_DOUBT : BULK_SEEN_LATER);
            CHECK_DONE(bulk_seen_get(s, key_number('d', i), &state), "get another");
            wrong += state != BULK_SEEN_NEVER;
        }
        CHECK(wrong == 0, "all found, no others");
        CHECK_DONE(bulk_seen_states(s, &doubt, &later), "states");
        CHECK(doubt + later == (uint64_t)count_of_keys &&
                  later == ((uint64_t)count_of_keys + 2) / 3,
              "all are counted, once");
        bulk_seen_close(s);
    }
}

TEST(bulk_seen_disk)
{
    struct bulk_seen *s = bulk_seen_open("/nowhere");
    err e = NULL;
    for (int i = 0; i < 70000 && e == NULL; i++)
        e = bulk_seen_set(s, key_number('c', i), BULK_SEEN_DONE);
    CHECK(e && e->kind == ERR_SYSTEM, "no room in memory, and none on a disk");
    bulk_seen_close(s);
    err_forget();
}

TEST(bulk_token)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 16);
    CLEANUP(buf_release) struct buf token;
    str secret = S("0123456789abcdef0123456789abcdef"), campaign, address;
    buf_init(&token, BULK_TOKEN_BYTES_MAX);
    struct bulk_token_signer *signer;
    CHECK_DONE(bulk_token_signer_open(secret, &signer), "a key");
    CHECK_DONE(bulk_token_write(signer, S("spring-2026"), S("ann+x@x.example"), &token), "write");
    buf_clear(&token); /* a key is good for more than one */
    CHECK_DONE(bulk_token_write(signer, S("spring-2026"), S("ann+x@x.example"), &token), "again");
    bulk_token_signer_close(signer);
    CHECK_DONE(bulk_token_read(secret, buf_str(&token), arena, &campaign, &address), "the token");
    CHECK_STR(address, "ann+x@x.example", "address");
    CHECK_STR(campaign, "spring-2026", "campaign");
    str url = arena_printf(arena, "https://x.example/u?a=1&u=%.*s", STR_ARG(buf_str(&token)));
    CHECK_DONE(bulk_token_read(secret, url, arena, &campaign, &address), "in a URL");
    str mail = arena_printf(arena, "unsub+%.*s@x.example", STR_ARG(buf_str(&token)));
    CHECK_DONE(bulk_token_read(secret, mail, arena, &campaign, &address), "in an address");
    CHECK(bulk_token_read(S("another secret of ours"), url, arena, &campaign, &address) != NULL,
          "another key");
    for (size_t i = 0; i < token.len; i++) {
        char before = token.ptr[i];
        token.ptr[i] = before == 'x' ? 'y' : 'x';
        if (bulk_token_read(secret, buf_str(&token), arena, &campaign, &address) == NULL)
            CHECK(i + 1 == token.len, "every letter counts but the last one's unused bits");
        token.ptr[i] = before;
        err_forget();
    }
    CHECK(bulk_token_read(secret, S("no.token"), arena, &campaign, &address) != NULL, "no token");
    CHECK(!bulk_token_is_campaign(S("a b")) && !bulk_token_is_campaign(S("a.b")) &&
              !bulk_token_is_campaign(S("")),
          "no campaign's name");
}
