#include "message/markdown.h"
#include <dlfcn.h>
#include <pthread.h>

/* From md4c.h and md4c-html.h (0.4, whose numbers do not change). */
enum { GITHUB_DIALECT = 0x0004 | 0x0008 | 0x0400 | 0x0100 | 0x0200 | 0x0800 };
typedef int md_html(const char *input, unsigned size,
                    void (*output)(const char *, unsigned, void *), void *arg, unsigned parser,
                    unsigned renderer);

static md_html *render;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void)
{
    void *library = dlopen("libmd4c-html.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library)
        *(void **)&render = dlsym(library, "md_html");
}

struct output {
    struct buf *to;
    err e;
};

static void take(const char *text, unsigned size, void *arg)
{
    struct output *o = arg;
    if (o->e == NULL)
        o->e = buf_add(o->to, (str){text, size});
}

err message_markdown_add(str markdown, struct buf *out_html)
{
    struct output o = {.to = out_html};
    pthread_once(&once, open_library);
    if (render == NULL)
        return err_new(ERR_CONFIG, "Markdown needs the library libmd4c-html.so.0 (Debian: "
                                   "libmd4c-html0)");
    if (markdown.len > MESSAGE_MARKDOWN_BYTES_MAX)
        return err_new(ERR_LIMIT, "Markdown of more than %d bytes", MESSAGE_MARKDOWN_BYTES_MAX);
    if (!str_is_utf8(markdown))
        return err_new(ERR_CONFIG, "the Markdown is not UTF-8");
    TRY(buf_add(out_html,
                S("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n")));
    int failed = render(markdown.len ? markdown.ptr : "", (unsigned)markdown.len, take, &o,
                        GITHUB_DIALECT, 0);
    TRY(o.e);
    if (failed)
        return err_new(ERR_LIMIT, "the Markdown library gave up");
    return buf_add(out_html, S("</body></html>\n"));
}
