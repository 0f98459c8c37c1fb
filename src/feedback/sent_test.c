#include "feedback/sent.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

struct domains {
    size_t rows;
    int64_t count;
};
static err see_domain(void *arg, str domain, int64_t count)
{
    struct domains *d = arg;
    d->rows += str_eq(domain, S("x.example"));
    d->count += count;
    return NULL;
}

TEST(feedback_sent)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char folder[] = "/tmp/smtptool-sent-XXXXXX", path[100], file[120];
    struct feedback_sent *s = NULL;
    struct arena *arena = arena_open(1 << 20);
    CHECK(mkdtemp(folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/sent.db", folder);
    CHECK_DONE(feedback_sent_open(path, true, &s), "open");
    struct feedback_sent_row rows[] = {
        {S("6DQDPN8000000"),
         0,                     20454,
         S("a@x.example"),
         S("shop@our.example"),
         {S("shop"), S("news"), S("s1")}                                                       },
        {S("6DQDPN8000000"), 1, 20454, S("b@x.example"), S("shop@our.example"), {{0}, {0}, {0}}},
        {S("6DQDPN8000001"), 0, 20460, S("c@x.example"), S("shop@our.example"), {{0}, {0}, {0}}},
    };
    const struct feedback_sent_row *list[] = {&rows[0], &rows[1], &rows[2], &rows[0]};
    struct feedback_sent_row row = {0};
    bool found = false, more = true;
    CHECK_DONE(feedback_sent_add(s, list, 4), "one of them twice");
    CHECK_DONE(feedback_sent_find(s, S("6DQDPN8000000"), 0, arena, &row, &found), "find");
    CHECK(found, "found");
    CHECK_STR(row.recipient, "a@x.example", "recipient");
    CHECK_STR(row.sender, "shop@our.example", "sender");
    CHECK_STR(row.flow.campaign, "s1", "campaign");
    CHECK_DONE(feedback_sent_find(s, S("6DQDPN8000000"), 2, arena, &row, &found), "find");
    CHECK(!found, "no third recipient");
    struct domains domains = {0};
    CHECK_DONE(feedback_sent_domains(s, S(""), see_domain, &domains), "domains");
    CHECK(domains.rows == 1 && domains.count == 3, "three recipients of one domain");
    CHECK_DONE(feedback_sent_domains(s, S("our.example"), see_domain, &domains), "domains");
    CHECK(domains.rows == 2 && domains.count == 6, "all are mail from there");
    CHECK_DONE(feedback_sent_domains(s, S("other.example"), see_domain, &domains), "domains");
    CHECK(domains.rows == 2, "none is");
    CHECK_DONE(feedback_sent_drop(s, 20460, &more), "drop");
    CHECK(!more, "all that is old");
    CHECK_DONE(feedback_sent_find(s, S("6DQDPN8000000"), 0, arena, &row, &found), "find");
    CHECK(!found, "dropped");
    CHECK_DONE(feedback_sent_find(s, S("6DQDPN8000001"), 0, arena, &row, &found), "find");
    CHECK(found, "of that very day: kept");
    feedback_sent_close(s);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    rmdir(folder);
    arena_close(arena);
}
