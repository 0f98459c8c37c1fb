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

/* A program by its words; no text is cut or joined on the way to it. */
struct secret_command {
    char *const *words; /* ends with NULL; words[0] is looked for in $PATH */
    str input;          /* what it reads */
    bool quiet;         /* it need not print anything */
    const str *hidden;  /* variables that it does not see: other secrets, by "env:" */
    size_t hidden_count;
};

/* Run it and take what it prints, at most SECRET_BYTES_MAX, without one trailing line end, into an
 * empty buf. Blocks for at most timeout_ms; then it and its children are killed. ERR_CONFIG: it
 * failed or printed nothing. ERR_SYSTEM: it could not be started. ERR_TIMEOUT, ERR_LIMIT. */
must_use err secret_command_start(const struct secret_command *, int64_t timeout_ms,
                                  struct buf *ret_secret);

/* The same for the text of a reference, without "command:". */
must_use err secret_command_run(str text, const str *hidden, size_t hidden_count,
                                int64_t timeout_ms, struct buf *ret_secret);
