#include "secret/argon2.h"
#include <argon2.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static const char file_name[] = "libargon2.so.1";

static struct {
    pthread_once_t once;
    __typeof__(argon2id_hash_raw) *hash; /* NULL: there is none */
} opened = {.once = PTHREAD_ONCE_INIT};

/* dlsym() gives a pointer to data for what is a function: POSIX lets the bytes be copied. */
static void open_once(void)
{
    void *library = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
    void *found = library ? dlsym(library, "argon2id_hash_raw") : NULL;
    memcpy(&opened.hash, &found, sizeof found);
}

err secret_argon2_key(const struct secret_argon2 *a, str passphrase, str salt, uint8_t *ret_key,
                      size_t size)
{
    if (a->passes < 1 || a->passes > SECRET_ARGON2_PASSES_MAX || a->lanes < 1 ||
        a->lanes > SECRET_ARGON2_LANES_MAX || a->kib < 8 * a->lanes ||
        a->kib > SECRET_ARGON2_KIB_MAX)
        return err_new(ERR_CONFIG, "a price of argon2id that is out of bounds");
    pthread_once(&opened.once, open_once);
    if (opened.hash == NULL)
        return err_new(ERR_CONFIG, "a passphrase needs %s, which is not installed", file_name);
    int code = opened.hash(a->passes, a->kib, a->lanes, passphrase.ptr, passphrase.len, salt.ptr,
                           salt.len, ret_key, size);
    return code == ARGON2_OK ? NULL : err_new(ERR_SYSTEM, "argon2id: code %d", code);
}
