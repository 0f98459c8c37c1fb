#include "base/err.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RING_ERRS_MAX = 16,
    ERR_TEXT_BYTES_MAX = 240,
};

struct err_ring {
    int used;
    struct err_info info[RING_ERRS_MAX];
    char text[RING_ERRS_MAX][ERR_TEXT_BYTES_MAX];
};

static _Thread_local struct err_ring *current;

static const struct err_info *lost(enum err_kind kind)
{
    static const struct err_info table[] = {
        [ERR_SYSTEM] = {.kind = ERR_SYSTEM, .number = ENOMEM},
        [ERR_TIMEOUT] = {.kind = ERR_TIMEOUT                 },
        [ERR_CANCELED] = {.kind = ERR_CANCELED},
        [ERR_CLOSED] = {.kind = ERR_CLOSED                 },
        [ERR_PROTOCOL] = {.kind = ERR_PROTOCOL},
        [ERR_LIMIT] = {.kind = ERR_LIMIT                 },
        [ERR_CONFIG] = {.kind = ERR_CONFIG},
        [ERR_TLS] = {.kind = ERR_TLS                 },
        [ERR_DAMAGED] = {.kind = ERR_DAMAGED},
    };
    return &table[kind];
}

err err_make(enum err_kind kind, err cause, const char *file, int line, const char *fmt, ...)
{
    int number = kind == ERR_SYSTEM ? (cause ? cause->number : errno) : 0;
    if (current == NULL && (current = malloc(sizeof *current)) != NULL)
        current->used = 0;
    if (current == NULL || current->used == RING_ERRS_MAX)
        return lost(kind);
    int i = current->used++;
    char *text = current->text[i];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, ERR_TEXT_BYTES_MAX, fmt, args);
    va_end(args);
    size_t text_len = len < 0 ? 0 : (size_t)len;
    if (text_len >= ERR_TEXT_BYTES_MAX)
        text_len = ERR_TEXT_BYTES_MAX - 1;
    current->info[i] = (struct err_info){
        kind, number, file, line, cause, {text, text_len}
    };
    return &current->info[i];
}

void err_forget(void)
{
    free(current);
    current = NULL;
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

/* Returns how many bytes the whole takes, and the err that was first. */
static size_t join_texts(err e, char *ret_text, size_t size, err *ret_root)
{
    size_t used = 0;
    ret_text[0] = '\0';
    *ret_root = e;
    for (err at = e; at != NULL && used < size; at = at->cause) {
        const char *join = at == e ? "" : ": ";
        str text = at->text.len ? at->text : S("too many errors at once");
        int n = snprintf(ret_text + used, size - used, "%s%.*s", join, STR_ARG(text));
        used += n < 0 ? 0 : (size_t)n;
        *ret_root = at;
    }
    return used;
}

void err_words(err e, char *ret_text, size_t size)
{
    err root;
    join_texts(e, ret_text, size, &root);
}

static size_t join_reason(err e, char *ret_text, size_t size, err *ret_root)
{
    size_t used = join_texts(e, ret_text, size, ret_root);
    err root = *ret_root;
    char reason[64];
    if (root == NULL || root->kind != ERR_SYSTEM || root->number == 0 || used >= size)
        return used;
    int n = snprintf(ret_text + used, size - used, ": %s",
                     strerror_r(root->number, reason, sizeof reason));
    return used + (n < 0 ? 0 : (size_t)n);
}

void err_reason(err e, char *ret_text, size_t size)
{
    err root;
    join_reason(e, ret_text, size, &root);
}

void err_describe(err e, char *ret_text, size_t size)
{
    err root;
    size_t used = join_reason(e, ret_text, size, &root);
    if (root && root->file && used < size)
        snprintf(ret_text + used, size - used, " [%s:%d]", base_name(root->file), root->line);
}

int err_number(err e)
{
    while (e && e->cause)
        e = e->cause;
    return e ? e->number : 0;
}

struct err_ring *err_ring_swap(struct err_ring *ring)
{
    struct err_ring *before = current;
    current = ring;
    return before;
}

void err_ring_release(struct err_ring *ring) { free(ring); }
