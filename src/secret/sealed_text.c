#include "secret/sealed_text.h"
#include "base/codec.h"
#include <string.h>

static const str head = {"smtptool-sealed 1", 17};

enum { SEALED_CHARS_MAX = (SECRET_SEALED_VALUE_BYTES_MAX + 64) * 4 / 3 + 8 };

static const char *const kind_names[SECRET_UNLOCK_KIND_COUNT] = {
    [SECRET_UNLOCK_PASSPHRASE] = "passphrase",
    [SECRET_UNLOCK_KEYRING] = "keyring",
    [SECRET_UNLOCK_CREDENTIAL] = "credential",
    [SECRET_UNLOCK_KEY_FILE] = "key-file",
};

const char *secret_sealed_text_kind_name(enum secret_unlock_kind kind)
{
    ASSERT(kind < SECRET_UNLOCK_KIND_COUNT);
    return kind_names[kind];
}

bool secret_sealed_text_is_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '#')
            return false;
    }
    return name.len > 0 && name.len < SECRET_SEALED_NAME_CHARS && str_is_utf8(name);
}

size_t secret_sealed_text_place(const struct secret_sealed_text *t, str name, bool *ret_there)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(t->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = low < t->count && str_eq(t->entries[low].name, name);
    return low;
}

/* ---- reading ------------------------------------------------------------------------------ */

static err damaged(int line, const char *why)
{
    return err_new(ERR_DAMAGED, "line %d of the sealed file: %s", line, why);
}

static err read_bytes(str text, uint8_t *ret_bytes, size_t size)
{
    CLEANUP(buf_release) struct buf bytes;
    buf_init(&bytes, 64);
    err e = codec_base64_decode(text, &bytes);
    if (e || bytes.len != size)
        return err_new(ERR_DAMAGED, "bytes that are not %zu in base64", size);
    memcpy(ret_bytes, bytes.ptr, size);
    return NULL;
}

static bool read_number(str *rest, uint64_t max, uint32_t *ret_number)
{
    str word;
    uint64_t number = 0;
    str_split(*rest, ' ', &word, rest);
    bool is = str_to_u64(word, max, &number);
    *ret_number = (uint32_t)number;
    return is;
}

static bool is_lock_name(str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return false;
    return name.len > 0 && name.len < SECRET_SEALED_LOCK_CHARS && str_is_utf8(name);
}

/* "passphrase SALT 3 65536 4", "keyring SALT NAME" */
static err read_lock(str rest, struct secret_sealed_lock *lock)
{
    str kind, salt;
    size_t k = 0;
    str_split(rest, ' ', &kind, &rest);
    str_split(rest, ' ', &salt, &rest);
    while (k < SECRET_UNLOCK_KIND_COUNT && !str_eq(str_of(kind_names[k]), kind))
        k++;
    if (k == SECRET_UNLOCK_KIND_COUNT)
        return damaged(2, "an unknown kind of lock");
    lock->kind = (enum secret_unlock_kind)k;
    TRY(read_bytes(salt, lock->salt, sizeof lock->salt));
    if (lock->kind != SECRET_UNLOCK_PASSPHRASE) {
        lock->name = rest;
        return is_lock_name(rest) ? NULL : damaged(2, "a lock without a name");
    }
    if (!read_number(&rest, SECRET_ARGON2_PASSES_MAX, &lock->price.passes) ||
        !read_number(&rest, SECRET_ARGON2_KIB_MAX, &lock->price.kib) ||
        !read_number(&rest, SECRET_ARGON2_LANES_MAX, &lock->price.lanes) || rest.len > 0)
        return damaged(2, "a price of argon2id that is none");
    return NULL;
}

static bool is_base64(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (codec_base64_value(text.ptr[i]) < 0 && text.ptr[i] != '=')
            return false;
    return text.len > 0 && text.len <= SEALED_CHARS_MAX;
}

static err read_entry(str rest, int line, struct secret_sealed_text *t)
{
    struct secret_sealed_entry e;
    str_split(rest, ' ', &e.name, &e.sealed);
    if (!secret_sealed_text_is_name(e.name) || !is_base64(e.sealed))
        return damaged(line, "an entry that is none");
    if (t->count > 0 && str_compare(t->entries[t->count - 1].name, e.name) >= 0)
        return damaged(line, "entries out of order");
    if (t->count == SECRET_SEALED_ENTRIES_MAX)
        return err_new(ERR_LIMIT, "a sealed file with more than %d entries",
                       SECRET_SEALED_ENTRIES_MAX);
    t->entries[t->count++] = e;
    return NULL;
}

/* False: there is no further line; the last one ends as all do. */
static bool next_line(str *rest, str *ret_line)
{
    if (str_find(*rest, '\n') == STR_NONE)
        return false;
    str_split(*rest, '\n', ret_line, rest);
    return true;
}

err secret_sealed_text_read(str text, struct arena *arena, struct secret_sealed_text *ret_text)
{
    struct secret_sealed_text t = {0};
    str rest = text, line;
    int number = 2;
    if (text.len > SECRET_SEALED_FILE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a sealed file above %d bytes", SECRET_SEALED_FILE_BYTES_MAX);
    if (!next_line(&rest, &line) || !str_eq(line, head))
        return damaged(1, "it does not begin with \"smtptool-sealed 1\"");
    if (!next_line(&rest, &line) || !str_skip(&line, S("lock ")))
        return damaged(2, "no lock");
    t.lock_line = line;
    TRY(read_lock(line, &t.lock));
    t.entries = ARENA_ARRAY(arena, struct secret_sealed_entry, SECRET_SEALED_ENTRIES_MAX);
    for (;;) {
        t.sealed = str_slice(text, 0, text.len - rest.len);
        number++;
        if (!next_line(&rest, &line))
            return damaged(number, "no seal");
        if (!str_skip(&line, S("entry ")))
            break;
        TRY(read_entry(line, number, &t));
    }
    if (!str_skip(&line, S("seal ")) || rest.len > 0)
        return damaged(number, "neither an entry nor the seal");
    TRY(read_bytes(line, t.seal, sizeof t.seal));
    *ret_text = t;
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------ */

err secret_sealed_text_write(const struct secret_sealed_text *t, struct buf *out)
{
    const struct secret_sealed_lock *lock = &t->lock;
    TRY(buf_addf(out, "%.*s\nlock %s ", STR_ARG(head), kind_names[lock->kind]));
    TRY(codec_base64_encode((str){(const char *)lock->salt, sizeof lock->salt}, out));
    if (lock->kind == SECRET_UNLOCK_PASSPHRASE)
        TRY(buf_addf(out, " %u %u %u\n", lock->price.passes, lock->price.kib, lock->price.lanes));
    else
        TRY(buf_addf(out, " %.*s\n", STR_ARG(lock->name)));
    for (size_t i = 0; i < t->count; i++)
        TRY(buf_addf(out, "entry %.*s %.*s\n", STR_ARG(t->entries[i].name),
                     STR_ARG(t->entries[i].sealed)));
    return NULL;
}

err secret_sealed_text_add_seal(const uint8_t seal[SECRET_SEALED_SEAL_BYTES], struct buf *out)
{
    TRY(buf_add(out, S("seal ")));
    TRY(codec_base64_encode((str){(const char *)seal, SECRET_SEALED_SEAL_BYTES}, out));
    return buf_add_char(out, '\n');
}
