/* config/errors.h -- all that is wrong with a configuration, told at once
 *
 * One line each: "file:line:col: key.path: what is wrong and what to do (did you mean "x"?)".
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    CONFIG_ERRORS_MAX = 100, /* what is above is counted, not told */
    CONFIG_ERRORS_KEY_BYTES_MAX = 400,
};

struct config_error {
    str file;
    int line, col; /* from 1; 0: the file as a whole */
    str key;       /* "limits.message", or empty */
    str message;
    str suggestion; /* the known word nearest to the wrong one, or empty */
};

struct config_errors {
    struct arena *arena;
    struct config_error *list; /* by file, line and column once a load is over */
    size_t count;
    size_t left_out;
};

void config_errors_init(struct config_errors *);
void config_errors_release(struct config_errors *);

/* Texts are copied. */
void config_errors_add(struct config_errors *, const struct config_error *);
void config_errors_sort(struct config_errors *);
must_use err config_errors_print(const struct config_errors *, struct buf *out);
