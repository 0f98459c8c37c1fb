/* config/share.h -- what ships as data: share/NAME.yaml of the source, embedded into the program
 *
 * Figures of other people's services change faster than programs do, so an operator's own file of
 * the same name is read over ours. Its top-level values win one by one: in a map an entry takes
 * the place of ours with the same name and a new one is added; in a list theirs come before ours
 * (so that in a table whose first match counts they win); any other value replaces ours.
 */
#pragma once
#include "config/yaml.h"

enum { CONFIG_SHARE_NAME_BYTES_MAX = 64 };

struct config_share_file {
    const char *name; /* without ".yaml" */
    const char *text;
};

extern const struct config_share_file config_share_files[]; /* ends with a NULL name */

/* The text that ships; empty: there is none of that name. */
str config_share(str name);

/* The tree of what ships under that name, with FOLDER/NAME.yaml read over it when there is one. An
 * empty folder: only what ships. The tree lives in the arena. Blocks to read the file.
 * False: that file cannot be used, and the errors tell why. The name must be one that ships. */
bool config_share_read(str name, str folder, struct arena *, struct config_errors *,
                       struct config_yaml_node **ret_root);
