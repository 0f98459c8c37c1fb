/* personality/swaks_netrc.h -- a login out of ~/.netrc
 *
 * The file counts only when it is ours and nobody else may read it.
 */
#pragma once
#include "base/arena.h"

/* Fill in what is empty from the entry for this machine (and for *user, when that is named), else
 * from "default". Nothing found: both stay as they are. */
void personality_swaks_netrc_find(str machine, struct arena *, str *user, str *password);
/* The same in the text of such a file. */
void personality_swaks_netrc_search(str text, str machine, struct arena *, str *user,
                                    str *password);
