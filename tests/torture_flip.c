/* Attacks 185 and 186: a bit that flips and a tail that is torn off, at every byte of a segment. */
#include "base/mem.h"
#include "queue/commit.h"
#include "tests/torture.h"
#include <stdio.h>

enum {
    FILES_MAX = 64,
    MESSAGES = 8,
    SAMPLES = 3000,      /* of a large spool */
    ZERO_SAMPLES = 64,   /* of a segment's unused part */
    SLICE_STRIDE = 29,   /* bytes */
    FLOWS_EACH = 16,     /* states take and keep one more message */
    GARBAGE_BYTES = 300, /* behind a tear */
};

enum tear { ZEROS, GARBAGE, CUT_OFF, TEARS };
static const char *const tear_names[TEARS] = {"zeros", "garbage", "cut"};

struct spot { /* a file of the spool */
    char path[96];
    char *bytes;
    size_t size;
};

struct flip {
    const struct torture_options *options;
    struct torture_counts *counts;
    const char *story;
    struct torture_run run;
    struct sim_fs *base; /* what the disk held */
    struct spot files[FILES_MAX];
    size_t file_count;
    uint64_t ends[MESSAGES]; /* where the record of each message ends */
    int last;                /* the message of the last batch; -1: all is sealed */
    struct torture_verdict verdict;
    uint64_t harmed, alarmed, flowing;
};

static void wrong(struct flip *f, const char *what, const char *replay)
{
    printf("    WRONG %s; replay: %s\n", what, replay);
    f->verdict.failed++;
}

/* ---- the files ---------------------------------------------------------------------------------
 */

struct listing {
    struct flip *flip;
    const char *folder;
};

static err add_file(void *arg, const char *name)
{
    struct listing *l = arg;
    struct file_facts facts;
    struct file *file;
    struct spot *s = &l->flip->files[l->flip->file_count];
    ASSERT(l->flip->file_count < FILES_MAX);
    snprintf(s->path, sizeof s->path, "%s/%s", l->folder, name);
    TRY(file_open(s->path, 0, &file));
    err e = file_facts(file, &facts);
    ASSERT(e == NULL);
    s->bytes = mem_alloc((size_t)facts.size + 1);
    e = file_read_at(file, s->bytes, (size_t)facts.size, 0, &s->size);
    file_close(file);
    l->flip->file_count++;
    return e;
}

static void read_files(struct flip *f)
{
    static const char *const folders[] = {"/spool/log", "/spool/body"};
    sim_fs_use(f->base);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        struct listing l = {f, folders[i]};
        err e = folder_list(folders[i], add_file, &l);
        ASSERT(e == NULL);
    }
    sim_fs_use(NULL);
}

static void forget_files(struct flip *f)
{
    for (size_t i = 0; i < f->file_count; i++)
        mem_free(f->files[i].bytes);
    f->file_count = 0;
    sim_fs_close(f->base);
}

static void overwrite(const char *path, const char *bytes, size_t size, uint64_t offset)
{
    struct file *file;
    err e = file_open(path, FILE_WRITE, &file);
    ASSERT(e == NULL);
    e = file_write_at(file, &(struct iovec){(void *)bytes, size}, 1, offset);
    ASSERT(e == NULL);
    file_close(file);
}

/* ---- one state ----------------------------------------------------------------------------------
 */

/* Other mail flows: one more is taken. */
static void take_one(void *arg, struct queue *q)
{
    struct flip *f = arg;
    static struct {
        struct torture_ledger head;
        struct torture_message room[TORTURE_MESSAGES_MAX];
    } ledger;
    struct torture_run run = {.queue = q, .ledger = &ledger.head};
    ledger.head.count = TORTURE_MESSAGES_MAX - 1;
    bool taken = torture_commit(&run, &(struct torture_plan){100, 1, 1, false});
    f->flowing += taken;
    if (!taken)
        wrong(f, "no mail is taken beside the damage", f->story);
}

static struct torture_harm judge(struct flip *f, struct sim_fs *fs, const char *replay)
{
    struct torture_harm harm = {0};
    struct torture_claim claim = {
        .ledger = f->run.ledger, .replay = replay, .ret_harm = &harm, .arg = f};
    if (f->verdict.states % FLOWS_EACH == 0)
        claim.opened = take_one;
    torture_judge(fs, &claim, &f->verdict);
    f->harmed += harm.messages > 0;
    f->alarmed += harm.alarms > 0;
    return harm;
}

static void flip_at(struct flip *f, const struct spot *s, size_t at)
{
    char replay[160];
    int bit = (int)((at * 5 + f->options->seed) % 8);
    if (f->options->op >= 0 && (size_t)f->options->op != at)
        return;
    struct sim_fs *fs = sim_fs_crash(f->base, SIM_FS_EVERYTHING, 0);
    sim_fs_use(fs);
    char byte = (char)(s->bytes[at] ^ 1 << bit);
    overwrite(s->path, &byte, 1, at);
    sim_fs_settle(fs);
    snprintf(replay, sizeof replay, "torture --seed %llu flip %s %zu (%s)",
             (unsigned long long)f->options->seed, f->story, at, s->path);
    struct torture_harm harm = judge(f, fs, replay);
    if (harm.messages > 2) /* a failure and its DSN are one group */
        wrong(f, "one bit harmed more than one group", replay);
    bool torn = f->last >= 0 && harm.messages == 1 && harm.harmed[f->last];
    if (harm.messages > 0 && harm.alarms == 0 && !torn)
        wrong(f, "harm without an alarm", replay);
    sim_fs_use(NULL);
    sim_fs_close(fs);
}

/* Does its piece of 64 bytes hold anything? */
static bool is_used(const struct spot *s, size_t at)
{
    bool used = false;
    for (size_t i = at & ~(size_t)63; i <= (at | 63) && i < s->size; i++)
        used |= s->bytes[i] != 0;
    return used;
}

/* Every used byte, and some samples of what is not used. */
static void flip_file(struct flip *f, const struct spot *s, size_t stride)
{
    size_t each = s->size / ZERO_SAMPLES + 1;
    for (size_t at = f->options->seed % stride; at < s->size; at += stride)
        if (is_used(s, at) || at / each != (at + stride) / each)
            flip_at(f, s, at);
}

/* ---- torn tails ---------------------------------------------------------------------------------
 */

static void tear_at(struct flip *f, const struct spot *s, size_t at, enum tear how)
{
    char replay[160];
    struct file *file;
    struct sim_fs *fs = sim_fs_crash(f->base, SIM_FS_EVERYTHING, 0);
    sim_fs_use(fs);
    err e = file_open(s->path, FILE_WRITE, &file);
    if (e == NULL)
        e = file_resize(file, at); /* what is behind it is gone */
    if (e == NULL && how != CUT_OFF)
        e = file_resize(file, s->size);
    ASSERT(e == NULL);
    file_close(file);
    char garbage[GARBAGE_BYTES];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 37 + at);
    if (how == GARBAGE)
        overwrite(s->path, garbage, sizeof garbage, at);
    sim_fs_settle(fs);
    snprintf(replay, sizeof replay, "torture --seed %llu flip %s %zu %s (%s)",
             (unsigned long long)f->options->seed, f->story, at, tear_names[how], s->path);
    struct torture_harm harm = judge(f, fs, replay);
    if (harm.held > 0)
        wrong(f, "half a message is left", replay);
    for (int i = 0; i < f->run.ledger->count; i++) {
        bool whole = f->ends[i] <= at;
        bool may_lack = !whole, must_lack = f->ends[i] > at + 64; /* its padding may be torn */
        if ((harm.harmed[i] && !may_lack) || (!harm.harmed[i] && must_lack))
            wrong(f, "not exactly what stood behind the tear is gone", replay);
    }
    sim_fs_use(NULL);
    sim_fs_close(fs);
}

/* ---- the spools
 * ---------------------------------------------------------------------------------- */

static void commit(struct flip *f, uint32_t size)
{
    torture_commit(&f->run, &(struct torture_plan){size, 1, 1, false});
    struct queue_segment *s = f->run.queue->committer->active[QUEUE_HOT];
    f->ends[f->run.ledger->count - 1] = s->end;
}

static void settle(struct flip *f, int message, enum torture_outcome outcome)
{
    struct torture_settlement s = {message, 0, outcome, 1, 3600 * 1000, 200};
    torture_settle(&f->run, &s);
}

static void keep_state(struct flip *f, bool sealed)
{
    struct sim_fs *running = sealed ? NULL : sim_fs_clone_running(f->run.fs);
    torture_queue_close(&f->run);
    f->base = sim_fs_crash(running ? running : f->run.fs, SIM_FS_EVERYTHING, 0);
    sim_fs_close(running);
    read_files(f);
}

/* Small messages, an update, one that is done, a bounce; the last batch is a message alone. */
static void make_small(struct flip *f)
{
    for (int i = 0; i < 4; i++)
        commit(f, (uint32_t)(100 + 130 * i));
    settle(f, 0, TORTURE_DEFER);
    settle(f, 1, TORTURE_DELIVER);
    settle(f, 2, TORTURE_BOUNCE);
    commit(f, 150);
    f->last = f->run.ledger->count - 1;
}

static void make_large(struct flip *f)
{
    for (int i = 0; i < 6; i++)
        commit(f, i == 2 ? 300000 : 120000);
    settle(f, 0, TORTURE_DEFER);
    settle(f, 1, TORTURE_DELIVER);
    commit(f, 150);
    f->last = f->run.ledger->count - 1;
}

static void make_plain(struct flip *f)
{
    for (int i = 0; i < MESSAGES; i++)
        commit(f, (uint32_t)(20 + 70 * i));
}

static const struct story {
    const char *name;
    void (*make)(struct flip *);
    bool sealed, large, tears;
} stories[] = {
    {"open",         make_small, false, false, false},
    {"sealed",       make_small, true,  false, false},
    {"large-open",   make_large, false, true,  false},
    {"large-sealed", make_large, true,  true,  false},
    {"torn",         make_plain, false, false, true },
};

static const struct story *the_story;

static void tear_all(struct flip *f)
{
    size_t stride = f->options->slice ? SLICE_STRIDE : 1;
    for (size_t i = 0; i < f->file_count; i++) {
        const struct spot *s = &f->files[i];
        if (s->bytes[64] == 0)
            continue; /* a segment that was not used yet */
        uint64_t end = f->ends[MESSAGES - 1];
        for (size_t at = 64; at <= end; at += stride)
            for (int how = 0; how < TEARS; how++)
                if (f->options->op < 0 || (size_t)f->options->op == at)
                    tear_at(f, s, at, (enum tear)how);
    }
}

static void flip_all(struct flip *f)
{
    for (size_t i = 0; i < f->file_count; i++) {
        const struct spot *s = &f->files[i];
        size_t stride = the_story->large ? s->size / SAMPLES | 1 : 1;
        if (f->options->slice)
            stride = the_story->large ? stride * 15 : SLICE_STRIDE;
        flip_file(f, s, f->options->op >= 0 ? 1 : stride);
    }
}

static void run_story(void *arg)
{
    struct flip *f = arg;
    torture_run_open(&f->run);
    err e = torture_queue_open(&f->run);
    ASSERT(e == NULL);
    f->last = -1;
    the_story->make(f);
    keep_state(f, the_story->sealed);
    if (the_story->sealed)
        f->last = -1;
    if (the_story->tears)
        tear_all(f);
    else
        flip_all(f);
    forget_files(f);
    torture_run_close(&f->run);
}

void torture_flip(const struct torture_options *o, struct torture_counts *counts)
{
    static struct flip f;
    for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
        if (o->only && strcmp(o->only, stories[i].name) != 0)
            continue;
        f = (struct flip){.options = o, .counts = counts, .story = stories[i].name};
        the_story = &stories[i];
        sim_run(o->seed, run_story, &f);
        printf("    flip %-12s %7llu states opened, %llu with harm to a message, %llu with an "
               "alarm; %llu took one more message\n",
               f.story, (unsigned long long)f.verdict.states, (unsigned long long)f.harmed,
               (unsigned long long)f.alarmed, (unsigned long long)f.flowing);
        counts->passed +=
            f.verdict.states -
            (f.verdict.failed < f.verdict.states ? f.verdict.failed : f.verdict.states);
        counts->failed += f.verdict.failed;
    }
}
