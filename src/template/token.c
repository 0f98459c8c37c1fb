#include "template/token.h"
#include <string.h>

static bool is_name_start(char c) { return char_is_alpha(c) || c == '_' || (unsigned char)c > 127; }

static bool is_name(char c) { return is_name_start(c) || char_is_digit(c) || c == '-' || c == '.'; }

static str take(struct template_tokens *t, size_t len)
{
    str taken = str_slice(t->rest, 0, len);
    t->rest = str_from(t->rest, len);
    return taken;
}

static size_t name_length(str text)
{
    size_t len = 0;
    while (len < text.len && is_name(text.ptr[len]))
        len++;
    while (len > 0 && (text.ptr[len - 1] == '.' || text.ptr[len - 1] == '-'))
        len--;
    return len;
}

static char escaped(char c) { return c == 'n' ? '\n' : c == 't' ? '\t' : c; }

static err quoted(struct template_tokens *t, struct template_token *token)
{
    char quote = t->rest.ptr[0];
    size_t end = 1;
    while (end < t->rest.len && t->rest.ptr[end] != quote)
        end += t->rest.ptr[end] == '\\' ? 2 : 1;
    if (end >= t->rest.len)
        return template_source_fail(t->source, token->at, (str){0}, "a text without its closing %c",
                                    quote);
    str raw = str_slice(t->rest, 1, end - 1);
    char *copy = arena_alloc(t->arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++)
        copy[len++] = raw.ptr[i] == '\\' ? escaped(raw.ptr[++i]) : raw.ptr[i];
    token->kind = TOKEN_VALUE;
    token->value = (struct template_value){
        .kind = VALUE_TEXT, .text = {copy, len}
    };
    (void)take(t, end + 1);
    return NULL;
}

/* A number, an age or a date: a run that begins with a digit, or a minus and a digit. */
static err numeric(struct template_tokens *t, struct template_token *token)
{
    size_t len = 1;
    while (len < t->rest.len && (char_is_alnum(t->rest.ptr[len]) ||
                                 (t->rest.ptr[len] && strchr(".:+-", t->rest.ptr[len]))))
        len++;
    while (len > 1 && (t->rest.ptr[len - 1] == ':' || t->rest.ptr[len - 1] == '.'))
        len--;
    str text = take(t, len);
    struct template_value *v = &token->value;
    struct template_value as_text = template_value_of_text(text);
    token->kind = TOKEN_VALUE;
    token->text = text;
    *v = (struct template_value){.kind = VALUE_NUMBER};
    if (template_value_read_number(text, &v->number)) {
        (void)str_skip(&t->rest, S("%")); /* rates are in percent: "bounce > 3%" */
        return NULL;
    }
    *v = (struct template_value){.kind = VALUE_AGE};
    if (template_value_read_age(text, &v->ms) || template_value_to_date(&as_text, v))
        return NULL;
    return template_source_fail(t->source, token->at, (str){0},
                                "\"%.*s\" is no number, date (2026-11-21) or age (90d, 12h, 6mo, "
                                "1y); a text stands in quotes",
                                STR_ARG(str_slice(text, 0, 60)));
}

static err bracketed(struct template_tokens *t, struct template_token *token)
{
    size_t end = str_find(t->rest, ']');
    if (end == STR_NONE || end < 2)
        return template_source_fail(t->source, token->at, (str){0}, "a field in [...] has no end");
    token->kind = TOKEN_FIELD;
    token->text = str_trim(str_slice(t->rest, 1, end - 1));
    (void)take(t, end + 1);
    return NULL;
}

static err at_field(struct template_tokens *t, struct template_token *token)
{
    (void)take(t, 1);
    if (t->rest.len > 0 && t->rest.ptr[0] == '[')
        return bracketed(t, token);
    token->kind = TOKEN_FIELD;
    token->text = take(t, name_length(t->rest));
    if (token->text.len == 0)
        return template_source_fail(t->source, token->at, (str){0}, "a field's name follows \"@\"");
    return NULL;
}

static err mark(struct template_tokens *t, struct template_token *token)
{
    static const char *const marks[] = {"==", "!=", "<=", ">=", "=", "<",
                                        ">",  "(",  ")",  ",",  "|", ":"};
    token->kind = TOKEN_MARK;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (str_starts(t->rest, str_of(marks[i]))) {
            token->text = take(t, strlen(marks[i]));
            if (str_eq(token->text, S("==")))
                token->text = S("=");
            return NULL;
        }
    return template_source_fail(t->source, token->at, (str){0}, "\"%.1s\" means nothing here",
                                token->at);
}

err template_token_next(struct template_tokens *t, struct template_token *ret_token)
{
    while (t->rest.len > 0 && strchr(" \t\r\n", t->rest.ptr[0]) && t->rest.ptr[0])
        (void)take(t, 1);
    struct template_token token = {.at = t->rest.len ? t->rest.ptr : t->end};
    err e = NULL;
    char c = t->rest.len ? t->rest.ptr[0] : '\0';
    if (t->rest.len == 0)
        token.kind = TOKEN_END;
    else if (c == '"' || c == '\'')
        e = quoted(t, &token);
    else if (char_is_digit(c) || (c == '-' && t->rest.len > 1 && char_is_digit(t->rest.ptr[1])))
        e = numeric(t, &token);
    else if (c == '[')
        e = bracketed(t, &token);
    else if (c == '@')
        e = at_field(t, &token);
    else if (is_name_start(c)) {
        token.kind = TOKEN_NAME;
        token.text = take(t, name_length(t->rest));
    } else {
        e = mark(t, &token);
    }
    if (e == NULL)
        *ret_token = token;
    return e;
}

bool template_token_is(const struct template_token *t, const char *mark_text)
{
    return t->kind == TOKEN_MARK && str_eq(t->text, str_of(mark_text));
}

bool template_token_word(const struct template_token *t, const char *word)
{
    return t->kind == TOKEN_NAME && str_eq_nocase(t->text, str_of(word));
}
