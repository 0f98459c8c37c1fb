#include "outcome/notice_address.h"
#include <string.h>

enum { ADDRESS_BYTES_MAX = 320 };

static bool may_be_in_local(char c)
{
    return char_is_alnum(c) || (unsigned char)c > 127 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool may_be_in_domain(char c)
{
    return char_is_alnum(c) || (unsigned char)c > 127 || c == '.' || c == '-' || c == '_';
}

/* Where a domain ends to which text of another script is joined: "example.jp" and more. A name with
 * other letters in it ("buecher.example", or Chinese behind the dot) is left whole. */
static size_t without_other_script(str domain)
{
    size_t at = 0;
    while (at < domain.len && (unsigned char)domain.ptr[at] < 128)
        at++;
    bool whole = at == domain.len || at == 0 || domain.ptr[at - 1] == '.' ||
                 str_find(str_slice(domain, 0, at), '.') == STR_NONE ||
                 str_find(str_from(domain, at), '.') != STR_NONE;
    return whole ? domain.len : at;
}

/* "a@b.example" in front: how long it is; 0: none. A quoted local part may hold anything. */
static size_t address_len(str text)
{
    size_t at = 0;
    text = str_slice(text, 0, ADDRESS_BYTES_MAX);
    if (text.len > 0 && text.ptr[0] == '"') {
        size_t closing = str_find(str_from(text, 1), '"');
        at = closing == STR_NONE ? 0 : closing + 2;
    } else {
        while (at < text.len && may_be_in_local(text.ptr[at]))
            at++;
    }
    if (at == 0 || at >= text.len || text.ptr[at] != '@')
        return 0;
    size_t end = at + 1;
    while (end < text.len && may_be_in_domain(text.ptr[end]))
        end++;
    end = at + 1 + without_other_script(str_slice(text, at + 1, end - at - 1));
    while (end > at + 1 && !char_is_alnum(text.ptr[end - 1]) &&
           (unsigned char)text.ptr[end - 1] < 128)
        end--; /* the full stop of a sentence */
    return end > at + 1 ? end : 0;
}

static str without_route(str text)
{
    if (text.len > 0 && text.ptr[0] == '@') { /* "@smtp.example.net:bob@server" */
        size_t colon = str_find(text, ':');
        return colon == STR_NONE ? text : str_from(text, colon + 1);
    }
    return text;
}

bool outcome_notice_address_front(str *line, str *ret_address)
{
    str text = *line;
    char closing = 0;
    if (text.len > 1 && (text.ptr[0] == '<' || text.ptr[0] == '\'' || text.ptr[0] == '"')) {
        closing = text.ptr[0] == '<' ? '>' : text.ptr[0];
        str inside = without_route(str_from(text, 1));
        size_t len = address_len(inside);
        /* "'" may also be a part of an address; then it ends one too early, and is cut off */
        if (len > 1 && closing == '\'' && inside.ptr[len - 1] == '\'')
            len--;
        if (len > 0 && len < inside.len && inside.ptr[len] == closing) {
            *ret_address = str_slice(inside, 0, len);
            *line = str_from(inside, len + 1);
            return true;
        }
        if (closing != '"')
            return false;
    }
    text = without_route(text);
    size_t len = address_len(text);
    if (len == 0)
        return false;
    *ret_address = str_slice(text, 0, len);
    *line = str_from(text, len);
    return true;
}

bool outcome_notice_address_end(str line, str *ret_before, str *ret_address)
{
    line = str_trim(line);
    while (line.len > 0 && strchr(".,;)]!", line.ptr[line.len - 1]))
        line.len--;
    size_t start = line.len;
    while (start > 0 && line.len - start < ADDRESS_BYTES_MAX && line.ptr[start - 1] != ' ' &&
           line.ptr[start - 1] != '\t')
        start--;
    str word = str_from(line, start);
    size_t colon = str_find_last(word, ':'); /* "TO:<bob@example.net>" */
    if (colon != STR_NONE && colon + 1 < word.len)
        word = str_from(word, colon + 1);
    str before = str_slice(line, 0, line.len - word.len);
    if (!outcome_notice_address_front(&word, ret_address) || word.len > 0)
        return false;
    *ret_before = str_trim(before);
    return true;
}

bool outcome_notice_address_find(str line, str *ret_address)
{
    bool at_start = true;
    for (; line.len > 0; line = str_from(line, 1)) {
        str rest = line;
        if (at_start && outcome_notice_address_front(&rest, ret_address))
            return true;
        at_start = strchr(" \t:<([\"',;", line.ptr[0]) != NULL;
    }
    return false;
}
