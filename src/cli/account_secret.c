#include "cli/account_secret.h"
#include "cli/user_folder.h"
#include "runtime/file.h"
#include "secret/keyring.h"
#include "secret/sealed.h"
#include "secret/secret.h"
#include <string.h>

static err file_of(str account, char ret_path[CLI_USER_FOLDER_CHARS], bool make)
{
    char name[100];
    snprintf(name, sizeof name, "%.*s.secret", STR_ARG(str_slice(account, 0, 80)));
    return make ? cli_user_folder_file(CLI_USER_FOLDER_CONFIG, name, ret_path)
                : cli_user_folder_path(CLI_USER_FOLDER_CONFIG, name, ret_path);
}

/* An empty secret, here and below: nothing is kept, and the reference told. */
static err keep_in_file(str account, str secret, struct arena *arena, str *ret_reference)
{
    char path[CLI_USER_FOLDER_CHARS];
    TRY(file_of(account, path, secret.len > 0));
    if (secret.len > 0)
        TRY(file_replace(path, FILE_WRITE | FILE_CREATE, secret));
    *ret_reference = arena_printf(arena, "file:%s", path);
    return NULL;
}

static err keep_in_keyring(str account, str user, str secret, struct arena *arena,
                           str *ret_reference)
{
    str service = arena_printf(arena, "smtptool-%.*s", STR_ARG(account));
    if (secret.len > 0)
        TRY(secret_keyring_write(service, user, S("smtptool account"), secret));
    *ret_reference = arena_printf(arena, "keyring:%.*s/%.*s", STR_ARG(service), STR_ARG(user));
    return NULL;
}

static err seal(str path, str name, str secret)
{
    struct secret_sealed *file;
    TRY(secret_sealed_open(path, NULL, false, &file));
    err e = secret_sealed_set(file, name, secret);
    secret_sealed_close(file);
    return e;
}

static err keep_sealed(str where, str account, str secret, struct arena *arena, str *ret_reference)
{
    str path = str_from(where, strlen("encrypted:")), name;
    str_split(path, '#', &path, &name);
    if (name.len == 0)
        name = account;
    if (path.len == 0 || path.ptr[0] != '/' || name.len == 0)
        return err_new(ERR_CONFIG, "--keep encrypted:/path/FILE#NAME is the form");
    if (secret.len > 0)
        TRY(seal(path, name, secret));
    *ret_reference = arena_printf(arena, "encrypted:%.*s#%.*s", STR_ARG(path), STR_ARG(name));
    return NULL;
}

static err keep(const char *where, str account, str user, str secret, struct arena *arena,
                str *ret_reference)
{
    str word = where ? str_of(where) : secret_keyring_likely() ? S("keyring") : S("file");
    if (str_eq(word, S("file")))
        return keep_in_file(account, secret, arena, ret_reference);
    if (str_eq(word, S("keyring")))
        return keep_in_keyring(account, user, secret, arena, ret_reference);
    return keep_sealed(word, account, secret, arena, ret_reference);
}

static bool is_place(const char *where)
{
    return where == NULL || strcmp(where, "file") == 0 || strcmp(where, "keyring") == 0 ||
           str_starts(str_of(where), S("encrypted:"));
}

static err check_place(const char *where)
{
    return is_place(where)
               ? NULL
               : err_new(ERR_CONFIG, "--keep: file, keyring or encrypted:/path/FILE#NAME");
}

err cli_account_secret_put(const char *where, str account, str user, str secret,
                           struct arena *arena, str *ret_reference)
{
    TRY(check_place(where));
    ASSERT(secret.len > 0);
    return keep(where, account, user, secret, arena, ret_reference);
}

err cli_account_secret_plan(const char *where, str account, str user, struct arena *arena,
                            str *ret_reference)
{
    TRY(check_place(where));
    return keep(where, account, user, (str){0}, arena, ret_reference);
}

err cli_account_secret_keep(const char *where, str account, str user, struct arena *arena,
                            str *ret_reference)
{
    struct buf secret;
    TRY(check_place(where));
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = cli_read_password("Password (not shown)", &secret);
    if (e == NULL && secret.len == 0)
        e = err_new(ERR_CONFIG, "it is empty");
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
    if (file_of(account, path, false) == NULL && str_eq(reference, str_of(path)) &&
        file_exists(path) && file_remove(path) == NULL)
        return;
    err_forget();
}
