#include "mailauth/tag.h"

enum { QUOTED_BYTES_MAX = 40 }; /* of what was sent, in an error */

static bool is_name_char(char c) { return char_is_alnum(c) || c == '_'; }

/* RFC 6376: VALCHAR is %x21-3A and %x3C-7E; blanks and folds may stand between them. RFC 6532
 * lets UTF-8 in. */
static bool is_value_char(char c)
{
    unsigned char u = (unsigned char)c;
    return (u > ' ' && u != 127) || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static str take_name(str part)
{
    size_t len = 0;
    while (len < part.len && is_name_char(part.ptr[len]))
        len++;
    return str_slice(part, 0, len);
}

static err parse_tag(str part, struct mailauth_tag *ret_tag)
{
    str name = take_name(part);
    str rest = str_trim(str_from(part, name.len));
    if (name.len == 0 || !char_is_alpha(name.ptr[0]))
        return err_new(ERR_PROTOCOL, "\"%.*s\" has no tag name",
                       STR_ARG(str_slice(part, 0, QUOTED_BYTES_MAX)));
    if (!str_skip(&rest, S("=")))
        return err_new(ERR_PROTOCOL, "no \"=\" behind \"%.*s\"",
                       STR_ARG(str_slice(name, 0, QUOTED_BYTES_MAX)));
    str value = str_trim(rest);
    for (size_t i = 0; i < value.len; i++)
        if (!is_value_char(value.ptr[i]))
            return err_new(ERR_PROTOCOL, "the tag \"%.*s\" holds a byte %02x",
                           STR_ARG(str_slice(name, 0, QUOTED_BYTES_MAX)),
                           (unsigned char)value.ptr[i]);
    *ret_tag = (struct mailauth_tag){name, value, part};
    return NULL;
}

static size_t count_parts(str text)
{
    size_t parts = 1;
    for (size_t i = 0; i < text.len && parts < MAILAUTH_TAGS_MAX; i++)
        parts += text.ptr[i] == ';';
    return parts;
}

static err add_tag(struct mailauth_tags *tags, str part)
{
    struct mailauth_tag tag;
    TRY(parse_tag(part, &tag));
    if (mailauth_tag_find(tags, tag.name))
        return err_new(ERR_PROTOCOL, "the tag \"%.*s\" stands there twice",
                       STR_ARG(str_slice(tag.name, 0, QUOTED_BYTES_MAX)));
    if (tags->count == MAILAUTH_TAGS_MAX)
        return err_new(ERR_LIMIT, "more than %d tags", MAILAUTH_TAGS_MAX);
    tags->items[tags->count++] = tag;
    return NULL;
}

err mailauth_tag_parse(str text, struct arena *arena, struct mailauth_tags *ret_tags)
{
    if (text.len > MAILAUTH_TAGS_BYTES_MAX)
        return err_new(ERR_LIMIT, "a tag list of %zu bytes", text.len);
    struct mailauth_tags tags = {ARENA_ARRAY(arena, struct mailauth_tag, count_parts(text)), 0};
    str rest = text;
    while (str_trim(rest).len > 0) {
        str part;
        str_split(rest, ';', &part, &rest);
        TRY(add_tag(&tags, str_trim(part)));
    }
    *ret_tags = tags;
    return NULL;
}

const struct mailauth_tag *mailauth_tag_find(const struct mailauth_tags *tags, str name)
{
    for (size_t i = 0; i < tags->count; i++)
        if (str_eq(tags->items[i].name, name))
            return &tags->items[i];
    return NULL;
}

str mailauth_tag_value(const struct mailauth_tags *tags, str name, str other)
{
    const struct mailauth_tag *tag = mailauth_tag_find(tags, name);
    return tag ? tag->value : other;
}

str mailauth_tag_squeeze(str value, struct arena *arena)
{
    char *out = arena_alloc(arena, value.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            out[len++] = c;
    }
    return (str){out, len};
}

bool mailauth_tag_next(str *list, char separator, str *ret_part)
{
    if (list->ptr == NULL)
        return false;
    size_t at = str_find(*list, separator);
    *ret_part = str_trim(str_slice(*list, 0, at == STR_NONE ? list->len : at));
    *list = at == STR_NONE ? (str){0} : (str){list->ptr + at + 1, list->len - at - 1};
    return true;
}
