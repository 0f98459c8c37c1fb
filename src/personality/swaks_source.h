/* personality/swaks_source.h -- where options come from: a file, the environment, the command line
 *
 * In this order, and each may override what came before. The file is the first .swaksrc in
 * $SWAKS_HOME, $HOME and $LOGDIR, or that of --config; --config without a value reads none.
 */
#pragma once
#include "personality/swaks_option.h"

enum { SWAKS_RC_BYTES_MAX = 1 << 20 };

/* The lines of a file: one option each, dashes or none, and behind its first blank the value as it
 * stands; '#' begins a comment in the first column. Errs as personality_swaks_option_take(). */
must_use err personality_swaks_source_lines(struct swaks_settings *, str text, const char *name);

/* All of it; environment is like environ. Secrets on the command line and in SWAKS_OPT_ variables
 * are overwritten where they stood, so that nobody reads them in the list of processes. */
must_use err personality_swaks_source_read(struct swaks_settings *, int argc, char **argv,
                                           char **environment);
