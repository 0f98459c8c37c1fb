#include "cli/domain_keys.h"
#include "account/rotation_files.h"
#include "dns/name.h"
#include "mailauth/dkim_private.h"
#include "runtime/file.h"
#include "secret/resolver.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, RECORD_BYTES_MAX = 2048 };

static err domain_path(const struct config *c, str domain, struct buf *out)
{
    buf_clear(out);
    TRY(buf_addf(out, "%.*s/dkim", STR_ARG(c->state)));
    return domain.len ? buf_addf(out, "/%.*s", STR_ARG(domain)) : NULL;
}

/* Each name in the folder that does not begin with a dot; a folder that is not there is empty. */
static err walk(const char *folder, err (*take)(void *arg, str name), void *arg)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT ? NULL : err_new(ERR_SYSTEM, "read the folder %s", folder);
    err e = NULL;
    const struct dirent *entry;
    while (e == NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            e = take(arg, str_of(entry->d_name));
    closedir(dir);
    return e;
}

static bool is_key(str name) { return name.len > 4 && str_ends_nocase(name, S(".pem")); }

/* ---- making ---------------------------------------------------------------------------------- */

static err write_key(const char *path, str pem)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "make %s", path);
    ssize_t n = write(fd, pem.ptr, pem.len);
    err e = n == (ssize_t)pem.len && fsync(fd) == 0 ? NULL : err_new(ERR_SYSTEM, "write %s", path);
    close(fd);
    return e;
}

static err make_key(const char *folder, char kind, const char *date)
{
    CLEANUP(buf_release) struct buf path;
    struct buf pem;
    buf_init(&path, PATH_BYTES_MAX);
    TRY(buf_addf(&path, "%s/%c%s.pem", folder, kind, date));
    buf_init(&pem, MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX);
    err e =
        mailauth_dkim_private_make(kind == 'r' ? MAILAUTH_DKIM_RSA : MAILAUTH_DKIM_ED25519, &pem);
    if (e == NULL)
        e = write_key(buf_chars(&path), buf_str(&pem));
    secret_wipe(&pem);
    return e;
}

static err refuse_key(void *arg, str name)
{
    const str *domain = arg;
    return is_key(name) ? err_new(ERR_CONFIG, "%.*s has a key already: %.*s", STR_ARG(*domain),
                                  STR_ARG(name))
                        : NULL;
}

err cli_domain_keys_make(const struct config *c, str domain, int64_t now_ms)
{
    CLEANUP(buf_release) struct buf folder;
    char date[16];
    struct tm day;
    time_t now = (time_t)(now_ms / 1000);
    buf_init(&folder, PATH_BYTES_MAX);
    gmtime_r(&now, &day);
    strftime(date, sizeof date, "%Y%m%d", &day);
    TRY(domain_path(c, S(""), &folder));
    TRY(folder_make(buf_chars(&folder)));
    TRY(domain_path(c, domain, &folder));
    TRY(walk(buf_chars(&folder), refuse_key, &domain));
    TRY(folder_make(buf_chars(&folder)));
    TRY(make_key(buf_chars(&folder), 'r', date));
    return make_key(buf_chars(&folder), 'e', date);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    const struct config *config;
    const char *folder;
    struct arena *arena;
    struct cli_domain_key *keys;
    size_t count;
};

static err add_key(struct reading *r, str selector, str reference)
{
    struct mailauth_dkim_private *private;
    struct buf pem, record;
    if (r->count == CLI_DOMAIN_KEYS_MAX)
        return err_new(ERR_LIMIT, "more than %d keys", CLI_DOMAIN_KEYS_MAX);
    buf_init(&pem, SECRET_BYTES_MAX);
    buf_init(&record, RECORD_BYTES_MAX);
    err e = secret_resolver_once(r->config, reference, &pem, NULL);
    if (e == NULL)
        e = mailauth_dkim_private_read(buf_str(&pem), r->arena, &private);
    if (e == NULL)
        e = mailauth_dkim_private_record(private, &record);
    if (e == NULL)
        r->keys[r->count++] = (struct cli_domain_key){
            .selector = arena_str(r->arena, selector),
            .record = arena_str(r->arena, buf_str(&record)),
        };
    secret_wipe(&pem);
    buf_release(&record);
    return e ? err_wrap(e, "the key %.*s", STR_ARG(selector)) : NULL;
}

static err read_file(void *arg, str name)
{
    struct reading *r = arg;
    str selector = str_slice(name, 0, name.len - S(".pem").len);
    if (!is_key(name))
        return NULL;
    for (size_t i = 0; i < r->count; i++)
        if (str_eq_nocase(r->keys[i].selector, selector)) /* the configuration's goes first */
            return NULL;
    struct file_facts facts;
    str path = arena_printf(r->arena, "%s/%.*s", r->folder, STR_ARG(name));
    TRY(file_look(arena_chars(r->arena, path), &facts));
    TRY(add_key(r, selector, arena_printf(r->arena, "file:%.*s", STR_ARG(path))));
    r->keys[r->count - 1].made_ms = facts.changed_ms;
    return NULL;
}

err cli_domain_keys_read(const struct config *c, str domain, struct arena *arena,
                         struct cli_domain_key keys[CLI_DOMAIN_KEYS_MAX], size_t *ret_count)
{
    CLEANUP(buf_release) struct buf folder;
    buf_init(&folder, PATH_BYTES_MAX);
    TRY(domain_path(c, domain, &folder));
    struct reading r = {.config = c, .folder = buf_chars(&folder), .arena = arena, .keys = keys};
    for (size_t i = 0; i < c->domain_count; i++)
        for (size_t j = 0; str_eq(c->domains[i].name, domain) && j < c->domains[i].dkim_count; j++)
            TRY(add_key(&r, c->domains[i].dkim[j].selector, c->domains[i].dkim[j].key));
    TRY(walk(r.folder, read_file, &r));
    *ret_count = r.count;
    return NULL;
}

/* ---- walking --------------------------------------------------------------------------------- */

struct walking {
    const struct config *config;
    void (*take)(void *arg, str domain);
    void *arg;
};

static bool is_configured(const struct config *c, str domain)
{
    for (size_t i = 0; i < c->domain_count; i++)
        if (str_eq(c->domains[i].name, domain))
            return true;
    return false;
}

static err take_folder(void *arg, str name)
{
    const struct walking *w = arg;
    if (dns_name_is_host(name) && !is_configured(w->config, name))
        w->take(w->arg, name);
    return NULL;
}

err cli_domain_keys_walk(const struct config *c, void (*take)(void *arg, str domain), void *arg)
{
    CLEANUP(buf_release) struct buf folder;
    struct walking w = {c, take, arg};
    buf_init(&folder, PATH_BYTES_MAX);
    TRY(domain_path(c, S(""), &folder));
    for (size_t i = 0; i < c->domain_count; i++)
        take(arg, c->domains[i].name);
    return walk(buf_chars(&folder), take_folder, &w);
}

static err count_key(void *arg, str name)
{
    size_t *count = arg;
    *count += is_key(name);
    return NULL;
}

/* What cannot be looked at is not said to be missing. */
static bool has_no_key(const struct config *c, str domain)
{
    CLEANUP(buf_release) struct buf folder;
    size_t count = 0;
    buf_init(&folder, PATH_BYTES_MAX);
    for (size_t i = 0; i < c->domain_count; i++)
        if (str_eq(c->domains[i].name, domain))
            count = c->domains[i].dkim_count;
    err e = domain_path(c, domain, &folder);
    if (e == NULL)
        e = walk(buf_chars(&folder), count_key, &count);
    bool none = e == NULL && count == 0;
    err_forget();
    return none;
}

void cli_domain_keys_warn(const struct config *c, void (*warn)(void *arg, str domain, bool seals),
                          void *arg)
{
    for (size_t i = 0; i < c->domain_count; i++)
        if (has_no_key(c, c->domains[i].name))
            warn(arg, c->domains[i].name, false);
    if (c->mailauth.seal.len > 0 && has_no_key(c, c->mailauth.seal))
        warn(arg, c->mailauth.seal, true);
}

/* ---- removing -------------------------------------------------------------------------------- */

struct removing {
    const char *folder;
    size_t count;
};

/* Those of a rotation, too. */
static err remove_key(void *arg, str name)
{
    struct removing *r = arg;
    CLEANUP(buf_release) struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    if (!account_rotation_files_ours(name))
        return NULL;
    TRY(buf_addf(&path, "%s/%.*s", r->folder, STR_ARG(name)));
    if (unlink(buf_chars(&path)) != 0)
        return err_new(ERR_SYSTEM, "remove %s", buf_chars(&path));
    r->count++;
    return NULL;
}

err cli_domain_keys_remove(const struct config *c, str domain)
{
    CLEANUP(buf_release) struct buf folder;
    buf_init(&folder, PATH_BYTES_MAX);
    TRY(domain_path(c, domain, &folder));
    struct removing r = {.folder = buf_chars(&folder)};
    TRY(walk(r.folder, remove_key, &r));
    if (r.count == 0)
        return err_new(ERR_CONFIG, "%.*s has no keys in %s", STR_ARG(domain), r.folder);
    return rmdir(r.folder) == 0 ? NULL : err_new(ERR_SYSTEM, "remove the folder %s", r.folder);
}
