#include "account/rotation_files.h"
#include "runtime/file.h"
#include "secret/secret.h"

enum {
    PATH_BYTES_MAX = 4096,
    PEM_BYTES_MAX = 16 << 10,
    SWEPT_MAX = 64, /* names at once; more are for the next time */
    SWEEP_ARENA_BYTES = 64 << 10,
};

static bool ends_with(str name, str suffix)
{
    return name.len > suffix.len && str_eq(str_from(name, name.len - suffix.len), suffix);
}

bool account_rotation_files_ours(str name)
{
    return ends_with(name, S(".pem")) || ends_with(name, S(".pem.new")) ||
           ends_with(name, S(".pem.old")) || ends_with(name, S(".pem.tmp")) ||
           str_eq(name, S("rotation")) || str_eq(name, S("rotation.tmp"));
}

static err path_of(const char *folder, str selector, const char *suffix, struct buf *out)
{
    buf_clear(out);
    return buf_addf(out, "%s/%.*s%s", folder, STR_ARG(selector), suffix);
}

/* *ret_there stays when it cannot be said. */
static err look(const char *folder, str selector, const char *suffix, bool *ret_there)
{
    CLEANUP(buf_release) struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    TRY(path_of(folder, selector, suffix, &path));
    *ret_there = file_exists(buf_chars(&path));
    return NULL;
}

static err move(const char *folder, str selector, const char *from, const char *to)
{
    CLEANUP(buf_release) struct buf a, b;
    buf_init(&a, PATH_BYTES_MAX);
    buf_init(&b, PATH_BYTES_MAX);
    TRY(path_of(folder, selector, from, &a));
    TRY(path_of(folder, selector, to, &b));
    return file_rename(buf_chars(&a), buf_chars(&b));
}

/* ---- new keys -------------------------------------------------------------------------------- */

static err make_key(const char *folder, str selector, const struct account_rotation_maker *maker)
{
    CLEANUP(buf_release) struct buf path;
    struct buf pem;
    buf_init(&path, PATH_BYTES_MAX);
    TRY(path_of(folder, selector, ".pem.tmp", &path));
    buf_init(&pem, PEM_BYTES_MAX);
    err e = maker->make(maker->arg, selector, &pem);
    if (e == NULL)
        e = file_put(buf_chars(&path), 0, buf_str(&pem)); /* over one that was cut short */
    secret_wipe(&pem);
    return e ? e : move(folder, selector, ".pem.tmp", ".pem.new");
}

static err make_keys(const char *folder, const struct account_rotation *r,
                     const struct account_rotation_maker *maker)
{
    for (size_t i = 0; i < r->fresh_count; i++) {
        bool there = false;
        TRY(look(folder, r->fresh[i], ".pem.new", &there));
        if (!there)
            TRY(make_key(folder, r->fresh[i], maker));
    }
    return folder_sync(folder);
}

/* ---- the change ------------------------------------------------------------------------------ */

/* Where the key is that is to sign: ".pem", else where it is to come from. */
static err find(const char *folder, str selector, const char **ret_suffix)
{
    static const char *const places[] = {".pem", ".pem.new", ".pem.old"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        bool there = false;
        TRY(look(folder, selector, places[i], &there));
        if (there) {
            *ret_suffix = places[i];
            return NULL;
        }
    }
    return err_new(ERR_CONFIG, "the key %.*s has gone from %s", STR_ARG(selector), folder);
}

static err put_in_force(const char *folder, const struct account_rotation *r)
{
    const char *places[ACCOUNT_ROTATION_KEYS_MAX];
    for (size_t i = 0; i < r->fresh_count; i++)
        TRY(find(folder, r->fresh[i], &places[i]));
    for (size_t i = 0; i < r->fresh_count; i++)
        if (!str_eq(str_of(places[i]), S(".pem")))
            TRY(move(folder, r->fresh[i], places[i], ".pem"));
    return folder_sync(folder); /* before the others go: until then both sets sign */
}

static err put_aside(const char *folder, const struct account_rotation *r)
{
    for (size_t i = 0; i < r->old_count; i++) {
        bool there = false;
        TRY(look(folder, r->old[i], ".pem", &there));
        if (there)
            TRY(move(folder, r->old[i], ".pem", ".pem.old"));
    }
    return folder_sync(folder);
}

/* ---- removing -------------------------------------------------------------------------------- */

struct sweeping {
    struct arena *arena;
    str names[SWEPT_MAX];
    size_t count;
};

static err note_swept(void *arg, const char *name)
{
    struct sweeping *s = arg;
    str n = str_of(name);
    bool goes =
        ends_with(n, S(".pem.new")) || ends_with(n, S(".pem.old")) || ends_with(n, S(".pem.tmp"));
    if (goes && s->count < SWEPT_MAX)
        s->names[s->count++] = arena_str(s->arena, n);
    return NULL;
}

/* Every key that does not sign. */
static err sweep(const char *folder)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SWEEP_ARENA_BYTES);
    CLEANUP(buf_release) struct buf path;
    struct sweeping *s = ARENA_NEW(arena, struct sweeping);
    s->arena = arena;
    buf_init(&path, PATH_BYTES_MAX);
    TRY(folder_list(folder, note_swept, s));
    for (size_t i = 0; i < s->count; i++) {
        TRY(path_of(folder, s->names[i], "", &path));
        TRY(file_remove(buf_chars(&path)));
    }
    return s->count > 0 ? folder_sync(folder) : NULL;
}

err account_rotation_files_apply(const char *folder, const struct account_rotation *r,
                                 const struct account_rotation_maker *maker)
{
    switch (r->phase) {
    case ACCOUNT_ROTATION_PUBLISH:
        return make_keys(folder, r, maker);
    case ACCOUNT_ROTATION_SWITCH:
        TRY(put_in_force(folder, r));
        return put_aside(folder, r);
    case ACCOUNT_ROTATION_NONE:
    case ACCOUNT_ROTATION_RETIRE:
        return sweep(folder);
    case ACCOUNT_ROTATION_SPREAD:
    case ACCOUNT_ROTATION_KEEP:
    case ACCOUNT_ROTATION_PHASES:
        break;
    }
    return NULL;
}
