#include "outcome/notice_html.h"

enum { TAG_BYTES_MAX = 4096 }; /* a longer one is text: the work stays linear */

/* Elements that end a line, and those whose content is no text. */
static const char *const breaking[] = {"br", "p",  "div", "tr", "li",    "h1",  "h2",        "h3",
                                       "h4", "ul", "ol",  "hr", "table", "pre", "blockquote"};
static const char *const hidden[] = {"style", "script", "head", "title"};

static const struct {
    const char *name, *text;
} entities[] = {
    {"&lt;",   "<" },
    {"&gt;",   ">" },
    {"&amp;",  "&" },
    {"&quot;", "\""},
    {"&nbsp;", " " },
    {"&#39;",  "'" },
    {"&apos;", "'" },
    {"&#64;",  "@" },
    {"&#60;",  "<" },
    {"&#62;",  ">" },
    {"&#x27;", "'" },
    {"&#34;",  "\""},
};

static bool is_one_of(str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

/* A tag or comment off the front, which is "<". False: it is neither, but a "<" that stands there.
 */
static bool take_tag(str *html, str *ret_name, bool *ret_closing)
{
    str rest = str_from(*html, 1);
    if (str_skip(&rest, S("!--"))) {
        size_t end = 0;
        while (end < rest.len && !str_starts(str_from(rest, end), S("-->")))
            end++;
        *html = str_from(rest, end + 3);
        *ret_name = (str){0};
        return true;
    }
    *ret_closing = str_skip(&rest, S("/"));
    size_t len = 0;
    while (len < rest.len && char_is_alnum(rest.ptr[len]))
        len++;
    size_t close = str_find(str_slice(rest, 0, TAG_BYTES_MAX), '>');
    bool named = len > 0 || str_starts(rest, S("!")) || str_starts(rest, S("?"));
    if (!named || close == STR_NONE || str_find(str_slice(rest, 0, close), '@') != STR_NONE)
        return false; /* "<bob@example.net>" was not escaped */
    *ret_name = str_slice(rest, 0, len);
    *html = str_from(rest, close + 1);
    return true;
}

/* All up to the closing tag of that name. */
static void skip_hidden(str *html, str name)
{
    while (html->len > 0) {
        size_t open = str_find(*html, '<');
        *html = open == STR_NONE ? (str){0} : str_from(*html, open);
        str rest = *html;
        if (str_skip(&rest, S("</")) && str_skip_nocase(&rest, name))
            return;
        *html = str_from(*html, 1);
    }
}

static bool take_entity(str *html, char *ret_char)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (str_skip_nocase(html, str_of(entities[i].name))) {
            *ret_char = entities[i].text[0];
            return true;
        }
    return false;
}

str outcome_notice_html_words(str html, struct arena *arena)
{
    char *room = arena_alloc(arena, html.len + 1);
    size_t len = 0;
    while (html.len > 0) {
        char c = html.ptr[0];
        str name;
        bool closing = false;
        if (c == '<' && take_tag(&html, &name, &closing)) {
            if (!closing && is_one_of(name, hidden, ARRAY_LEN(hidden)))
                skip_hidden(&html, name);
            room[len++] = is_one_of(name, breaking, ARRAY_LEN(breaking)) ? '\n' : ' ';
            continue;
        }
        if (c == '&' && take_entity(&html, &c)) {
            room[len++] = c;
            continue;
        }
        room[len++] = c == '\n' || c == '\r' ? ' ' : c;
        html = str_from(html, 1);
    }
    return (str){room, len};
}
