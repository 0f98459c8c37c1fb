/* runtime/sim_fs.h -- a file system in memory that forgets what was not synced
 *
 * It stands behind file_driver in a simulation and is strict: what POSIX does not promise, it does
 * not do. A file has what was synced and the ordered list of what was changed since; a folder has
 * the names that were synced and the list of names made, renamed and removed since. From these
 * sim_fs_crash() builds what a power cut leaves. The old file system is not changed by that, so a
 * test can look at every crash state of a run without stopping the run.
 *
 * What a sync keeps: file_sync() the bytes and size of the file, not its name; folder_sync() the
 * names in that one folder, not what the files hold. A rename between two folders is two changes:
 * each is kept by its own folder's sync, so the new name's folder goes first.
 *
 * Paths start at "/"; parent folders must exist. One thread only: nothing here is locked, as in
 * the simulation every thread and job is a fiber on one loop. No call waits.
 */
#pragma once
#include "runtime/file.h"

enum {
    SIM_FS_SECTOR_BYTES = 512,           /* what a disk writes whole or not at all */
    SIM_FS_BLOCK_BYTES = 4096,           /* what space is counted in */
    SIM_FS_NAME_BYTES_MAX = 255,         /* else ENAMETOOLONG */
    SIM_FS_PATH_BYTES_MAX = 4095,        /* else ENAMETOOLONG */
    SIM_FS_LINKS_FOLLOWED_MAX = 40,      /* symbolic links in one path, else ELOOP */
    SIM_FS_UNSYNCED_CHANGES_MAX = 65536, /* of one file or folder; the oldest beyond are kept, as */
    SIM_FS_UNSYNCED_BYTES_MAX = 1 << 28, /* a kernel writes back by itself in the end */
};
#define SIM_FS_FILE_BYTES_MAX (UINT64_C(1) << 34) /* else EFBIG */
#define SIM_FS_BYTES_DEFAULT (UINT64_C(1) << 30)
#define SIM_FS_INODES_DEFAULT UINT64_C(65536)

struct sim_fs;

struct sim_fs *sim_fs_open(void); /* holds "/" and nothing else */
/* Files that are still open become stale: they can only be closed, and that while another sim_fs is
 * in use. Closing the one in use brings back the real file system. Accepts NULL. */
void sim_fs_close(struct sim_fs *);

/* Let the file_ and folder_ functions work on this one; NULL: on the real file system. An open file
 * of another sim_fs than the current one is stale: all but file_close() gives ESTALE. */
void sim_fs_use(struct sim_fs *);

/* Above these: ENOSPC. Space is counted in blocks; a hole takes none. Memory follows the content:
 * 64 KiB pieces, shared between what is there and what was synced; zeros take none. */
void sim_fs_capacity(struct sim_fs *, uint64_t bytes, uint64_t inodes);
/* How often file_read_cached() finds its bytes; 100 at first. Which times is drawn from a stream
 * that starts at base/rand.h, so a seeded run repeats it. */
void sim_fs_cache(struct sim_fs *, unsigned percent);
/* May files be opened FILE_DIRECT? They may at first; then a write that is not aligned is EINVAL.
 */
void sim_fs_direct(struct sim_fs *, bool may);

enum sim_fs_crash_mode {
    SIM_FS_NOTHING,    /* what was not synced is lost */
    SIM_FS_EVERYTHING, /* all of it had reached the disk */
    SIM_FS_PREFIX,     /* the first operations had: seed % (sim_fs_pending() + 1) of them, so seeds
                        * from 0 to sim_fs_pending() are all prefixes */
    SIM_FS_TORN,       /* for each sector a seeded one of the versions it had since the sync; of the
                        * names a seeded prefix; of the size a seeded one that it had, holes
                        * reading as zeros. What follows a resize is lost when the resize is. */
    SIM_FS_SUBSET,     /* each unit is kept or lost by itself. With at most SIM_FS_UNITS_COUNTED_MAX
                        * bit i of the seed says so of unit i: seeds below 1 << units are all
                        * subsets. With more it is drawn. */
};
enum { SIM_FS_UNITS_COUNTED_MAX = 8 };
/* What SIM_FS_SUBSET keeps or loses as one: a sector of a write, a run of zeros, a resize, a name
 * made or removed, a rename inside one folder. */
size_t sim_fs_units(struct sim_fs *);

/* What a power cut now would leave, as a new file system: nothing is open or locked there, and
 * all that is there is synced. The same history, mode and seed give the same state. */
struct sim_fs *sim_fs_crash(struct sim_fs *, enum sim_fs_crash_mode, uint64_t seed);
/* What kill -9 now would leave: nothing open or locked, all content there, but what was not synced
 * is still not synced. */
struct sim_fs *sim_fs_clone_running(struct sim_fs *);

/* From now on every change succeeds and is forgotten, so that a process that has crashed in the
 * story can unwind in the test. A file made now is empty and in no folder. */
void sim_fs_freeze(struct sim_fs *);
void sim_fs_settle(struct sim_fs *); /* as sync(2): all is synced; for a test's setting up */

/* Operations that changed something or synced, up to now. Failed and frozen ones do not count. */
uint64_t sim_fs_operations(const struct sim_fs *);
/* Call fn(arg) after each. It may crash, clone, use and close other file systems. NULL: stop. */
void sim_fs_on_operation(struct sim_fs *, void (*fn)(void *arg), void *arg);
size_t sim_fs_pending(struct sim_fs *); /* operations that a power cut could undo */
size_t sim_fs_open_files(const struct sim_fs *);

/* What was asked of it up to now, for who bounds the work rather than the time. */
struct sim_fs_cost {
    uint64_t calls, bytes_read;
};
struct sim_fs_cost sim_fs_cost(const struct sim_fs *);

/* What an attacker with access to the folder could do. At once synced, not counted as operations.
 * Errs are those of symlink(2), link(2), chmod(2) and chown(2). */
must_use err sim_fs_plant_symlink(struct sim_fs *, const char *target, const char *path);
must_use err sim_fs_plant_link(struct sim_fs *, const char *existing, const char *path);
must_use err sim_fs_set_mode(struct sim_fs *, const char *path, unsigned mode);
must_use err sim_fs_set_owner(struct sim_fs *, const char *path, uint32_t owner);
