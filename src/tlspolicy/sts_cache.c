#include "tlspolicy/sts_cache.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/table.h"
#include "dns/name.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include "tlspolicy/sts_file.h"
#include <stdio.h>
#include <string.h>

enum { PATH_CHARS = 1024, NAME_CHARS = 256 };

struct kept { /* its texts stand behind it */
    struct heap_node ends;
    struct tlspolicy_sts_entry entry;
};

struct tlspolicy_sts_cache {
    char *folder; /* NULL: in memory only */
    struct table table;
    struct heap ends; /* by the end of their time */
    size_t bytes;
};

/* ---- in memory -------------------------------------------------------------------------- */

static str domain_of(const void *object) { return ((const struct kept *)object)->entry.domain; }

static size_t size_of(const struct tlspolicy_sts_entry *e)
{
    return sizeof(struct kept) + e->domain.len + e->id.len + e->body.len;
}

static void drop(struct tlspolicy_sts_cache *c, struct kept *k)
{
    table_remove(&c->table, k->entry.domain);
    heap_remove(&c->ends, &k->ends);
    c->bytes -= size_of(&k->entry);
    mem_free(k);
}

static str keep_text(char **at, str text)
{
    str kept = {*at, text.len};
    *at = str_put(*at, text);
    return kept;
}

/* Its own copy, made before anything is dropped: the texts may be those of the old one. */
static void keep(struct tlspolicy_sts_cache *c, const struct tlspolicy_sts_entry *e)
{
    struct kept *k = mem_alloc(size_of(e)), *old = table_find(&c->table, e->domain);
    char *at = (char *)(k + 1);
    k->entry = *e;
    k->entry.domain = keep_text(&at, e->domain);
    k->entry.id = keep_text(&at, e->id);
    k->entry.body = keep_text(&at, e->body);
    if (old)
        drop(c, old);
    while (c->table.len >= TLSPOLICY_STS_CACHE_MAX ||
           c->bytes + size_of(&k->entry) > TLSPOLICY_STS_CACHE_BYTES_MAX)
        drop(c, CONTAINER_OF(heap_first(&c->ends), struct kept, ends));
    table_add(&c->table, k);
    heap_add(&c->ends, &k->ends, k->entry.expires_ms);
    c->bytes += size_of(&k->entry);
}

const struct tlspolicy_sts_entry *tlspolicy_sts_cache_find(const struct tlspolicy_sts_cache *c,
                                                           str domain, int64_t now_ms)
{
    const struct kept *k = table_find(&c->table, domain);
    return k && k->entry.expires_ms > now_ms ? &k->entry : NULL;
}

size_t tlspolicy_sts_cache_count(const struct tlspolicy_sts_cache *c) { return c->table.len; }

const struct tlspolicy_sts_entry *tlspolicy_sts_cache_next(const struct tlspolicy_sts_cache *c,
                                                           size_t *position)
{
    const struct kept *k = table_next(&c->table, position);
    return k ? &k->entry : NULL;
}

/* ---- files ------------------------------------------------------------------------------ */

struct loading {
    struct tlspolicy_sts_cache *cache;
    int64_t now_ms;
    char path[PATH_CHARS];
    struct buf bytes;
};

static err read_all(struct file *f, struct buf *out)
{
    char *room;
    size_t count;
    TRY(buf_reserve(out, TLSPOLICY_STS_CACHE_FILE_BYTES_MAX, &room));
    TRY(file_read_at(f, room, TLSPOLICY_STS_CACHE_FILE_BYTES_MAX, 0, &count));
    out->len = count;
    return NULL;
}

static err read_entry(struct loading *l, const char *name, struct tlspolicy_sts_entry *ret_entry)
{
    struct file *f;
    buf_clear(&l->bytes);
    TRY(file_open(l->path, 0, &f));
    err e = read_all(f, &l->bytes);
    file_close(f);
    return e ? e : tlspolicy_sts_file_read(buf_str(&l->bytes), str_of(name), ret_entry);
}

/* What is damaged, over, or was never moved to its place is removed: it is only a cache. */
static err load_one(void *arg, const char *name)
{
    struct loading *l = arg;
    struct tlspolicy_sts_entry entry;
    int n = snprintf(l->path, sizeof l->path, "%s/%s", l->cache->folder, name);
    if (n < 0 || (size_t)n >= sizeof l->path)
        return NULL;
    err e = read_entry(l, name, &entry);
    if (e == NULL && entry.expires_ms > l->now_ms && entry.fetched_ms <= l->now_ms)
        keep(l->cache, &entry);
    else
        (void)!file_remove(l->path);
    err_forget();
    return NULL;
}

static err load_all(struct tlspolicy_sts_cache *c, int64_t now_ms)
{
    TRY(folder_make(c->folder));
    struct loading *l = MEM_NEW(struct loading);
    l->cache = c;
    l->now_ms = now_ms;
    buf_init(&l->bytes, TLSPOLICY_STS_CACHE_FILE_BYTES_MAX);
    err e = folder_list(c->folder, load_one, l);
    buf_release(&l->bytes);
    mem_free(l);
    return e;
}

/* A job: it owns all that it works with. */
struct saving {
    char folder[PATH_CHARS], path[PATH_CHARS], beside[PATH_CHARS];
    struct buf bytes;
};

static void saving_release(void *job)
{
    struct saving *s = job;
    buf_release(&s->bytes);
    mem_free(s);
}

static err save(struct saving *s)
{
    TRY(file_put(s->beside, FILE_NEW, buf_str(&s->bytes)));
    TRY(file_rename(s->beside, s->path));
    return folder_sync(s->folder);
}

static err run_saving(void *job)
{
    struct saving *s = job;
    err e = save(s);
    if (e)
        (void)!file_remove(s->beside);
    return e;
}

static err prepare_saving(const struct tlspolicy_sts_cache *c, const struct tlspolicy_sts_entry *e,
                          struct saving *s)
{
    int n = snprintf(s->path, sizeof s->path, "%s/%.*s", c->folder, STR_ARG(e->domain));
    int beside = snprintf(s->beside, sizeof s->beside, "%s/.%016llx", c->folder,
                          (unsigned long long)rand_u64());
    if (n < 0 || beside < 0 || (size_t)n >= sizeof s->path || (size_t)beside >= sizeof s->beside)
        return err_new(ERR_LIMIT, "the path of a cached policy is too long");
    snprintf(s->folder, sizeof s->folder, "%s", c->folder);
    return tlspolicy_sts_file_write(e, &s->bytes);
}

static err save_in_a_job(const struct tlspolicy_sts_cache *c, const struct tlspolicy_sts_entry *e,
                         deadline until)
{
    struct saving *s = MEM_NEW(struct saving);
    buf_init(&s->bytes, TLSPOLICY_STS_CACHE_FILE_BYTES_MAX);
    err trouble = prepare_saving(c, e, s);
    if (trouble) {
        saving_release(s);
        return trouble;
    }
    bool left;
    trouble = job_do(run_saving, s, saving_release, until, &left);
    if (!left)
        saving_release(s);
    return trouble;
}

err tlspolicy_sts_cache_put(struct tlspolicy_sts_cache *c, str domain, str id, str body,
                            uint32_t max_age_s, int64_t now_ms, deadline until)
{
    struct tlspolicy_sts_entry e = {domain, id, body, now_ms, now_ms + (int64_t)max_age_s * 1000};
    if (!dns_name_is_host(domain) || domain.len >= NAME_CHARS)
        return err_new(ERR_LIMIT, "not the name of a domain that has a policy");
    keep(c, &e);
    return c->folder ? save_in_a_job(c, &e, until) : NULL;
}

/* ---- opening and closing ---------------------------------------------------------------- */

err tlspolicy_sts_cache_open(const char *folder, int64_t now_ms,
                             struct tlspolicy_sts_cache **ret_cache)
{
    struct tlspolicy_sts_cache *c = MEM_NEW(struct tlspolicy_sts_cache);
    table_init(&c->table, domain_of);
    c->folder = folder ? mem_copy_chars(folder) : NULL;
    err e = folder ? load_all(c, now_ms) : NULL;
    if (e) {
        tlspolicy_sts_cache_close(c);
        return err_wrap(e, "the folder of cached MTA-STS policies, %s", folder);
    }
    *ret_cache = c;
    return NULL;
}

void tlspolicy_sts_cache_close(struct tlspolicy_sts_cache *c)
{
    if (c == NULL)
        return;
    while (heap_first(&c->ends))
        drop(c, CONTAINER_OF(heap_first(&c->ends), struct kept, ends));
    table_release(&c->table);
    heap_release(&c->ends);
    mem_free(c->folder);
    mem_free(c);
}
