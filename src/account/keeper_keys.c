#include "account/keeper_keys.h"
#include "base/mem.h"
#include "base/table.h"
#include "config/config.h"
#include "dns/name.h"
#include "mailauth/dkim_private.h"
#include "secret/resolver.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_BYTES = 2048, /* a key's names, its place and the list of its domain */
    ARENA_BYTES_MAX = KEEPER_KEYS_MAX * KEY_BYTES,
};

struct key {
    str selector;
    struct mailauth_dkim_private *private;
};

struct owner { /* a domain that has keys */
    str domain;
    struct key keys[KEEPER_DKIM_KEYS_MAX];
    size_t count;
};

struct loaded {
    struct arena *arena;
    struct secret_resolver *secrets; /* while they are loaded */
    struct table owners;
    size_t count; /* of keys */
};

struct keeper_keys {
    pthread_rwlock_t lock;
    struct loaded loaded;
};

static str domain_of(const void *object) { return ((const struct owner *)object)->domain; }

static void begin(struct loaded *l)
{
    *l = (struct loaded){.arena = arena_open(ARENA_BYTES_MAX)};
    table_init(&l->owners, domain_of);
}

static void release(struct loaded *l)
{
    table_release(&l->owners);
    arena_close(l->arena);
}

struct keeper_keys *keeper_keys_open(void)
{
    struct keeper_keys *k = MEM_NEW(struct keeper_keys);
    pthread_rwlock_init(&k->lock, NULL);
    begin(&k->loaded);
    return k;
}

void keeper_keys_close(struct keeper_keys *k)
{
    if (k == NULL)
        return;
    release(&k->loaded);
    pthread_rwlock_destroy(&k->lock);
    mem_free(k);
}

/* ---- loading --------------------------------------------------------------------------------- */

static struct key *find_key(struct owner *o, str selector)
{
    for (size_t i = 0; i < o->count; i++)
        if (str_eq_nocase(o->keys[i].selector, selector))
            return &o->keys[i];
    return NULL;
}

static struct owner *find_or_add_owner(struct loaded *l, str domain)
{
    struct owner *o = table_find(&l->owners, domain);
    if (o)
        return o;
    o = ARENA_NEW(l->arena, struct owner);
    *o = (struct owner){.domain = arena_str(l->arena, domain)};
    table_add(&l->owners, o);
    return o;
}

static err add_key(struct loaded *l, str domain, str selector, str reference)
{
    struct key key = {.selector = arena_str(l->arena, selector)};
    struct buf pem;
    struct owner *o = find_or_add_owner(l, domain);
    if (o->count == KEEPER_DKIM_KEYS_MAX || l->count == KEEPER_KEYS_MAX)
        return err_new(ERR_LIMIT, "more than %d keys of one domain, or %d of all",
                       KEEPER_DKIM_KEYS_MAX, KEEPER_KEYS_MAX);
    buf_init(&pem, SECRET_BYTES_MAX);
    err e = secret_resolver_read(l->secrets, reference, false, &pem, NULL);
    if (e == NULL)
        e = mailauth_dkim_private_read(buf_str(&pem), l->arena, &key.private);
    secret_wipe(&pem);
    if (e)
        return err_wrap(e, "the key %.*s of %.*s", STR_ARG(selector), STR_ARG(domain));
    o->keys[o->count++] = key;
    l->count++;
    return NULL;
}

static err load_configured(struct loaded *l, const struct config *config)
{
    for (size_t i = 0; i < config->domain_count; i++) {
        const struct config_domain *d = &config->domains[i];
        for (size_t j = 0; j < d->dkim_count; j++)
            TRY(add_key(l, d->name, d->dkim[j].selector, d->dkim[j].key));
    }
    return NULL;
}

/* A key that the configuration names as well is the configuration's. */
static err load_file(struct loaded *l, const char *folder, str domain, str file)
{
    CLEANUP(buf_release) struct buf reference;
    buf_init(&reference, KEEPER_KEYS_PATH_BYTES_MAX);
    str selector = str_slice(file, 0, file.len - S(".pem").len);
    struct owner *o = table_find(&l->owners, domain);
    if (!str_ends_nocase(file, S(".pem")) || file.ptr[0] == '.' || (o && find_key(o, selector)))
        return NULL;
    TRY(buf_addf(&reference, "file:%s/%.*s", folder, STR_ARG(file)));
    return add_key(l, domain, selector, buf_str(&reference));
}

typedef err take_entry(struct loaded *, const char *folder, str domain, str name);

/* The state folder may be writable for the main process's user; what signs must be the keeper's. */
static err check_folder(int fd, const char *folder)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_new(ERR_SYSTEM, "look at %s", folder);
    if ((st.st_uid != geteuid() && st.st_uid != 0) || st.st_mode & (S_IWGRP | S_IWOTH))
        return err_new(ERR_CONFIG, "%s holds keys, but another user owns it or may write to it",
                       folder);
    return NULL;
}

/* Every name in the folder; a folder that is not there is empty. */
static err walk(struct loaded *l, const char *folder, str domain, take_entry *take)
{
    DIR *dir = opendir(folder);
    if (dir == NULL && errno == ENOENT)
        return NULL;
    if (dir == NULL)
        return err_new(ERR_SYSTEM, "read the folder %s", folder);
    err e = check_folder(dirfd(dir), folder);
    const struct dirent *entry;
    while (e == NULL && (entry = readdir(dir)) != NULL)
        e = take(l, folder, domain, str_of(entry->d_name));
    closedir(dir);
    return e;
}

static err load_domain(struct loaded *l, const char *folder, str none, str name)
{
    CLEANUP(buf_release) struct buf path;
    (void)none;
    buf_init(&path, KEEPER_KEYS_PATH_BYTES_MAX);
    if (name.ptr[0] == '.' || !dns_name_is_host(name))
        return NULL;
    TRY(buf_addf(&path, "%s/%.*s", folder, STR_ARG(name)));
    return walk(l, buf_chars(&path), name, load_file);
}

static err load_all(struct loaded *l, const struct config *config)
{
    CLEANUP(buf_release) struct buf folder;
    buf_init(&folder, KEEPER_KEYS_PATH_BYTES_MAX);
    TRY(load_configured(l, config));
    TRY(buf_addf(&folder, "%.*s/dkim", STR_ARG(config->state)));
    return walk(l, buf_chars(&folder), S(""), load_domain);
}

err keeper_keys_load(struct keeper_keys *k, struct secret_resolver *secrets,
                     const struct config *config)
{
    struct loaded fresh;
    begin(&fresh);
    fresh.secrets = secrets;
    err e = load_all(&fresh, config);
    if (e) {
        release(&fresh);
        return e;
    }
    pthread_rwlock_wrlock(&k->lock);
    struct loaded old = k->loaded;
    k->loaded = fresh;
    pthread_rwlock_unlock(&k->lock);
    release(&old);
    return NULL;
}

/* ---- using ----------------------------------------------------------------------------------- */

void keeper_keys_list(struct keeper_keys *k, str domain, struct arena *arena,
                      struct keeper_dkim_keys *ret_keys)
{
    *ret_keys = (struct keeper_dkim_keys){0};
    if (k == NULL)
        return;
    pthread_rwlock_rdlock(&k->lock);
    const struct owner *o = table_find(&k->loaded.owners, domain);
    for (size_t i = 0; o && i < o->count; i++)
        ret_keys->list[ret_keys->count++] =
            (struct keeper_dkim_key){arena_str(arena, o->keys[i].selector),
                                     mailauth_dkim_private_signer(o->keys[i].private)->algorithm};
    pthread_rwlock_unlock(&k->lock);
}

static err sign(struct loaded *l, const struct keeper_digest *d, struct buf *out)
{
    struct owner *o = table_find(&l->owners, d->domain);
    const struct key *key = o ? find_key(o, d->selector) : NULL;
    if (key == NULL)
        return err_new(ERR_CONFIG, "there is no key %.*s of %.*s", STR_ARG(d->selector),
                       STR_ARG(d->domain));
    struct mailauth_dkim_signer *signer = mailauth_dkim_private_signer(key->private);
    if (signer->algorithm != d->algorithm)
        return err_new(ERR_CONFIG, "the key %.*s of %.*s has another algorithm now",
                       STR_ARG(d->selector), STR_ARG(d->domain));
    return signer->sign(signer, d->bytes, out, DEADLINE_NEVER);
}

err keeper_keys_sign(struct keeper_keys *k, const struct keeper_digest *d, struct buf *out)
{
    if (k == NULL)
        return err_new(ERR_CONFIG, "no keys are kept here");
    pthread_rwlock_rdlock(&k->lock);
    err e = sign(&k->loaded, d, out);
    pthread_rwlock_unlock(&k->lock);
    return e;
}
