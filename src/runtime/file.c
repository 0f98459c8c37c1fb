#include "runtime/file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "runtime/fault.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH_CHARS = 1024 };

struct file {
    int fd;
};

static err system_open(const char *path, int flags, struct file **ret_file)
{
    int how = O_CLOEXEC | (flags & FILE_WRITE ? O_RDWR : O_RDONLY);
    how |= flags & FILE_FOLLOW ? 0 : O_NOFOLLOW;
    how |= flags & (FILE_CREATE | FILE_NEW) ? O_CREAT : 0;
    how |= flags & FILE_NEW ? O_EXCL : 0;
    how |= flags & FILE_APPEND ? O_APPEND : 0;
    how |= flags & FILE_DIRECT ? O_DIRECT : 0;
    int fd = open(path, how, flags & FILE_SHARED ? 0644 : 0600);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s", path);
    struct file *f = MEM_NEW(struct file);
    f->fd = fd;
    *ret_file = f;
    return NULL;
}

static void system_close(struct file *f)
{
    close(f->fd);
    mem_free(f);
}

/* Drop what was written from the front of the parts. */
static int advance(struct iovec *parts, int count, size_t done)
{
    int i = 0;
    while (i < count && done >= parts[i].iov_len)
        done -= parts[i++].iov_len;
    if (i < count) {
        parts[i].iov_base = (char *)parts[i].iov_base + done;
        parts[i].iov_len -= done;
    }
    memmove(parts, parts + i, (size_t)(count - i) * sizeof *parts);
    return count - i;
}

static err write_parts(struct file *f, struct iovec *parts, int count, uint64_t *offset)
{
    while (count > 0) {
        ssize_t n = pwritev(f->fd, parts, count, (off_t)*offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "write");
        if (n == 0) {
            errno = ENOSPC;
            return err_new(ERR_SYSTEM, "write");
        }
        *offset += (uint64_t)n;
        count = advance(parts, count, (size_t)n);
    }
    return NULL;
}

static err system_write_at(struct file *f, const struct iovec *parts, int count, uint64_t offset)
{
    struct iovec now[64];
    while (count > 0) {
        int part = count < (int)ARRAY_LEN(now) ? count : (int)ARRAY_LEN(now);
        memcpy(now, parts, (size_t)part * sizeof *parts);
        TRY(write_parts(f, now, part, &offset));
        parts += part;
        count -= part;
    }
    return NULL;
}

static err system_read_at(struct file *f, void *to, size_t size, uint64_t offset, size_t *ret_count)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(f->fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "read");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_count = done;
    return NULL;
}

static bool system_read_cached(struct file *f, void *to, size_t size, uint64_t offset,
                               size_t *ret_count)
{
    struct iovec part = {to, size};
    ssize_t n = preadv2(f->fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    if (n < 0 || (size_t)n < size) /* short: the rest is not in memory, or the file ends */
        return false;
    *ret_count = (size_t)n;
    return true;
}

static err system_sync(struct file *f)
{
    return fdatasync(f->fd) == 0 ? NULL : err_new(ERR_SYSTEM, "fdatasync");
}

static err system_resize(struct file *f, uint64_t size)
{
    return ftruncate(f->fd, (off_t)size) == 0 ? NULL : err_new(ERR_SYSTEM, "resize");
}

static err system_zero_fill(struct file *f, uint64_t size)
{
    static _Alignas(FILE_DIRECT_ALIGN) const char zeros[1 << 18];
    for (uint64_t at = 0; at < size; at += sizeof zeros) {
        size_t part = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        TRY(system_write_at(f, &(struct iovec){(void *)zeros, part}, 1, at));
    }
    return NULL;
}

static struct file_facts facts_of(const struct stat *st)
{
    return (struct file_facts){
        .size = (uint64_t)st->st_size,
        .links = (uint32_t)st->st_nlink,
        .folder = S_ISDIR(st->st_mode),
        .regular = S_ISREG(st->st_mode),
        .others_may_write = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0,
        .owner = st->st_uid,
        .changed_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000,
        .number = st->st_ino,
    };
}

static err system_facts(struct file *f, struct file_facts *ret_facts)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return err_new(ERR_SYSTEM, "fstat");
    *ret_facts = facts_of(&st);
    return NULL;
}

static err system_lock(struct file *f)
{
    if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
        return NULL;
    if (errno == EWOULDBLOCK)
        return err_new(ERR_LIMIT, "locked by another process");
    return err_new(ERR_SYSTEM, "flock");
}

static err system_rename(const char *from, const char *to)
{
    return rename(from, to) == 0 ? NULL : err_new(ERR_SYSTEM, "rename %s to %s", from, to);
}

static err system_remove(const char *path)
{
    return unlink(path) == 0 ? NULL : err_new(ERR_SYSTEM, "remove %s", path);
}

static err system_look(const char *path, struct file_facts *ret_facts)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return err_new(ERR_SYSTEM, "look at %s", path);
    *ret_facts = facts_of(&st);
    return NULL;
}

static err system_make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return NULL;
    return err_new(ERR_SYSTEM, "make folder %s", path);
}

static err system_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open folder %s", path);
    err e = fsync(fd) == 0 ? NULL : err_new(ERR_SYSTEM, "sync folder %s", path);
    close(fd);
    return e;
}

static err system_list(const char *path, err (*each)(void *arg, const char *name), void *arg)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return err_new(ERR_SYSTEM, "list %s", path);
    err e = NULL;
    struct dirent *entry;
    while (e == NULL && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            e = each(arg, entry->d_name);
    closedir(folder);
    return e;
}

static err system_space(const char *path, uint64_t *ret_free_bytes, uint64_t *ret_free_inodes)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0)
        return err_new(ERR_SYSTEM, "free space of %s", path);
    *ret_free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    *ret_free_inodes = v.f_files ? (uint64_t)v.f_favail : UINT64_MAX;
    return NULL;
}

const struct file_driver file_system = {
    .open = system_open,
    .close = system_close,
    .write_at = system_write_at,
    .read_at = system_read_at,
    .read_cached = system_read_cached,
    .sync = system_sync,
    .resize = system_resize,
    .zero_fill = system_zero_fill,
    .facts = system_facts,
    .lock = system_lock,
    .rename = system_rename,
    .remove = system_remove,
    .look = system_look,
    .make_folder = system_make_folder,
    .sync_folder = system_sync_folder,
    .list = system_list,
    .space = system_space,
};

static const struct file_driver *driver = &file_system;

void file_use(const struct file_driver *d) { driver = d ? d : &file_system; }

err file_open(const char *path, int flags, struct file **ret_file)
{
    return driver->open(path, flags, ret_file);
}
void file_close(struct file *f)
{
    if (f)
        driver->close(f);
}
/* What a disk that fills up in the middle does; between the blocks of a direct write. */
static err write_half(struct file *f, const struct iovec *parts, int count, uint64_t offset,
                      int number)
{
    uint64_t left = 0;
    for (int i = 0; i < count; i++)
        left += parts[i].iov_len;
    bool blocks = left % FILE_DIRECT_ALIGN == 0;
    left /= 2;
    left -= blocks ? left % FILE_DIRECT_ALIGN : 0;
    for (int i = 0; i < count && left > 0; i++) {
        struct iovec part = parts[i];
        if (part.iov_len > left)
            part.iov_len = (size_t)left;
        TRY(driver->write_at(f, &part, 1, offset));
        offset += part.iov_len;
        left -= part.iov_len;
    }
    errno = number;
    return err_new(ERR_SYSTEM, "write (a fault that a test asked for)");
}

err file_write_at(struct file *f, const struct iovec *parts, int count, uint64_t offset)
{
    int number;
    if (fault_short(&number))
        return write_half(f, parts, count, offset, number);
    return driver->write_at(f, parts, count, offset);
}
err file_read_at(struct file *f, void *to, size_t size, uint64_t offset, size_t *ret_count)
{
    return driver->read_at(f, to, size, offset, ret_count);
}
bool file_read_cached(struct file *f, void *to, size_t size, uint64_t offset, size_t *ret_count)
{
    return driver->read_cached(f, to, size, offset, ret_count);
}
err file_sync(struct file *f) { return driver->sync(f); }
err file_resize(struct file *f, uint64_t size) { return driver->resize(f, size); }
err file_zero_fill(struct file *f, uint64_t size) { return driver->zero_fill(f, size); }
static err write_all(struct file *f, str bytes)
{
    struct iovec part = {(void *)(uintptr_t)bytes.ptr, bytes.len};
    if (bytes.len > 0) /* a write of nothing is taken for a full disk */
        TRY(file_write_at(f, &part, 1, 0));
    return file_sync(f);
}
err file_put(const char *path, int flags, str bytes)
{
    struct file *f;
    TRY(file_open(path, FILE_WRITE | FILE_CREATE | flags, &f));
    err e = flags & FILE_NEW ? NULL : file_resize(f, 0);
    if (e == NULL)
        e = write_all(f, bytes);
    file_close(f);
    return e;
}
err file_replace(const char *path, int flags, str bytes)
{
    char beside[PATH_CHARS];
    int n = snprintf(beside, sizeof beside, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof beside)
        return err_new(ERR_CONFIG, "the path %s is too long", path);
    TRY(file_put(beside, flags, bytes));
    return file_rename(beside, path);
}

err file_facts(struct file *f, struct file_facts *ret_facts) { return driver->facts(f, ret_facts); }
err file_lock(struct file *f) { return driver->lock(f); }
err file_rename(const char *from, const char *to) { return driver->rename(from, to); }
err file_remove(const char *path) { return driver->remove(path); }
err file_look(const char *path, struct file_facts *ret_facts)
{
    return driver->look(path, ret_facts);
}
bool file_exists(const char *path)
{
    struct file_facts facts;
    return driver->look(path, &facts) == NULL;
}
err folder_make(const char *path) { return driver->make_folder(path); }
err folder_sync(const char *path) { return driver->sync_folder(path); }
err folder_list(const char *path, err (*each)(void *arg, const char *name), void *arg)
{
    return driver->list(path, each, arg);
}
err folder_space(const char *path, uint64_t *ret_free_bytes, uint64_t *ret_free_inodes)
{
    return driver->space(path, ret_free_bytes, ret_free_inodes);
}

static uint64_t bytes_kept_free; /* atomic */

void file_keep_free(uint64_t bytes) { __atomic_store_n(&bytes_kept_free, bytes, __ATOMIC_RELAXED); }

bool file_leaves_enough(const char *path)
{
    uint64_t kept = __atomic_load_n(&bytes_kept_free, __ATOMIC_RELAXED), bytes = 0, inodes = 0;
    if (kept == 0)
        return true;
    err e = folder_space(path, &bytes, &inodes);
    if (e)
        err_forget();
    return e || bytes >= kept;
}
