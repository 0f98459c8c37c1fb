#include "message/downgrade.h"
#include "message/envelope.h"

enum { SHORT_BYTES_MAX = 500 }; /* of a text that quoted-printable cannot make much longer */

/* Programs that disagree about these disagree about where a body begins or how it is
 * encoded. */
enum {
    UNSURE = MIME_TWO_TYPES | MIME_TWO_ENCODINGS | MIME_BAD_TYPE | MIME_BAD_ENCODING |
             MIME_ENCODED_CONTAINER | MIME_TWO_BOUNDARIES | MIME_NO_BOUNDARY |
             MIME_PART_IN_EPILOGUE | MIME_NO_SEPARATOR | MIME_TOO_DEEP | MIME_TOO_MANY |
             MIME_TOO_LONG | MIME_BARE_LINE_END | MIME_FOLDED_BLANK,
};

struct planner {
    const struct message_mime_part *parts;
    size_t part_count;
    struct message_downgrade_edit *edits;
    size_t count;
};

static void add_edit(struct planner *p, struct message_downgrade_edit edit)
{
    ASSERT(p->count < MESSAGE_DOWNGRADE_EDITS_MAX);
    size_t at = p->count++;
    for (; at > 0 && p->edits[at - 1].from > edit.from; at--) /* nearly in order already */
        p->edits[at] = p->edits[at - 1];
    p->edits[at] = edit;
}

static bool is_inside(const struct planner *p, size_t i, const char *type)
{
    for (; i != 0; i = p->parts[i].parent)
        if (str_eq(p->parts[p->parts[i].parent].type, str_of(type)))
            return true;
    return false;
}

static bool is_plain_encoding(enum message_encoding e) { return e <= ENCODING_BINARY; }

/* The field says what it said, of the encoding that now is. */
static void set_encoding(struct planner *p, const struct message_mime_part *part, str field)
{
    bool has_one = part->encoding_end > part->encoding_at;
    add_edit(p,
             (struct message_downgrade_edit){.from = has_one ? part->encoding_at : part->header_end,
                                             .to = has_one ? part->encoding_end : part->header_end,
                                             .what = DOWNGRADE_REPLACE,
                                             .text = field});
}

/* RFC 1428 section 4: what came without MIME has no charset that we know. */
static void add_mime(struct planner *p, const struct message_mime_part *part)
{
    bool has_type = part->content_type.value.len > 0;
    add_edit(p, (struct message_downgrade_edit){
                    .from = part->header_end,
                    .to = part->header_end,
                    .what = DOWNGRADE_REPLACE,
                    .text = has_type ? S("MIME-Version: 1.0\r\n")
                                     : S("MIME-Version: 1.0\r\n"
                                         "Content-Type: text/plain; charset=unknown-8bit\r\n")});
}

/* Quoted-printable for text that is mostly ASCII, for people may have to read it as it is. */
static enum message_encoding choose(const struct message_mime_part *part)
{
    bool is_text = str_starts(part->type, S("text/")) || str_starts(part->type, S("message/"));
    uint64_t size = part->end - part->body_at;
    bool mostly_other = size > SHORT_BYTES_MAX && part->high_octets > size / 6;
    return is_text && !mostly_other ? ENCODING_QP : ENCODING_BASE64;
}

static bool plan_leaf(struct planner *p, size_t i)
{
    const struct message_mime_part *part = &p->parts[i];
    if (!(part->found & FOUND_8BIT))
        return true;
    if (!is_plain_encoding(part->encoding) || part->flags & UNSURE ||
        is_inside(p, i, "multipart/signed") || is_inside(p, i, "multipart/encrypted"))
        return false;
    enum message_encoding encoding = choose(part);
    if (i == 0 && !part->has_version)
        add_mime(p, part);
    set_encoding(p, part,
                 encoding == ENCODING_QP ? S("Content-Transfer-Encoding: quoted-printable\r\n")
                                         : S("Content-Transfer-Encoding: base64\r\n"));
    add_edit(p, (struct message_downgrade_edit){.from = part->body_at,
                                                .to = part->end,
                                                .what = DOWNGRADE_ENCODE,
                                                .encoding = encoding});
    return true;
}

/* A container says 7bit once all in it is; nobody reads what stands before and behind its parts. */
static bool plan_container(struct planner *p, size_t i)
{
    const struct message_mime_part *part = &p->parts[i];
    bool high = part->found & FOUND_8BIT;
    bool is_signed = str_eq(part->type, S("multipart/signed")) ||
                     str_eq(part->type, S("multipart/encrypted")) ||
                     is_inside(p, i, "multipart/signed") || is_inside(p, i, "multipart/encrypted");
    if (part->flags & UNSURE || (high && is_signed))
        return false;
    if (part->encoding != ENCODING_7BIT && !is_inside(p, i, "multipart/signed"))
        set_encoding(p, part, S("Content-Transfer-Encoding: 7bit\r\n"));
    if (!high)
        return true;
    add_edit(p, (struct message_downgrade_edit){
                    .from = part->body_at, .to = part->preamble_end, .what = DOWNGRADE_MASK});
    if (part->epilogue_at > 0 && part->epilogue_at < part->end)
        add_edit(p, (struct message_downgrade_edit){
                        .from = part->epilogue_at, .to = part->end, .what = DOWNGRADE_MASK});
    return true;
}

bool message_downgrade_plan(const struct message_mime_part *parts, size_t count,
                            struct arena *arena, struct message_downgrade *ret_plan)
{
    struct planner p = {.parts = parts, .part_count = count};
    p.edits = ARENA_ARRAY(arena, struct message_downgrade_edit, 4 * count);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].is_signed)
            return false;
        if (!(parts[i].kind == MIME_LEAF ? plan_leaf(&p, i) : plan_container(&p, i)))
            return false;
    }
    *ret_plan = (struct message_downgrade){.edits = p.edits, .count = p.count};
    return true;
}

void message_downgrade_begin(struct message_downgrade *d)
{
    d->next = 0;
    d->at = 0;
    d->begun = false;
}

static err add_masked(str piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++)
        TRY(buf_add_char(out, (unsigned char)piece.ptr[i] > 127 ? '?' : piece.ptr[i]));
    return NULL;
}

static err begin_edit(struct message_downgrade *d, const struct message_downgrade_edit *e,
                      struct buf *out)
{
    d->begun = true;
    if (e->what == DOWNGRADE_ENCODE)
        message_encode_init(&d->encode, e->encoding);
    return e->what == DOWNGRADE_REPLACE ? buf_add(out, e->text) : NULL;
}

static err end_edit(struct message_downgrade *d, const struct message_downgrade_edit *e,
                    struct buf *out)
{
    d->begun = false;
    d->next++;
    return e->what == DOWNGRADE_ENCODE ? message_encode_end(&d->encode, out) : NULL;
}

/* Edits that begin here; one of no bytes is done at once. *ret_len: for how many of the next bytes
 * it stays so. */
static err reach(struct message_downgrade *d, uint64_t *ret_len, struct buf *out)
{
    *ret_len = UINT64_MAX;
    while (d->next < d->count) {
        const struct message_downgrade_edit *e = &d->edits[d->next];
        if (!d->begun && d->at < e->from) {
            *ret_len = e->from - d->at;
            return NULL;
        }
        if (!d->begun)
            TRY(begin_edit(d, e, out));
        if (d->at < e->to) {
            *ret_len = e->to - d->at;
            return NULL;
        }
        TRY(end_edit(d, e, out));
    }
    return NULL;
}

static err add_run(struct message_downgrade *d, str run, struct buf *out)
{
    const struct message_downgrade_edit *e = d->begun ? &d->edits[d->next] : NULL;
    d->at += run.len;
    if (e == NULL)
        return buf_add(out, run);
    if (e->what == DOWNGRADE_ENCODE)
        return message_encode_add(&d->encode, run, out);
    return e->what == DOWNGRADE_MASK ? add_masked(run, out) : NULL;
}

err message_downgrade_add(struct message_downgrade *d, str piece, struct buf *out)
{
    while (piece.len > 0) {
        uint64_t len;
        TRY(reach(d, &len, out));
        str run = str_slice(piece, 0, len < piece.len ? (size_t)len : piece.len);
        TRY(add_run(d, run, out));
        piece = str_from(piece, run.len);
    }
    return NULL;
}

/* base64 at the very end gets the line end that no delimiter brings. */
err message_downgrade_end(struct message_downgrade *d, struct buf *out)
{
    uint64_t len;
    bool base64 = d->begun && d->edits[d->next].what == DOWNGRADE_ENCODE &&
                  d->edits[d->next].encoding == ENCODING_BASE64;
    TRY(reach(d, &len, out));
    return base64 ? buf_add(out, S("\r\n")) : NULL;
}
