/* runtime/file.h -- files, behind file_driver
 *
 * These calls block: they belong in threads and jobs (runtime/thread.h), except where a function
 * says otherwise. The simulation has a file system of its own that forgets what was not synced.
 * Paths are NUL-terminated. Files are opened O_CLOEXEC and O_NOFOLLOW, made with mode 0600;
 * folders with 0700.
 */
#pragma once
#include "base/err.h"
#include <sys/uio.h>

struct file;

enum file_flags {
    FILE_WRITE = 1,  /* else read only */
    FILE_CREATE = 2, /* when it is not there */
    FILE_NEW = 4,    /* it must not be there yet */
    FILE_APPEND = 8,
    FILE_FOLLOW = 16, /* a symbolic link is followed: for files that the operator names */
    FILE_SHARED = 64, /* when it is made: others may read it */
    FILE_DIRECT = 32, /* writes go past the page cache; ERR_SYSTEM: this file system cannot */
};

enum { FILE_DIRECT_ALIGN = 4096 }; /* of a direct write: its place, its bytes and their address */

struct file_facts {
    uint64_t size;
    uint32_t links;
    bool folder, regular, others_may_write;
    uint32_t owner;
    int64_t changed_ms;
    uint64_t number; /* the file system's, for the file as long as it is there */
};

must_use err file_open(const char *path, int flags, struct file **ret_file);
void file_close(struct file *); /* accepts NULL */

/* The whole of it or an err (then any part may have been written). */
must_use err file_write_at(struct file *, const struct iovec *parts, int count, uint64_t offset);
/* Fewer bytes than asked only at the end of the file. */
must_use err file_read_at(struct file *, void *to, size_t size, uint64_t offset, size_t *ret_count);
/* Like file_read_at, but gives false instead of blocking when the bytes are not in memory; a loop
 * thread may call it. */
bool file_read_cached(struct file *, void *to, size_t size, uint64_t offset, size_t *ret_count);

must_use err file_sync(struct file *);                     /* fdatasync */
must_use err file_resize(struct file *, uint64_t size);    /* cut or extend with zeros (a hole) */
must_use err file_zero_fill(struct file *, uint64_t size); /* really written, so that a later write
                                                              inside needs no new blocks */
/* Make a file of these bytes, synced; its name is kept by folder_sync(). What it held before is
 * gone, unless flags has FILE_NEW: then it must not be there. After an err part of it may be. */
must_use err file_put(const char *path, int flags, str bytes);
/* The same as a whole: beside it first, as PATH.new, so that whoever reads it sees the old bytes or
 * the new ones. One writer at a time. */
must_use err file_replace(const char *path, int flags, str bytes);
must_use err file_facts(struct file *, struct file_facts *ret_facts);
must_use err file_lock(struct file *); /* exclusive, until closed; ERR_LIMIT: another has it */

must_use err file_rename(const char *from, const char *to);
must_use err file_remove(const char *path);
must_use err file_look(const char *path, struct file_facts *ret_facts); /* does not follow links */
bool file_exists(const char *path);

must_use err folder_make(const char *path); /* fine when it is there */
must_use err folder_sync(const char *path); /* names made, renamed and removed in it are kept */
/* Calls each(arg, name) for every entry but "." and "..", in no order. Stops at the first err. */
must_use err folder_list(const char *path, err (*each)(void *arg, const char *name), void *arg);
must_use err folder_space(const char *path, uint64_t *ret_free_bytes, uint64_t *ret_free_inodes);

/* The last bytes of a disk belong to the queue, which needs them to get rid of what it holds: who
 * writes anything else asks first. For all of the process; 0, the default: nobody is held back. */
void file_keep_free(uint64_t bytes);
bool file_leaves_enough(const char *path); /* path is anything on that disk */

struct file_driver {
    err (*open)(const char *path, int flags, struct file **);
    void (*close)(struct file *);
    err (*write_at)(struct file *, const struct iovec *, int, uint64_t);
    err (*read_at)(struct file *, void *, size_t, uint64_t, size_t *);
    bool (*read_cached)(struct file *, void *, size_t, uint64_t, size_t *);
    err (*sync)(struct file *);
    err (*resize)(struct file *, uint64_t);
    err (*zero_fill)(struct file *, uint64_t);
    err (*facts)(struct file *, struct file_facts *);
    err (*lock)(struct file *);
    err (*rename)(const char *, const char *);
    err (*remove)(const char *);
    err (*look)(const char *, struct file_facts *);
    err (*make_folder)(const char *);
    err (*sync_folder)(const char *);
    err (*list)(const char *, err (*)(void *, const char *), void *);
    err (*space)(const char *, uint64_t *, uint64_t *);
};
extern const struct file_driver file_system;
void file_use(const struct file_driver *); /* for the whole process; NULL: file_system */
