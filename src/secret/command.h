/* secret/command.h -- a secret that a program prints: "command:pass show relay"
 *
 * No shell: the text is cut at blanks into words; '…' and "…" hold blanks together, and nothing
 * else has a meaning. Only the keeper may start programs.
 */
#pragma once
#include "secret/secret.h"

enum {
    SECRET_COMMAND_WORDS_MAX = 64,
    SECRET_COMMAND_BYTES_MAX = 4096,
    SECRET_COMMAND_MS_MAX = 10000,
};

/* ERR_CONFIG: an open quote, no word, too many. The words are NUL-terminated and live in chars. */
must_use err secret_command_split(str text, char chars[SECRET_COMMAND_BYTES_MAX],
                                  char *ret_words[SECRET_COMMAND_WORDS_MAX + 1]);

/* Run the command (without "command:") and take what it prints, at most SECRET_BYTES_MAX,
 * without one trailing line end. Blocks for at most timeout_ms; then it and its children are
 * killed. ERR_CONFIG: it could not be started, failed, or printed nothing. */
must_use err secret_command_run(str text, int64_t timeout_ms, struct buf *ret_secret);

/* Whatever the reference is: such a command, for at most SECRET_COMMAND_MS_MAX, or what
 * secret_read() knows, whose errs it has too. */
must_use err secret_command_or_read(str reference, struct buf *ret_secret);
