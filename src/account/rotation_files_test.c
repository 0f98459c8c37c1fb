/* A rotation whose power is cut after each operation: it goes on from what is left, and at no time
 * is there a key that may sign but is not published, or none that may. */
#include "account/rotation_files.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

#define FOLDER "/keys"

enum { CUTS_MAX = 4000, NAMES_MAX = 16, STEPS_MAX = 40 };
#define BEGIN ((int64_t)1800000000000)
#define STEP_MS ((int64_t)8 * 24 * 3600 * 1000)

/* Abort when this phase has been reached; none: go on to the end. */
static enum account_rotation_phase abort_in;

struct cut { /* what a power cut left, and what was published then */
    struct sim_fs *fs;
    bool fresh_published, old_published;
    int64_t now_ms;
};

static struct world {
    struct sim_fs *fs;
    bool fresh_published, old_published, aborted;
    int64_t now_ms;
    struct cut *cuts;
    size_t count;
} w;

static err make(void *arg, str selector, struct buf *pem)
{
    (void)arg;
    return buf_addf(pem, "a key of %.*s\n", STR_ARG(selector));
}

static const struct account_rotation_maker maker = {make, NULL};

/* ---- what is in the folder --------------------------------------------------------------------
 */

struct names {
    char list[NAMES_MAX][32];
    size_t count;
};

static err note(void *arg, const char *name)
{
    struct names *n = arg;
    if (n->count < NAMES_MAX)
        snprintf(n->list[n->count++], sizeof n->list[0], "%s", name);
    return NULL;
}

static bool has(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->list[i], name) == 0)
            return true;
    return false;
}

/* Who starts now signs with these: all must be published, and of one set there must be all. */
static void check_signing(bool fresh_published, bool old_published, const char *label)
{
    struct names n = {0};
    CHECK_DONE(folder_list(FOLDER, note, &n), label);
    bool old = has(&n, "r1.pem") && has(&n, "e1.pem");
    bool fresh = has(&n, "r2.pem") && has(&n, "e2.pem");
    CHECK(old || fresh, label);
    CHECK(fresh_published || (!has(&n, "r2.pem") && !has(&n, "e2.pem")), label);
    CHECK(old_published || (!has(&n, "r1.pem") && !has(&n, "e1.pem")), label);
}

/* ---- one rotation -----------------------------------------------------------------------------
 */

static struct account_rotation_look look(const struct account_rotation *r)
{
    bool back = r->fresh_count > 0 && str_eq(r->fresh[0], S("r1"));
    bool fresh = back ? w.old_published : w.fresh_published;
    bool old = back ? w.fresh_published : w.old_published;
    return (struct account_rotation_look){
        .fresh = fresh ? ACCOUNT_ROTATION_LIVE : ACCOUNT_ROTATION_GONE,
        .old = old ? ACCOUNT_ROTATION_LIVE : ACCOUNT_ROTATION_GONE,
        .old_ttl = 300,
        .negative_ttl = 300,
        .told = true,
    };
}

/* What the person does: publish when it is asked for, remove when it is allowed. */
static void act(const struct account_rotation *r)
{
    if (r->phase == ACCOUNT_ROTATION_PUBLISH)
        w.fresh_published = true;
    if (r->phase == ACCOUNT_ROTATION_RETIRE && str_eq(r->old[0], S("r1")))
        w.old_published = false;
    else if (r->phase == ACCOUNT_ROTATION_RETIRE)
        w.fresh_published = false;
}

/* Read, act on the files, look, take a step, keep it: as the command does. False: it is over. */
static bool turn(struct account_rotation *r, struct arena *arena)
{
    CHECK_DONE(account_rotation_read(FOLDER, arena, r), "read");
    CHECK_DONE(account_rotation_files_apply(FOLDER, r, &maker), "apply");
    if (r->phase == ACCOUNT_ROTATION_NONE)
        return false;
    struct account_rotation_look l = look(r);
    if (r->phase == abort_in && !w.aborted) {
        w.aborted = true;
        CHECK_DONE(account_rotation_abort(r, &l, w.now_ms), "abort");
    } else {
        account_rotation_step(r, &l, w.now_ms);
    }
    CHECK_DONE(account_rotation_write(FOLDER, r), "write");
    act(r);
    w.now_ms += STEP_MS;
    return true;
}

static void finish(const char *label)
{
    struct arena *arena = arena_open(1 << 20);
    struct account_rotation *r = ARENA_NEW(arena, struct account_rotation);
    int steps = 0;
    while (turn(r, arena) && ++steps < STEPS_MAX)
        err_forget();
    CHECK(steps < STEPS_MAX, label);
    arena_close(arena);
}

static void plant(const char *path)
{
    struct file *file;
    struct iovec part = {(void *)(uintptr_t) "old", 3};
    CHECK_DONE(file_open(path, FILE_WRITE | FILE_CREATE, &file), path);
    CHECK_DONE(file_write_at(file, &part, 1, 0), path);
    file_close(file);
}

static void begin(void)
{
    static const str old[] = {S("r1"), S("e1")}, fresh[] = {S("r2"), S("e2")};
    static struct account_rotation r;
    r = (struct account_rotation){0};
    CHECK_DONE(folder_make(FOLDER), "folder");
    plant(FOLDER "/r1.pem");
    plant(FOLDER "/e1.pem");
    sim_fs_settle(w.fs);
    CHECK_DONE(account_rotation_begin(&r, old, 2, fresh, 2, w.now_ms), "begin");
    CHECK_DONE(account_rotation_write(FOLDER, &r), "write");
}

/* ---- the cuts ---------------------------------------------------------------------------------
 */

static void cut_power(void *arg)
{
    (void)arg;
    size_t subsets = sim_fs_units(w.fs) <= 5 ? (size_t)1 << sim_fs_units(w.fs) : 32;
    for (uint64_t seed = 0; seed < subsets && w.count < CUTS_MAX; seed++)
        w.cuts[w.count++] = (struct cut){sim_fs_crash(w.fs, SIM_FS_SUBSET, seed), w.fresh_published,
                                         w.old_published, w.now_ms};
}

static void go_on_from(const struct cut *c, const char *label)
{
    struct names n = {0};
    sim_fs_use(c->fs);
    w.fs = c->fs;
    w.fresh_published = c->fresh_published;
    w.old_published = c->old_published;
    w.now_ms = c->now_ms;
    check_signing(w.fresh_published, w.old_published, label);
    finish(label);
    check_signing(w.fresh_published, w.old_published, label);
    CHECK_DONE(folder_list(FOLDER, note, &n), label);
    for (size_t i = 0; i < n.count; i++)
        CHECK(strcmp(n.list[i], "rotation") == 0 || strcmp(n.list[i], "rotation.tmp") == 0 ||
                  str_ends_nocase(str_of(n.list[i]), S(".pem")),
              "nothing is left over");
    err_forget();
}

static void rotate(const char *label, const char *signs)
{
    static struct cut cuts[CUTS_MAX];
    char key[32];
    w = (struct world){.fs = sim_fs_open(), .cuts = cuts, .now_ms = BEGIN, .old_published = true};
    struct sim_fs *first = w.fs;
    sim_fs_use(first);
    sim_fs_on_operation(first, cut_power, NULL);
    begin();
    finish(label);
    sim_fs_on_operation(first, NULL, NULL);
    snprintf(key, sizeof key, FOLDER "/%s.pem", signs);
    CHECK(file_exists(key), label);
    check_signing(w.fresh_published, w.old_published, label);
    size_t count = w.count;
    CHECK(count > 20 && count < CUTS_MAX, label);
    for (size_t i = 0; i < count; i++) {
        struct names n = {0};
        sim_fs_use(cuts[i].fs);
        if (folder_list(FOLDER, note, &n) == NULL && n.count > 1) /* the keys were there already */
            go_on_from(&cuts[i], label);
        err_forget();
    }
    sim_fs_use(NULL);
    for (size_t i = 0; i < count; i++)
        sim_fs_close(cuts[i].fs);
    sim_fs_close(first);
}

TEST(account_rotation_power_cuts)
{
    abort_in = ACCOUNT_ROTATION_PHASES;
    rotate("to the end", "r2");
    abort_in = ACCOUNT_ROTATION_PUBLISH;
    rotate("given up before it was published", "r1");
    abort_in = ACCOUNT_ROTATION_SPREAD;
    rotate("given up when it was published", "r1");
    abort_in = ACCOUNT_ROTATION_SWITCH;
    rotate("given up in the change", "r1");
    abort_in = ACCOUNT_ROTATION_KEEP;
    rotate("given up while the old records stay", "r1");
}

/* What was changed by hand is not made worse. */
TEST(account_rotation_key_gone)
{
    static struct account_rotation r;
    w = (struct world){.fs = sim_fs_open(), .now_ms = BEGIN, .old_published = true};
    sim_fs_use(w.fs);
    begin();
    struct arena *arena = arena_open(1 << 20);
    CHECK_DONE(account_rotation_read(FOLDER, arena, &r), "read");
    CHECK_DONE(account_rotation_files_apply(FOLDER, &r, &maker), "keys");
    CHECK_DONE(file_remove(FOLDER "/e2.pem.new"), "one goes");
    r.phase = ACCOUNT_ROTATION_SWITCH;
    err e = account_rotation_files_apply(FOLDER, &r, &maker);
    CHECK(e && e->kind == ERR_CONFIG, "told");
    CHECK(file_exists(FOLDER "/r1.pem") && !file_exists(FOLDER "/r2.pem"), "nothing was changed");
    arena_close(arena);
    sim_fs_close(w.fs);
    err_forget();
}

TEST(account_rotation_files_ours)
{
    static const struct {
        const char *name;
        bool ours;
    } cases[] = {
        {"r1.pem",       true },
        {"r1.pem.new",   true },
        {"r1.pem.old",   true },
        {"r1.pem.tmp",   true },
        {"rotation",     true },
        {"rotation.tmp", true },
        {"notes.txt",    false},
        {".pem",         false},
        {"rotations",    false},
        {"r1.pem.bak",   false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(account_rotation_files_ours(str_of(cases[i].name)) == cases[i].ours, cases[i].name);
}
