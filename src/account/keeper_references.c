#include "account/keeper_references.h"
#include "account/keeper_wire.h"
#include "base/mem.h"
#include "config/config.h"
#include <pthread.h>

enum {
    REFERENCE_OVERHEAD_BYTES = 64, /* its place in the list, and alignment */
    ARENA_BYTES_MAX =
        KEEPER_REFERENCES_MAX * (KEEPER_REFERENCE_BYTES_MAX + REFERENCE_OVERHEAD_BYTES),
};

struct keeper_references {
    pthread_mutex_t lock;
    struct arena *arena; /* NULL: empty */
    const str *list;
    size_t count;
};

struct keeper_references *keeper_references_open(void)
{
    struct keeper_references *r = MEM_NEW(struct keeper_references);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void keeper_references_close(struct keeper_references *r)
{
    if (r == NULL)
        return;
    arena_close(r->arena);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static err check(const str *list, size_t count)
{
    if (count > KEEPER_REFERENCES_MAX)
        return err_new(ERR_LIMIT, "more than %d secrets are named", KEEPER_REFERENCES_MAX);
    for (size_t i = 0; i < count; i++)
        if (list[i].len > KEEPER_REFERENCE_BYTES_MAX)
            return err_new(ERR_LIMIT, "the name of a secret is above %d bytes",
                           KEEPER_REFERENCE_BYTES_MAX);
    return NULL;
}

err keeper_references_set(struct keeper_references *r, const str *list, size_t count)
{
    TRY(check(list, count));
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    str *copies = ARENA_ARRAY(arena, str, count + 1);
    for (size_t i = 0; i < count; i++)
        copies[i] = arena_str(arena, list[i]);
    pthread_mutex_lock(&r->lock);
    struct arena *old = r->arena;
    r->arena = arena;
    r->list = copies;
    r->count = count;
    pthread_mutex_unlock(&r->lock);
    arena_close(old);
    return NULL;
}

err keeper_references_set_from(struct keeper_references *r, const struct config *config)
{
    size_t count = config->account_count;
    struct arena *arena = arena_open((count + 1) * sizeof(str) + REFERENCE_OVERHEAD_BYTES);
    str *list = ARENA_ARRAY(arena, str, count + 1);
    for (size_t i = 0; i < count; i++)
        list[i] = config->accounts[i].secret;
    err e = keeper_references_set(r, list, count);
    arena_close(arena);
    return e;
}

bool keeper_references_hold(struct keeper_references *r, str reference)
{
    bool held = false;
    if (r == NULL)
        return false;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count && !held; i++)
        held = str_eq(r->list[i], reference);
    pthread_mutex_unlock(&r->lock);
    return held;
}
