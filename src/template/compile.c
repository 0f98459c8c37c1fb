#include "config/suggest.h"
#include "template/html.h"
#include "template/steps.h"
#include <string.h>

enum { NOTHING = -1 };

/* What the template's own text has come to at a place: how a value there is escaped. */
struct place {
    struct template_html html;
    bool quoted, angle; /* in a list of addresses */
};

struct block {
    enum { BLOCK_IF, BLOCK_EACH } kind;
    const char *at;
    int depth; /* of the partial that it stands in */
    bool has_else;
    size_t begin;    /* of a loop: its STEP_EACH */
    long condition;  /* the STEP_UNLESS or STEP_EACH whose target is not known yet */
    long exits;      /* the last STEP_GO to the end; the one before is its target */
    bool ended_once; /* end is that of the branches so far */
    struct place start, end;
};

struct open_source {
    struct template_source source;
    str rest;
};

struct compiler {
    const struct template_options *options;
    struct arena *arena, *scratch;
    size_t used_before; /* of the arena */
    struct template_step *steps;
    size_t count;
    struct block blocks[TEMPLATE_BLOCKS_MAX];
    int block_count;
    struct template_loops loops;
    struct open_source sources[TEMPLATE_PARTIALS_DEPTH_MAX];
    int depth;
    int partials;
    struct place place;
};

struct tag {
    const char *at; /* of its braces */
    str text;       /* between them, trimmed */
    bool raw, comment;
};

static struct open_source *top(struct compiler *c) { return &c->sources[c->depth]; }

#define FAIL(c, at, ...) template_source_fail(&top(c)->source, at, (str){0}, __VA_ARGS__)

static err add(struct compiler *c, const char *at, struct template_step step)
{
    if (c->count == TEMPLATE_STEPS_MAX)
        return FAIL(c, at, "the template is too long: more than %d steps", TEMPLATE_STEPS_MAX);
    if (arena_used(c->arena) - c->used_before > TEMPLATE_COMPILED_BYTES_MAX)
        return FAIL(c, at, "the template is too large with all its partials");
    c->steps[c->count++] = step;
    return NULL;
}

/* ---- text and values --------------------------------------------------------------------- */

static void feed_addresses(struct place *p, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (p->quoted && c == '\\')
            i++;
        else if (c == '"' && !p->angle)
            p->quoted = !p->quoted;
        else if (!p->quoted && (c == '<' || c == '>'))
            p->angle = c == '<';
    }
}

static err add_text(struct compiler *c, str text)
{
    if (text.len == 0)
        return NULL;
    if (c->options->context == TEMPLATE_HTML)
        template_html_feed(&c->place.html, text);
    if (c->options->context == TEMPLATE_ADDRESSES)
        feed_addresses(&c->place, text);
    return add(c, text.ptr, (struct template_step){.kind = STEP_TEXT, .text = text});
}

static err html_escape(struct compiler *c, const struct tag *tag, bool is_url,
                       enum template_escape *ret_escape)
{
    enum template_html_place place = template_html_place(&c->place.html);
    if (place == HTML_NOWHERE)
        return FAIL(c, tag->at, "a value cannot stand in %s: nothing makes it harmless there%s",
                    template_html_words(&c->place.html),
                    c->place.html.state == STATE_BARE || c->place.html.state == STATE_BEFORE
                        ? "; write it in quotes"
                        : "");
    if (tag->raw && place != HTML_TEXT)
        return FAIL(c, tag->at, "{{{raw}}} stands between tags only");
    *ret_escape = tag->raw                            ? ESCAPE_NONE
                  : place == HTML_URL                 ? ESCAPE_HTML_URL
                  : place == HTML_URL_PART && !is_url ? ESCAPE_URL_PART
                                                      : ESCAPE_HTML;
    return NULL;
}

/* Outside of <> a value is the name before them, or an address without a name. */
static enum template_escape address_escape(struct compiler *c)
{
    int braces = 0;
    if (c->place.quoted)
        return ESCAPE_QUOTED;
    if (c->place.angle)
        return ESCAPE_ADDRESS;
    str rest = top(c)->rest;
    for (size_t i = 0; i < rest.len; i++) {
        braces += rest.ptr[i] == '{';
        braces -= rest.ptr[i] == '}';
        if (braces == 0 && (rest.ptr[i] == '<' || rest.ptr[i] == ',' || rest.ptr[i] == ';'))
            return rest.ptr[i] == '<' ? ESCAPE_PHRASE : ESCAPE_ADDRESS;
    }
    return ESCAPE_ADDRESS;
}

static err choose_escape(struct compiler *c, const struct tag *tag, bool is_url,
                         enum template_escape *ret_escape)
{
    static const enum template_escape plain[] = {
        [TEMPLATE_PLAIN] = ESCAPE_NONE,
        [TEMPLATE_HEADER] = ESCAPE_HEADER,
    };
    enum template_context context = c->options->context;
    if (tag->raw && (context != TEMPLATE_HTML || !c->options->allow_raw))
        return FAIL(c, tag->at,
                    context == TEMPLATE_HTML
                        ? "{{{raw}}} must be allowed first: a row could add markup with it"
                        : "{{{raw}}} stands in HTML only");
    if (context == TEMPLATE_HTML)
        return html_escape(c, tag, is_url, ret_escape);
    if (context == TEMPLATE_ADDRESSES)
        *ret_escape = address_escape(c);
    else if (context == TEMPLATE_URL)
        *ret_escape = c->count == 0 ? ESCAPE_URL : is_url ? ESCAPE_HEADER : ESCAPE_URL_PART;
    else
        *ret_escape = plain[context];
    return NULL;
}

static err compile_expr(struct compiler *c, str text, struct template_expr *ret_expr)
{
    return template_expr_compile(&top(c)->source, text, c->options->names, &c->loops, c->arena,
                                 ret_expr);
}

static err print(struct compiler *c, const struct tag *tag)
{
    struct template_step step = {.kind = STEP_PRINT, .text = tag->text};
    TRY(compile_expr(c, tag->text, &step.expr));
    TRY(choose_escape(c, tag, step.expr.url, &step.escape));
    return add(c, tag->at, step);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool same_place(const struct compiler *c, const struct place *a, const struct place *b)
{
    if (c->options->context == TEMPLATE_HTML)
        return template_html_same(&a->html, &b->html);
    return a->quoted == b->quoted && a->angle == b->angle;
}

/* After either of two ways; a URL that may have begun has begun: then its value is encoded more. */
static struct place merged(const struct place *a, const struct place *b)
{
    struct place p = *a;
    p.html.value_begun = a->html.value_begun || b->html.value_begun;
    return p;
}

static err end_branch(struct compiler *c, struct block *b, const char *at)
{
    if (b->ended_once && !same_place(c, &b->end, &c->place))
        return FAIL(c, at, "this branch ends elsewhere in the %s than the one before",
                    c->options->context == TEMPLATE_HTML ? "HTML" : "address");
    b->end = b->ended_once ? merged(&b->end, &c->place) : c->place;
    b->ended_once = true;
    c->place = b->start;
    return NULL;
}

static err open_block(struct compiler *c, const struct tag *tag, int kind, struct block **ret_block)
{
    if (c->block_count == TEMPLATE_BLOCKS_MAX)
        return FAIL(c, tag->at, "more than %d blocks in one another", TEMPLATE_BLOCKS_MAX);
    struct block *b = &c->blocks[c->block_count++];
    *b = (struct block){.kind = kind,
                        .at = tag->at,
                        .depth = c->depth,
                        .condition = NOTHING,
                        .exits = NOTHING,
                        .start = c->place};
    *ret_block = b;
    return NULL;
}

static err condition(struct compiler *c, struct block *b, const char *at, str text)
{
    struct template_step step = {.kind = STEP_UNLESS};
    TRY(compile_expr(c, text, &step.expr));
    b->condition = (long)c->count;
    return add(c, at, step);
}

static err open_if(struct compiler *c, const struct tag *tag, str text)
{
    struct block *b = NULL;
    TRY(open_block(c, tag, BLOCK_IF, &b));
    return condition(c, b, tag->at, text);
}

static bool is_word(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.ptr[i]) && text.ptr[i] != '_')
            return false;
    return text.len > 0;
}

/* "list as item": the last two words. */
static str split_as(str *text)
{
    size_t blank = str_find_last(*text, ' ');
    if (blank == STR_NONE)
        return (str){0};
    str name = str_from(*text, blank + 1), head = str_trim(str_slice(*text, 0, blank));
    if (!is_word(name) || !str_ends_nocase(head, S(" as")))
        return (str){0};
    *text = str_trim(str_slice(head, 0, head.len - 2));
    return name;
}

static err open_each(struct compiler *c, const struct tag *tag, str text)
{
    struct template_step step = {.kind = STEP_EACH, .loop = c->loops.depth};
    struct block *b = NULL;
    if (c->loops.depth == TEMPLATE_EXPR_LOOPS_MAX)
        return FAIL(c, tag->at, "more than %d loops in one another", TEMPLATE_EXPR_LOOPS_MAX);
    str name = split_as(&text);
    TRY(compile_expr(c, text, &step.expr));
    TRY(open_block(c, tag, BLOCK_EACH, &b));
    c->loops.names[c->loops.depth++] = name;
    b->begin = c->count;
    b->condition = (long)c->count;
    return add(c, tag->at, step);
}

static err go_to_end(struct compiler *c, struct block *b, const char *at)
{
    struct template_step step = {.kind = STEP_GO, .target = (size_t)b->exits};
    b->exits = (long)c->count;
    return add(c, at, step);
}

static err loop_ends(struct compiler *c, struct block *b, const char *at)
{
    struct template_step step = {
        .kind = STEP_NEXT, .loop = c->loops.depth - 1, .target = b->begin + 1};
    c->loops.depth--;
    if (!same_place(c, &b->start, &c->place))
        return FAIL(c, at, "the loop ends elsewhere in the HTML than it begins");
    return add(c, at, step);
}

static err add_else(struct compiler *c, const struct tag *tag, str text)
{
    struct block *b = c->block_count ? &c->blocks[c->block_count - 1] : NULL;
    if (b == NULL || b->has_else || b->depth != c->depth)
        return FAIL(c, tag->at,
                    b && b->has_else ? "a second {{else}}"
                                     : "an {{else}} without its {{#if}} or {{#each}}");
    if (b->kind == BLOCK_EACH)
        TRY(loop_ends(c, b, tag->at));
    TRY(end_branch(c, b, tag->at));
    TRY(go_to_end(c, b, tag->at));
    c->steps[b->condition].target = c->count;
    b->condition = NOTHING;
    b->has_else = true;
    if (text.len == 0)
        return NULL;
    if (b->kind == BLOCK_EACH || !str_skip(&text, S("if ")))
        return FAIL(c, tag->at, "{{else}} or, in an {{#if}}, {{else if ...}}");
    b->has_else = false;
    return condition(c, b, tag->at, str_trim(text));
}

static err close_block(struct compiler *c, const struct tag *tag, str name)
{
    static const char *const names[] = {[BLOCK_IF] = "if", [BLOCK_EACH] = "each"};
    struct block *b = c->block_count ? &c->blocks[c->block_count - 1] : NULL;
    if (b == NULL || b->depth != c->depth)
        return FAIL(c, tag->at, "{{/%.*s}} closes nothing", STR_ARG(str_slice(name, 0, 20)));
    if (!str_eq(name, str_of(names[b->kind])))
        return FAIL(c, tag->at, "{{/%s}} is wanted here", names[b->kind]);
    if (b->kind == BLOCK_EACH && !b->has_else)
        TRY(loop_ends(c, b, tag->at));
    TRY(end_branch(c, b, tag->at));
    if (!b->has_else) /* nothing is the other branch */
        TRY(end_branch(c, b, tag->at));
    if (b->condition != NOTHING)
        c->steps[b->condition].target = c->count;
    for (long at = b->exits; at != NOTHING;) {
        long before = (long)c->steps[at].target;
        c->steps[at].target = c->count;
        at = before;
    }
    c->place = b->end;
    c->block_count--;
    return NULL;
}

/* ---- partials ---------------------------------------------------------------------------- */

static bool is_partial_name(str name)
{
    bool fine = name.len > 0 && name.len <= TEMPLATE_PARTIAL_NAME_BYTES &&
                char_is_alnum(name.ptr[0]) && !str_contains(name, S(".."));
    for (size_t i = 0; i < name.len; i++)
        fine = fine && (char_is_alnum(name.ptr[i]) || (name.ptr[i] && strchr("-_./", name.ptr[i])));
    return fine;
}

static err copy_source(struct compiler *c, const struct template_source *source)
{
    struct open_source *s = top(c);
    s->source = *source;
    if (source->text.len > TEMPLATE_SOURCE_BYTES_MAX)
        return FAIL(c, source->text.ptr, "a template of more than %d bytes",
                    TEMPLATE_SOURCE_BYTES_MAX);
    s->source.name = arena_str(c->arena, source->name);
    s->source.text = arena_str(c->arena, source->text);
    s->rest = s->source.text;
    return NULL;
}

static err open_partial(struct compiler *c, const struct tag *tag, str name)
{
    struct template_source source = {0};
    if (!is_partial_name(name))
        return FAIL(c, tag->at, "a partial's name is letters, digits, \"-_.\" and \"/\"");
    if (c->depth + 1 == TEMPLATE_PARTIALS_DEPTH_MAX)
        return FAIL(c, tag->at, "partials more than %d deep: is \"%.*s\" in itself?",
                    TEMPLATE_PARTIALS_DEPTH_MAX - 1, STR_ARG(name));
    if (c->options->partial == NULL || c->partials++ == TEMPLATE_PARTIALS_MAX)
        return FAIL(c, tag->at, c->options->partial ? "too many partials" : "no partials here");
    err e = c->options->partial(c->options->partial_arg, name, c->scratch, &source);
    if (e)
        return FAIL(c, tag->at, "partial \"%.*s\": %.*s", STR_ARG(name), STR_ARG(e->text));
    if (arena_used(c->arena) - c->used_before > TEMPLATE_COMPILED_BYTES_MAX)
        return FAIL(c, tag->at, "the template is too large with all its partials");
    c->depth++;
    return copy_source(c, &source);
}

/* ---- tags -------------------------------------------------------------------------------- */

static err unknown_block(struct compiler *c, const struct tag *tag, str word)
{
    struct config_suggest suggest;
    config_suggest_init(&suggest, word);
    config_suggest_offer(&suggest, S("if"));
    config_suggest_offer(&suggest, S("each"));
    return template_source_fail(&top(c)->source, tag->at, suggest.best, "there is no {{#%.*s}}",
                                STR_ARG(str_slice(word, 0, 20)));
}

static err run_tag(struct compiler *c, const struct tag *tag)
{
    str text = tag->text, word, rest;
    if (tag->comment)
        return NULL;
    if (text.len == 0)
        return FAIL(c, tag->at, "a field's name is missing in {{}}");
    str_split(text, ' ', &word, &rest);
    rest = str_trim(rest);
    if (tag->raw)
        return print(c, tag);
    if (str_eq(word, S("#if")))
        return open_if(c, tag, rest);
    if (str_eq(word, S("#each")))
        return open_each(c, tag, rest);
    if (str_eq(word, S("else")))
        return add_else(c, tag, rest);
    if (text.ptr[0] == '/')
        return close_block(c, tag, str_trim(str_from(text, 1)));
    if (text.ptr[0] == '>')
        return open_partial(c, tag, str_trim(str_from(text, 1)));
    return text.ptr[0] == '#' ? unknown_block(c, tag, str_from(word, 1)) : print(c, tag);
}

/* How long the tag is up to its closing braces, quotes respected; STR_NONE: it has no end. */
static size_t tag_length(str rest, str end)
{
    char quote = 0;
    for (size_t i = 0; i + end.len <= rest.len; i++) {
        char c = rest.ptr[i];
        if (quote == 0 && str_starts(str_from(rest, i), end))
            return i;
        if (quote && c == '\\')
            i++;
        else if (quote && c == quote)
            quote = 0;
        else if (quote == 0 && (c == '"' || c == '\''))
            quote = c;
    }
    return STR_NONE;
}

/* The tag in front of the rest, which begins with "{{"; the rest moves behind it. */
static err take_tag(struct compiler *c, struct tag *ret_tag)
{
    struct open_source *s = top(c);
    struct tag tag = {.at = s->rest.ptr};
    bool long_comment = str_starts(s->rest, S("{{!--"));
    tag.comment = str_starts(s->rest, S("{{!"));
    tag.raw = str_starts(s->rest, S("{{{"));
    str begin = long_comment ? S("{{!--") : tag.raw ? S("{{{") : S("{{");
    str end = long_comment ? S("--}}") : tag.raw ? S("}}}") : S("}}");
    str inside = str_from(s->rest, begin.len);
    size_t len = 0;
    if (!tag.comment)
        len = tag_length(inside, end);
    else
        while (len + end.len <= inside.len && !str_starts(str_from(inside, len), end))
            len++;
    if (len == STR_NONE || len + end.len > inside.len)
        return FAIL(c, tag.at, "%.*s without its %.*s", STR_ARG(begin), STR_ARG(end));
    tag.text = str_trim(str_slice(inside, 0, len));
    s->rest = str_from(inside, len + end.len);
    *ret_tag = tag;
    return NULL;
}

static size_t blanks_before(str text)
{
    size_t len = 0;
    while (len < text.len &&
           (text.ptr[text.len - 1 - len] == ' ' || text.ptr[text.len - 1 - len] == '\t'))
        len++;
    return len;
}

/* A block's tag, a comment or a partial alone on its line takes the line with it. */
static void cut_line(struct open_source *s, const struct tag *tag, str *text)
{
    bool block = tag->comment || (tag->text.len > 0 && strchr("#/>", tag->text.ptr[0])) ||
                 str_starts(tag->text, S("else"));
    size_t before = blanks_before(*text), after = 0;
    bool at_start = before == text->len ? tag->at - before == s->source.text.ptr ||
                                              tag->at[-1 - (long)before] == '\n'
                                        : text->ptr[text->len - 1 - before] == '\n';
    while (after < s->rest.len && (s->rest.ptr[after] == ' ' || s->rest.ptr[after] == '\t'))
        after++;
    str tail = str_from(s->rest, after);
    if (!block || tag->raw || !at_start ||
        (tail.len > 0 && !str_skip(&tail, S("\n")) && !str_skip(&tail, S("\r\n"))))
        return;
    *text = str_slice(*text, 0, text->len - before);
    s->rest = tail;
}

/* The text up to the next tag; an escaped "\{{" is text. */
static str take_text(struct open_source *s)
{
    size_t len = 0;
    while (len < s->rest.len && !str_starts(str_from(s->rest, len), S("{{")) &&
           !str_starts(str_from(s->rest, len), S("\\{{")))
        len++;
    str text = str_slice(s->rest, 0, len);
    s->rest = str_from(s->rest, len);
    return text;
}

static err step_source(struct compiler *c)
{
    struct open_source *s = top(c);
    struct tag tag;
    str text = take_text(s);
    if (s->rest.len == 0)
        return add_text(c, text);
    if (s->rest.ptr[0] == '\\') {
        TRY(add_text(c, text));
        text = str_slice(s->rest, 1, 2);
        s->rest = str_from(s->rest, 3);
        return add_text(c, text);
    }
    TRY(take_tag(c, &tag));
    if (c->options->context == TEMPLATE_PLAIN || c->options->context == TEMPLATE_HTML)
        cut_line(s, &tag, &text);
    TRY(add_text(c, text));
    return run_tag(c, &tag);
}

static err check_closed(struct compiler *c)
{
    static const char *const names[] = {[BLOCK_IF] = "if", [BLOCK_EACH] = "each"};
    const struct block *b = c->block_count ? &c->blocks[c->block_count - 1] : NULL;
    if (b && b->depth == c->depth)
        return FAIL(c, b->at, "this {{#%s}} has no {{/%s}}", names[b->kind], names[b->kind]);
    return NULL;
}

static err run(struct compiler *c)
{
    for (;;) {
        while (top(c)->rest.len > 0)
            TRY(step_source(c));
        TRY(check_closed(c));
        if (c->depth == 0)
            return NULL;
        c->depth--;
    }
}

err template_compile(const struct template_options *options, struct arena *arena,
                     const struct template **ret_template)
{
    CLEANUP(arena_cleanup)
    struct arena *scratch = arena_open(
        sizeof(struct compiler) + sizeof(struct template_step) * (TEMPLATE_STEPS_MAX + 1) +
        (TEMPLATE_PARTIALS_MAX + 1) * (size_t)(TEMPLATE_SOURCE_BYTES_MAX + 1000));
    struct compiler *c = ARENA_NEW(scratch, struct compiler);
    c->options = options;
    c->arena = arena;
    c->used_before = arena_used(arena);
    c->scratch = scratch;
    c->steps = ARENA_ARRAY(scratch, struct template_step, TEMPLATE_STEPS_MAX);
    template_html_init(&c->place.html);
    TRY(copy_source(c, &options->source));
    TRY(run(c));
    struct template_step *steps = ARENA_ARRAY(arena, struct template_step, c->count + 1);
    memcpy(steps, c->steps, c->count * sizeof *steps);
    struct template *t = ARENA_NEW(arena, struct template);
    *t = (struct template){steps, c->count};
    *ret_template = t;
    return NULL;
}
