/* The power goes after each operation of a journal's life: what was synced is there, what is there
 * has no gap, and a torn batch is never taken for damage. */
#include "bulk/journal.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

enum { RECORDS = 4000, SEEDS = 6 };

struct story {
    struct sim_fs *fs;
    uint64_t added, synced; /* keys go up from 1 */
    uint64_t found;         /* in one state: the last key, while they come in order */
    bool gap;
    int states, refused, lost, gaps, made_up;
};

static void look(void *arg, const struct bulk_entry *e)
{
    struct story *s = arg;
    s->gap = s->gap || e->key != s->found + 1;
    s->found = e->key;
}

static void look_at(struct story *s, struct sim_fs *after)
{
    struct bulk_journal *j = NULL;
    s->found = 0;
    s->gap = false;
    s->states++;
    sim_fs_use(after);
    err e = bulk_journal_open("/journal", S("c"), look, s, &j);
    s->refused += e != NULL;
    s->lost += e == NULL && s->found < s->synced;
    s->gaps += s->gap;
    s->made_up += s->found > s->added;
    bulk_journal_close(j);
    err_forget();
    sim_fs_use(s->fs);
    sim_fs_close(after);
}

static void cut_power(void *arg)
{
    struct story *s = arg;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        look_at(s, sim_fs_crash(s->fs, SIM_FS_TORN, s->added * SEEDS + seed));
        look_at(s, sim_fs_crash(s->fs, SIM_FS_SUBSET, s->added * SEEDS + seed));
    }
    look_at(s, sim_fs_crash(s->fs, SIM_FS_NOTHING, 0));
    look_at(s, sim_fs_crash(s->fs, SIM_FS_EVERYTHING, 0));
}

static void run_story(void *arg)
{
    struct story *s = arg;
    struct bulk_journal *j;
    uint64_t place = 0;
    s->fs = sim_fs_open();
    sim_fs_use(s->fs);
    CHECK_DONE(bulk_journal_open("/journal", S("c"), look, s, &j), "open");
    CHECK_DONE(folder_sync("/"), "its name");
    sim_fs_on_operation(s->fs, cut_power, s);
    while (s->added < RECORDS) {
        for (int i = 0; i <= (int)(s->added * 7 % 90); i++) {
            struct bulk_entry e = {.kind = BULK_ENTRY_TRY, .key = s->added + 1};
            CHECK_DONE(bulk_journal_add(j, &e, &place), "add");
            s->added++;
        }
        if (s->added % 3 == 0)
            CHECK_DONE(bulk_journal_flush(j), "flush");
        CHECK_DONE(bulk_journal_sync(j, place, DEADLINE_NEVER), "sync");
        s->synced = s->added;
    }
    sim_fs_on_operation(s->fs, NULL, NULL);
    bulk_journal_close(j);
    sim_fs_use(NULL);
    sim_fs_close(s->fs);
}

TEST(bulk_journal_power)
{
    struct story s = {0};
    sim_run(3, run_story, &s);
    CHECK(s.states > 1000, "there were states to look at");
    CHECK(s.refused == 0, "each of them is opened");
    CHECK(s.lost == 0, "what was synced is there");
    CHECK(s.gaps == 0 && s.made_up == 0, "in its order, and nothing else");
    if (s.refused || s.lost || s.gaps || s.made_up)
        fprintf(stderr, "    %d states: %d refused, %d lost, %d gaps, %d made up\n", s.states,
                s.refused, s.lost, s.gaps, s.made_up);
}
