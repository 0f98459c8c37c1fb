#include "template/expr.h"
#include "config/suggest.h"
#include "template/token.h"

struct compiler {
    const struct template_source *source;
    struct template_names *names;
    const struct template_loops *loops;
    struct arena *arena;
    struct template_tokens tokens;
    struct template_token token; /* the one in front */
    struct template_term *terms;
    size_t count;
    enum template_term_kind waiting[TEMPLATE_EXPR_STACK_MAX]; /* TERM_VALUE: a bracket */
    int waiting_count;
    int height; /* of the stack when it runs */
    bool url;
};

static err fail(struct compiler *c, const char *what)
{
    return template_source_fail(c->source, c->token.at, (str){0}, "%s", what);
}

static err advance(struct compiler *c) { return template_token_next(&c->tokens, &c->token); }

static err emit(struct compiler *c, const struct template_term *term, int change)
{
    if (c->count == TEMPLATE_EXPR_TERMS_MAX)
        return fail(c, "this expression is too long");
    c->height += change;
    if (c->height > TEMPLATE_EXPR_STACK_MAX)
        return fail(c, "this expression is nested too deeply");
    c->terms[c->count++] = *term;
    return NULL;
}

/* ---- fields ----------------------------------------------------------------------------- */

static err split_path(struct compiler *c, str rest, struct template_term *term)
{
    while (rest.len > 0) {
        if (term->path_count == TEMPLATE_EXPR_PATH_MAX)
            return fail(c, "this name has too many parts");
        str_split(rest, '.', &term->path[term->path_count++], &rest);
    }
    return NULL;
}

static bool loop_term(struct compiler *c, str head, struct template_term *term)
{
    int depth = c->loops ? c->loops->depth : 0;
    if (depth == 0)
        return false;
    term->number = depth - 1;
    term->kind = TERM_LOOP;
    if (str_eq(head, S("this")))
        return true;
    for (int i = depth; i-- > 0;)
        if (c->loops->names[i].len > 0 && str_eq(c->loops->names[i], head)) {
            term->number = i;
            return true;
        }
    term->kind = str_eq(head, S("index")) ? TERM_INDEX : TERM_LAST;
    return (str_eq(head, S("index")) || str_eq(head, S("last"))) && c->token.at[0] == '@';
}

static err unknown(struct compiler *c, str name)
{
    return template_source_fail(c->source, c->token.at, template_names_nearest(c->names, name),
                                "there is no field \"%.*s\"", STR_ARG(str_slice(name, 0, 60)));
}

/* A whole name that is known wins over its parts: a column may be called "user.name". */
static err field(struct compiler *c)
{
    struct template_term term = {.kind = TERM_FIELD};
    str name = c->token.text, head, tail;
    size_t slot;
    str_split(name, '.', &head, &tail);
    if (loop_term(c, head, &term)) {
        TRY(split_path(c, tail, &term));
        return emit(c, &term, 1);
    }
    if (template_names_find(c->names, name, &slot)) {
        tail = (str){0};
    } else if (!template_names_find(c->names, head, &slot)) {
        if (c->names->closed)
            return unknown(c, name);
        err e = template_names_add(c->names, head, &slot);
        if (e)
            return template_source_fail(c->source, c->token.at, (str){0}, "%.*s", STR_ARG(e->text));
    } else if (tail.len > 0 && c->names->closed) {
        return unknown(c, name);
    }
    term.kind = TERM_FIELD;
    term.number = (int)slot;
    TRY(split_path(c, tail, &term));
    return emit(c, &term, 1);
}

/* ---- operands --------------------------------------------------------------------------- */

static bool is_keyword(const struct template_token *t)
{
    static const char *const words[] = {"and", "or", "not", "in", "contains"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (template_token_word(t, words[i]))
            return true;
    return false;
}

static err constant(struct compiler *c, struct template_value value)
{
    struct template_term term = {.kind = TERM_VALUE, .value = value};
    return emit(c, &term, 1);
}

/* Right of an operator, or an argument: a bare word is a text. */
static err right_value(struct compiler *c)
{
    if (c->token.kind == TOKEN_VALUE)
        TRY(constant(c, c->token.value));
    else if (c->token.kind == TOKEN_FIELD)
        TRY(field(c));
    else if (c->token.kind == TOKEN_NAME && !is_keyword(&c->token))
        TRY(constant(c, template_value_of_text(arena_str(c->arena, c->token.text))));
    else
        return fail(c, "a value is wanted here: a word, \"a text\", a number, a date, or @field");
    return advance(c);
}

static err no_filter(struct compiler *c)
{
    str name = c->token.text;
    return template_source_fail(c->source, c->token.at, template_filter_nearest(name),
                                "there is no filter \"%.*s\"", STR_ARG(str_slice(name, 0, 60)));
}

static err filters(struct compiler *c)
{
    while (template_token_is(&c->token, "|")) {
        struct template_term term = {.kind = TERM_FILTER};
        TRY(advance(c));
        term.filter = c->token.kind == TOKEN_NAME ? template_filter_find(c->token.text) : NULL;
        if (term.filter == NULL)
            return no_filter(c);
        const char *name = term.filter->name;
        struct template_token where = c->token;
        TRY(advance(c));
        bool more = template_token_is(&c->token, ":");
        while (more) {
            TRY(advance(c));
            TRY(right_value(c));
            more = ++term.arg_count < TEMPLATE_FILTER_ARGS_MAX && template_token_is(&c->token, ",");
        }
        if (term.arg_count < term.filter->least || term.arg_count > term.filter->most)
            return template_source_fail(c->source, where.at, (str){0},
                                        "%s takes %d to %d values behind its colon", name,
                                        term.filter->least, term.filter->most);
        TRY(emit(c, &term, -term.arg_count));
        c->url = template_filter_is_url(term.filter);
    }
    return NULL;
}

/* Filters belong to the operand that they stand behind; only those of the left side may have
 * arguments separated from a list of values, so the right side of "in" has none. */
static err left_operand(struct compiler *c)
{
    if (c->token.kind == TOKEN_VALUE) {
        TRY(constant(c, c->token.value));
    } else if (c->token.kind == TOKEN_FIELD ||
               (c->token.kind == TOKEN_NAME && !is_keyword(&c->token))) {
        if (template_token_word(&c->token, "true") || template_token_word(&c->token, "false"))
            TRY(constant(c, template_value_of_bool(template_token_word(&c->token, "true"))));
        else
            TRY(field(c));
    } else {
        return fail(c, c->token.kind == TOKEN_END ? "a field or value is missing at the end"
                                                  : "a field or value is wanted here");
    }
    TRY(advance(c));
    return filters(c);
}

/* ---- comparisons ------------------------------------------------------------------------ */

static bool find_compare(const struct template_token *t, int *ret_compare)
{
    static const char *const marks[] = {"=", "!=", "<", "<=", ">", ">="};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (template_token_is(t, marks[i])) {
            *ret_compare = (int)i;
            return true;
        }
    return false;
}

/* The stack holds what is looked for and whether it was found: no higher for a longer list. */
static err value_list(struct compiler *c)
{
    const struct template_term step = {.kind = TERM_IN}, end = {.kind = TERM_IN_END};
    bool list = template_token_is(&c->token, "("); /* else a field that holds one */
    TRY(constant(c, template_value_of_bool(false)));
    if (list)
        TRY(advance(c));
    for (bool more = true; more;) {
        TRY(right_value(c));
        TRY(emit(c, &step, -1));
        more = list && template_token_is(&c->token, ",");
        if (more)
            TRY(advance(c));
    }
    if (list && !template_token_is(&c->token, ")"))
        return fail(c, "the list behind \"in\" ends with \")\"; its values stand between commas");
    if (list)
        TRY(advance(c));
    return emit(c, &end, -1);
}

static err membership(struct compiler *c)
{
    const struct template_term not_term = {.kind = TERM_NOT};
    bool negated = template_token_word(&c->token, "not");
    if (negated)
        TRY(advance(c));
    bool in = template_token_word(&c->token, "in");
    if (!in && !template_token_word(&c->token, "contains"))
        return fail(c, "behind a field \"not\" goes with \"in\" or \"contains\"");
    TRY(advance(c));
    if (in) {
        TRY(value_list(c));
    } else {
        const struct template_term term = {.kind = TERM_CONTAINS};
        TRY(right_value(c));
        TRY(emit(c, &term, -1));
    }
    return negated ? emit(c, &not_term, 0) : NULL;
}

static err comparison(struct compiler *c)
{
    struct template_term term = {.kind = TERM_COMPARE};
    TRY(left_operand(c));
    if (find_compare(&c->token, &term.number)) {
        TRY(advance(c));
        TRY(right_value(c));
        TRY(filters(c));
        TRY(emit(c, &term, -1));
    } else if (template_token_word(&c->token, "in") || template_token_word(&c->token, "not") ||
               template_token_word(&c->token, "contains")) {
        TRY(membership(c));
    } else {
        return NULL;
    }
    c->url = false;
    return find_compare(&c->token, &term.number)
               ? fail(c, "one comparison at a time; join two with \"and\"")
               : NULL;
}

/* ---- and, or, not ------------------------------------------------------------------------ */

static int rank(enum template_term_kind kind)
{
    return kind == TERM_NOT ? 3 : kind == TERM_AND ? 2 : kind == TERM_OR ? 1 : 0;
}

static err settle(struct compiler *c, int least)
{
    while (c->waiting_count > 0 && rank(c->waiting[c->waiting_count - 1]) >= least) {
        struct template_term term = {.kind = c->waiting[--c->waiting_count]};
        TRY(emit(c, &term, term.kind == TERM_NOT ? 0 : -1));
        c->url = false;
    }
    return NULL;
}

static err wait_for(struct compiler *c, enum template_term_kind kind)
{
    if (c->waiting_count == TEMPLATE_EXPR_STACK_MAX)
        return fail(c, "this expression is nested too deeply");
    c->waiting[c->waiting_count++] = kind;
    return advance(c);
}

static err close_brackets(struct compiler *c)
{
    while (template_token_is(&c->token, ")")) {
        TRY(settle(c, 1));
        if (c->waiting_count == 0)
            return fail(c, "a \")\" without its \"(\"");
        c->waiting_count--;
        TRY(advance(c));
    }
    return NULL;
}

static err stray(struct compiler *c)
{
    struct config_suggest suggest;
    config_suggest_init(&suggest, c->token.text);
    static const char *const words[] = {"and", "or", "in", "contains", "not"};
    for (size_t i = 0; c->token.kind == TOKEN_NAME && i < ARRAY_LEN(words); i++)
        config_suggest_offer(&suggest, str_of(words[i]));
    return template_source_fail(c->source, c->token.at, suggest.best,
                                "\"and\", \"or\" or the end is wanted here");
}

static err run_compiler(struct compiler *c)
{
    TRY(advance(c));
    for (;;) {
        while (template_token_word(&c->token, "not") || template_token_is(&c->token, "("))
            TRY(wait_for(c, template_token_is(&c->token, "(") ? TERM_VALUE : TERM_NOT));
        TRY(comparison(c));
        TRY(close_brackets(c));
        if (c->token.kind == TOKEN_END)
            break;
        bool is_and = template_token_word(&c->token, "and");
        if (!is_and && !template_token_word(&c->token, "or"))
            return stray(c);
        enum template_term_kind kind = is_and ? TERM_AND : TERM_OR;
        TRY(settle(c, rank(kind)));
        TRY(wait_for(c, kind));
    }
    TRY(settle(c, 1));
    return c->waiting_count ? fail(c, "a \"(\" without its \")\"") : NULL;
}

err template_expr_compile(const struct template_source *source, str text,
                          struct template_names *names, const struct template_loops *loops,
                          struct arena *arena, struct template_expr *ret_expr)
{
    struct compiler c = {.source = source, .names = names, .loops = loops, .arena = arena};
    c.tokens = (struct template_tokens){source, arena, text, text.ptr + text.len};
    c.token.at = text.ptr;
    if (text.len > TEMPLATE_EXPR_BYTES_MAX)
        return fail(&c, "this expression is too long");
    CLEANUP(arena_cleanup)
    struct arena *scratch =
        arena_open(sizeof(struct template_term) * (TEMPLATE_EXPR_TERMS_MAX + 1));
    c.terms = ARENA_ARRAY(scratch, struct template_term, TEMPLATE_EXPR_TERMS_MAX);
    TRY(run_compiler(&c));
    struct template_term *terms = ARENA_ARRAY(arena, struct template_term, c.count);
    for (size_t i = 0; i < c.count; i++)
        terms[i] = c.terms[i];
    *ret_expr = (struct template_expr){terms, c.count, c.url};
    return NULL;
}
