#include "message/mime_range_test.h"

static bool is_line_end(str text)
{
    return text.len == 0 || str_eq(text, S("\r\n")) || str_eq(text, S("\n"));
}

static str range(str message, uint64_t from, uint64_t to)
{
    return str_slice(message, from, to - from);
}

/* Between two parts of a multipart: the line end that belongs to the delimiter, and the delimiter.
 */
static bool is_delimiter(str gap, str boundary)
{
    if (!str_skip(&gap, S("\r\n")))
        str_skip(&gap, S("\n"));
    if (!str_skip(&gap, S("--")) || !str_skip(&gap, boundary))
        return false;
    str_skip(&gap, S("--"));
    gap = str_trim(gap);
    return gap.len == 0;
}

static bool is_ordered(str message, const struct message_mime_part *part)
{
    return part->header_at <= part->header_end && part->header_end <= part->body_at &&
           part->body_at <= part->end && part->end <= message.len &&
           part->encoding_at <= part->encoding_end &&
           (part->encoding_end == 0 || part->encoding_end <= part->header_end) &&
           is_line_end(range(message, part->header_end, part->body_at));
}

/* Where the bytes before this child end, seen from its parent. */
static uint64_t end_before(const struct message_mime_part *parts, size_t i)
{
    uint64_t end = parts[parts[i].parent].preamble_end;
    for (size_t j = parts[i].parent + 1; j < i; j++)
        if (parts[j].parent == parts[i].parent)
            end = parts[j].end;
    return end;
}

static bool stands_in_parent(str message, const struct message_mime_part *parts, size_t i)
{
    const struct message_mime_part *part = &parts[i], *parent = &parts[part->parent];
    if (part->parent >= i || part->depth != parent->depth + 1 || parent->kind == MIME_LEAF ||
        part->header_at < parent->body_at || part->end > parent->end)
        return false;
    if (parent->kind == MIME_MESSAGE)
        return part->header_at == parent->body_at && part->end == parent->end;
    if (part->flags & MIME_TOO_MANY)
        return true;
    uint64_t before = end_before(parts, i);
    return before <= part->header_at &&
           is_delimiter(range(message, before, part->header_at), parent->boundary);
}

static bool multipart_ends(str message, const struct message_mime_part *parts, size_t count,
                           size_t i)
{
    const struct message_mime_part *part = &parts[i];
    uint64_t end = part->preamble_end;
    for (size_t j = i + 1; j < count; j++)
        if (parts[j].parent == i)
            end = parts[j].end;
    if (part->preamble_end < part->body_at || end > part->end)
        return false;
    if (part->epilogue_at == 0 || part->epilogue_at > part->end) /* its end is its parent's too */
        return true;
    return is_delimiter(range(message, end, part->epilogue_at), part->boundary);
}

bool mime_range_holds(str message, const struct message_mime_part *parts, size_t count)
{
    if (count == 0 || parts[0].header_at != 0 || parts[0].end != message.len)
        return false;
    bool cut = parts[count - 1].flags & MIME_TOO_MANY;
    for (size_t i = 0; i < count; i++) {
        if (!is_ordered(message, &parts[i]))
            return false;
        if (i > 0 && !cut && !stands_in_parent(message, parts, i))
            return false;
        if (parts[i].kind == MIME_MULTIPART && !cut && !multipart_ends(message, parts, count, i))
            return false;
    }
    return true;
}

static bool same_names(const struct message_mime_part *a, const struct message_mime_part *b)
{
    if (a->name_count != b->name_count)
        return false;
    for (size_t i = 0; i < a->name_count; i++)
        if (!str_eq(a->names[i], b->names[i]))
            return false;
    return true;
}

static bool same_part(const struct message_mime_part *a, const struct message_mime_part *b)
{
    return a->kind == b->kind && a->parent == b->parent && a->depth == b->depth &&
           a->children == b->children && a->header_at == b->header_at &&
           a->header_end == b->header_end && a->body_at == b->body_at && a->end == b->end &&
           a->preamble_end == b->preamble_end && a->epilogue_at == b->epilogue_at &&
           a->encoding_at == b->encoding_at && a->encoding_end == b->encoding_end &&
           a->high_octets == b->high_octets && a->is_signed == b->is_signed &&
           str_eq(a->type, b->type) && str_eq(a->boundary, b->boundary) &&
           a->encoding == b->encoding && a->flags == b->flags && a->param_flags == b->param_flags &&
           a->decode_flags == b->decode_flags && a->found == b->found && same_names(a, b);
}

bool mime_range_pieces_agree(str message, const struct message_mime_part *parts, size_t count,
                             size_t piece, struct arena *arena)
{
    struct message_mime *m = message_mime_open(arena);
    for (str left = message; left.len > 0; left = str_from(left, piece))
        message_mime_add(m, str_slice(left, 0, piece));
    message_mime_end(m);
    size_t pieces_count;
    const struct message_mime_part *pieces = message_mime_parts(m, &pieces_count);
    if (pieces_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!same_part(&parts[i], &pieces[i]))
            return false;
    return true;
}
