#include "cli/send_template.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "template/template.h"

enum {
    VARS_MAX = TEMPLATE_NAMES_MAX,
    WORK_BYTES = 3 * (TEMPLATE_ARENA_BYTES_MAX + TEMPLATE_RENDER_ARENA_BYTES_MAX) + (16 << 20),
    RENDERED_BYTES_MAX = 16 << 20,
};

struct work {
    struct arena *arena; /* for compiling and rendering */
    struct arena *results;
    struct template_names *names;
    struct template_scope scope;
};

/* ---- variables -------------------------------------------------------------------------- */

static err read_vars(struct work *w, const struct cli_send_message_list *vars)
{
    struct template_value *slots = ARENA_ARRAY(w->arena, struct template_value, VARS_MAX);
    for (size_t i = 0; i < vars->count; i++) {
        str name, value, text = str_of(vars->items[i]);
        size_t slot;
        str_split(text, '=', &name, &value);
        if (name.len == 0 || name.len == text.len)
            return err_new(ERR_CONFIG, "--var: \"%.*s\" is not NAME=VALUE",
                           STR_ARG(str_slice(text, 0, 100)));
        if (!str_is_utf8(text))
            return err_new(ERR_CONFIG, "--var: is not UTF-8");
        err e = template_names_add(w->names, name, &slot);
        if (e)
            return err_wrap(e, "--var");
        slots[slot] = template_value_of_text(value);
    }
    w->names->closed = true; /* a field that was misspelt is told with its place */
    w->scope = (struct template_scope){.slots = slots,
                                       .slot_count = w->names->count,
                                       .now_ms = clock_real_ms(),
                                       .arena = w->arena};
    return NULL;
}

/* ---- templates -------------------------------------------------------------------------- */

static err render(struct work *w, str name, str text, enum template_context context, str *ret_text)
{
    CLEANUP(buf_release) struct buf out;
    struct template_options options = {
        .context = context, .source = {name, text},
             .names = w->names
    };
    const struct template *compiled;
    buf_init(&out, RENDERED_BYTES_MAX);
    TRY(template_compile(&options, w->arena, &compiled));
    err e = template_render(compiled, &w->scope, &out);
    if (e) /* a value that may not stand there is the user's to mend */
        return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "%.*s",
                        STR_ARG(str_slice(name, 0, 100)));
    *ret_text = arena_str(w->results, buf_str(&out));
    return NULL;
}

static err render_file(struct work *w, const char *path, struct cli_send_message_args *args)
{
    CLEANUP(buf_release) struct buf text;
    str name = str_of(path);
    bool html = str_ends_nocase(name, S(".html")) || str_ends_nocase(name, S(".htm"));
    str *place = html ? &args->ready_html : &args->ready_text;
    buf_init(&text, TEMPLATE_SOURCE_BYTES_MAX);
    err e = cli_read_file(path, &text);
    if (e)
        return err_wrap(e, "--template %s", path);
    if (place->ptr)
        return err_new(ERR_CONFIG, "--template: one for the text and one (.html) for the HTML");
    return render(w, name, buf_str(&text), html ? TEMPLATE_HTML : TEMPLATE_PLAIN, place);
}

static err render_all(struct work *w, const struct cli_send_template *t,
                      struct cli_send_message_args *args)
{
    str subject;
    TRY(read_vars(w, &t->vars));
    for (size_t i = 0; i < t->files.count; i++)
        TRY(render_file(w, t->files.items[i], args));
    if (args->subject == NULL)
        return NULL;
    TRY(render(w, S("--subject"), str_of(args->subject), TEMPLATE_HEADER, &subject));
    args->subject = arena_chars(w->results, subject);
    return NULL;
}

err cli_send_template_render(const struct cli_send_template *t, struct arena *arena,
                             struct cli_send_message_args *args)
{
    if (t->files.count == 0 && t->vars.count > 0)
        return err_new(ERR_CONFIG, "--var: goes with --template");
    if (t->files.count == 0)
        return NULL;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(WORK_BYTES);
    struct work w = {.arena = scratch, .results = arena, .names = template_names_open(scratch)};
    err e = render_all(&w, t, args);
    template_names_close(w.names);
    return e;
}
