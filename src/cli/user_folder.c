#include "cli/user_folder.h"
#include "runtime/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *variable, *below_home;
} folders[] = {
    [CLI_USER_FOLDER_CACHE] = {"XDG_CACHE_HOME",  ".cache"      },
    [CLI_USER_FOLDER_STATE] = {"XDG_STATE_HOME",  ".local/state"},
    [CLI_USER_FOLDER_CONFIG] = {"XDG_CONFIG_HOME", ".config"     },
};

static err make_above(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        err e = file_exists(path) ? NULL : folder_make(path);
        *at = '/';
        TRY(e);
    }
    return NULL;
}

err cli_user_folder_path(enum cli_user_folder which, const char *name,
                         char ret_path[CLI_USER_FOLDER_CHARS])
{
    char path[CLI_USER_FOLDER_CHARS];
    const char *base = getenv(folders[which].variable), *home = getenv("HOME");
    int n;
    if (base && base[0] == '/')
        n = snprintf(path, sizeof path, "%s/smtptool/%s", base, name);
    else if (home && home[0] == '/')
        n = snprintf(path, sizeof path, "%s/%s/smtptool/%s", home, folders[which].below_home, name);
    else
        return err_new(ERR_CONFIG, "neither HOME nor %s says where to keep %s",
                       folders[which].variable, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_new(ERR_CONFIG, "the path of %s is too long", name);
    memcpy(ret_path, path, sizeof path);
    return NULL;
}

err cli_user_folder_file(enum cli_user_folder which, const char *name,
                         char ret_path[CLI_USER_FOLDER_CHARS])
{
    char path[CLI_USER_FOLDER_CHARS];
    TRY(cli_user_folder_path(which, name, path));
    TRY(make_above(path));
    memcpy(ret_path, path, sizeof path);
    return NULL;
}
