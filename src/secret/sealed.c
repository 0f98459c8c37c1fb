#include "secret/sealed.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/file.h"
#include "secret/sealed_key.h"
#include "secret/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEALED_BYTES_MAX =
        SECRET_SEALED_NONCE_BYTES + SECRET_SEALED_VALUE_BYTES_MAX + SECRET_SEALED_TAG_BYTES,
    LOCK_POLL_US = 20 * 1000,
};

struct secret_sealed {
    char path[SECRET_PATH_BYTES_MAX], folder[SECRET_PATH_BYTES_MAX];
    struct secret_sealed_key key;
    struct stat seen; /* which state of the file is read */
    struct buf bytes; /* the file */
    struct arena *arena;
    struct secret_sealed_text text; /* borrows from bytes and arena */
    struct buf lock_line;           /* the key is for this one */
};

/* ---- sealing ------------------------------------------------------------------------------ */

/* The name is authenticated with the value: a sealed value is good at its own place only. */
static bool start_cipher(EVP_CIPHER_CTX *c, const struct secret_sealed_key *key,
                         const uint8_t *nonce, str name, int encrypt)
{
    int n;
    return EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->values, nonce, encrypt) == 1 &&
           EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)name.ptr, (int)name.len) == 1;
}

static err seal(const struct secret_sealed_key *key, str name, str value, struct buf *out)
{
    CLEANUP(buf_release) struct buf sealed;
    char *room;
    int n = 0, end = 0;
    buf_init(&sealed, SEALED_BYTES_MAX);
    TRY(buf_reserve(&sealed, SECRET_SEALED_NONCE_BYTES + value.len + SECRET_SEALED_TAG_BYTES,
                    &room));
    uint8_t *at = (uint8_t *)room;
    rand_bytes(at, SECRET_SEALED_NONCE_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t *to = at + SECRET_SEALED_NONCE_BYTES;
    bool done =
        start_cipher(c, key, at, name, 1) &&
        EVP_CipherUpdate(c, to, &n, (const uint8_t *)value.ptr, (int)value.len) == 1 &&
        EVP_CipherFinal_ex(c, to + n, &end) == 1 &&
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SECRET_SEALED_TAG_BYTES, to + value.len) == 1;
    EVP_CIPHER_CTX_free(c);
    ASSERT(done);
    sealed.len = SECRET_SEALED_NONCE_BYTES + value.len + SECRET_SEALED_TAG_BYTES;
    return codec_base64_encode(buf_str(&sealed), out);
}

static err unseal(const struct secret_sealed_key *key, const struct secret_sealed_entry *entry,
                  struct buf *out)
{
    CLEANUP(buf_release) struct buf sealed;
    char *room;
    int n = 0, end = 0;
    buf_init(&sealed, SEALED_BYTES_MAX + 4);
    err e = codec_base64_decode(entry->sealed, &sealed);
    if (e || sealed.len < SECRET_SEALED_NONCE_BYTES + SECRET_SEALED_TAG_BYTES)
        return err_new(ERR_DAMAGED, "the entry %.*s", STR_ARG(entry->name));
    const uint8_t *from = (const uint8_t *)sealed.ptr;
    size_t size = sealed.len - SECRET_SEALED_NONCE_BYTES - SECRET_SEALED_TAG_BYTES;
    TRY(buf_reserve(out, size, &room));
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t *to = (uint8_t *)room;
    bool done = start_cipher(c, key, from, entry->name, 0) &&
                EVP_CipherUpdate(c, to, &n, from + SECRET_SEALED_NONCE_BYTES, (int)size) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SECRET_SEALED_TAG_BYTES,
                                    (void *)(from + SECRET_SEALED_NONCE_BYTES + size)) == 1 &&
                EVP_CipherFinal_ex(c, to + n, &end) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!done) {
        mem_wipe(room, size);
        return err_new(ERR_DAMAGED, "the entry %.*s is not as it was sealed", STR_ARG(entry->name));
    }
    out->len += size;
    return NULL;
}

static void seal_list(const struct secret_sealed_key *key, str sealed,
                      uint8_t ret_seal[SECRET_SEALED_SEAL_BYTES])
{
    unsigned size = 0;
    HMAC(EVP_sha256(), key->list, sizeof key->list, (const uint8_t *)sealed.ptr, sealed.len,
         ret_seal, &size);
    ASSERT(size == SECRET_SEALED_SEAL_BYTES);
}

/* ---- the file ----------------------------------------------------------------------------- */

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static err no_file(const char *path)
{
    if (errno == ENOENT)
        return err_new(ERR_CONFIG, "there is no %s: \"smtptool secret set\" makes one", path);
    return err_new(ERR_SYSTEM, "open %s", path);
}

static err read_bytes(int fd, size_t size, const char *path, struct buf *out)
{
    char *room;
    TRY(buf_reserve(out, size, &room));
    while (out->len < size) {
        ssize_t n = pread(fd, out->ptr + out->len, size - out->len, (off_t)out->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_new(ERR_SYSTEM, "read %s", path)
                         : err_new(ERR_DAMAGED, "%s became shorter while it was read", path);
        out->len += (size_t)n;
    }
    return NULL;
}

static err read_file(const char *path, struct buf *out, struct stat *ret_seen)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return no_file(path);
    err e = NULL;
    if (fstat(fd, &st) != 0)
        e = err_new(ERR_SYSTEM, "look at %s", path);
    else if (!S_ISREG(st.st_mode))
        e = err_new(ERR_CONFIG, "%s is not a file", path);
    else if (st.st_size > SECRET_SEALED_FILE_BYTES_MAX)
        e = err_new(ERR_LIMIT, "%s is above %d bytes", path, SECRET_SEALED_FILE_BYTES_MAX);
    else
        e = read_bytes(fd, (size_t)st.st_size, path, out);
    close(fd);
    if (e == NULL)
        *ret_seen = st;
    return e;
}

static err check_seal(const struct secret_sealed *f)
{
    uint8_t seal[SECRET_SEALED_SEAL_BYTES];
    seal_list(&f->key, f->text.sealed, seal);
    if (CRYPTO_memcmp(seal, f->text.seal, sizeof seal) == 0)
        return NULL;
    return err_new(f->text.lock.kind == SECRET_UNLOCK_PASSPHRASE ? ERR_CONFIG : ERR_DAMAGED,
                   "%s: another %s locked it, or somebody changed it without the key", f->path,
                   f->text.lock.kind == SECRET_UNLOCK_PASSPHRASE ? "passphrase" : "key");
}

/* What is there now, in place of what was read before. */
static err load(struct secret_sealed *f)
{
    buf_clear(&f->bytes);
    arena_reset(f->arena);
    f->text = (struct secret_sealed_text){0};
    f->seen = (struct stat){0};
    TRY(read_file(f->path, &f->bytes, &f->seen));
    err e = secret_sealed_text_read(buf_str(&f->bytes), f->arena, &f->text);
    return e ? err_wrap(e, "%s", f->path) : NULL;
}

static err reload(struct secret_sealed *f)
{
    TRY(load(f));
    if (!str_eq(f->text.lock_line, buf_str(&f->lock_line)))
        return err_new(ERR_CONFIG, "%s was locked anew", f->path);
    return check_seal(f);
}

static err refresh(struct secret_sealed *f)
{
    struct stat now;
    if (stat(f->path, &now) != 0)
        return no_file(f->path);
    if (same_state(&now, &f->seen) && f->text.entries)
        return NULL;
    err e = reload(f);
    if (e)
        f->seen = (struct stat){0}; /* next time it is read again */
    return e;
}

/* The folder is what is locked: the file itself is replaced. */
static err lock(struct secret_sealed *f, int *ret_fd)
{
    deadline until = deadline_after(SECRET_SEALED_LOCK_MS_MAX);
    int fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open the folder %s", f->folder);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || deadline_passed(until)) {
            err e = errno == EWOULDBLOCK
                        ? err_new(ERR_TIMEOUT, "another program holds %s", f->folder)
                        : err_new(ERR_SYSTEM, "lock %s", f->folder);
            close(fd);
            return e;
        }
        usleep(LOCK_POLL_US);
    }
    *ret_fd = fd;
    return NULL;
}

/* The new file has the rights and the owner of the old one, where there was one. */
static err keep_rights(const char *path, const struct stat *before)
{
    if (before->st_ino == 0)
        return NULL;
    if (chmod(path, before->st_mode & 0777) != 0 ||
        (geteuid() == 0 && chown(path, before->st_uid, before->st_gid) != 0))
        return err_new(ERR_SYSTEM, "give %s its rights", path);
    return NULL;
}

static err replace(struct secret_sealed *f, const struct secret_sealed_text *text)
{
    CLEANUP(buf_release) struct buf out;
    char beside[SECRET_PATH_BYTES_MAX + 8];
    uint8_t seal[SECRET_SEALED_SEAL_BYTES];
    buf_init(&out, SECRET_SEALED_FILE_BYTES_MAX);
    TRY(secret_sealed_text_write(text, &out));
    seal_list(&f->key, buf_str(&out), seal);
    TRY(secret_sealed_text_add_seal(seal, &out));
    snprintf(beside, sizeof beside, "%s.new", f->path);
    unlink(beside); /* left there by who was killed */
    err e = file_put(beside, FILE_WRITE | FILE_NEW, buf_str(&out));
    if (e == NULL)
        e = keep_rights(beside, &f->seen);
    if (e == NULL)
        e = file_rename(beside, f->path);
    return e ? e : folder_sync(f->folder);
}

/* ---- opening ------------------------------------------------------------------------------ */

static err set_path(struct secret_sealed *f, str path)
{
    if (path.len == 0 || !str_to_chars(path, f->path, sizeof f->path))
        return err_new(ERR_CONFIG, "a sealed file without a usable path");
    size_t slash = str_find_last(path, '/');
    str folder = slash == STR_NONE ? S(".") : slash == 0 ? S("/") : str_slice(path, 0, slash);
    bool fits = str_to_chars(folder, f->folder, sizeof f->folder);
    ASSERT(fits);
    return NULL;
}

static err make_file(struct secret_sealed *f, const struct secret_unlock *unlock)
{
    struct secret_sealed_text text = {0};
    TRY(secret_sealed_key_choose(unlock, f->arena, &text.lock));
    TRY(secret_sealed_key_find(&text.lock, unlock, true, &f->key));
    return replace(f, &text);
}

static err make_when_absent(struct secret_sealed *f, const struct secret_unlock *unlock)
{
    int fd = -1;
    if (access(f->path, F_OK) == 0)
        return NULL;
    TRY(lock(f, &fd));
    err e = access(f->path, F_OK) == 0 ? NULL : make_file(f, unlock);
    close(fd);
    return e;
}

static err open_file(struct secret_sealed *f, str path, const struct secret_unlock *unlock,
                     bool make)
{
    TRY(set_path(f, path));
    if (make)
        TRY(make_when_absent(f, unlock));
    TRY(load(f));
    TRY(buf_add(&f->lock_line, f->text.lock_line));
    err e = secret_sealed_key_find(&f->text.lock, unlock, false, &f->key);
    if (e)
        return err_wrap(e, "unlock %s", f->path);
    return check_seal(f);
}

err secret_sealed_open(str path, const struct secret_unlock *unlock, bool make,
                       struct secret_sealed **ret_file)
{
    struct secret_sealed *f = MEM_NEW(struct secret_sealed);
    buf_init(&f->bytes, SECRET_SEALED_FILE_BYTES_MAX);
    buf_init(&f->lock_line, SECRET_SEALED_LOCK_CHARS + 256);
    f->arena = arena_open(SECRET_SEALED_TEXT_ARENA_BYTES_MAX);
    err e = open_file(f, path, unlock, make);
    if (e) {
        secret_sealed_close(f);
        return e;
    }
    *ret_file = f;
    return NULL;
}

void secret_sealed_close(struct secret_sealed *f)
{
    if (f == NULL)
        return;
    buf_release(&f->bytes);
    buf_release(&f->lock_line);
    arena_close(f->arena);
    mem_wipe(f, sizeof *f);
    mem_free(f);
}

err secret_sealed_look(str path, enum secret_unlock_kind *ret_kind, struct buf *ret_name)
{
    struct secret_sealed *f = MEM_NEW(struct secret_sealed);
    buf_init(&f->bytes, SECRET_SEALED_FILE_BYTES_MAX);
    f->arena = arena_open(SECRET_SEALED_TEXT_ARENA_BYTES_MAX);
    err e = set_path(f, path);
    if (e == NULL)
        e = load(f);
    if (e == NULL)
        e = buf_add(ret_name, f->text.lock.name);
    if (e == NULL)
        *ret_kind = f->text.lock.kind;
    secret_sealed_close(f);
    return e;
}

/* ---- entries ------------------------------------------------------------------------------ */

static err no_entry(const struct secret_sealed *f, str name)
{
    return err_new(ERR_CONFIG, "%s has no entry %.*s", f->path, STR_ARG(name));
}

err secret_sealed_get(struct secret_sealed *f, str name, struct buf *ret_value)
{
    bool there;
    TRY(refresh(f));
    size_t at = secret_sealed_text_place(&f->text, name, &there);
    return there ? unseal(&f->key, &f->text.entries[at], ret_value) : no_entry(f, name);
}

/* sealed empty: take it out. */
static err change(struct secret_sealed *f, str name, str sealed)
{
    bool there;
    TRY(refresh(f));
    struct secret_sealed_text *t = &f->text;
    size_t at = secret_sealed_text_place(t, name, &there);
    if (sealed.len == 0 && !there)
        return no_entry(f, name);
    if (!there && t->count == SECRET_SEALED_ENTRIES_MAX)
        return err_new(ERR_LIMIT, "%s: more than %d entries", f->path, SECRET_SEALED_ENTRIES_MAX);
    struct secret_sealed_entry *place = &t->entries[at];
    size_t behind = t->count - at - (there ? 1 : 0);
    f->seen.st_size = -1; /* what is in memory is the file's no more: read it next time */
    if (sealed.len == 0)
        memmove(place, place + 1, behind * sizeof *place);
    else if (!there)
        memmove(place + 1, place, behind * sizeof *place);
    if (sealed.len > 0)
        *place = (struct secret_sealed_entry){name, sealed};
    t->count = t->count + (sealed.len > 0 && !there) - (sealed.len == 0);
    return replace(f, t);
}

static err change_locked(struct secret_sealed *f, str name, str sealed)
{
    int fd = -1;
    TRY(lock(f, &fd));
    err e = change(f, name, sealed);
    close(fd);
    return e;
}

err secret_sealed_set(struct secret_sealed *f, str name, str value)
{
    CLEANUP(buf_release) struct buf sealed;
    buf_init(&sealed, 2 * SEALED_BYTES_MAX);
    if (!secret_sealed_text_is_name(name))
        return err_new(ERR_CONFIG, "a name has no blank and no \"#\", and at most %d bytes",
                       SECRET_SEALED_NAME_CHARS - 1);
    if (value.len > SECRET_SEALED_VALUE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a secret above %d bytes", SECRET_SEALED_VALUE_BYTES_MAX);
    TRY(seal(&f->key, name, value, &sealed));
    return change_locked(f, name, buf_str(&sealed));
}

err secret_sealed_remove(struct secret_sealed *f, str name)
{
    return change_locked(f, name, (str){NULL, 0});
}

/* ---- another key -------------------------------------------------------------------------- */

/* The value of one entry under another key, behind what is in *out, which has room for it. */
static err seal_anew(const struct secret_sealed *f, const struct secret_sealed_key *key,
                     struct secret_sealed_entry *entry, struct buf *out)
{
    struct buf value;
    size_t start = out->len;
    buf_init(&value, SEALED_BYTES_MAX);
    err e = unseal(&f->key, entry, &value);
    if (e == NULL)
        e = seal(key, entry->name, buf_str(&value), out);
    if (value.ptr)
        mem_wipe(value.ptr, value.cap);
    buf_release(&value);
    if (e == NULL)
        entry->sealed = (str){out->ptr + start, out->len - start};
    return e;
}

/* As long as before, each of them: the room is known, and nothing that borrows from it moves. */
static err seal_all(const struct secret_sealed *f, const struct secret_sealed_key *key,
                    struct secret_sealed_text *text, struct buf *out)
{
    size_t size = 1;
    char *room;
    for (size_t i = 0; i < text->count; i++)
        size += text->entries[i].sealed.len;
    TRY(buf_reserve(out, size, &room));
    for (size_t i = 0; i < text->count; i++)
        TRY(seal_anew(f, key, &text->entries[i], out));
    return NULL;
}

static err rekey(struct secret_sealed *f, const struct secret_unlock *unlock, struct buf *values)
{
    struct secret_sealed_key old = f->key, fresh;
    TRY(refresh(f));
    struct secret_sealed_text text = f->text;
    TRY(secret_sealed_key_choose(unlock, f->arena, &text.lock));
    TRY(secret_sealed_key_find(&text.lock, unlock, true, &fresh));
    f->seen.st_size = -1; /* what is in memory is the file's no more: read it next time */
    err e = seal_all(f, &fresh, &text, values);
    f->key = fresh;
    if (e == NULL)
        e = replace(f, &text);
    if (e)
        f->key = old;
    mem_wipe(&old, sizeof old);
    mem_wipe(&fresh, sizeof fresh);
    TRY(e);
    TRY(load(f));
    buf_clear(&f->lock_line);
    TRY(buf_add(&f->lock_line, f->text.lock_line));
    return check_seal(f);
}

err secret_sealed_rekey(struct secret_sealed *f, const struct secret_unlock *unlock)
{
    CLEANUP(buf_release) struct buf values;
    int fd = -1;
    buf_init(&values, SECRET_SEALED_FILE_BYTES_MAX);
    TRY(lock(f, &fd));
    err e = rekey(f, unlock, &values);
    close(fd);
    return e;
}

err secret_sealed_names(struct secret_sealed *f, err (*each)(void *arg, str name), void *arg)
{
    TRY(refresh(f));
    for (size_t i = 0; i < f->text.count; i++)
        TRY(each(arg, f->text.entries[i].name));
    return NULL;
}
