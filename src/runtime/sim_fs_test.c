#include "base/buf.h"
#include "base/mem.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"
#include <errno.h>

enum { SEEDS = 200 };

static err write_text(struct file *f, str text, uint64_t offset)
{
    return file_write_at(f, &(struct iovec){(void *)text.ptr, text.len}, 1, offset);
}

/* A tiny language of operations, one letter and its arguments each, so that a history is one row:
 *   n NAME     make a new file and hold it open as the current one
 *   o NAME     open a file for writing
 *   w TEXT     append to the current file       z N  zero-fill it    r N  resize it    s  sync it
 *   m A B      rename     u NAME  remove     f NAME  make a folder     d NAME  sync a folder */
struct player {
    struct file *f;
    uint64_t at;
};

static err play_file(struct player *p, char what, const char *a)
{
    struct file_facts facts;
    switch (what) {
    case 'n':
    case 'o':
        file_close(p->f);
        p->f = NULL;
        TRY(file_open(a, FILE_WRITE | (what == 'n' ? FILE_NEW : 0), &p->f));
        TRY(file_facts(p->f, &facts));
        p->at = facts.size;
        return NULL;
    case 'w':
        TRY(write_text(p->f, str_of(a), p->at));
        p->at += strlen(a);
        return NULL;
    case 'z':
        return file_zero_fill(p->f, (uint64_t)(a[0] - '0'));
    case 'r':
        p->at = (uint64_t)(a[0] - '0');
        return file_resize(p->f, p->at);
    default:
        return file_sync(p->f);
    }
}

static err play_one(struct player *p, char what, const char *a, const char *b)
{
    switch (what) {
    case 'm':
        return file_rename(a, b);
    case 'u':
        return file_remove(a);
    case 'f':
        return folder_make(a);
    case 'd':
        return folder_sync(a);
    default:
        return play_file(p, what, a);
    }
}

static err play(const char *history)
{
    struct player p = {0};
    err e = NULL;
    str rest = str_of(history), step;
    while (e == NULL && rest.len > 0) {
        char words[3][64] = {""};
        str_split(rest, ';', &step, &rest);
        for (int i = 0; i < 3 && step.len > 0; i++) {
            str word;
            str_split(str_trim(step), ' ', &word, &step);
            CHECK(str_to_chars(word, words[i], sizeof words[i]), history);
        }
        e = play_one(&p, words[0][0], words[1], words[2]);
    }
    file_close(p.f);
    return e;
}

static char *content(const char *path, char ret_text[256])
{
    struct file *f;
    size_t count = 0;
    err e = file_open(path, 0, &f);
    if (e) {
        snprintf(ret_text, 256, "%s", err_number(e) == ENOENT ? "none" : "refused");
        err_forget(); /* the ring is small, and crash states are many */
        return ret_text;
    }
    CHECK_DONE(file_read_at(f, ret_text, 255, 0, &count), path);
    for (size_t i = 0; i < count; i++)
        if (ret_text[i] == '\0')
            ret_text[i] = '0';
    ret_text[count] = '\0';
    file_close(f);
    return ret_text;
}

/* What /a and /b hold after a crash: "TEXT|TEXT", "none" where there is no file. */
static void state_after(struct sim_fs *fs, enum sim_fs_crash_mode mode, uint64_t seed,
                        char ret_state[600])
{
    char a[256], b[256];
    struct sim_fs *after = sim_fs_crash(fs, mode, seed);
    sim_fs_use(after);
    snprintf(ret_state, 600, "%s|%s", content("/a", a), content("/b", b));
    CHECK(sim_fs_open_files(after) == 0, "nothing stays open");
    CHECK(sim_fs_pending(after) == 0, "all that is there is synced");
    sim_fs_close(after);
    sim_fs_use(fs);
}

TEST(sim_fs_crash)
{
    static const struct {
        const char *label, *history, *nothing, *everything;
        const char *prefixes; /* all of them, in order, a blank between */
    } cases[] = {
        {"a name without its folder's sync",            "n /a; w x; s",                             "none|none", "x|none",
         "none|none x|none"                                                                                                                               },
        {"a name whose content was not synced",         "n /a; w xy; d /",                          "|none",     "xy|none",
         "|none xy|none"                                                                                                                                  },
        {"content and name",                            "n /a; w xy; s; d /",                       "xy|none",   "xy|none",   "xy|none"                   },
        {"appended after the sync",                     "n /a; w x; s; d /; w y; w z",              "x|none",    "xyz|none",
         "x|none xy|none xyz|none"                                                                                                                        },
        {"zeros over old bytes",                        "n /a; w xyz; s; d /; z 2",                 "xyz|none",  "00z|none",
         "xyz|none 00z|none"                                                                                                                              },
        {"cut and extended",                            "n /a; w xyz; s; d /; r 1; r 3",            "xyz|none",  "x00|none",
         "xyz|none x|none x00|none"                                                                                                                       },
        {"cut and written again",                       "n /a; w xyz; s; d /; r 0; w b",            "xyz|none",  "b|none",
         "xyz|none |none b|none"                                                                                                                          },
        {"a rename that was not synced",                "n /a; w x; s; d /; m /a /b",               "x|none",    "none|x",
         "x|none none|x"                                                                                                                                  },
        {"a rename that was",                           "n /a; w x; s; d /; m /a /b; d /",          "none|x",    "none|x",    "none|x"                    },
        {"replacing without a sync of the new content",
         "n /a; w x; s; n /b; w y; d /; m /b /a; d /",                                              "|none",     "y|none",    "|none y|none"              },
        {"replacing in the right order",                "n /a; w x; s; d /; n /b; w y; s; m /b /a", "x|none",
         "y|none",                                                                                                            "x|none x|y y|none"         },
        {"a removal that was not synced",               "n /a; w x; s; d /; u /a",                  "x|none",    "none|none",
         "x|none none|none"                                                                                                                               },
        {"a removal that was",                          "n /a; w x; s; d /; u /a; d /",             "none|none", "none|none",
         "none|none"                                                                                                                                      },
        {"made and removed, never synced",              "n /a; w x; s; u /a",                       "none|none", "none|none",
         "none|none x|none none|none"                                                                                                                     },
        {"made again under the old name",               "n /a; w x; s; d /; u /a; n /a; w y; s",    "x|none",
         "y|none",                                                                                                            "x|none none|none y|none"   },
        {"a folder's sync keeps no name elsewhere",     "f /f; n /a; w x; s; d /f",                 "none|none",
         "x|none",                                                                                                            "none|none none|none x|none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_fs *fs = sim_fs_open();
        char state[600], prefixes[1200] = "";
        sim_fs_use(fs);
        CHECK_DONE(play(cases[i].history), cases[i].label);
        state_after(fs, SIM_FS_NOTHING, 0, state);
        CHECK_STR(str_of(state), cases[i].nothing, cases[i].label);
        state_after(fs, SIM_FS_EVERYTHING, 0, state);
        CHECK_STR(str_of(state), cases[i].everything, cases[i].label);
        for (size_t seed = 0; seed <= sim_fs_pending(fs); seed++) {
            state_after(fs, SIM_FS_PREFIX, seed, state);
            size_t len = strlen(prefixes);
            snprintf(prefixes + len, sizeof prefixes - len, "%s%s", seed ? " " : "", state);
        }
        CHECK_STR(str_of(prefixes), cases[i].prefixes, cases[i].label);
        sim_fs_close(fs);
    }
}

/* Two versions of 4 sectors on top of a synced one: each sector must be whole and of one version.
 */
TEST(sim_fs_torn_sectors)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f;
    char bytes[4 * SIM_FS_SECTOR_BYTES];
    unsigned seen[4] = {0};
    bool mixed = false;
    sim_fs_use(fs);
    CHECK_DONE(file_open("/a", FILE_WRITE | FILE_NEW, &f), "open");
    for (int version = 'x'; version <= 'z'; version++) {
        memset(bytes, version, sizeof bytes);
        CHECK_DONE(write_text(f, (str){bytes, sizeof bytes}, 0), "write");
        if (version == 'x')
            sim_fs_settle(fs);
    }
    file_close(f);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct sim_fs *after = sim_fs_crash(fs, SIM_FS_TORN, seed);
        size_t count = 0;
        sim_fs_use(after);
        CHECK_DONE(file_open("/a", 0, &f), "open");
        CHECK_DONE(file_read_at(f, bytes, sizeof bytes, 0, &count), "read");
        CHECK(count == sizeof bytes, "the size was synced");
        for (size_t i = 0; i < count; i++) {
            CHECK(bytes[i] == bytes[i / 512 * 512], "a sector is whole");
            CHECK(bytes[i] >= 'x' && bytes[i] <= 'z', "and of one version");
        }
        for (size_t s = 0; s < 4; s++)
            seen[s] |= 1u << (bytes[s * 512] - 'x');
        mixed |= bytes[0] != bytes[512];
        file_close(f);
        sim_fs_close(after);
    }
    for (size_t s = 0; s < 4; s++)
        CHECK(seen[s] == 7, "every version of every sector is met");
    CHECK(mixed, "sectors of different versions are met");
    sim_fs_close(fs);
}

/* A file that grew: what a torn state may hold, and that all of it is met. */
TEST(sim_fs_torn_growth)
{
    static const struct {
        const char *label, *history, *possible;
    } cases[] = {
        {"a new name, content never synced", "n /a; w x; d /",               " |none x|none 0|none "          },
        {"a new name, nothing synced",       "n /a; w x",                    " none|none |none x|none 0|none "},
        {"two appends in one sector",        "n /a; w x; s; d /; w y; w z",
         " x|none xy|none xyz|none x0|none x00|none xy0|none "                                                },
        {"a lost cut loses what follows",    "n /a; w xy; s; d /; r 0; w b",
         " xy|none |none b|none 0|none "                                                                      },
        {"renamed in one",                   "n /a; w x; s; d /; m /a /b",   " x|none none|x "                },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_fs *fs = sim_fs_open();
        char state[600], padded[602], again[600];
        size_t distinct = 0, wanted = 0;
        char met[1200] = " ";
        sim_fs_use(fs);
        CHECK_DONE(play(cases[i].history), cases[i].label);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            state_after(fs, SIM_FS_TORN, seed, state);
            state_after(fs, SIM_FS_TORN, seed, again);
            CHECK_STR(str_of(again), state, "a seed repeats");
            snprintf(padded, sizeof padded, " %s ", state);
            CHECK(strstr(cases[i].possible, padded) != NULL, cases[i].label);
            if (strstr(met, padded))
                continue;
            size_t len = strlen(met);
            snprintf(met + len, sizeof met - len, "%s", padded + 1);
            distinct++;
        }
        for (const char *c = cases[i].possible + 1; *c; c++)
            wanted += *c == ' ';
        CHECK(distinct == wanted, cases[i].label);
        sim_fs_close(fs);
    }
}

TEST(sim_fs_rename_between_folders)
{
    static const struct {
        const char *label, *syncs;
        bool old_there, new_there;
    } cases[] = {
        {"neither folder",         "d /",            true,  false},
        {"the new one",            "d /new",         true,  true },
        {"the old one only: lost", "d /old",         false, false},
        {"both",                   "d /new; d /old", false, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_fs *fs = sim_fs_open();
        sim_fs_use(fs);
        CHECK_DONE(play("f /old; f /new; n /old/a; w x; s; d /old; d /"), cases[i].label);
        CHECK_DONE(file_rename("/old/a", "/new/a"), cases[i].label);
        CHECK(sim_fs_pending(fs) == 1, "one operation");
        CHECK_DONE(play(cases[i].syncs), cases[i].label);
        struct sim_fs *after = sim_fs_crash(fs, SIM_FS_NOTHING, 0);
        sim_fs_use(after);
        CHECK(file_exists("/old/a") == cases[i].old_there, cases[i].label);
        CHECK(file_exists("/new/a") == cases[i].new_there, cases[i].label);
        sim_fs_close(after);
        sim_fs_close(fs);
    }
}

TEST(sim_fs_kill)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f, *g;
    char state[600], a[256];
    sim_fs_use(fs);
    CHECK_DONE(play("n /a; w x; s; d /; w y; n /b; f /f; n /f/c; u /f/c"), "history");
    CHECK_DONE(file_open("/a", FILE_WRITE, &f), "open");
    CHECK_DONE(file_lock(f), "lock");
    CHECK_DONE(file_remove("/b"), "remove");
    struct sim_fs *after = sim_fs_clone_running(fs);
    sim_fs_use(after);
    CHECK_STR(str_of(content("/a", a)), "xy", "the page cache survives a kill");
    CHECK(!file_exists("/b") && file_exists("/f"), "and so do the names");
    CHECK(sim_fs_pending(after) == sim_fs_pending(fs), "what was not synced still is not");
    state_after(after, SIM_FS_NOTHING, 0, state);
    CHECK_STR(str_of(state), "x|none", "a power cut after the kill");
    CHECK(err_number(file_sync(f)) == ESTALE, "an open file stays with the dead");
    CHECK_DONE(file_open("/a", FILE_WRITE, &g), "open");
    CHECK_DONE(file_lock(g), "locks die with the process");
    sim_fs_close(fs);
    CHECK(err_number(write_text(f, S("z"), 0)) == ESTALE, "its file system was closed");
    file_close(f);
    file_close(g);
    CHECK_DONE(play("d /; d /f"), "sync");
    state_after(after, SIM_FS_NOTHING, 0, state);
    CHECK_STR(str_of(state), "x|none", "the clone lives on");
    sim_fs_close(after);
}

TEST(sim_fs_frozen)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f, *g;
    char a[256];
    size_t count = 0;
    sim_fs_use(fs);
    CHECK_DONE(play("n /a; w x"), "history");
    CHECK_DONE(file_open("/a", FILE_WRITE, &f), "open");
    uint64_t operations = sim_fs_operations(fs);
    sim_fs_freeze(fs);
    CHECK_DONE(play("n /b; w zzz; s; r 9; z 9; o /a; w y; s; m /a /c; m /none /c; u /a; f /f; d /"),
               "every change succeeds");
    CHECK_DONE(write_text(f, S("y"), 0), "on a file that was open");
    CHECK_DONE(file_open("/a", FILE_WRITE | FILE_NEW, &g), "a new one, as /a could be removed");
    CHECK_DONE(file_read_at(g, a, 1, 0, &count), "read");
    CHECK(count == 0, "it is empty");
    file_close(g);
    file_close(f);
    CHECK_STR(str_of(content("/a", a)), "x", "and is forgotten");
    CHECK(!file_exists("/b") && !file_exists("/c") && !file_exists("/f"), "names too");
    CHECK(sim_fs_operations(fs) == operations, "none counts");
    struct sim_fs *after = sim_fs_crash(fs, SIM_FS_EVERYTHING, 0);
    sim_fs_use(after);
    CHECK_DONE(play("n /b; w z; s"), "what comes after is not frozen");
    CHECK_STR(str_of(content("/b", a)), "z", "not frozen");
    sim_fs_close(after);
    sim_fs_close(fs);
}

struct observer {
    struct sim_fs *fs;
    uint64_t calls;
    bool acknowledged, lost;
};

/* After every operation: what was acknowledged is there in every crash state. */
static void observe(void *arg)
{
    struct observer *o = arg;
    char text[256];
    o->calls++;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct sim_fs *after = sim_fs_crash(o->fs, (enum sim_fs_crash_mode)(seed % 4), seed / 4);
        sim_fs_use(after);
        if (o->acknowledged)
            o->lost |= strcmp(content("/spool/a", text), "mail") != 0;
        sim_fs_close(after);
    }
    sim_fs_use(o->fs);
}

TEST(sim_fs_every_crash)
{
    static const struct {
        const char *label, *first, *then;
        uint64_t operations;
        bool lost;
    } cases[] = {
        {"all synced",                     "f /spool; d /; n /spool/t; w mail; s; m /spool/t /spool/a; d /spool",
         "n /spool/b; w next; s; d /spool; u /spool/b", 12, false},
        {"no sync of the file",            "f /spool; d /; n /spool/t; w mail; m /spool/t /spool/a; d /spool",
         "n /spool/b",                                  7,  true },
        {"no sync of the folder",          "f /spool; d /; n /spool/t; w mail; s; m /spool/t /spool/a",
         "n /spool/b",                                  7,  true },
        {"no sync of the folder's folder", "f /spool; n /spool/a; w mail; s; d /spool",
         "n /spool/b",                                  6,  true },
        {"overwritten in place",           "f /spool; d /; n /spool/a; w mail; s; d /spool",
         "o /spool/a; r 0; w mail",                     8,  true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct observer o = {.fs = sim_fs_open()};
        sim_fs_use(o.fs);
        sim_fs_on_operation(o.fs, observe, &o);
        CHECK_DONE(play(cases[i].first), cases[i].label);
        o.acknowledged = true;
        CHECK_DONE(play(cases[i].then), cases[i].label);
        CHECK(o.calls == sim_fs_operations(o.fs), cases[i].label);
        CHECK(o.calls == cases[i].operations, cases[i].label);
        CHECK(o.lost == cases[i].lost, cases[i].label);
        sim_fs_close(o.fs);
    }
}

TEST(sim_fs_refusals)
{
    static const struct {
        const char *label, *history;
        int number;
    } cases[] = {
        {"no such file",                      "o /none",                                ENOENT   },
        {"no such folder",                    "n /none/a",                              ENOENT   },
        {"a file as a folder",                "n /file/a",                              ENOTDIR  },
        {"there already",                     "n /file",                                EEXIST   },
        {"a folder opened to write",          "o /folder",                              EISDIR   },
        {"a link opened",                     "o /link",                                ELOOP    }, /* attack 139 */
        {"a link made new",                   "n /link",                                EEXIST   },
        {"a link to nowhere made new",        "n /dangling",                            EEXIST   },
        {"a loop of links on the way",        "n /loop/a",                              ELOOP    },
        {"through a link to a folder",        "n /way/a; u /folder/a",                  0        },
        {"up and down",                       "n /folder/../folder/./a; u //folder//a", 0        },
        {"above the root",                    "n /../../a; u /a",                       0        },
        {"may not write",                     "o /closed",                              EACCES   },
        {"a rename of nothing",               "m /none /a",                             ENOENT   },
        {"a file onto a folder",              "m /file /folder",                        EISDIR   },
        {"a folder onto a file",              "m /folder /file",                        ENOTDIR  },
        {"onto a folder that is not empty",   "f /new; n /folder/a; m /new /folder",    ENOTEMPTY},
        {"onto an empty one",                 "f /new; m /new /folder; n /folder/b",    0        },
        {"into itself",                       "m /folder /folder/in",                   EINVAL   },
        {"the root",                          "m / /a",                                 EBUSY    },
        {"onto itself",                       "m /file /file; o /file",                 0        },
        {"a folder is not removed",           "u /folder",                              EISDIR   },
        {"nothing is removed",                "u /none",                                ENOENT   },
        {"a link is removed, not its target", "u /link; o /file",                       0        },
        {"a folder that is there",            "f /folder",                              0        },
        {"a folder in no folder",             "f /none/a",                              ENOENT   },
        {"a file's names",                    "d /file",                                ENOTDIR  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_fs *fs = sim_fs_open();
        sim_fs_use(fs);
        CHECK_DONE(play("n /file; w x; f /folder; n /closed"), cases[i].label);
        CHECK_DONE(sim_fs_plant_symlink(fs, "/file", "/link"), cases[i].label);
        CHECK_DONE(sim_fs_plant_symlink(fs, "nowhere", "/dangling"), cases[i].label);
        CHECK_DONE(sim_fs_plant_symlink(fs, "loop", "/loop"), cases[i].label);
        CHECK_DONE(sim_fs_plant_symlink(fs, "./folder/", "/way"), cases[i].label);
        CHECK_DONE(sim_fs_set_mode(fs, "/closed", 0400), cases[i].label);
        err e = play(cases[i].history);
        CHECK((e == NULL) == (cases[i].number == 0), cases[i].label);
        CHECK(err_number(e) == cases[i].number, cases[i].label);
        CHECK(sim_fs_open_files(fs) == 0, cases[i].label);
        sim_fs_close(fs);
        err_forget();
    }
}

/* Attacks 139 and 140: what somebody with access to the folder left there can be seen. */
TEST(sim_fs_planted)
{
    struct sim_fs *fs = sim_fs_open();
    struct file_facts facts;
    struct file *f;
    sim_fs_use(fs);
    CHECK_DONE(play("f /spool; d /; n /outside; w secret; s; d /"), "history");
    CHECK_DONE(sim_fs_plant_link(fs, "/outside", "/spool/hard"), "link");
    CHECK_DONE(sim_fs_plant_symlink(fs, "/outside", "/spool/soft"), "symlink");
    CHECK_DONE(sim_fs_set_mode(fs, "/spool", 0777), "mode");
    CHECK_DONE(sim_fs_set_owner(fs, "/outside", 4711), "owner");
    CHECK(err_number(sim_fs_plant_link(fs, "/none", "/x")) == ENOENT, "link to nothing");
    CHECK(err_number(sim_fs_plant_link(fs, "/spool", "/x")) == EPERM, "link to a folder");
    CHECK(err_number(sim_fs_plant_link(fs, "/outside", "/spool")) == EEXIST, "link onto a name");
    CHECK(sim_fs_pending(fs) == 0, "synced at once");
    struct sim_fs *after = sim_fs_crash(fs, SIM_FS_NOTHING, 0);
    sim_fs_use(after);
    CHECK_DONE(file_look("/spool/hard", &facts), "look");
    CHECK(facts.links == 2 && facts.regular && facts.owner == 4711 && facts.size == 6, "hard");
    CHECK_DONE(file_look("/spool/soft", &facts), "look");
    CHECK(!facts.regular && !facts.folder, "soft");
    CHECK_DONE(file_look("/spool", &facts), "look");
    CHECK(facts.folder && facts.others_may_write, "folder");
    CHECK_DONE(file_open("/spool/hard", FILE_WRITE, &f), "open");
    CHECK_DONE(file_remove("/outside"), "remove");
    CHECK_DONE(file_facts(f, &facts), "facts");
    CHECK(facts.links == 1 && !facts.others_may_write, "one name left");
    file_close(f);
    sim_fs_close(after);
    sim_fs_close(fs);
}

TEST(sim_fs_locks)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *one, *other;
    sim_fs_use(fs);
    CHECK_DONE(file_open("/lock", FILE_WRITE | FILE_CREATE, &one), "made");
    CHECK_DONE(file_open("/lock", FILE_WRITE | FILE_CREATE, &other), "opened");
    CHECK_DONE(file_lock(one), "free");
    CHECK_DONE(file_lock(one), "mine");
    err e = file_lock(other);
    CHECK(e && e->kind == ERR_LIMIT, "another's");
    file_close(one);
    CHECK_DONE(file_lock(other), "free again");
    file_close(other);
    sim_fs_close(fs);
}

static err count_name(void *arg, const char *name)
{
    unsigned *seen = arg;
    *seen += name[0] == 'x' ? 100 : 1;
    return file_remove(name[0] == 'x' ? "/x" : "/y");
}

static err stop(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return err_new(ERR_LIMIT, "enough");
}

TEST(sim_fs_list)
{
    struct sim_fs *fs = sim_fs_open();
    unsigned seen = 0;
    int calls = 0;
    sim_fs_use(fs);
    CHECK_DONE(play("n /x; n /y"), "history");
    err e = folder_list("/", stop, &calls);
    CHECK(e && e->kind == ERR_LIMIT && calls == 1, "the first err stops it");
    CHECK_DONE(folder_list("/", count_name, &seen), "names may go while they are listed");
    CHECK(seen == 101, "each once");
    CHECK(!file_exists("/x") && !file_exists("/y"), "removed");
    sim_fs_close(fs);
}

TEST(sim_fs_read)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f;
    char bytes[8] = "";
    size_t count = 0, hits = 0;
    sim_fs_use(fs);
    CHECK_DONE(file_open("/a", FILE_WRITE | FILE_NEW | FILE_APPEND, &f), "open");
    struct iovec parts[] = {
        {"ab", 2},
        {NULL, 0},
        {"cd", 2}
    };
    CHECK_DONE(file_write_at(f, parts, 3, 0), "parts");
    CHECK_DONE(write_text(f, S("ef"), 0), "appended, whatever the offset");
    CHECK_DONE(file_read_at(f, bytes, 8, 1, &count), "read");
    CHECK_STR(((str){bytes, count}), "bcdef", "up to the end");
    CHECK_DONE(file_read_at(f, bytes, 8, 6, &count), "read");
    CHECK(count == 0, "at the end");
    CHECK(file_read_cached(f, bytes, 6, 0, &count) && count == 6, "in memory");
    CHECK(!file_read_cached(f, bytes, 7, 0, &count), "short");
    sim_fs_cache(fs, 50);
    for (int i = 0; i < 1000; i++)
        hits += file_read_cached(f, bytes, 6, 0, &count);
    CHECK(hits > 350 && hits < 650, "about half");
    sim_fs_cache(fs, 0);
    CHECK(!file_read_cached(f, bytes, 6, 0, &count), "never");
    file_close(f);
    char *page = mem_map(FILE_DIRECT_ALIGN);
    struct iovec whole = {page, FILE_DIRECT_ALIGN};
    CHECK_DONE(file_open("/d", FILE_WRITE | FILE_NEW | FILE_DIRECT, &f), "open for direct writes");
    CHECK_DONE(file_write_at(f, &whole, 1, FILE_DIRECT_ALIGN), "a page where pages begin");
    CHECK(err_number(file_write_at(f, &whole, 1, 1)) == EINVAL, "elsewhere");
    whole.iov_len--;
    CHECK(err_number(file_write_at(f, &whole, 1, 0)) == EINVAL, "not a whole page");
    whole.iov_base = page + 1;
    CHECK(err_number(file_write_at(f, &whole, 1, 0)) == EINVAL, "from an odd address");
    mem_unmap(page, FILE_DIRECT_ALIGN);
    file_close(f);
    sim_fs_direct(fs, false);
    CHECK(err_number(file_open("/d", FILE_WRITE | FILE_DIRECT, &f)) == EINVAL, "or not at all");
    CHECK_DONE(file_open("/a", 0, &f), "to read");
    CHECK(err_number(write_text(f, S("x"), 0)) == EBADF, "not to write");
    CHECK(err_number(file_resize(f, 0)) == EBADF, "nor to cut");
    CHECK_DONE(file_sync(f), "to sync");
    file_close(f);
    sim_fs_close(fs);
}

TEST(sim_fs_space)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f, *g;
    struct file_facts facts;
    uint64_t bytes = 0, inodes = 0;
    char three_blocks[3 * SIM_FS_BLOCK_BYTES] = "";
    sim_fs_use(fs);
    sim_fs_capacity(fs, 4 * SIM_FS_BLOCK_BYTES, 3); /* "/" is one */
    CHECK_DONE(play("n /g"), "made");
    CHECK_DONE(file_open("/f", FILE_WRITE | FILE_NEW, &f), "made");
    CHECK(err_number(file_open("/h", FILE_WRITE | FILE_NEW, &g)) == ENOSPC, "no inode");
    CHECK(err_number(folder_make("/h")) == ENOSPC, "no inode");
    CHECK_DONE(file_resize(f, 1 << 20), "a hole takes no space");
    CHECK_DONE(write_text(f, (str){three_blocks, sizeof three_blocks}, 0), "three of four");
    CHECK_DONE(write_text(f, (str){three_blocks, sizeof three_blocks}, 0), "the same three");
    CHECK_DONE(folder_space("/", &bytes, &inodes), "space");
    CHECK(bytes == SIM_FS_BLOCK_BYTES && inodes == 0, "one left");
    CHECK_DONE(file_resize(f, 8192), "cut");
    CHECK_DONE(file_open("/g", FILE_WRITE, &g), "open");
    CHECK(err_number(write_text(g, (str){three_blocks, sizeof three_blocks}, 0)) == ENOSPC, "full");
    CHECK_DONE(file_facts(g, &facts), "facts");
    CHECK(facts.size == 2 * SIM_FS_BLOCK_BYTES, "what fitted was written");
    CHECK(err_number(file_zero_fill(g, 3 * SIM_FS_BLOCK_BYTES)) == ENOSPC, "full for zeros too");
    CHECK(err_number(file_resize(g, SIM_FS_FILE_BYTES_MAX + 1)) == EFBIG, "too large");
    CHECK_DONE(file_remove("/g"), "remove");
    CHECK_DONE(folder_space("/", &bytes, &inodes), "space");
    CHECK(bytes == 0, "an open file keeps its space");
    file_close(g);
    CHECK_DONE(folder_space("/", &bytes, &inodes), "space");
    CHECK(bytes == 2 * SIM_FS_BLOCK_BYTES && inodes == 1, "given back when closed");
    struct sim_fs *after = sim_fs_crash(fs, SIM_FS_EVERYTHING, 0);
    sim_fs_use(after);
    CHECK_DONE(folder_space("/", &bytes, &inodes), "space");
    CHECK(bytes == 2 * SIM_FS_BLOCK_BYTES && inodes == 1, "counted again after a crash");
    sim_fs_use(fs);
    sim_fs_close(after);
    file_close(f);
    sim_fs_close(fs);
}

/* A large preallocated file against a plain array: random writes, cuts, zeros and syncs. */
TEST(sim_fs_content_model)
{
    enum { SIZE = 200000, STEPS = 400 };
    struct sim_fs *fs = sim_fs_open();
    struct file *f;
    char *model = mem_alloc(SIZE), *got = mem_alloc(SIZE), *synced = mem_alloc(SIZE);
    size_t model_size = 0, synced_size = 0, count = 0;
    uint64_t draw = 1;
    sim_fs_use(fs);
    CHECK_DONE(file_open("/a", FILE_WRITE | FILE_NEW, &f), "open");
    CHECK_DONE(folder_sync("/"), "sync");
    for (int i = 0; i < STEPS; i++) {
        draw = draw * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t at = (size_t)(draw >> 33) % (SIZE / 2), size = (size_t)(draw >> 13) % (SIZE / 2);
        if (draw >> 61 < 5) {
            memset(model + at, (int)(draw >> 50), size);
            CHECK_DONE(write_text(f, (str){model + at, size}, at), "write");
            model_size = size > 0 && at + size > model_size ? at + size : model_size;
        } else if (draw >> 61 == 5) {
            memset(model + size, 0, SIZE - size);
            CHECK_DONE(file_resize(f, size), "resize");
            model_size = size;
        } else if (draw >> 61 == 6) {
            memset(model, 0, size);
            CHECK_DONE(file_zero_fill(f, size), "zero fill");
            model_size = size > model_size ? size : model_size;
        } else {
            CHECK_DONE(file_sync(f), "sync");
            memcpy(synced, model, SIZE);
            synced_size = model_size;
        }
        CHECK_DONE(file_read_at(f, got, SIZE, 0, &count), "read");
        CHECK(count == model_size && memcmp(got, model, count) == 0, "as the model");
    }
    file_close(f);
    struct sim_fs *after = sim_fs_crash(fs, SIM_FS_NOTHING, 0);
    sim_fs_use(after);
    CHECK_DONE(file_open("/a", 0, &f), "open");
    CHECK_DONE(file_read_at(f, got, SIZE, 0, &count), "read");
    CHECK(count == synced_size && memcmp(got, synced, count) == 0, "what was synced");
    file_close(f);
    sim_fs_close(after);
    sim_fs_close(fs);
    mem_free(model);
    mem_free(got);
    mem_free(synced);
}

TEST(sim_fs_large)
{
    struct sim_fs *fs = sim_fs_open();
    struct file *f;
    uint64_t bytes = 0, inodes = 0, before = 0;
    sim_fs_use(fs);
    CHECK_DONE(folder_space("/", &before, &inodes), "space");
    CHECK_DONE(file_open("/a", FILE_WRITE | FILE_NEW, &f), "open");
    CHECK_DONE(file_zero_fill(f, 64 << 20), "zero fill");
    CHECK_DONE(folder_space("/", &bytes, &inodes), "space");
    CHECK(before - bytes == 64 << 20, "zeros that were written take space");
    sim_fs_settle(fs);
    for (int i = 0; i < 2000; i++) { /* a log: append a little, sync */
        CHECK_DONE(write_text(f, S("a record of the log"), (uint64_t)i * 20), "write");
        CHECK_DONE(file_sync(f), "sync");
        sim_fs_close(i % 10 ? NULL : sim_fs_crash(fs, SIM_FS_TORN, (uint64_t)i));
    }
    file_close(f);
    sim_fs_close(fs);
}
