/* template/html.h -- where in HTML a place is, so that a value can be escaped for it
 *
 * A reader of the template's own text, not of a browser's: it keeps just enough state to tell text,
 * an attribute's value and a URL's apart. A value may stand in text, in a quoted attribute and in
 * a quoted URL; everywhere else (a tag's or an attribute's name, no quotes, script, style, a
 * comment, an event's handler) no escaping is safe, so the template is refused.
 */
#pragma once
#include "base/str.h"

enum template_html_place {
    HTML_TEXT,
    HTML_ATTRIBUTE,
    HTML_URL,      /* at the start of a URL */
    HTML_URL_PART, /* inside one: encoded as a part */
    HTML_NOWHERE,
};

enum { TEMPLATE_HTML_NAME_BYTES = 16 };

struct template_html {
    enum template_html_state {
        STATE_TEXT,
        STATE_OPEN, /* behind "<" */
        STATE_TAG_NAME,
        STATE_TAG,    /* between attributes */
        STATE_NAME,   /* of an attribute */
        STATE_BEFORE, /* behind its "=" */
        STATE_DOUBLE, /* in its value */
        STATE_SINGLE,
        STATE_BARE,
        STATE_COMMENT,
        STATE_RAW, /* script, style: up to their end tag */
    } state;
    bool raw_tag;      /* the tag under way opens script or style */
    bool value_begun;  /* the attribute's value has bytes before this place */
    uint8_t dashes;    /* in a comment */
    uint8_t raw_match; /* how much of the end tag was seen */
    uint8_t name_len;
    char name[TEMPLATE_HTML_NAME_BYTES]; /* of the attribute or tag, lower case, cut */
    char raw_name[TEMPLATE_HTML_NAME_BYTES];
};

void template_html_init(struct template_html *);
void template_html_feed(struct template_html *, str text); /* the template's own text */
/* What a value that stands here must be escaped for; it counts as written then. */
enum template_html_place template_html_place(struct template_html *);
const char *template_html_words(const struct template_html *); /* "a comment": for an error */
/* Whether a value has begun makes no difference. */
bool template_html_same(const struct template_html *, const struct template_html *);
