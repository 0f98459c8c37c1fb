/* cli/user_folder.h -- where a user's own files lie (XDG base directories)
 *
 *     $XDG_CONFIG_HOME/smtptool  or ~/.config/smtptool        what he wants: his accounts
 *     $XDG_CACHE_HOME/smtptool   or ~/.cache/smtptool         may be lost
 *     $XDG_STATE_HOME/smtptool   or ~/.local/state/smtptool   what we remember of him
 */
#pragma once
#include "base/err.h"

enum { CLI_USER_FOLDER_CHARS = 1024 };

enum cli_user_folder { CLI_USER_FOLDER_CACHE, CLI_USER_FOLDER_STATE, CLI_USER_FOLDER_CONFIG };

/* The path of a file there; nothing is made. ERR_CONFIG as below. */
must_use err cli_user_folder_path(enum cli_user_folder, const char *name,
                                  char ret_path[CLI_USER_FOLDER_CHARS]);
/* The path of a file there; the folders above it are made, mode 0700. ERR_CONFIG: there is no home,
 * or the path is too long. */
must_use err cli_user_folder_file(enum cli_user_folder, const char *name,
                                  char ret_path[CLI_USER_FOLDER_CHARS]);
