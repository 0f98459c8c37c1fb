#include "message/lex.h"
#include <string.h>

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The comment in front, with those inside it: a counter, for a peer chooses the depth. */
static bool skip_comment(str *rest)
{
    size_t depth = 0, i = 0;
    for (; i < rest->len; i++) {
        char c = rest->ptr[i];
        depth += c == '(';
        depth -= c == ')';
        i += c == '\\';
        if (depth == 0)
            break;
    }
    bool ended = i < rest->len;
    *rest = str_from(*rest, i + 1);
    return ended;
}

bool message_lex_skip(str *rest)
{
    bool ended = true;
    while (rest->len > 0 && (is_space(rest->ptr[0]) || rest->ptr[0] == '('))
        if (rest->ptr[0] == '(')
            ended = skip_comment(rest) && ended;
        else
            *rest = str_from(*rest, 1);
    return ended;
}

err message_lex_quoted(str *rest, struct buf *out, bool *ret_ended)
{
    str left = str_from(*rest, 1);
    bool ended = false;
    while (left.len > 0 && !ended) {
        char c = left.ptr[0];
        bool pair = c == '\\' && left.len > 1;
        ended = c == '"';
        if (pair || (!ended && c != '\r' && c != '\n'))
            TRY(buf_add_char(out, left.ptr[pair ? 1 : 0]));
        left = str_from(left, pair ? 2 : 1);
    }
    *rest = left;
    *ret_ended = ended;
    return NULL;
}

str message_lex_run(str *rest, const char *stops)
{
    size_t len = 0;
    while (len < rest->len && !is_space(rest->ptr[len]) &&
           (rest->ptr[len] == '\0' || strchr(stops, rest->ptr[len]) == NULL))
        len++;
    str run = str_slice(*rest, 0, len);
    *rest = str_from(*rest, len);
    return run;
}

bool message_lex_is_token(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > 126 || strchr("()<>@,;:\\\"/[]?=", text.ptr[i]))
            return false;
    return text.len > 0;
}
