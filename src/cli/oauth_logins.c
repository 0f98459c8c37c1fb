#include "cli/oauth_logins.h"
#include "account/keeper_logins.h"
#include "cli/cli.h"
#include "runtime/file.h"
#include "secret/resolver.h"
#include "secret/sealed_text.h"
#include "secret/secret.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static err read_client_secret(void *arg, str reference, struct buf *ret_secret)
{
    (void)arg;
    return secret_resolver_once(NULL, reference, ret_secret, NULL);
}

static err path_of(const struct config *server, char ret_path[KEEPER_LOGINS_PATH_CHARS])
{
    if (server)
        return keeper_logins_path(server->state, ret_path);
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;
    if (data && data[0] == '/')
        n = snprintf(ret_path, KEEPER_LOGINS_PATH_CHARS, "%s/smtptool/oauth", data);
    else if (home && home[0] == '/')
        n = snprintf(ret_path, KEEPER_LOGINS_PATH_CHARS, "%s/.local/share/smtptool/oauth", home);
    else
        return err_new(ERR_CONFIG, "neither XDG_DATA_HOME nor HOME says where logins are kept");
    if (n < 0 || n >= KEEPER_LOGINS_PATH_CHARS)
        return err_new(ERR_CONFIG, "the path of the store of logins is too long");
    return NULL;
}

/* A person at a terminal is asked for what nothing else says. */
static err ask_passphrase(const char *folder, struct buf *ret_passphrase)
{
    CLEANUP(buf_release) struct buf name;
    enum secret_unlock_kind kind;
    char path[KEEPER_LOGINS_PATH_CHARS + 16];
    buf_init(&name, SECRET_SEALED_LOCK_CHARS);
    snprintf(path, sizeof path, "%s/tokens.sealed", folder);
    if (!isatty(STDIN_FILENO) || getenv("SMTPTOOL_PASSPHRASE_FILE") ||
        getenv("CREDENTIALS_DIRECTORY") || !file_exists(path))
        return NULL;
    TRY(secret_sealed_look(str_of(path), &kind, &name));
    if (kind != SECRET_UNLOCK_PASSPHRASE)
        return NULL;
    return cli_read_password("Passphrase of your logins", ret_passphrase);
}

err cli_oauth_logins_open(const struct config *server, struct oauth_store **ret_store)
{
    char path[KEEPER_LOGINS_PATH_CHARS];
    struct buf passphrase;
    TRY(path_of(server, path));
    buf_init(&passphrase, SECRET_BYTES_MAX);
    err e = ask_passphrase(path, &passphrase);
    struct oauth_store_options o = {.folder = str_of(path),
                                    .own_key = server != NULL,
                                    .secret = read_client_secret,
                                    .passphrase = buf_str(&passphrase)};
    if (e == NULL)
        e = oauth_store_open(&o, ret_store);
    secret_wipe(&passphrase);
    return e;
}

err cli_oauth_logins_make(const struct config *server)
{
    char path[KEEPER_LOGINS_PATH_CHARS];
    TRY(path_of(server, path));
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (!file_exists(path))
            TRY(folder_make(path));
        *at = '/';
    }
    return folder_make(path);
}

static bool has(struct oauth_store *store, str name)
{
    struct oauth_entry entry;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OAUTH_STORE_ARENA_BYTES);
    err e = oauth_store_get(store, name, arena, &entry);
    if (e == NULL)
        oauth_store_forget(&entry);
    bool there = e == NULL || e->kind != ERR_CONFIG;
    err_forget();
    return there;
}

static err read_token(const struct config *config, str name, struct buf *ret_secret)
{
    struct oauth_store *store = NULL;
    TRY(cli_oauth_logins_open(NULL, &store));
    if (config && !has(store, name)) {
        oauth_store_close(store);
        store = NULL;
        TRY(cli_oauth_logins_open(config, &store));
    }
    err e = oauth_store_token(store, name, OAUTH_STORE_RENEW_IF_DUE, ret_secret);
    oauth_store_close(store);
    return e;
}

err cli_oauth_logins_read(const struct config *config, str reference, struct buf *ret_secret)
{
    str name = reference;
    if (str_skip(&name, S("oauth:")))
        return read_token(config, name, ret_secret);
    return secret_resolver_once(config, reference, ret_secret, NULL);
}
