#include "secret/secret.h"
#include "base/mem.h"
#include "secret/file.h"
#include <stdlib.h>

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
        e = secret_file_read(rest, SECRET_FILE_NOT_OTHERS, ret_secret);
    else if (str_skip(&rest, S("env:")))
        e = read_env(rest, ret_secret);
    else /* it may be the secret itself, so it is not repeated */
        return err_new(ERR_CONFIG,
                       "a secret must be a reference: file:, env:, command: or what else "
                       "docs/secrets.md names");
    secret_trim(ret_secret);
    if (e == NULL && ret_secret->len == 0)
        e = err_new(ERR_CONFIG, "%.*s is empty", STR_ARG(reference));
    if (e)
        secret_wipe(ret_secret);
    return e;
}
