#include "secret/sealed_key.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/file.h"
#include "secret/credential.h"
#include "secret/file.h"
#include "secret/keyring.h"
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define PASSPHRASE_CREDENTIAL S("smtptool-passphrase")
#define KEYRING_SERVICE S("smtptool-sealed")

/* ---- from one key to two ------------------------------------------------------------------ */

static void derive(str key, const struct secret_sealed_lock *lock, const char *purpose,
                   uint8_t ret_key[SECRET_SEALED_KEY_BYTES])
{
    uint8_t input[SECRET_SEALED_SALT_BYTES + 64];
    unsigned size = 0;
    size_t len = strlen(purpose);
    ASSERT(len <= 64);
    memcpy(input, lock->salt, sizeof lock->salt);
    memcpy(input + sizeof lock->salt, purpose, len);
    HMAC(EVP_sha256(), key.ptr, (int)key.len, input, sizeof lock->salt + len, ret_key, &size);
    ASSERT(size == SECRET_SEALED_KEY_BYTES);
}

static void derive_both(str key, const struct secret_sealed_lock *lock,
                        struct secret_sealed_key *ret_key)
{
    derive(key, lock, "smtptool sealed values", ret_key->values);
    derive(key, lock, "smtptool sealed list", ret_key->list);
}

/* ---- passphrase --------------------------------------------------------------------------- */

static err read_passphrase(const struct secret_unlock *unlock, struct buf *out)
{
    if (unlock)
        return buf_add(out, unlock->value);
    const char *path = getenv("SMTPTOOL_PASSPHRASE_FILE");
    if (path)
        return secret_file_read(str_of(path), SECRET_FILE_NOT_OTHERS, out);
    if (secret_credential_there(PASSPHRASE_CREDENTIAL))
        return secret_credential_read(PASSPHRASE_CREDENTIAL, out);
    return err_new(ERR_CONFIG, "the file is locked by a passphrase: it is wanted in the file "
                               "$SMTPTOOL_PASSPHRASE_FILE or the credential smtptool-passphrase");
}

static err key_of_passphrase(const struct secret_sealed_lock *lock,
                             const struct secret_unlock *unlock, struct secret_sealed_key *ret_key)
{
    struct buf words;
    uint8_t key[SECRET_SEALED_KEY_BYTES];
    char *room;
    buf_init(&words, SECRET_BYTES_MAX);
    err e = buf_reserve(&words, SECRET_BYTES_MAX, &room); /* never moved */
    if (e == NULL)
        e = read_passphrase(unlock, &words);
    secret_trim(&words);
    if (e == NULL && words.len == 0)
        e = err_new(ERR_CONFIG, "an empty passphrase");
    if (e == NULL)
        e = secret_argon2_key(&lock->price, buf_str(&words),
                              (str){(const char *)lock->salt, sizeof lock->salt}, key, sizeof key);
    if (e == NULL)
        derive_both((str){(const char *)key, sizeof key}, lock, ret_key);
    mem_wipe(key, sizeof key);
    secret_wipe(&words);
    return e;
}

/* ---- a key of random bytes ---------------------------------------------------------------- */

static err read_key(const struct secret_sealed_lock *lock, str name, struct buf *out)
{
    switch (lock->kind) {
    case SECRET_UNLOCK_KEYRING:
        return secret_keyring_read(KEYRING_SERVICE, name, out);
    case SECRET_UNLOCK_CREDENTIAL:
        return secret_credential_read(name, out);
    default:
        return secret_file_read(name, SECRET_FILE_OWNER_ONLY, out);
    }
}

static err write_key_file(str name, str text)
{
    char path[SECRET_PATH_BYTES_MAX];
    if (!str_to_chars(name, path, sizeof path))
        return err_new(ERR_CONFIG, "the path of a key file is too long");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        err e = folder_make(path);
        *slash = '/';
        TRY(e);
    }
    return file_put(path, FILE_WRITE | FILE_NEW, text);
}

/* As text, so that it can be kept in a keyring or shown to a printer. */
static err make_key(const struct secret_sealed_lock *lock, str name, struct buf *out)
{
    uint8_t key[SECRET_SEALED_KEY_BYTES];
    rand_bytes(key, sizeof key);
    err e = codec_base64_encode((str){(const char *)key, sizeof key}, out);
    mem_wipe(key, sizeof key);
    TRY(e);
    if (lock->kind == SECRET_UNLOCK_KEYRING)
        return secret_keyring_write(KEYRING_SERVICE, name, S("smtptool: key of sealed files"),
                                    buf_str(out));
    if (lock->kind == SECRET_UNLOCK_KEY_FILE)
        return write_key_file(name, buf_str(out));
    return err_new(ERR_CONFIG, "a credential is made by systemd-creds, not here");
}

/* Not every failure means that there is no key yet: only these do. */
static bool is_missing(const struct secret_sealed_lock *lock, err e)
{
    if (lock->kind == SECRET_UNLOCK_KEY_FILE)
        return e->kind == ERR_SYSTEM && err_number(e) == ENOENT;
    return lock->kind == SECRET_UNLOCK_KEYRING && e->kind == ERR_CONFIG && err_number(e) == 0;
}

static err take_key(const struct secret_sealed_lock *lock, str text,
                    struct secret_sealed_key *ret_key)
{
    struct buf key;
    char *room;
    buf_init(&key, SECRET_BYTES_MAX);
    err e = buf_reserve(&key, text.len + 1, &room);
    if (e == NULL)
        e = codec_base64_decode(text, &key);
    if (e || key.len != SECRET_SEALED_KEY_BYTES)
        e = err_new(ERR_CONFIG, "%s %.*s holds no key: %d bytes in base64 are one",
                    secret_sealed_text_kind_name(lock->kind), STR_ARG(lock->name),
                    SECRET_SEALED_KEY_BYTES);
    else
        derive_both(buf_str(&key), lock, ret_key);
    secret_wipe(&key);
    return e;
}

static err key_of_name(const struct secret_sealed_lock *lock, const struct secret_unlock *unlock,
                       bool make, struct secret_sealed_key *ret_key)
{
    struct buf text;
    char *room;
    str name = unlock && unlock->value.len > 0 ? unlock->value : lock->name;
    buf_init(&text, SECRET_BYTES_MAX);
    err e = read_key(lock, name, &text);
    if (e && make && is_missing(lock, e)) {
        e = buf_reserve(&text, SECRET_BYTES_MAX, &room);
        if (e == NULL)
            e = make_key(lock, name, &text);
    }
    secret_trim(&text);
    if (e == NULL)
        e = take_key(lock, buf_str(&text), ret_key);
    secret_wipe(&text);
    return e;
}

err secret_sealed_key_find(const struct secret_sealed_lock *lock,
                           const struct secret_unlock *unlock, bool make,
                           struct secret_sealed_key *ret_key)
{
    if (unlock && unlock->kind != lock->kind)
        return err_new(ERR_CONFIG, "it is locked by a %s, not by a %s",
                       secret_sealed_text_kind_name(lock->kind),
                       secret_sealed_text_kind_name(unlock->kind));
    return lock->kind == SECRET_UNLOCK_PASSPHRASE ? key_of_passphrase(lock, unlock, ret_key)
                                                  : key_of_name(lock, unlock, make, ret_key);
}

/* ---- a new file --------------------------------------------------------------------------- */

static err default_key_file(struct arena *arena, str *ret_path)
{
    const char *own = getenv("SMTPTOOL_KEY_FILE"), *base = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (own && own[0] == '/')
        *ret_path = arena_str(arena, str_of(own));
    else if (base && base[0] == '/')
        *ret_path = arena_printf(arena, "%s/smtptool/secret.key", base);
    else if (home && home[0] == '/')
        *ret_path = arena_printf(arena, "%s/.config/smtptool/secret.key", home);
    else
        return err_new(ERR_CONFIG, "no place for a key file: neither $SMTPTOOL_KEY_FILE nor $HOME");
    return NULL;
}

err secret_sealed_key_choose(const struct secret_unlock *unlock, struct arena *arena,
                             struct secret_sealed_lock *ret_lock)
{
    struct secret_sealed_lock lock = {
        .kind = SECRET_UNLOCK_KEY_FILE,
        .price = {SECRET_ARGON2_PASSES, SECRET_ARGON2_KIB, SECRET_ARGON2_LANES}
    };
    rand_bytes(lock.salt, sizeof lock.salt);
    if (unlock)
        lock.kind = unlock->kind;
    else if (getenv("SMTPTOOL_PASSPHRASE_FILE") || secret_credential_there(PASSPHRASE_CREDENTIAL))
        lock.kind = SECRET_UNLOCK_PASSPHRASE;
    else if (secret_keyring_likely())
        lock.kind = SECRET_UNLOCK_KEYRING;
    if (unlock && lock.kind != SECRET_UNLOCK_PASSPHRASE)
        lock.name = arena_str(arena, unlock->value);
    if (lock.kind == SECRET_UNLOCK_KEYRING && lock.name.len == 0)
        lock.name = S("default");
    if (lock.kind == SECRET_UNLOCK_KEY_FILE && lock.name.len == 0)
        TRY(default_key_file(arena, &lock.name));
    if (lock.kind == SECRET_UNLOCK_CREDENTIAL && lock.name.len == 0)
        return err_new(ERR_CONFIG, "which credential?");
    *ret_lock = lock;
    return NULL;
}
