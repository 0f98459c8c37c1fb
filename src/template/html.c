#include "template/html.h"
#include <string.h>

void template_html_init(struct template_html *h) { *h = (struct template_html){0}; }

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void name_add(struct template_html *h, char c)
{
    if (h->name_len < TEMPLATE_HTML_NAME_BYTES)
        h->name[h->name_len++] = char_lower(c);
}

static bool name_is(const struct template_html *h, const char *name)
{
    return str_eq((str){h->name, h->name_len}, str_of(name));
}

/* ---- byte by byte ------------------------------------------------------------------------ */

static void end_tag_name(struct template_html *h)
{
    static const char *const raw[] = {"script", "style", "textarea", "title", "xmp", "iframe"};
    h->raw_tag = false;
    for (size_t i = 0; i < ARRAY_LEN(raw); i++)
        if (name_is(h, raw[i])) {
            h->raw_tag = true;
            memset(h->raw_name, 0, sizeof h->raw_name);
            memcpy(h->raw_name, h->name, h->name_len);
        }
}

static void close_tag(struct template_html *h)
{
    h->state = h->raw_tag ? STATE_RAW : STATE_TEXT;
    h->raw_tag = false;
    h->raw_match = 0;
}

static void in_open(struct template_html *h, char c)
{
    h->name_len = 0;
    h->state = STATE_TEXT;
    if (c == '!' || c == '?') {
        h->state = STATE_COMMENT;
        h->dashes = 0;
        h->name_len = 0;
    } else if (c == '/' || char_is_alpha(c)) {
        h->state = STATE_TAG_NAME;
        name_add(h, c);
    }
}

static void in_tag(struct template_html *h, char c)
{
    if (h->state == STATE_TAG_NAME && !is_space(c) && c != '>' && c != '/') {
        name_add(h, c);
        return;
    }
    if (h->state == STATE_TAG_NAME)
        end_tag_name(h);
    h->state = STATE_TAG;
    if (c == '>') {
        close_tag(h);
    } else if (!is_space(c) && c != '/') {
        h->state = STATE_NAME;
        h->name_len = 0;
        name_add(h, c);
    }
}

static void in_name(struct template_html *h, char c)
{
    if (c == '=')
        h->state = STATE_BEFORE;
    else if (c == '>')
        close_tag(h);
    else if (is_space(c) || c == '/')
        h->state = STATE_TAG; /* "name =" is read as two: its value is then refused as bare */
    else
        name_add(h, c);
}

static void in_before(struct template_html *h, char c)
{
    h->value_begun = false;
    if (c == '"' || c == '\'')
        h->state = c == '"' ? STATE_DOUBLE : STATE_SINGLE;
    else if (c == '>')
        close_tag(h);
    else if (!is_space(c))
        h->state = STATE_BARE;
}

static void in_value(struct template_html *h, char c)
{
    char quote = h->state == STATE_DOUBLE ? '"' : '\'';
    if (c == quote)
        h->state = STATE_TAG;
    else if (!is_space(c))
        h->value_begun = true;
}

static void in_bare(struct template_html *h, char c)
{
    if (c == '>')
        close_tag(h);
    else if (is_space(c))
        h->state = STATE_TAG;
}

/* "<!--" ... "-->", or "<!" ... ">". name_len counts how much of "--" was seen at the start. */
static void in_comment(struct template_html *h, char c)
{
    if (h->name_len < 2)
        h->name_len = c == '-' ? (uint8_t)(h->name_len + 1) : 3;
    bool is_long = h->name_len == 2;
    if (c == '>' && (!is_long || h->dashes >= 2))
        h->state = STATE_TEXT;
    else if (c == '-')
        h->dashes = (uint8_t)(h->dashes < 4 ? h->dashes + 1 : 4);
    else
        h->dashes = 0;
}

/* The end tag "</script" in any case; what follows is an ordinary tag. */
static void in_raw(struct template_html *h, char c)
{
    char wanted[TEMPLATE_HTML_NAME_BYTES + 2] = "</";
    memcpy(wanted + 2, h->raw_name, TEMPLATE_HTML_NAME_BYTES - 1);
    size_t len = strlen(wanted);
    h->raw_match = char_lower(c) == wanted[h->raw_match] ? (uint8_t)(h->raw_match + 1) : c == '<';
    if (h->raw_match == len) {
        h->state = STATE_TAG;
        h->raw_tag = false;
    }
}

static void feed(struct template_html *h, char c)
{
    switch (h->state) {
    case STATE_TEXT:
        h->state = c == '<' ? STATE_OPEN : STATE_TEXT;
        return;
    case STATE_OPEN:
        in_open(h, c);
        return;
    case STATE_TAG_NAME:
    case STATE_TAG:
        in_tag(h, c);
        return;
    case STATE_NAME:
        in_name(h, c);
        return;
    case STATE_BEFORE:
        in_before(h, c);
        return;
    case STATE_DOUBLE:
    case STATE_SINGLE:
        in_value(h, c);
        return;
    case STATE_BARE:
        in_bare(h, c);
        return;
    case STATE_COMMENT:
        in_comment(h, c);
        return;
    case STATE_RAW:
        in_raw(h, c);
    }
}

void template_html_feed(struct template_html *h, str text)
{
    for (size_t i = 0; i < text.len; i++)
        feed(h, text.ptr[i]);
}

/* ---- what it is here ---------------------------------------------------------------------- */

static bool is_url_name(const struct template_html *h)
{
    static const char *const names[] = {"href",     "src",       "action",     "formaction",
                                        "cite",     "poster",    "background", "data",
                                        "longdesc", "xlink:href"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name_is(h, names[i]))
            return true;
    return false;
}

/* Attributes whose value is a program, or a list of URLs with a grammar of its own. */
static bool is_unsafe_name(const struct template_html *h)
{
    return (h->name_len > 2 && h->name[0] == 'o' && h->name[1] == 'n') || name_is(h, "style") ||
           name_is(h, "srcdoc") || name_is(h, "srcset");
}

enum template_html_place template_html_place(struct template_html *h)
{
    if (h->state == STATE_TEXT)
        return HTML_TEXT;
    if ((h->state != STATE_DOUBLE && h->state != STATE_SINGLE) || is_unsafe_name(h))
        return HTML_NOWHERE;
    bool begun = h->value_begun;
    h->value_begun = true;
    if (!is_url_name(h))
        return HTML_ATTRIBUTE;
    return begun ? HTML_URL_PART : HTML_URL;
}

const char *template_html_words(const struct template_html *h)
{
    switch (h->state) {
    case STATE_COMMENT:
        return "a comment";
    case STATE_RAW:
        return "a script, style or the like";
    case STATE_BEFORE:
    case STATE_BARE:
        return "an attribute without quotes";
    case STATE_DOUBLE:
    case STATE_SINGLE:
        return is_unsafe_name(h) ? "an attribute that is a program" : "an attribute";
    case STATE_TEXT:
        return "text";
    default:
        return "a tag";
    }
}

bool template_html_same(const struct template_html *a, const struct template_html *b)
{
    return a->state == b->state &&
           (a->state != STATE_RAW || strcmp(a->raw_name, b->raw_name) == 0) &&
           ((a->state != STATE_DOUBLE && a->state != STATE_SINGLE) ||
            str_eq((str){a->name, a->name_len}, (str){b->name, b->name_len}));
}
