#include "secret/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static err check(int fd, str path, enum secret_file_rule rule)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_new(ERR_SYSTEM, "look at %.*s", STR_ARG(path));
    if (!S_ISREG(st.st_mode))
        return err_new(ERR_CONFIG, "%.*s is not a file", STR_ARG(path));
    if (rule == SECRET_FILE_OWNER_ONLY && st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH))
        return err_new(ERR_CONFIG,
                       "%.*s holds a key, but others may read or write it: chmod 600 it",
                       STR_ARG(path));
    if (rule != SECRET_FILE_ANY && st.st_mode & (S_IROTH | S_IWOTH))
        return err_new(ERR_CONFIG,
                       "%.*s holds a secret, but every user may read or write it: chmod o= it",
                       STR_ARG(path));
    if (st.st_size > SECRET_BYTES_MAX)
        return err_new(ERR_LIMIT, "%.*s is longer than %d bytes", STR_ARG(path), SECRET_BYTES_MAX);
    return NULL;
}

/* All of it in one buffer that never moves, so that no copy stays behind in freed memory. */
static err read_whole(int fd, str path, struct buf *out)
{
    char *room;
    TRY(buf_reserve(out, SECRET_BYTES_MAX, &room));
    while (out->len < SECRET_BYTES_MAX) {
        ssize_t n = read(fd, out->ptr + out->len, SECRET_BYTES_MAX - out->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_new(ERR_SYSTEM, "read %.*s", STR_ARG(path));
        if (n == 0)
            break;
        out->len += (size_t)n;
    }
    return NULL;
}

err secret_file_read(str path, enum secret_file_rule rule, struct buf *ret_secret)
{
    ASSERT(ret_secret->len == 0);
    char name[SECRET_PATH_BYTES_MAX];
    if (!str_to_chars(path, name, sizeof name) || path.len == 0)
        return err_new(ERR_CONFIG, "a secret's file without a usable path");
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe must not hold us */
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s", name);
    err e = check(fd, path, rule);
    if (e == NULL)
        e = read_whole(fd, path, ret_secret);
    close(fd);
    if (e)
        secret_wipe(ret_secret);
    return e;
}
