/* personality/personality.h -- other programs that this one can be
 *
 * By the name it is called by (a link named swaks), or by a subcommand of that name. A personality
 * has its own options and exit codes and none of ours: not even -h or -q mean what they mean
 * elsewhere. One more is one row in the table.
 */
#pragma once
#include "base/str.h"

struct personality_option { /* for shells */
    const char *name;
    char letter; /* 0: none */
    bool takes_value;
};

struct personality {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the name */
    const char *summary;               /* one line */
    const char *help;                  /* usage, options, examples */
    /* Its options in order; false behind the last. */
    bool (*option_at)(size_t index, struct personality_option *ret_option);
};

/* name: with or without folders before it. NULL: it is none of them. */
const struct personality *personality_find(str name);
const struct personality *personality_at(size_t index); /* NULL behind the last */
