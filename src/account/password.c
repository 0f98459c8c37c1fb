#include "account/password.h"
#include "base/mem.h"
#include "sasl/mechanism.h"
#include "sasl/scram.h"
#include <crypt.h>
#include <stdatomic.h>
#include <string.h>

static atomic_uint_fast64_t work;

uint64_t account_password_work(void) { return atomic_load(&work); }

/* libcrypt's answer for a setting, copied out; false when it has none. */
static bool compute(str password, const char *setting, char ret_hash[ACCOUNT_PASSWORD_HASH_CHARS])
{
    char phrase[SASL_PASSWORD_BYTES_MAX + 1];
    void *data = NULL;
    int size = 0;
    if (!str_to_chars(password, phrase, sizeof phrase))
        return false;
    atomic_fetch_add(&work, 1);
    const char *hash = crypt_ra(phrase, setting, &data, &size);
    mem_wipe(phrase, sizeof phrase);
    bool ok =
        hash && hash[0] != '*' && str_to_chars(str_of(hash), ret_hash, ACCOUNT_PASSWORD_HASH_CHARS);
    if (data)
        mem_wipe(data, (size_t)size);
    mem_free(data);
    return ok;
}

err account_password_hash(str password, char ret_hash[ACCOUNT_PASSWORD_HASH_CHARS])
{
    char *setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
    if (setting == NULL)
        return err_new(ERR_SYSTEM, "libcrypt has no yescrypt");
    bool ok = compute(password, setting, ret_hash);
    mem_free(setting);
    return ok ? NULL : err_new(ERR_SYSTEM, "libcrypt cannot hash a password");
}

bool account_password_right(str password, str hash)
{
    char setting[ACCOUNT_PASSWORD_HASH_CHARS], again[ACCOUNT_PASSWORD_HASH_CHARS];
    if (!str_to_chars(hash, setting, sizeof setting))
        return false;
    return compute(password, setting, again) && sasl_scram_same(str_of(again), hash);
}
