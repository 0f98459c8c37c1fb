/* personality/swaks_value.h -- what the value of an option is: as given, asked for, or from a file
 */
#pragma once
#include "base/buf.h"
#include "personality/swaks_option.h"

struct swaks_values {
    const struct swaks_settings *settings;
    struct arena *arena;
    bool stdin_read;
    str stdin_text;    /* several options may name it, and get the same */
    size_t bytes_read; /* from files, bounded by SWAKS_FILE_BYTES_MAX */
    /* Told once for each value that was taken for a file without being marked as one. */
    void (*deprecated)(void *arg, str option);
    void *arg;
};

/* The value of a setting; NULL: not given, and *ret_value is untouched. ERR_CONFIG: nothing to
 * ask with, the input ended, a file that cannot be read. */
must_use err personality_swaks_value_of(struct swaks_values *, const struct swaks_setting *,
                                        str *ret_value);
/* The same for the last setting of this key. */
must_use err personality_swaks_value_get(struct swaks_values *, enum swaks_key, str *ret_value);

/* Ask on the terminal until there is an answer; a secret is not shown. ERR_CONFIG: no input. */
must_use err personality_swaks_value_ask(struct swaks_values *, const char *prompt, bool secret,
                                         bool may_be_empty, str *ret_answer);
