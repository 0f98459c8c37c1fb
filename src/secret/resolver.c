#include "secret/resolver.h"
#include "base/mem.h"
#include "base/table.h"
#include "config/config.h"
#include "secret/aws.h"
#include "secret/command.h"
#include "secret/credential.h"
#include "secret/keyring.h"
#include "secret/netrc.h"
#include "secret/reference.h"
#include "secret/sealed.h"
#include "secret/vault.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { HIDDEN_MAX = 512, SEALED_MAX = 16, HIDDEN_ARENA_BYTES_MAX = 64 * 1024 };

/* What was configured when: readers hold it while another takes its place. */
struct settings {
    atomic_int holders;
    const struct config *config; /* NULL: none */
    struct config_secrets own;
    struct secret_vault *vault;
    struct secret_aws *aws;
    str hidden[HIDDEN_MAX]; /* variables that hold secrets; they borrow from config */
    size_t hidden_count;
    struct secret_resolver *resolver;
};

struct entry {
    str reference;
    enum secret_reference_kind kind;
    struct buf value;
    bool has, asking, stale;
    int round; /* of the last use: see secret_resolver_set() */
    int64_t read_ms, good_until_ms, retry_at_ms, lease_ms;
    char origin[SECRET_STORE_ORIGIN_CHARS];
    enum err_kind kind_of_err;
    char why[SECRET_RESOLVER_WHY_CHARS];
};

struct sealed {
    char path[SECRET_PATH_BYTES_MAX];
    struct secret_sealed *file;
};

struct secret_resolver {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct settings *settings;
    struct table entries;
    int round;
    pthread_mutex_t sealed_lock; /* a handle is one thread's at a time */
    struct sealed sealed[SEALED_MAX];
    size_t sealed_count;
};

/* ---- settings ----------------------------------------------------------------------------- */

static void hide(struct settings *s, str reference)
{
    str rest;
    if (secret_reference_split(reference, &rest) == SECRET_REFERENCE_ENV &&
        s->hidden_count < HIDDEN_MAX)
        s->hidden[s->hidden_count++] = rest;
}

static void hide_all(struct settings *s)
{
    hide(s, S("env:VAULT_TOKEN"));
    hide(s, s->own.vault.token);
    hide(s, s->own.vault.role_id);
    hide(s, s->own.vault.secret_id);
    for (size_t i = 0; s->config && i < s->config->account_count; i++)
        hide(s, s->config->accounts[i].secret);
    for (size_t i = 0; s->config && i < s->config->domain_count; i++)
        for (size_t j = 0; j < s->config->domains[i].dkim_count; j++)
            hide(s, s->config->domains[i].dkim[j].key);
}

static err read_here(struct settings *, str reference, struct buf *ret_secret);

static err read_login(void *settings, str reference, struct buf *ret_secret)
{
    return read_here(settings, reference, ret_secret);
}

static struct settings *settings_open(struct secret_resolver *r, const struct config *config)
{
    struct settings *s = MEM_NEW(struct settings);
    atomic_init(&s->holders, 1);
    s->resolver = r;
    s->config = config ? config_hold(config) : NULL;
    if (config)
        s->own = config->secrets;
    s->vault = secret_vault_open(&s->own.vault, (struct secret_store_login){read_login, s});
    s->aws = secret_aws_open(&s->own.aws);
    hide_all(s);
    return s;
}

static void settings_drop(struct settings *s)
{
    if (atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    secret_vault_close(s->vault);
    secret_aws_close(s->aws);
    config_close(s->config);
    mem_free(s);
}

static struct settings *settings_hold(struct secret_resolver *r)
{
    pthread_mutex_lock(&r->lock);
    struct settings *s = r->settings;
    atomic_fetch_add(&s->holders, 1);
    pthread_mutex_unlock(&r->lock);
    return s;
}

/* ---- kinds that are on this machine ------------------------------------------------------- */

/* Not found: it is opened, in the place of the oldest when there are many. */
static err find_sealed(struct secret_resolver *r, str path, struct secret_sealed **ret_file)
{
    struct secret_sealed *file;
    for (size_t i = 0; i < r->sealed_count; i++)
        if (str_eq(str_of(r->sealed[i].path), path)) {
            *ret_file = r->sealed[i].file;
            return NULL;
        }
    TRY(secret_sealed_open(path, NULL, false, &file));
    if (r->sealed_count == SEALED_MAX) {
        secret_sealed_close(r->sealed[0].file);
        memmove(&r->sealed[0], &r->sealed[1], (SEALED_MAX - 1) * sizeof r->sealed[0]);
        r->sealed_count--;
    }
    struct sealed *s = &r->sealed[r->sealed_count++];
    bool fits = str_to_chars(path, s->path, sizeof s->path);
    ASSERT(fits); /* it was opened by this path */
    s->file = file;
    *ret_file = file;
    return NULL;
}

static void close_sealed(struct secret_resolver *r)
{
    for (size_t i = 0; i < r->sealed_count; i++)
        secret_sealed_close(r->sealed[i].file);
    r->sealed_count = 0;
}

static err read_sealed(struct secret_resolver *r, str rest, struct buf *ret_secret)
{
    size_t at = str_find_last(rest, '#');
    struct secret_sealed *file;
    if (at == STR_NONE)
        return err_new(ERR_CONFIG, "encrypted:FILE#NAME is wanted");
    pthread_mutex_lock(&r->sealed_lock);
    err e = find_sealed(r, str_slice(rest, 0, at), &file);
    if (e == NULL)
        e = secret_sealed_get(file, str_from(rest, at + 1), ret_secret);
    if (e && e->kind == ERR_CONFIG)
        close_sealed(r); /* it may have been locked anew */
    pthread_mutex_unlock(&r->sealed_lock);
    return e;
}

static err read_pair(enum secret_reference_kind kind, str rest, struct buf *ret_secret)
{
    str first, second;
    str_split(rest, '/', &first, &second);
    return kind == SECRET_REFERENCE_KEYRING ? secret_keyring_read(first, second, ret_secret)
                                            : secret_netrc_read(first, second, ret_secret);
}

static err read_here(struct settings *s, str reference, struct buf *ret_secret)
{
    str rest;
    enum secret_reference_kind kind = secret_reference_split(reference, &rest);
    switch (kind) {
    case SECRET_REFERENCE_COMMAND:
        return secret_command_run(rest, s->hidden, s->hidden_count, SECRET_COMMAND_MS_MAX,
                                  ret_secret);
    case SECRET_REFERENCE_KEYRING:
    case SECRET_REFERENCE_NETRC:
        return read_pair(kind, rest, ret_secret);
    case SECRET_REFERENCE_CREDENTIAL:
        return secret_credential_read(rest, ret_secret);
    case SECRET_REFERENCE_ENCRYPTED:
        return read_sealed(s->resolver, rest, ret_secret);
    case SECRET_REFERENCE_VAULT:
    case SECRET_REFERENCE_AWS:
        return err_new(ERR_CONFIG, "the login to a store cannot be in a store");
    default:
        return secret_read(reference, ret_secret);
    }
}

/* ---- asking ------------------------------------------------------------------------------- */

static err ask(struct settings *s, str reference, struct buf *ret_secret,
               struct secret_store_told *told)
{
    str rest;
    deadline until = deadline_after(SECRET_STORE_MS_MAX);
    enum secret_reference_kind kind = secret_reference_split(reference, &rest);
    err e = kind == SECRET_REFERENCE_VAULT
                ? secret_vault_read(s->vault, rest, ret_secret, told, until)
            : kind == SECRET_REFERENCE_AWS ? secret_aws_read(s->aws, rest, ret_secret, told, until)
                                           : read_here(s, reference, ret_secret);
    secret_trim(ret_secret);
    if (e == NULL && ret_secret->len == 0) {
        char shown[SECRET_REFERENCE_SHOWN_CHARS];
        secret_reference_show(reference, shown);
        e = err_new(ERR_CONFIG, "%s is empty", shown);
    }
    if (e)
        secret_wipe(ret_secret);
    return e;
}

/* ---- what is remembered ------------------------------------------------------------------- */

static str reference_of(const void *object) { return ((const struct entry *)object)->reference; }

static void entry_close(struct entry *e)
{
    secret_wipe(&e->value);
    mem_free((char *)e->reference.ptr);
    mem_free(e);
}

static err find_entry(struct secret_resolver *r, str reference, struct entry **ret_entry)
{
    struct entry *e = table_find(&r->entries, reference);
    if (e == NULL) {
        str rest;
        if (r->entries.len == SECRET_RESOLVER_ENTRIES_MAX)
            return err_new(ERR_LIMIT, "more than %d secrets", SECRET_RESOLVER_ENTRIES_MAX);
        e = MEM_NEW(struct entry);
        char *copy = mem_alloc(reference.len + 1);
        str_put(copy, reference);
        e->reference = (str){copy, reference.len};
        e->kind = secret_reference_split(reference, &rest);
        buf_init(&e->value, SECRET_BYTES_MAX);
        table_add(&r->entries, e);
    }
    e->round = r->round;
    *ret_entry = e;
    return NULL;
}

/* From the lock on, what an entry says now. */
static err give(struct entry *e, bool kept, struct buf *ret_secret,
                struct secret_resolver_told *told)
{
    char *room;
    if (!e->has) {
        errno = 0;
        return err_new(e->kind_of_err, "%s", e->why);
    }
    TRY(buf_reserve(ret_secret, SECRET_BYTES_MAX, &room)); /* never moved */
    TRY(buf_add(ret_secret, buf_str(&e->value)));
    told->kept = kept;
    told->stale = e->stale;
    told->age_ms = clock_steady_ms() - e->read_ms;
    told->lease_ms = e->lease_ms;
    snprintf(told->origin, sizeof told->origin, "%s", e->origin);
    if (e->stale)
        snprintf(told->why, sizeof told->why, "%s", e->why);
    return NULL;
}

static void note_success(struct entry *e, str value, const struct secret_store_told *told)
{
    char *room;
    int64_t lease_ms = SECRET_RESOLVER_LEASE_MS;
    if (told->lease_ms > 0 && told->lease_ms < lease_ms)
        lease_ms = told->lease_ms;
    secret_wipe(&e->value);
    err copied = buf_reserve(&e->value, value.len, &room);
    if (copied == NULL)
        copied = buf_add(&e->value, value);
    ASSERT(copied == NULL); /* the limit is the same */
    e->has = true;
    e->stale = false;
    e->read_ms = clock_steady_ms();
    e->lease_ms = secret_reference_is_store(e->kind) ? lease_ms : 0;
    e->good_until_ms = e->read_ms + e->lease_ms;
    e->retry_at_ms = 0;
    snprintf(e->origin, sizeof e->origin, "%s", told->origin);
}

/* A store that has spoken says that there is no such secret any more. */
static void note_failure(struct entry *e, err why, const struct secret_store_told *told)
{
    bool store = secret_reference_is_store(e->kind);
    int64_t retry_ms =
        told->retry_ms > SECRET_RESOLVER_RETRY_MS ? told->retry_ms : SECRET_RESOLVER_RETRY_MS;
    err_words(why, e->why, sizeof e->why);
    e->kind_of_err = why->kind;
    e->retry_at_ms = clock_steady_ms() + retry_ms;
    if (store && why->kind == ERR_CONFIG) {
        secret_wipe(&e->value);
        e->has = false;
    }
    e->stale = e->has;
}

/* Is there something to say without asking? */
static bool is_settled(const struct entry *e, bool fresh)
{
    int64_t now_ms = clock_steady_ms();
    bool store = secret_reference_is_store(e->kind);
    if (e->asking)
        return e->has && !fresh; /* another is at it: what was good a moment ago does */
    if (now_ms < e->retry_at_ms && (e->has || store))
        return true;
    return e->has && !fresh && now_ms < e->good_until_ms;
}

static err read_remembered(struct secret_resolver *r, struct settings *s, str reference, bool fresh,
                           struct buf *ret_secret, struct secret_resolver_told *told)
{
    struct entry *entry;
    struct secret_store_told from = {0};
    TRY(find_entry(r, reference, &entry));
    while (entry->asking && !is_settled(entry, fresh)) {
        pthread_cond_wait(&r->answered, &r->lock);
        fresh = false; /* it has been asked, just now */
        TRY(find_entry(r, reference, &entry));
    }
    if (is_settled(entry, fresh))
        return give(entry, true, ret_secret, told);
    bool was_stale = entry->stale;
    entry->asking = true;
    pthread_mutex_unlock(&r->lock);
    err e = ask(s, reference, ret_secret, &from);
    pthread_mutex_lock(&r->lock);
    entry->asking = false; /* nobody drops an entry meanwhile */
    if (e)
        note_failure(entry, e, &from);
    else
        note_success(entry, buf_str(ret_secret), &from);
    pthread_cond_broadcast(&r->answered);
    if (e && !entry->has)
        return e;
    secret_wipe(ret_secret);
    told->changed = was_stale != entry->stale;
    return give(entry, false, ret_secret, told);
}

/* ---- the way in --------------------------------------------------------------------------- */

struct secret_resolver *secret_resolver_open(const struct config *config)
{
    struct secret_resolver *r = MEM_NEW(struct secret_resolver);
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->sealed_lock, NULL);
    pthread_cond_init(&r->answered, NULL);
    table_init(&r->entries, reference_of);
    r->settings = settings_open(r, config);
    return r;
}

void secret_resolver_close(struct secret_resolver *r)
{
    struct entry *e;
    size_t at = 0;
    if (r == NULL)
        return;
    while ((e = table_next(&r->entries, &at)) != NULL)
        entry_close(e);
    table_release(&r->entries);
    close_sealed(r);
    settings_drop(r->settings);
    pthread_cond_destroy(&r->answered);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->sealed_lock);
    mem_free(r);
}

static void forget_unused(struct secret_resolver *r)
{
    struct entry *e;
    size_t at = 0;
    while ((e = table_next(&r->entries, &at)) != NULL) {
        e->good_until_ms = e->retry_at_ms = 0;
        if (r->round - e->round <= 1 || e->asking) /* a reload that fails is two */
            continue;
        table_remove(&r->entries, e->reference);
        entry_close(e);
    }
    r->round++;
}

void secret_resolver_set(struct secret_resolver *r, const struct config *config)
{
    struct settings *fresh = settings_open(r, config);
    pthread_mutex_lock(&r->lock);
    struct settings *old = r->settings;
    r->settings = fresh;
    forget_unused(r);
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&r->sealed_lock);
    close_sealed(r);
    pthread_mutex_unlock(&r->sealed_lock);
    settings_drop(old);
}

/* What can fail without being gone is worth remembering. */
static bool is_remembered(enum secret_reference_kind kind)
{
    return secret_reference_is_store(kind) || kind == SECRET_REFERENCE_COMMAND ||
           kind == SECRET_REFERENCE_KEYRING;
}

err secret_resolver_read(struct secret_resolver *r, str reference, bool fresh,
                         struct buf *ret_secret, struct secret_resolver_told *ret_told)
{
    struct secret_store_told from = {0};
    struct secret_resolver_told told = {0};
    str rest;
    err e;
    ASSERT(ret_secret->len == 0);
    struct settings *s = settings_hold(r);
    if (is_remembered(secret_reference_split(reference, &rest))) {
        pthread_mutex_lock(&r->lock);
        e = read_remembered(r, s, reference, fresh, ret_secret, &told);
        pthread_mutex_unlock(&r->lock);
    } else {
        e = ask(s, reference, ret_secret, &from);
    }
    settings_drop(s);
    if (e)
        secret_wipe(ret_secret);
    if (ret_told)
        *ret_told = told;
    return e;
}

err secret_resolver_once(const struct config *config, str reference, struct buf *ret_secret,
                         struct secret_resolver_told *ret_told)
{
    struct secret_resolver *r = secret_resolver_open(config);
    err e = secret_resolver_read(r, reference, false, ret_secret, ret_told);
    secret_resolver_close(r);
    return e;
}
