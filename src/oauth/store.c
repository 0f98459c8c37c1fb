#include "oauth/store.h"
#include "base/clock.h"
#include "base/mem.h"
#include "oauth/grant.h"
#include "runtime/file.h"
#include "secret/secret.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_POLL_MS = 50, TROUBLE_CHARS = 300 };

/* What a process remembers, so that not every connection unseals the file. */
struct kept {
    struct kept *next;
    char name[OAUTH_ENTRY_NAME_CHARS + 1];
    struct buf token;
    int64_t got_ms, due_ms;
    struct file_facts file; /* the sealed file as it was */
};

struct oauth_store {
    char folder[OAUTH_STORE_PATH_CHARS];
    char path[OAUTH_STORE_PATH_CHARS + 16], key[OAUTH_STORE_PATH_CHARS + 16];
    bool own_key;
    struct buf passphrase;
    err (*secret)(void *arg, str reference, struct buf *ret_secret);
    void *arg;
    pthread_mutex_t mutex; /* of what follows */
    struct kept *kept;
};

/* ---- opening ------------------------------------------------------------------------------- */

err oauth_store_open(const struct oauth_store_options *o, struct oauth_store **ret_store)
{
    if (o->folder.len == 0 || o->folder.len >= OAUTH_STORE_PATH_CHARS)
        return err_new(ERR_CONFIG, "the path of the store of logins is empty or too long");
    struct oauth_store *s = MEM_NEW(struct oauth_store);
    bool fits = str_to_chars(o->folder, s->folder, sizeof s->folder);
    ASSERT(fits);
    snprintf(s->path, sizeof s->path, "%s/tokens.sealed", s->folder);
    snprintf(s->key, sizeof s->key, "%s/key", s->folder);
    s->own_key = o->own_key;
    s->secret = o->secret;
    s->arg = o->arg;
    pthread_mutex_init(&s->mutex, NULL);
    buf_init(&s->passphrase, SECRET_BYTES_MAX);
    err e = buf_add(&s->passphrase, o->passphrase);
    if (e)
        oauth_store_close(s);
    else
        *ret_store = s;
    return e;
}

void oauth_store_close(struct oauth_store *s)
{
    if (s == NULL)
        return;
    for (struct kept *k = s->kept, *next; k; k = next) {
        next = k->next;
        secret_wipe(&k->token);
        mem_free(k);
    }
    secret_wipe(&s->passphrase);
    pthread_mutex_destroy(&s->mutex);
    mem_free(s);
}

bool oauth_store_exists(struct oauth_store *s) { return file_exists(s->path); }

static err check_name(str name)
{
    if (oauth_entry_name_ok(name))
        return NULL;
    return err_new(ERR_CONFIG, "the name of a login has letters, digits, . - _ and @, at most %d",
                   OAUTH_ENTRY_NAME_CHARS);
}

static err no_such(str name)
{
    return err_new(ERR_CONFIG, "there is no login %.*s: smtptool oauth login %.*s", STR_ARG(name),
                   STR_ARG(name));
}

static err open_sealed(struct oauth_store *s, bool make, struct secret_sealed **ret_file)
{
    struct secret_unlock key = {SECRET_UNLOCK_KEY_FILE, str_of(s->key)};
    struct secret_unlock said = {SECRET_UNLOCK_PASSPHRASE, buf_str(&s->passphrase)};
    bool fresh_file = make && !oauth_store_exists(s);
    if (fresh_file)
        TRY(folder_make(s->folder));
    const struct secret_unlock *unlock = fresh_file && s->own_key ? &key : NULL;
    if (!fresh_file && s->passphrase.len > 0)
        unlock = &said;
    return secret_sealed_open(str_of(s->path), unlock, fresh_file, ret_file);
}

/* ---- entries ------------------------------------------------------------------------------- */

void oauth_store_forget(struct oauth_entry *entry)
{
    if (entry->access.len > 0)
        mem_wipe((char *)(uintptr_t)entry->access.ptr, entry->access.len);
    if (entry->refresh.len > 0)
        mem_wipe((char *)(uintptr_t)entry->refresh.ptr, entry->refresh.len);
    entry->access = entry->refresh = (str){0};
}

err oauth_store_get(struct oauth_store *s, str name, struct arena *arena,
                    struct oauth_entry *ret_entry)
{
    struct secret_sealed *file = NULL;
    struct buf json;
    TRY(check_name(name));
    if (!oauth_store_exists(s))
        return no_such(name);
    TRY(open_sealed(s, false, &file));
    buf_init(&json, SECRET_SEALED_VALUE_BYTES_MAX);
    err e = secret_sealed_get(file, name, &json);
    if (e && e->kind == ERR_CONFIG)
        e = no_such(name);
    if (e == NULL)
        e = oauth_entry_read(buf_str(&json), arena, ret_entry);
    secret_wipe(&json);
    secret_sealed_close(file);
    return e;
}

err oauth_store_put(struct oauth_store *s, str name, const struct oauth_entry *entry)
{
    struct secret_sealed *file = NULL;
    struct buf json;
    TRY(check_name(name));
    TRY(open_sealed(s, true, &file));
    buf_init(&json, SECRET_SEALED_VALUE_BYTES_MAX);
    err e = oauth_entry_write(entry, &json);
    if (e == NULL)
        e = secret_sealed_set(file, name, buf_str(&json));
    secret_wipe(&json);
    secret_sealed_close(file);
    return e;
}

err oauth_store_remove(struct oauth_store *s, str name)
{
    struct secret_sealed *file = NULL;
    char lock[OAUTH_STORE_PATH_CHARS + OAUTH_ENTRY_NAME_CHARS + 16];
    TRY(check_name(name));
    if (!oauth_store_exists(s))
        return no_such(name);
    TRY(open_sealed(s, false, &file));
    err e = secret_sealed_remove(file, name);
    secret_sealed_close(file);
    if (e)
        return e->kind == ERR_CONFIG ? no_such(name) : e;
    snprintf(lock, sizeof lock, "%s/%.*s.lock", s->folder, STR_ARG(name));
    return file_exists(lock) ? file_remove(lock) : NULL;
}

struct names {
    struct arena *arena;
    str *list;
    size_t count;
};

static err add_name(void *arg, str name)
{
    struct names *n = arg;
    if (n->count == OAUTH_STORE_NAMES_MAX)
        return err_new(ERR_LIMIT, "more than %d logins", OAUTH_STORE_NAMES_MAX);
    n->list[n->count++] = arena_str(n->arena, name);
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return str_compare(*(const str *)a, *(const str *)b);
}

err oauth_store_names(struct oauth_store *s, struct arena *arena, str **ret_names,
                      size_t *ret_count)
{
    struct secret_sealed *file = NULL;
    struct names n = {arena, ARENA_ARRAY(arena, str, OAUTH_STORE_NAMES_MAX), 0};
    if (oauth_store_exists(s)) {
        TRY(open_sealed(s, false, &file));
        err e = secret_sealed_names(file, add_name, &n);
        secret_sealed_close(file);
        if (e)
            return e;
    }
    qsort(n.list, n.count, sizeof *n.list, by_name);
    *ret_names = n.list;
    *ret_count = n.count;
    return NULL;
}

/* ---- what is remembered -------------------------------------------------------------------- */

static bool same_file(const struct oauth_store *s, const struct kept *k)
{
    struct file_facts now;
    err e = file_look(s->path, &now);
    err_forget();
    return e == NULL && now.changed_ms == k->file.changed_ms && now.size == k->file.size;
}

static struct kept *find_kept(struct oauth_store *s, str name)
{
    struct kept *k = s->kept;
    while (k && !str_eq(str_of(k->name), name))
        k = k->next;
    return k;
}

static bool recall(struct oauth_store *s, str name, struct buf *ret_token)
{
    bool found = false;
    int64_t now_ms = clock_real_ms();
    pthread_mutex_lock(&s->mutex);
    struct kept *k = find_kept(s, name);
    if (k && now_ms >= k->got_ms && now_ms < k->due_ms && same_file(s, k))
        found = buf_add(ret_token, buf_str(&k->token)) == NULL;
    pthread_mutex_unlock(&s->mutex);
    return found;
}

/* The file may have changed since it was read: then the next look sees another file and reads. */
static void remember(struct oauth_store *s, str name, const struct oauth_entry *entry,
                     const struct file_facts *file)
{
    if (oauth_entry_is_due(entry, clock_real_ms()))
        return;
    pthread_mutex_lock(&s->mutex);
    struct kept *k = find_kept(s, name);
    if (k == NULL) {
        k = MEM_NEW(struct kept);
        bool fits = str_to_chars(name, k->name, sizeof k->name);
        ASSERT(fits);
        k->next = s->kept;
        s->kept = k;
    }
    secret_wipe(&k->token);
    buf_init(&k->token, OAUTH_TOKEN_BYTES_MAX);
    err e = buf_add(&k->token, entry->access);
    ASSERT(e == NULL);
    k->got_ms = entry->got_ms;
    k->due_ms = oauth_entry_due_ms(entry);
    k->file = *file;
    pthread_mutex_unlock(&s->mutex);
}

/* ---- renewing ------------------------------------------------------------------------------ */

static err log_in_again(str name, const struct oauth_entry *entry)
{
    str why = entry->trouble.len > 0 ? entry->trouble : S("it has no refresh token");
    return err_new(ERR_CONFIG,
                   "the login %.*s is over (%.*s): log in again: smtptool oauth login %.*s",
                   STR_ARG(name), STR_ARG(why), STR_ARG(name));
}

static err read_client_secret(struct oauth_store *s, const struct oauth_entry *entry,
                              struct buf *ret_secret)
{
    if (entry->client_secret_ref.len == 0)
        return NULL;
    err e = s->secret(s->arg, entry->client_secret_ref, ret_secret);
    return e ? err_wrap(e, "the client's secret of %.*s", STR_ARG(entry->provider)) : NULL;
}

static err ask(const struct oauth_entry *entry, str secret, struct arena *arena,
               struct oauth_token_answer *ret_answer, struct oauth_refusal *ret_refusal)
{
    struct buf form;
    struct oauth_client client = {
        .id = entry->client_id, .secret = secret, .basic = entry->basic, .ca_file = entry->ca_file};
    err e = entry->flow == OAUTH_FLOW_CLIENT ? oauth_grant_form_client(entry->scopes, &form)
                                             : oauth_grant_form_refresh(entry->refresh, &form);
    if (e == NULL)
        e = oauth_grant_token(&client, entry->token, buf_str(&form), arena, ret_answer,
                              ret_refusal);
    secret_wipe(&form);
    return e;
}

/* What came of it goes into the entry; an err means that nobody knows. */
static err renew(struct oauth_store *s, struct oauth_entry *entry, struct arena *arena)
{
    struct oauth_token_answer answer;
    struct oauth_refusal refusal = {0};
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = read_client_secret(s, entry, &secret);
    if (e == NULL)
        e = ask(entry, buf_str(&secret), arena, &answer, &refusal);
    secret_wipe(&secret);
    if (e)
        return e;
    if (refusal.kind == OAUTH_NOT_REFUSED) {
        oauth_entry_take(entry, &answer, clock_real_ms());
        return NULL;
    }
    entry->login_again = refusal.kind == OAUTH_LOGIN_AGAIN && entry->flow != OAUTH_FLOW_CLIENT;
    entry->trouble =
        arena_printf(arena, "%.*s%s%.*s", STR_ARG(refusal.code),
                     refusal.description.len ? ": " : "", STR_ARG(refusal.description));
    return NULL;
}

static bool can_renew(const struct oauth_entry *entry)
{
    return !entry->login_again && (entry->refresh.len > 0 || entry->flow == OAUTH_FLOW_CLIENT);
}

/* That there is room on the disk is seen before the old refresh token is given away for a new one.
 */
static err renew_and_keep(struct oauth_store *s, str name, struct oauth_entry *entry,
                          struct arena *arena)
{
    char why[TROUBLE_CHARS];
    entry->tried_ms = clock_real_ms();
    TRY(oauth_store_put(s, name, entry));
    err e = renew(s, entry, arena);
    if (e) {
        err_words(e, why, sizeof why);
        entry->trouble = arena_str(arena, str_of(why));
    }
    return oauth_store_put(s, name, entry);
}

/* One process at a time. ERR_LIMIT: another one is at it, and has been for as long as we wait. */
static err lock(struct oauth_store *s, str name, bool wait, struct file **ret_lock)
{
    struct file *f;
    char path[OAUTH_STORE_PATH_CHARS + OAUTH_ENTRY_NAME_CHARS + 16];
    int64_t until_ms = clock_steady_ms() + (wait ? OAUTH_STORE_LOCK_MS_MAX : 0);
    snprintf(path, sizeof path, "%s/%.*s.lock", s->folder, STR_ARG(name));
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &f));
    for (;;) {
        err e = file_lock(f);
        if (e == NULL) {
            *ret_lock = f;
            return NULL;
        }
        if (e->kind != ERR_LIMIT || clock_steady_ms() >= until_ms) {
            file_close(f);
            return e;
        }
        err_forget();
        poll(NULL, 0, LOCK_POLL_MS);
    }
}

/* Under the lock: what another process did meanwhile is done. */
static err renew_once(struct oauth_store *s, str name, enum oauth_store_renew how,
                      struct oauth_entry *entry, struct arena *arena)
{
    struct file *held;
    int64_t got_ms = entry->got_ms;
    bool wait = how != OAUTH_STORE_RENEW_IF_DUE || oauth_entry_is_over(entry, clock_real_ms());
    TRY(lock(s, name, wait, &held));
    err e = oauth_store_get(s, name, arena, entry);
    bool done = entry->got_ms != got_ms && !oauth_entry_is_due(entry, clock_real_ms());
    if (e == NULL && !done && can_renew(entry))
        e = renew_and_keep(s, name, entry, arena);
    file_close(held);
    return e;
}

static bool wants_renewal(const struct oauth_entry *entry, enum oauth_store_renew how)
{
    int64_t now_ms = clock_real_ms(), tried_ms = now_ms - entry->tried_ms;
    bool rested = tried_ms < 0 || tried_ms >= OAUTH_STORE_RETRY_MS;
    if (how == OAUTH_STORE_RENEW_NOW || oauth_entry_is_over(entry, now_ms))
        return true;
    if (how == OAUTH_STORE_RENEW_IF_OLD && rested)
        return true;
    return oauth_entry_is_due(entry, now_ms) && (rested || entry->trouble.len == 0);
}

/* A token that is good may be used while its renewal fails: a provider that is down for a minute
 * holds no mail up. */
static err fresh(struct oauth_store *s, str name, enum oauth_store_renew how, struct arena *arena,
                 struct oauth_entry *entry)
{
    bool now = how == OAUTH_STORE_RENEW_NOW;
    TRY(oauth_store_get(s, name, arena, entry));
    bool over = oauth_entry_is_over(entry, clock_real_ms());
    if (wants_renewal(entry, how) && can_renew(entry)) {
        err e = renew_once(s, name, how, entry, arena);
        if (e && (over || now))
            return e;
        err_forget();
    }
    over = oauth_entry_is_over(entry, clock_real_ms());
    if (entry->trouble.len == 0 && !over)
        return NULL;
    if (!over && !now)
        return NULL;
    if (entry->login_again || entry->trouble.len == 0)
        return log_in_again(name, entry);
    return err_new(ERR_SYSTEM, "renew the token of %.*s: %.*s", STR_ARG(name),
                   STR_ARG(entry->trouble));
}

err oauth_store_token(struct oauth_store *s, str name, enum oauth_store_renew how,
                      struct buf *ret_token)
{
    struct oauth_entry entry = {0};
    struct file_facts file = {0};
    TRY(check_name(name));
    if (how == OAUTH_STORE_RENEW_IF_DUE && recall(s, name, ret_token))
        return NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OAUTH_STORE_ARENA_BYTES);
    err e = fresh(s, name, how, arena, &entry);
    err looked = e ? NULL : file_look(s->path, &file);
    if (e == NULL)
        e = buf_add(ret_token, entry.access);
    if (e == NULL && looked == NULL)
        remember(s, name, &entry, &file);
    oauth_store_forget(&entry);
    return e;
}
