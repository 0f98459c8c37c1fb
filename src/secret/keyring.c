#include "secret/keyring.h"
#include "secret/command.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct names {
    char service[SECRET_KEYRING_NAME_CHARS], user[SECRET_KEYRING_NAME_CHARS];
};

/* A name that begins with a dash would be an option of secret-tool's. */
static err take_names(str service, str user, struct names *ret)
{
    bool fit = str_to_chars(service, ret->service, sizeof ret->service) &&
               str_to_chars(user, ret->user, sizeof ret->user);
    if (!fit || service.len == 0 || user.len == 0 || service.ptr[0] == '-' || user.ptr[0] == '-')
        return err_new(ERR_CONFIG, "keyring: needs a service and a user, as in "
                                   "keyring:smtp.example.com/me@example.com");
    return NULL;
}

static err explain(err e, const struct names *n)
{
    if (e->kind == ERR_SYSTEM && err_number(e) == ENOENT)
        return err_new(ERR_CONFIG, "keyring: there is no secret-tool: install libsecret-tools");
    if (e->kind == ERR_CONFIG)
        return err_wrap(e,
                        "the keyring has no entry with service \"%s\" and username \"%s\", or is "
                        "locked",
                        n->service, n->user);
    return e;
}

err secret_keyring_read(str service, str user, struct buf *ret_secret)
{
    struct names n;
    TRY(take_names(service, user, &n));
    char *const words[] = {"secret-tool", "lookup", "service", n.service, "username", n.user, NULL};
    struct secret_command c = {.words = words};
    err e = secret_command_start(&c, SECRET_KEYRING_MS_MAX, ret_secret);
    return e ? explain(e, &n) : NULL;
}

err secret_keyring_write(str service, str user, str label, str secret)
{
    struct names n;
    struct buf nothing;
    char title[SECRET_KEYRING_NAME_CHARS];
    TRY(take_names(service, user, &n));
    snprintf(title, sizeof title, "--label=%.*s", STR_ARG(label));
    char *const words[] = {"secret-tool", "store",    title,  "service",
                           n.service,     "username", n.user, NULL};
    struct secret_command c = {.words = words, .input = secret, .quiet = true};
    buf_init(&nothing, SECRET_BYTES_MAX);
    err e = secret_command_start(&c, SECRET_KEYRING_MS_MAX, &nothing);
    secret_wipe(&nothing);
    return e ? explain(e, &n) : NULL;
}

bool secret_keyring_likely(void) { return getenv("DBUS_SESSION_BUS_ADDRESS") != NULL; }
