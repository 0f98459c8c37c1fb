#include "interchange/mutt_words.h"

struct word {
    struct interchange_mutt_words *words;
    struct buf *out;
    bool at_equals;
    char quote;
    bool has_text, has_command, unknown;
};

static char peek(const struct interchange_mutt_words *w, size_t at)
{
    return at < w->rest.len ? w->rest.ptr[at] : '\0';
}

static char take(struct interchange_mutt_words *w)
{
    char c = w->rest.ptr[0];
    w->rest = str_from(w->rest, 1);
    w->line += c == '\n';
    return c;
}

/* Blanks, and a line end that a backslash takes away. */
static void skip_blanks(struct interchange_mutt_words *w)
{
    for (;;) {
        char c = peek(w, 0);
        bool joined = c == '\\' && w->rest.len > 1 && peek(w, 1) == '\n';
        if (w->rest.len == 0 || !(c == ' ' || c == '\t' || c == '\r' || joined))
            return;
        take(w);
        if (joined)
            take(w);
    }
}

static void add(struct word *word, char c)
{
    word->has_text = true;
    if (buf_add_char(word->out, c) != NULL) {
        err_forget();
        word->unknown = true;
    }
}

static void add_text(struct word *word, str text)
{
    for (size_t i = 0; i < text.len; i++)
        add(word, text.ptr[i]);
}

/* A command is a value when it is all there is. */
static void add_command(struct word *word, str text)
{
    bool empty = !word->has_text && !word->has_command;
    if (empty && buf_add(word->out, text) != NULL) {
        err_forget();
        word->unknown = true;
    }
    word->unknown |= !empty;
    word->has_command = true;
}

/* The text up to the next backtick of this line. */
static void take_command(struct word *word)
{
    str rest = word->words->rest;
    size_t end = str_find(rest, '`'), line = str_find(rest, '\n');
    if (end == STR_NONE || (line != STR_NONE && line < end)) {
        word->unknown = true;
        word->words->rest = str_from(rest, line == STR_NONE ? rest.len : line);
        return;
    }
    add_command(word, str_slice(rest, 0, end));
    word->words->rest = str_from(rest, end + 1);
}

static bool is_name(char c) { return char_is_alnum(c) || c == '_'; }

/* "name" or "{name}" behind a '$'. */
static void take_variable(struct word *word)
{
    struct interchange_mutt_words *w = word->words;
    bool braces = peek(w, 0) == '{';
    size_t from = braces, end = from;
    enum interchange_mutt_kind kind = INTERCHANGE_MUTT_UNKNOWN;
    str value = {0};
    while (is_name(peek(w, end)))
        end++;
    str name = str_slice(w->rest, from, end - from);
    if (name.len == 0 || (braces && peek(w, end) != '}')) {
        add(word, '$');
        return;
    }
    w->rest = str_from(w->rest, end + braces);
    bool known = w->variable && w->variable(w->arg, name, &value, &kind);
    if (known && kind == INTERCHANGE_MUTT_TEXT)
        add_text(word, value);
    else if (known && kind == INTERCHANGE_MUTT_COMMAND)
        add_command(word, value);
    else
        word->unknown = true;
}

static void take_escaped(struct word *word)
{
    char c = take(word->words);
    switch (c) {
    case '\n':
        break; /* the line goes on */
    case 't':
        add(word, '\t');
        break;
    case 'n':
        add(word, '\n');
        break;
    case 'r':
        add(word, '\r');
        break;
    default:
        add(word, c);
    }
}

static bool ends(const struct word *word, char c)
{
    if (word->quote)
        return false;
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '#' ||
           (word->at_equals && c == '=');
}

static void take_char(struct word *word, char c)
{
    struct interchange_mutt_words *w = word->words;
    if (word->quote == c) {
        word->quote = 0;
    } else if (word->quote == 0 && (c == '\'' || c == '"')) {
        word->quote = c;
    } else if (c == '`' && word->quote != '\'') {
        take_command(word);
    } else if (c == '$' && word->quote != '\'') {
        take_variable(word);
    } else if (c == '\\' && word->quote != '\'' && w->rest.len > 0) {
        take_escaped(word);
    } else {
        add(word, c);
    }
}

bool interchange_mutt_words_next(struct interchange_mutt_words *w, bool at_equals, struct buf *out,
                                 enum interchange_mutt_kind *ret_kind)
{
    struct word word = {.words = w, .out = out, .at_equals = at_equals};
    buf_clear(out);
    skip_blanks(w);
    if (w->rest.len == 0 || ends(&word, peek(w, 0)))
        return false;
    while (w->rest.len > 0 && !ends(&word, peek(w, 0))) {
        char c = peek(w, 0);
        if (word.quote && c == '\n') { /* an open quote ends with its line */
            word.unknown = true;
            break;
        }
        take(w);
        take_char(&word, c);
    }
    word.unknown |= word.has_command && word.has_text;
    if (word.unknown)
        buf_clear(out);
    *ret_kind = word.unknown       ? INTERCHANGE_MUTT_UNKNOWN
                : word.has_command ? INTERCHANGE_MUTT_COMMAND
                                   : INTERCHANGE_MUTT_TEXT;
    return true;
}

bool interchange_mutt_words_equals(struct interchange_mutt_words *w)
{
    skip_blanks(w);
    if (peek(w, 0) != '=' || w->rest.len == 0)
        return false;
    take(w);
    return true;
}

bool interchange_mutt_words_command(struct interchange_mutt_words *w)
{
    for (;;) {
        skip_blanks(w);
        char c = peek(w, 0);
        if (w->rest.len == 0)
            return false;
        if (c == '#') {
            while (w->rest.len > 0 && peek(w, 0) != '\n')
                take(w);
        } else if (c == '\n' || c == ';' || c == '=') {
            take(w);
        } else {
            return true;
        }
    }
}
