/* cli/completion.h -- what a shell needs to complete our command lines
 *
 * Made of the tables that parse them: each subcommand is run with cli.listing set, so that
 * cli_parse() tells its options instead of taking any. The results stand in packaging/completions.
 */
#pragma once
#include "cli/cli.h"

enum { CLI_COMPLETION_BYTES_MAX = 256 << 10 };

/* The script for "bash", "zsh" or "fish". ERR_CONFIG: for another shell. */
must_use err cli_completion_write(str shell, struct buf *out);
