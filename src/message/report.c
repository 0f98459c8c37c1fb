#include "message/report.h"
#include "message/encoded_word.h"
#include "message/lex.h"

const struct message_mime_part *message_report_find(const struct message_mime_part *parts,
                                                    size_t count, const char *type,
                                                    const char *other)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(parts[i].type, str_of(type)) || (other && str_eq(parts[i].type, str_of(other))))
            return &parts[i];
    return NULL;
}

err message_report_body(const struct message_mime_part *part, str message, struct arena *arena,
                        str *ret_text)
{
    CLEANUP(buf_release) struct buf body;
    buf_init(&body, MESSAGE_REPORT_BYTES_MAX);
    TRY(message_mime_decode(part, message, &body));
    *ret_text = arena_str(arena, buf_str(&body));
    return NULL;
}

bool message_report_next(str *text, str *ret_group)
{
    struct message_field f;
    while (message_header_end(text))
        continue;
    str start = *text;
    while (message_header_next(text, &f))
        continue;
    *ret_group = str_slice(start, 0, start.len - text->len);
    return ret_group->len > 0;
}

str message_report_value(str group, str name, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text;
    struct message_field f;
    uint8_t flags;
    buf_init(&text, MESSAGE_REPORT_VALUE_BYTES_MAX * 4);
    if (!message_header_find(group, name, &f))
        return (str){0};
    str value = str_slice(str_trim(f.value), 0, MESSAGE_REPORT_VALUE_BYTES_MAX);
    if (message_encoded_word_decode(value, &text, &flags))
        return (str){0};
    return str_trim(arena_str(arena, buf_str(&text)));
}

str message_report_untyped(str value)
{
    str type, rest;
    str_split(value, ';', &type, &rest);
    str text = message_lex_is_token(str_trim(type)) && rest.len > 0 ? rest : value;
    message_lex_skip(&text);
    text = str_trim(text);
    if (str_skip(&text, S("<")))
        text = str_slice(text, 0, str_find(text, '>'));
    return str_trim(text);
}

/* A message inside stands behind the part that holds it; a header stands in a body. */
static bool find_original(const struct message_mime_part *parts, size_t count, str message,
                          str *ret_header)
{
    for (size_t i = 1; i < count; i++) {
        const struct message_mime_part *part = &parts[i];
        bool is_headers = str_eq(part->type, S("text/rfc822-headers")) ||
                          str_eq(part->type, S("text/rfc822-header")) ||
                          str_eq(part->type, S("message/global-headers"));
        if (parts[part->parent].kind == MIME_MESSAGE) {
            *ret_header = str_slice(message, part->header_at, part->header_end - part->header_at);
            return true;
        }
        if (is_headers && part->kind == MIME_LEAF) {
            *ret_header = str_slice(message, part->body_at, part->end - part->body_at);
            return true;
        }
    }
    return false;
}

str message_report_original_id(const struct message_mime_part *parts, size_t count, str message,
                               struct arena *arena)
{
    str header;
    if (!find_original(parts, count, message, &header))
        return (str){0};
    return message_report_value(header, S("Message-ID"), arena);
}
