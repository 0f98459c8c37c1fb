/* interchange/secret.h -- where a secret is, in our words and in those of other programs
 *
 * Other programs take secrets from a command's output, from a variable or from a file of their own.
 * Nothing here reads a secret or runs anything.
 */
#pragma once
#include "base/arena.h"

/* What prints the secret that a reference names, for a shell: "file:/x" becomes "cat /x". Empty for
 * "env:NAME" and no reference at all. ERR_CONFIG: nobody could say it. */
must_use err interchange_secret_command(str reference, struct arena *, str *ret_command);

/* The variable that a program takes it from: the name in "env:NAME", else the other. */
str interchange_secret_variable(str reference, const char *other);

/* A reference for a command line that another program hands to a shell: "command:pass show x", or
 * "command:/bin/sh -c '…'" when it has what only a shell understands. */
must_use err interchange_secret_of_shell(str line, struct arena *, str *ret_reference);
