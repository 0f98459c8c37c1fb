#include "config/errors.h"
#include <assert.h>
#include <stdlib.h>

enum { MESSAGE_BYTES_MAX = 1000, ARENA_BYTES_MAX = 2 << 20 };

static_assert(CONFIG_ERRORS_MAX * (4096 + 2 * CONFIG_ERRORS_KEY_BYTES_MAX + MESSAGE_BYTES_MAX +
                                   sizeof(struct config_error) + 64) <
                  ARENA_BYTES_MAX,
              "all errors fit their arena");

void config_errors_init(struct config_errors *errors)
{
    *errors = (struct config_errors){.arena = arena_open(ARENA_BYTES_MAX)};
    errors->list = ARENA_ARRAY(errors->arena, struct config_error, CONFIG_ERRORS_MAX);
}

void config_errors_release(struct config_errors *errors)
{
    arena_close(errors->arena);
    *errors = (struct config_errors){0};
}

void config_errors_add(struct config_errors *errors, const struct config_error *error)
{
    if (errors->count == CONFIG_ERRORS_MAX) {
        errors->left_out++;
        return;
    }
    struct arena *arena = errors->arena;
    errors->list[errors->count++] = (struct config_error){
        .file = arena_str(arena, str_slice(error->file, 0, 4096)),
        .line = error->line,
        .col = error->col,
        .key = arena_str(arena, str_slice(error->key, 0, CONFIG_ERRORS_KEY_BYTES_MAX)),
        .message = arena_str(arena, str_slice(error->message, 0, MESSAGE_BYTES_MAX)),
        .suggestion = arena_str(arena, str_slice(error->suggestion, 0, 64)),
    };
}

static int compare(const void *left, const void *right)
{
    const struct config_error *a = left, *b = right;
    int by_file = str_compare(a->file, b->file);
    if (by_file)
        return by_file;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->col != b->col)
        return a->col < b->col ? -1 : 1;
    int by_key = str_compare(a->key, b->key);
    return by_key ? by_key : str_compare(a->message, b->message);
}

void config_errors_sort(struct config_errors *errors)
{
    qsort(errors->list, errors->count, sizeof errors->list[0], compare);
}

/* Texts come from files: what a terminal would obey is shown as a question mark. */
static err add_clean(struct buf *out, str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        TRY(buf_add_char(out, c < 0x20 || c == 0x7f ? '?' : s.ptr[i]));
    }
    return NULL;
}

static err print_one(const struct config_error *error, struct buf *out)
{
    TRY(add_clean(out, error->file));
    if (error->line)
        TRY(buf_addf(out, ":%d:%d", error->line, error->col));
    TRY(buf_add(out, S(": ")));
    TRY(add_clean(out, error->key));
    if (error->key.len)
        TRY(buf_add(out, S(": ")));
    TRY(add_clean(out, error->message));
    if (error->suggestion.len)
        TRY(buf_addf(out, " (did you mean \"%.*s\"?)", STR_ARG(error->suggestion)));
    return buf_add_char(out, '\n');
}

err config_errors_print(const struct config_errors *errors, struct buf *out)
{
    for (size_t i = 0; i < errors->count; i++)
        TRY(print_one(&errors->list[i], out));
    if (errors->left_out)
        TRY(buf_addf(out, "and %zu more\n", errors->left_out));
    return NULL;
}
