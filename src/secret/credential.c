#include "secret/credential.h"
#include "secret/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_name(str name)
{
    return name.len > 0 && name.ptr[0] != '.' && str_find(name, '/') == STR_NONE;
}

/* False: there is no such folder, or the two do not fit. */
static bool path_of(str name, char ret_path[SECRET_PATH_BYTES_MAX])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || folder[0] != '/')
        return false;
    int n = snprintf(ret_path, SECRET_PATH_BYTES_MAX, "%s/%.*s", folder, STR_ARG(name));
    return n > 0 && n < SECRET_PATH_BYTES_MAX;
}

err secret_credential_read(str name, struct buf *ret_secret)
{
    char path[SECRET_PATH_BYTES_MAX];
    if (!is_name(name))
        return err_new(ERR_CONFIG, "a credential's name has no \"/\" and begins with no dot");
    if (!path_of(name, path))
        return err_new(ERR_CONFIG,
                       "credential:%.*s: there is no $CREDENTIALS_DIRECTORY: systemd sets it for a "
                       "service with LoadCredential=",
                       STR_ARG(name));
    if (access(path, F_OK) != 0)
        return err_new(ERR_CONFIG, "systemd gave this service no credential %.*s", STR_ARG(name));
    return secret_file_read(str_of(path), SECRET_FILE_NOT_OTHERS, ret_secret);
}

bool secret_credential_there(str name)
{
    char path[SECRET_PATH_BYTES_MAX];
    return is_name(name) && path_of(name, path) && access(path, F_OK) == 0;
}
