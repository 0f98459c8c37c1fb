#include "cli/state.h"
#include "base/arena.h"
#include "base/log.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/tls.h"
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATE_FOLDER_CHARS = 400 };

err cli_state_paths(const struct config *c, struct cli_state *ret_state)
{
    char folder[STATE_FOLDER_CHARS];
    if (!str_to_chars(c->state, folder, sizeof folder))
        return err_new(ERR_CONFIG, "state: a path of more than %zu bytes", sizeof folder - 1);
    snprintf(ret_state->folder, CLI_STATE_PATH_CHARS, "%s", folder);
    snprintf(ret_state->spool, CLI_STATE_PATH_CHARS, "%s/spool", folder);
    snprintf(ret_state->certificate, CLI_STATE_PATH_CHARS, "%s/tls.crt", folder);
    snprintf(ret_state->key, CLI_STATE_PATH_CHARS, "%s/tls.key", folder);
    snprintf(ret_state->reports, CLI_STATE_PATH_CHARS, "%s/reports", folder);
    snprintf(ret_state->accounts, CLI_STATE_PATH_CHARS, "%s/accounts.db", folder);
    snprintf(ret_state->feedback, CLI_STATE_PATH_CHARS, "%s/feedback", folder);
    snprintf(ret_state->policies, CLI_STATE_PATH_CHARS, "%s/mta-sts", folder);
    snprintf(ret_state->shaping, CLI_STATE_PATH_CHARS, "%s/shaping", folder);
    snprintf(ret_state->shaping_file, CLI_STATE_PATH_CHARS, "%s/shaping/shaping.db", folder);
    snprintf(ret_state->egress_file, CLI_STATE_PATH_CHARS, "%s/shaping/egress.txt", folder);
    snprintf(ret_state->transcripts, CLI_STATE_PATH_CHARS, "%s/transcripts", folder);
    return NULL;
}

static err make_folders(const char *path)
{
    char part[CLI_STATE_PATH_CHARS];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (!file_exists(part))
            TRY(folder_make(part));
        *slash = '/';
    }
    err_forget();
    return folder_make(path);
}

/* A certificate of our own at the first start: good enough for a look around, and for MX delivery,
 * where nobody verifies. */
static err make_certificate(const struct config *c, const struct cli_state *s)
{
    if (c->certificate.len || file_exists(s->certificate))
        return NULL;
    err_forget();
    TRY(tls_make_certificate(c->hostname, s->certificate, s->key));
    log_info("no tls.certificate configured: made a self-signed one, %s", s->certificate);
    return NULL;
}

static err give(const char *path, const struct passwd *to)
{
    if (!file_exists(path))
        return NULL;
    if (lchown(path, to->pw_uid, to->pw_gid) != 0)
        return err_new(ERR_SYSTEM, "give %s to user %s", path, to->pw_name);
    return NULL;
}

/* A command that root ran before the first start may have made some of them. */
static err give_feedback(const char *folder, const struct passwd *to)
{
    static const char *const names[] = {"suppress.db", "suppress.db-wal", "suppress.db-shm"};
    char path[CLI_STATE_PATH_CHARS + 32];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        TRY(give(path, to));
    }
    return give(folder, to);
}

static err give_state(const struct cli_state *s, const struct passwd *to)
{
    if (lchown(s->folder, 0, to->pw_gid) != 0 || chmod(s->folder, 01770) != 0)
        return err_new(ERR_SYSTEM, "give %s to the group of %s", s->folder, to->pw_name);
    TRY(give(s->spool, to));
    TRY(give(s->reports, to));
    TRY(give_feedback(s->feedback, to));
    TRY(give(s->policies, to));
    TRY(give(s->shaping, to));
    TRY(give(s->transcripts, to));
    TRY(give(s->certificate, to));
    return give(s->key, to);
}

/* ---- folders of events and metrics
 * ----------------------------------------------------------------- */

enum { EVENTS_FOLDER_MODE = 0750 }; /* the user's group may read */

/* Make it when it is not there, give it, and go on in it. No link is followed, for the user may
 * have put one there. */
static err step_into(int *fd, const char *name, const struct passwd *to)
{
    if (mkdirat(*fd, name, EVENTS_FOLDER_MODE) != 0 && errno != EEXIST)
        return err_new(ERR_SYSTEM, "make folder %s", name);
    int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return err_new(ERR_SYSTEM, "open folder %s", name);
    close(*fd);
    *fd = next;
    if (to && fchown(next, to->pw_uid, to->pw_gid) != 0)
        return err_new(ERR_SYSTEM, "give folder %s to user %s", name, to->pw_name);
    return NULL;
}

static err open_folder(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open folder %s", path);
    *ret_fd = fd;
    return NULL;
}

/* The folders between the state folder and the file; `rest` is the file's path below it. */
static err make_below(const char *key, const struct cli_state *s, str rest, const struct passwd *to)
{
    int fd = -1;
    str name;
    char chars[256]; /* NAME_MAX and a NUL */
    TRY(open_folder(s->folder, &fd));
    err e = NULL;
    while (e == NULL && str_find(rest, '/') != STR_NONE) {
        str_split(rest, '/', &name, &rest);
        if (name.len == 0)
            continue;
        if (str_eq(name, S("..")) || !str_to_chars(name, chars, sizeof chars))
            e = err_new(ERR_CONFIG, "%s: \"%.*s\" is not a folder's name", key, STR_ARG(name));
        else
            e = step_into(&fd, chars, to);
    }
    close(fd);
    return e;
}

/* ERR_CONFIG when the folder is the state folder or one above it, by whatever path. Closes fd. */
static err check_apart(const char *key, int fd, const struct stat *folder,
                       const struct cli_state *s)
{
    struct stat here = {0}, before;
    err e = NULL;
    do {
        before = here;
        int above = fstat(fd, &here) == 0 ? openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        close(fd);
        if (above < 0)
            return err_new(ERR_SYSTEM, "look above %s", s->folder);
        fd = above;
        if (here.st_ino == folder->st_ino && here.st_dev == folder->st_dev)
            e = err_new(ERR_CONFIG, "%s: the file needs a folder of its own, not one that holds %s",
                        key, s->folder);
    } while (e == NULL && (here.st_ino != before.st_ino || here.st_dev != before.st_dev));
    close(fd);
    return e;
}

static err prepare_folder_of(const char *key, str file, const struct cli_state *s,
                             const struct passwd *to)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    struct stat facts;
    int fd = -1;
    str rest = file;
    if (!str_starts(file, S("/")))
        return NULL;
    if (str_skip(&rest, str_of(s->folder)) && str_skip(&rest, S("/")))
        TRY(make_below(key, s, rest, to));
    const char *folder = arena_chars(arena, str_slice(file, 0, str_find_last(file, '/') + 1));
    if (stat(folder, &facts) != 0)
        return err_new(ERR_CONFIG, "%s: there is no folder %s", key, folder);
    TRY(open_folder(s->folder, &fd));
    return check_apart(key, fd, &facts, s);
}

/* ---- all of it -------------------------------------------------------------------------- */

/* To whom things are to be given; NULL: they stay ours. */
static err find_user(const struct config *c, struct passwd *entry, char *texts, size_t size,
                     struct passwd **ret_user)
{
    char name[64];
    struct passwd *found = NULL;
    if (geteuid() == 0 && c->user.len > 0 &&
        (!str_to_chars(c->user, name, sizeof name) ||
         getpwnam_r(name, entry, texts, size, &found) != 0 || found == NULL))
        return err_new(ERR_CONFIG, "user: there is no \"%.*s\" here", STR_ARG(c->user));
    *ret_user = found;
    return NULL;
}

static err settle_owners(const struct config *c, const struct cli_state *s)
{
    struct passwd entry, *user;
    char texts[1024];
    TRY(find_user(c, &entry, texts, sizeof texts, &user));
    if (user)
        TRY(give_state(s, user));
    TRY(prepare_folder_of("events.to", c->events.to, s, user));
    return prepare_folder_of("metrics.file", c->metrics_file, s, user);
}

err cli_state_prepare(const struct config *c, const struct cli_state *s)
{
    TRY(make_folders(s->folder));
    TRY(folder_make(s->spool));
    TRY(folder_make(s->reports));
    TRY(folder_make(s->shaping));
    TRY(folder_make(s->transcripts));
    TRY(folder_make(s->feedback));
    if (c->outbound.mta_sts)
        TRY(folder_make(s->policies));
    TRY(make_certificate(c, s));
    if (!sim_active())
        TRY(settle_owners(c, s));
    err_forget();
    return NULL;
}
