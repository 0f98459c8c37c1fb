#include "template/source.h"
#include <stdarg.h>
#include <stdio.h>

enum { WHAT_BYTES_MAX = 400, NAME_BYTES_MAX = 200 };

static void find_place(const struct template_source *s, const char *at, int *ret_line, int *ret_col)
{
    *ret_line = *ret_col = 1;
    for (const char *p = s->text.ptr; p && p < at && p < s->text.ptr + s->text.len; p++) {
        *ret_col = *p == '\n' ? 1 : *ret_col + 1;
        *ret_line += *p == '\n';
    }
}

err template_source_fail(const struct template_source *s, const char *at, str near, const char *fmt,
                         ...)
{
    char what[WHAT_BYTES_MAX];
    int line, col;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    find_place(s, at, &line, &col);
    str name = str_slice(s->name, 0, NAME_BYTES_MAX);
    if (near.len == 0)
        return err_new(ERR_CONFIG, "%.*s:%d:%d: %s", STR_ARG(name), line, col, what);
    return err_new(ERR_CONFIG, "%.*s:%d:%d: %s (did you mean \"%.*s\"?)", STR_ARG(name), line, col,
                   what, STR_ARG(near));
}
