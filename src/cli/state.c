#include "cli/state.h"
#include "base/log.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "runtime/tls.h"
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
    snprintf(ret_state->accounts, CLI_STATE_PATH_CHARS, "%s/accounts.db", folder);
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

static err give_to_user(const struct config *c, const struct cli_state *s)
{
    char name[64];
    if (sim_active() || geteuid() != 0 || c->user.len == 0)
        return NULL;
    struct passwd entry, *found = NULL;
    char texts[1400];
    if (!str_to_chars(c->user, name, sizeof name) ||
        getpwnam_r(name, &entry, texts, sizeof texts, &found) != 0 || found == NULL)
        return err_new(ERR_CONFIG, "user: there is no \"%.*s\" here", STR_ARG(c->user));
    if (lchown(s->folder, 0, entry.pw_gid) != 0 || chmod(s->folder, 01770) != 0)
        return err_new(ERR_SYSTEM, "give %s to the group of %s", s->folder, name);
    TRY(give(s->spool, &entry));
    TRY(give(s->certificate, &entry));
    return give(s->key, &entry);
}

err cli_state_prepare(const struct config *c, const struct cli_state *s)
{
    TRY(make_folders(s->folder));
    TRY(folder_make(s->spool));
    TRY(make_certificate(c, s));
    err e = give_to_user(c, s);
    if (e == NULL)
        err_forget();
    return e;
}
