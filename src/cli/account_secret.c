#include "cli/account_secret.h"
#include "cli/user_folder.h"
#include "runtime/file.h"
#include "secret/keyring.h"
#include "secret/sealed.h"
#include "secret/secret.h"
#include <string.h>

static err file_of(str account, char ret_path[CLI_USER_FOLDER_CHARS])
{
    char name[100];
    snprintf(name, sizeof name, "%.*s.secret", STR_ARG(str_slice(account, 0, 80)));
    return cli_user_folder_file(CLI_USER_FOLDER_CONFIG, name, ret_path);
}

static err keep_in_file(str account, str secret, struct arena *arena, str *ret_reference)
{
    char path[CLI_USER_FOLDER_CHARS];
    TRY(file_of(account, path));
    TRY(file_replace(path, FILE_WRITE | FILE_CREATE, secret));
    *ret_reference = arena_printf(arena, "file:%s", path);
    return NULL;
}

static err keep_in_keyring(str account, str user, str secret, struct arena *arena,
                           str *ret_reference)
{
    str service = arena_printf(arena, "smtptool-%.*s", STR_ARG(account));
    TRY(secret_keyring_write(service, user, S("smtptool account"), secret));
    *ret_reference = arena_printf(arena, "keyring:%.*s/%.*s", STR_ARG(service), STR_ARG(user));
    return NULL;
}

static err keep_sealed(str where, str secret, struct arena *arena, str *ret_reference)
{
    struct secret_sealed *file;
    str path = str_from(where, strlen("encrypted:")), name;
    str_split(path, '#', &path, &name);
    if (path.len == 0 || path.ptr[0] != '/' || name.len == 0)
        return err_new(ERR_CONFIG, "--keep encrypted:/path/FILE#NAME is the form");
    TRY(secret_sealed_open(path, NULL, false, &file));
    err e = secret_sealed_set(file, name, secret);
    secret_sealed_close(file);
    *ret_reference = arena_str(arena, where);
    return e;
}

static err keep(const char *where, str account, str user, str secret, struct arena *arena,
                str *ret_reference)
{
    str word = where ? str_of(where) : secret_keyring_likely() ? S("keyring") : S("file");
    if (str_eq(word, S("file")))
        return keep_in_file(account, secret, arena, ret_reference);
    if (str_eq(word, S("keyring")))
        return keep_in_keyring(account, user, secret, arena, ret_reference);
    return keep_sealed(word, secret, arena, ret_reference);
}

static bool is_place(const char *where)
{
    return where == NULL || strcmp(where, "file") == 0 || strcmp(where, "keyring") == 0 ||
           str_starts(str_of(where), S("encrypted:"));
}

err cli_account_secret_keep(const char *where, str account, str user, struct arena *arena,
                            str *ret_reference)
{
    struct buf secret;
    if (!is_place(where))
        return err_new(ERR_CONFIG, "--keep: file, keyring or encrypted:/path/FILE#NAME");
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = cli_read_password("Password (not shown)", &secret);
    if (e == NULL)
        e = keep(where, account, user, buf_str(&secret), arena, ret_reference);
    secret_wipe(&secret);
    return e;
}

void cli_account_secret_forget(str reference, str account)
{
    char path[CLI_USER_FOLDER_CHARS];
    if (!str_skip(&reference, S("file:")))
        return;
    if (file_of(account, path) == NULL && str_eq(reference, str_of(path)) && file_exists(path) &&
        file_remove(path) == NULL)
        return;
    err_forget();
}
