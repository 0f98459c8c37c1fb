/* template/template.h -- texts with fields in them, compiled once and rendered for many rows
 *
 *     Hello {{first_name | default: "there"}},
 *     {{#if plan = pro}}...{{else if plan = team}}...{{else}}...{{/if}}
 *     {{#each orders as order}}{{order.title}}{{/each}}   {{! a comment }}   {{> footer}}
 *
 * What a template is for decides how its values are escaped, so that no row can add a header, an
 * address or markup. {{{raw}}} stands in the text of HTML only, and only where it is allowed.
 * docs/template.md is the language's reference. Nothing here recurses or waits; a rendering takes
 * no memory but that of the scope's arena and of the buf.
 */
#pragma once
#include "template/run.h"

enum template_context {
    TEMPLATE_PLAIN,
    TEMPLATE_HTML,
    TEMPLATE_HEADER,    /* the value of a field */
    TEMPLATE_ADDRESSES, /* the value of From, Reply-To ... */
    TEMPLATE_URL,       /* one URL: attack 52 */
};

enum {
    TEMPLATE_STEPS_MAX = 20000,
    TEMPLATE_BLOCKS_MAX = 16,          /* one in the other */
    TEMPLATE_PARTIALS_DEPTH_MAX = 8,   /* one in the other: more is one in itself */
    TEMPLATE_PARTIALS_MAX = 500,       /* in all */
    TEMPLATE_PARTIAL_NAME_BYTES = 100, /* letters, digits, "-_." and "/" between them */
    TEMPLATE_RENDER_STEPS_MAX = 1000000,
    TEMPLATE_RENDER_BYTES_MAX = 64 << 20, /* of the scope's arena, before another step */
    TEMPLATE_RENDER_ARENA_BYTES_MAX = 2 * TEMPLATE_RENDER_BYTES_MAX, /* what it should hold */
    TEMPLATE_COMPILED_BYTES_MAX = 32 << 20,
    TEMPLATE_ARENA_BYTES_MAX =
        TEMPLATE_COMPILED_BYTES_MAX + (4 << 20), /* an arena must have left */
};

struct template;

struct template_options {
    enum template_context context;
    struct template_source source;
    struct template_names *names;
    bool allow_raw;
    /* The text of a partial; NULL: there are none. ERR_CONFIG: there is none of that name. */
    err (*partial)(void *arg, str name, struct arena *, struct template_source *ret_source);
    void *partial_arg;
};

/* Everything is copied into the arena. ERR_CONFIG: "file:line:col: what is wrong". */
must_use err template_compile(const struct template_options *, struct arena *,
                              const struct template **ret_template);

/* Append what the template makes of the scope's row; the scope's loops are its own business.
 * ERR_PROTOCOL: a value that may not stand where it would: the err names its field. ERR_LIMIT: too
 * long. Then nothing was added. */
must_use err template_render(const struct template *, struct template_scope *, struct buf *out);
