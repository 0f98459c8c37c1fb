#include "secret/netrc_words.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static char take(struct secret_netrc_words *w)
{
    char c = w->rest.ptr[0];
    w->rest = str_from(w->rest, 1);
    w->line += c == '\n';
    return c;
}

static err add(struct secret_netrc_words *w, char c)
{
    if (w->len == sizeof w->word)
        return err_new(ERR_CONFIG, "a word above %d bytes", SECRET_NETRC_WORD_BYTES_MAX);
    w->word[w->len++] = c;
    return NULL;
}

static err take_quoted(struct secret_netrc_words *w)
{
    while (w->rest.len > 0) {
        char c = take(w);
        if (c == '"')
            return NULL;
        if (c == '\\' && w->rest.len > 0)
            c = take(w);
        if (c == '\n')
            break;
        TRY(add(w, c));
    }
    return err_new(ERR_CONFIG, "an open quote");
}

err secret_netrc_words_next(struct secret_netrc_words *w, bool *ret_there)
{
    w->len = 0;
    while (w->rest.len > 0 && is_blank(w->rest.ptr[0]))
        take(w);
    *ret_there = w->rest.len > 0;
    if (w->rest.len > 0 && w->rest.ptr[0] == '"') {
        take(w);
        return take_quoted(w);
    }
    while (w->rest.len > 0 && !is_blank(w->rest.ptr[0]))
        TRY(add(w, take(w)));
    return NULL;
}

str secret_netrc_words_last(const struct secret_netrc_words *w) { return (str){w->word, w->len}; }

void secret_netrc_words_skip_line(struct secret_netrc_words *w)
{
    while (w->rest.len > 0 && take(w) != '\n')
        ;
}

void secret_netrc_words_skip_macro(struct secret_netrc_words *w)
{
    bool empty = false;
    while (w->rest.len > 0) {
        char c = take(w);
        if (c == '\n' && empty)
            return;
        empty = c == '\n' || (empty && c == '\r');
    }
}
