#include "message/mime_part.h"
#include "message/lex.h"
#include "message/text.h"
#include <string.h>

enum { BOUNDARY_BYTES_ALLOWED = 70 }; /* RFC 2046 section 5.1.1 */

static void add_name(struct message_mime_part *part, struct message_mime_facts *facts, str name)
{
    for (size_t i = 0; i < facts->name_count; i++)
        if (str_eq(facts->names[i], name))
            return;
    if (facts->name_count == MESSAGE_MIME_NAMES_MAX) {
        part->flags |= MIME_TOO_LONG;
        return;
    }
    facts->names[facts->name_count++] = name;
}

/* Parameters of a Content-Type or Content-Disposition; names of every such field are kept. */
static struct message_params read_params(struct message_mime_part *part,
                                         struct message_mime_facts *facts, str value,
                                         struct arena *arena)
{
    struct message_params params = {0};
    if (value.len > facts->bytes_left || message_params_parse(value, arena, &params)) {
        part->flags |= MIME_TOO_LONG;
        return params;
    }
    facts->bytes_left -= value.len;
    part->param_flags |= params.flags;
    for (size_t i = 0; i < params.count; i++) {
        str name = params.items[i].name;
        if ((str_eq(name, S("name")) || str_eq(name, S("filename"))) && params.items[i].value.len)
            add_name(part, facts, params.items[i].value);
    }
    return params;
}

static void read_encoding(struct message_mime_part *part, struct message_mime_facts *facts,
                          str value)
{
    bool plain;
    enum message_encoding encoding = message_decode_encoding(value, &plain);
    if (!plain)
        part->flags |= MIME_BAD_ENCODING;
    if (facts->encodings++ == 0)
        part->encoding = encoding;
}

static str read_id(str value, struct arena *arena)
{
    message_lex_skip(&value);
    str_skip(&value, S("<"));
    str id = message_lex_run(&value, "<>(");
    return str_is_utf8(id) && id.len <= 998 ? arena_str(arena, id) : (str){0};
}

void message_mime_part_field(struct message_mime_part *part, struct message_mime_facts *facts,
                             const struct message_field *f, struct arena *arena)
{
    if (f->flags & ~FIELD_UNENDED & ~FIELD_BARE_BYTES)
        part->flags |= MIME_BAD_FIELD;
    if (!str_is_ascii(f->raw))
        part->flags |= MIME_8BIT_HEADER;
    if (str_eq_nocase(f->name, S("DKIM-Signature")) || str_eq_nocase(f->name, S("ARC-Seal")) ||
        str_eq_nocase(f->name, S("ARC-Message-Signature")))
        part->is_signed = true;
    if (str_eq_nocase(f->name, S("Content-Type"))) {
        struct message_params params = read_params(part, facts, f->value, arena);
        if (facts->types++ == 0)
            part->content_type = params;
    } else if (str_eq_nocase(f->name, S("Content-Disposition"))) {
        struct message_params params = read_params(part, facts, f->value, arena);
        if (facts->dispositions++ == 0)
            part->content_disposition = params;
    } else if (str_eq_nocase(f->name, S("Content-Transfer-Encoding"))) {
        read_encoding(part, facts, f->value);
    } else if (str_eq_nocase(f->name, S("Content-ID"))) {
        if (part->content_id.len == 0 && f->value.len <= facts->bytes_left) {
            facts->bytes_left -= f->value.len;
            part->content_id = read_id(f->value, arena);
        }
        facts->others++;
    } else if (str_eq_nocase(f->name, S("MIME-Version"))) {
        facts->version = true;
    }
}

static bool is_type(str value)
{
    str type, subtype;
    str_split(value, '/', &type, &subtype);
    return message_lex_is_token(type) && message_lex_is_token(subtype);
}

static void settle_type(struct message_mime_part *part, const struct message_mime_facts *facts,
                        const struct message_mime_part *parent)
{
    bool in_digest = parent && str_eq(parent->type, S("multipart/digest"));
    bool has_others = facts->encodings || facts->dispositions || facts->others ||
                      (parent == NULL && facts->version);
    part->type = in_digest ? S("message/rfc822") : S("text/plain");
    if (facts->types == 0 && has_others)
        part->flags |= MIME_NO_TYPE;
    if (facts->types == 0)
        return;
    if (is_type(part->content_type.value)) {
        part->type = part->content_type.value;
        return;
    }
    part->flags |= MIME_BAD_TYPE;
    part->type = S("text/plain"); /* RFC 2045 section 5.2 */
}

/* bchars of RFC 2046 section 5.1.1 */
static bool is_boundary(str boundary)
{
    for (size_t i = 0; i < boundary.len; i++)
        if (boundary.ptr[i] == '\0' ||
            (!char_is_alnum(boundary.ptr[i]) && !strchr("'()+_,-./:=? ", boundary.ptr[i])))
            return false;
    return boundary.len > 0 && boundary.len <= BOUNDARY_BYTES_ALLOWED &&
           boundary.ptr[boundary.len - 1] != ' ';
}

static void settle_multipart(struct message_mime_part *part)
{
    const struct message_param *p = message_params_find(&part->content_type, S("boundary"));
    str boundary = p ? p->value : (str){0};
    if (message_params_count(&part->content_type, S("boundary")) > 1)
        part->flags |= MIME_TWO_BOUNDARIES;
    if (boundary.len > 0 && !is_boundary(boundary))
        part->flags |= MIME_BAD_BOUNDARY;
    while (boundary.len > 0 && boundary.ptr[boundary.len - 1] == ' ')
        boundary.len--;
    if (boundary.len == 0 || boundary.len > MESSAGE_MIME_BOUNDARY_BYTES_MAX) {
        part->flags |= MIME_NO_BOUNDARY;
        return;
    }
    part->boundary = boundary;
    part->kind = MIME_MULTIPART;
}

/* RFC 2045 section 6.4: what holds other parts is never encoded itself. Programs that undo the
 * encoding see other parts than those that do not. */
static void settle_kind(struct message_mime_part *part)
{
    bool encoded = part->encoding > ENCODING_BINARY;
    bool is_multipart = str_starts(part->type, S("multipart/"));
    bool is_message = str_eq(part->type, S("message/rfc822")) ||
                      str_eq(part->type, S("message/global")) ||
                      str_eq(part->type, S("message/news"));
    if (encoded && (is_multipart || str_starts(part->type, S("message/"))) &&
        !str_eq(part->type, S("message/global"))) /* RFC 6532 section 3.7 lets that one be */
        part->flags |= MIME_ENCODED_CONTAINER;
    if (is_multipart)
        settle_multipart(part);
    else if (is_message && !encoded)
        part->kind = MIME_MESSAGE;
    if (part->kind != MIME_LEAF && part->depth == MESSAGE_MIME_DEPTH_MAX) {
        part->flags |= MIME_TOO_DEEP;
        part->kind = MIME_LEAF;
    }
}

/* "caf_.txt" beside "café.txt" is what the RFCs suggest for old clients: one name, not two. */
static bool is_fallback(str plain, str full)
{
    while (plain.len > 0 && full.len > 0) {
        uint32_t a, b;
        message_text_next(&plain, &a);
        message_text_next(&full, &b);
        if (a != b && (b < 128 || (a != '_' && a != '?')))
            return false;
    }
    return plain.len == full.len;
}

static void settle_names(struct message_mime_part *part, const struct message_mime_facts *facts,
                         struct arena *arena)
{
    str *names = ARENA_ARRAY(arena, str, facts->name_count);
    for (size_t i = 0; i < facts->name_count; i++) {
        names[i] = facts->names[i];
        if (!is_fallback(names[i], names[0]) && !is_fallback(names[0], names[i]))
            part->flags |= MIME_NAMES_DIFFER;
    }
    part->names = names;
    part->name_count = facts->name_count;
}

void message_mime_part_settle(struct message_mime_part *part, struct message_mime_facts *facts,
                              const struct message_mime_part *parent, struct arena *arena)
{
    if (facts->types > 1)
        part->flags |= MIME_TWO_TYPES;
    if (facts->encodings > 1)
        part->flags |= MIME_TWO_ENCODINGS;
    if (facts->dispositions > 1)
        part->flags |= MIME_TWO_DISPOSITIONS;
    if (parent == NULL && !facts->version &&
        (facts->types || facts->encodings || facts->dispositions))
        part->flags |= MIME_NO_VERSION;
    part->has_version = facts->version;
    settle_type(part, facts, parent);
    settle_kind(part);
    settle_names(part, facts, arena);
    *facts = (struct message_mime_facts){.bytes_left = facts->bytes_left};
}
