#include "secret/secret.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void secret_wipe(struct buf *b)
{
    if (b->ptr)
        mem_wipe(b->ptr, b->cap);
    buf_release(b);
}

void secret_trim(struct buf *b)
{
    if (b->len && b->ptr[b->len - 1] == '\n') {
        b->len--;
        if (b->len && b->ptr[b->len - 1] == '\r')
            b->len--;
    }
}

static err check_file(int fd, str path)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_new(ERR_SYSTEM, "look at %.*s", STR_ARG(path));
    if (!S_ISREG(st.st_mode))
        return err_new(ERR_CONFIG, "%.*s is not a file", STR_ARG(path));
    if (st.st_mode & (S_IROTH | S_IWOTH))
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

static err read_file(str path, struct buf *out)
{
    char name[SECRET_PATH_BYTES_MAX];
    if (!str_to_chars(path, name, sizeof name) || path.len == 0)
        return err_new(ERR_CONFIG, "a secret's file without a usable path");
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a pipe must not hold us */
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s", name);
    err e = check_file(fd, path);
    if (e == NULL)
        e = read_whole(fd, path, out);
    close(fd);
    return e;
}

static err read_env(str name, struct buf *out)
{
    char chars[256];
    const char *value = str_to_chars(name, chars, sizeof chars) ? getenv(chars) : NULL;
    if (value == NULL)
        return err_new(ERR_CONFIG, "the environment has no %.*s", STR_ARG(name));
    return buf_add(out, str_of(value));
}

err secret_read(str reference, struct buf *ret_secret)
{
    ASSERT(ret_secret->len == 0);
    str rest = reference;
    err e;
    if (str_skip(&rest, S("file:")))
        e = read_file(rest, ret_secret);
    else if (str_skip(&rest, S("env:")))
        e = read_env(rest, ret_secret);
    else /* it may be the secret itself, so it is not repeated */
        return err_new(ERR_CONFIG, "a secret must be a reference: file:, env: or command:");
    secret_trim(ret_secret);
    if (e == NULL && ret_secret->len == 0)
        e = err_new(ERR_CONFIG, "%.*s is empty", STR_ARG(reference));
    if (e)
        secret_wipe(ret_secret);
    return e;
}
