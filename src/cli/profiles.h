/* cli/profiles.h -- a user's own accounts: accounts.yaml in $XDG_CONFIG_HOME/smtptool
 *
 * The file has the form of a configuration (accounts:, default_account:, dns:, secrets:), so that
 * an account can be moved from one to the other. We change single entries and leave all other
 * lines, comments too, as they are; a file that cannot be changed so stays as it is.
 */
#pragma once
#include "cli/cli.h"

enum { CLI_PROFILES_NAME_BYTES_MAX = 64 };

/* Presets are those of the configuration unless the file has a share: of its own. One that is not
 * there has no accounts. What is wrong in it is told: ERR_CONFIG. To be given to
 * config_close(). Blocks. */
must_use err cli_profiles_read(const struct config *, struct config **ret_own);

/* Of the configuration (may be NULL), else of the user's own. An empty name: the default account of
 * the user, else of the configuration; else the only one the user has. NULL: there is none. */
const struct config_account *cli_profiles_find(const struct config *, const struct config *own,
                                               str name);
/* Which one that is without a name; empty: none. */
str cli_profiles_default(const struct config *, const struct config *own);

bool cli_profiles_is_name(str); /* lower-case letters, digits, '.', '_' and '-' */

/* The text of the file with an entry more, one less, another default. keys: lines of four blanks,
 * "key: value". Pure. ERR_CONFIG: no such entry, or not written as we write it. */
must_use err cli_profiles_text_add(str text, str name, str keys, struct buf *out);
must_use err cli_profiles_text_remove(str text, str name, struct buf *out);
/* One such line, with the value in quotes; an empty value adds none. ERR_CONFIG: it has a control
 * character. */
must_use err cli_profiles_text_key(struct buf *out, const char *key, str value);
must_use err cli_profiles_text_list(struct buf *out, const char *key, str value); /* of one */
must_use err cli_profiles_text_default(str text, str name, struct buf *out);

/* The same of the file, which is written as a whole, mode 0600, when the new text is right. One
 * writer at a time: others wait their turn for a moment, then ERR_LIMIT. Blocks. */
must_use err cli_profiles_add(const struct config *, str name, str keys, bool make_default);
must_use err cli_profiles_remove(const struct config *, str name);
must_use err cli_profiles_set_default(const struct config *, str name); /* empty: none */
