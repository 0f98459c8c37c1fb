#include "message/mime.h"
#include "message/charset.h"
#include "message/envelope.h"
#include "message/mime_part.h"
#include <string.h>

enum {
    LINE_BYTES_ALLOWED = 998,
    LINE_HELD_MAX = MESSAGE_MIME_BOUNDARY_BYTES_MAX + 200, /* "--", "--", and blanks */
    PARTS_FIRST = 8,
};

/* A multipart that is open. */
struct frame {
    uint32_t part;
    bool begun;  /* its first delimiter was seen */
    bool closed; /* its closing one was */
};

struct message_mime {
    struct arena *arena;
    struct message_mime_part *parts;
    size_t count, cap;
    struct frame frames[MESSAGE_MIME_DEPTH_MAX];
    size_t frame_count;
    uint32_t current; /* the part that bytes belong to */
    bool in_header, ended;

    uint64_t at, line_at;     /* bytes so far, and where this line began */
    uint64_t line_len;        /* of this line so far */
    size_t last_end;          /* bytes of the line end before this line */
    char held[LINE_HELD_MAX]; /* the front of a line that may be a delimiter */
    size_t held_len;
    bool holding;    /* nothing of this line was consumed yet */
    bool line_taken; /* a first byte of it was */
    char last_byte;

    struct buf field; /* of the header, until its end is known */
    uint64_t field_at;
    bool field_cut;
    struct message_mime_facts facts;

    struct message_decode decode; /* of the current part, for its flags */
    char end_held[2];             /* a line end that may be a delimiter's */
    size_t end_held_len;
};

static struct message_mime_part *current(struct message_mime *m) { return &m->parts[m->current]; }

static void release_field(void *object) { buf_release(object); }

/* A part that begins here; its header is read first. */
static void open_part(struct message_mime *m, uint32_t parent, uint64_t at)
{
    if (m->count == m->cap) { /* all older arrays together are no larger than this one */
        struct message_mime_part *old = m->parts;
        m->cap = m->cap ? m->cap * 2 : PARTS_FIRST;
        m->parts = ARENA_ARRAY(m->arena, struct message_mime_part, m->cap);
        if (m->count > 0)
            memcpy(m->parts, old, m->count * sizeof *old);
    }
    uint32_t index = (uint32_t)m->count++;
    struct message_mime_part *part = &m->parts[index];
    *part = (struct message_mime_part){.parent = parent, .header_at = at, .type = S("text/plain")};
    part->header_end = part->body_at = part->end = at;
    if (index > 0) {
        part->depth = m->parts[parent].depth + 1;
        m->parts[parent].children++;
    }
    m->current = index;
    m->in_header = true;
    buf_clear(&m->field);
    m->field_cut = false;
    if (m->count == MESSAGE_MIME_PARTS_MAX) { /* all that follows is this part's body */
        part->flags |= MIME_TOO_MANY;
        m->frame_count = 0;
        m->in_header = false;
        message_decode_init(&m->decode, part->encoding);
    }
}

struct message_mime *message_mime_open(struct arena *arena)
{
    struct message_mime *m = ARENA_NEW(arena, struct message_mime);
    m->arena = arena;
    m->holding = true;
    m->facts.bytes_left = MESSAGE_MIME_FACTS_BYTES_MAX;
    buf_init(&m->field, MESSAGE_MIME_FIELD_BYTES_MAX);
    arena_defer(arena, release_field, &m->field);
    open_part(m, 0, 0);
    return m;
}

/* The field that was gathered is whole: it ends before that offset. */
static void end_field(struct message_mime *m, uint64_t end)
{
    struct message_field f;
    str rest = buf_str(&m->field);
    if (message_header_next(&rest, &f)) {
        size_t encodings = m->facts.encodings;
        message_mime_part_field(current(m), &m->facts, &f, m->arena);
        if (encodings == 0 && m->facts.encodings == 1) {
            current(m)->encoding_at = m->field_at;
            current(m)->encoding_end = end;
        }
    }
    if (m->field_cut)
        current(m)->flags |= MIME_TOO_LONG;
    m->field_cut = false;
    buf_clear(&m->field);
}

static void push_frame(struct message_mime *m)
{
    struct message_mime_part *part = current(m);
    for (size_t i = 0; i < m->frame_count; i++) {
        str outer = m->parts[m->frames[i].part].boundary;
        if (str_starts(outer, part->boundary) || str_starts(part->boundary, outer))
            part->flags |= MIME_REUSED_BOUNDARY;
    }
    ASSERT(m->frame_count < MESSAGE_MIME_DEPTH_MAX);
    m->frames[m->frame_count++] = (struct frame){.part = m->current};
}

/* The header ends before header_end, the body begins at body_at. */
static void end_header(struct message_mime *m, uint64_t header_end, uint64_t body_at)
{
    end_field(m, header_end);
    struct message_mime_part *part = current(m);
    part->header_end = header_end;
    part->body_at = part->end = part->preamble_end = body_at;
    m->in_header = false;
    message_mime_part_settle(part, &m->facts, m->current ? &m->parts[part->parent] : NULL,
                             m->arena);
    if (part->kind == MIME_MULTIPART)
        push_frame(m);
    message_decode_init(&m->decode, part->kind == MIME_LEAF ? part->encoding : ENCODING_BINARY);
    m->end_held_len = 0;
    if (part->kind == MIME_MESSAGE)
        open_part(m, m->current, body_at);
}

static void add_to_field(struct message_mime *m, str bytes)
{
    bool continues = bytes.ptr[0] == ' ' || bytes.ptr[0] == '\t';
    if (!m->line_taken && (!continues || m->field.len == 0)) {
        end_field(m, m->line_at);
        m->field_at = m->line_at;
    }
    str fitting = str_slice(bytes, 0, MESSAGE_MIME_FIELD_BYTES_MAX - m->field.len);
    m->field_cut = m->field_cut || fitting.len < bytes.len;
    err e = buf_add(&m->field, fitting);
    ASSERT(e == NULL); /* its maximum is the same */
}

/* Only flags come of it: no output, so no err. */
static void judge_body(struct message_mime *m, str bytes)
{
    err e = message_decode_add(&m->decode, bytes, NULL);
    ASSERT(e == NULL);
}

/* Body bytes, but a line end at their end is held back. */
static void add_to_body(struct message_mime *m, str bytes)
{
    if (m->decode.encoding != ENCODING_BASE64 && m->decode.encoding != ENCODING_QP)
        return;
    if (!(m->end_held_len == 1 && m->end_held[0] == '\r' && bytes.ptr[0] == '\n')) {
        judge_body(m, (str){m->end_held, m->end_held_len});
        m->end_held_len = 0;
    }
    size_t keep = bytes.ptr[bytes.len - 1] == '\n' || bytes.ptr[bytes.len - 1] == '\r';
    if (keep && bytes.len > 1 && bytes.ptr[bytes.len - 1] == '\n' &&
        bytes.ptr[bytes.len - 2] == '\r')
        keep = 2;
    judge_body(m, str_slice(bytes, 0, bytes.len - keep));
    for (size_t i = bytes.len - keep; i < bytes.len; i++)
        m->end_held[m->end_held_len++] = bytes.ptr[i];
}

/* NUL, 8-bit, CR alone; LF alone is seen at the end of the line. */
static void look_at(struct message_mime *m, str bytes)
{
    struct message_mime_part *part = current(m);
    bool bare = false;
    uint64_t high = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        char before = i > 0 ? bytes.ptr[i - 1] : m->last_byte;
        high += c > 127;
        if (c == '\0')
            part->found |= FOUND_BINARY;
        bare = bare || (before == '\r' && c != '\n');
    }
    if (high > 0)
        part->found |= m->in_header ? FOUND_8BIT_HEADER : FOUND_8BIT;
    if (!m->in_header)
        part->high_octets += high;
    if (bare) {
        part->flags |= MIME_BARE_LINE_END;
        part->found |= FOUND_BINARY;
    }
}

/* Bytes of this line, which is no delimiter. */
static void consume(struct message_mime *m, str bytes)
{
    if (bytes.len == 0)
        return;
    look_at(m, bytes);
    if (m->in_header)
        add_to_field(m, bytes);
    else
        add_to_body(m, bytes);
    m->line_taken = true;
    m->last_byte = bytes.ptr[bytes.len - 1];
}

static void release_held(struct message_mime *m)
{
    m->holding = false;
    consume(m, (str){m->held, m->held_len});
}

static void end_decode(struct message_mime *m)
{
    struct message_mime_part *part = current(m);
    err e = message_decode_end(&m->decode, NULL);
    ASSERT(e == NULL);
    if (part->kind == MIME_LEAF && !m->in_header)
        part->decode_flags = m->decode.flags;
    bool said_7bit = part->encoding == ENCODING_7BIT;
    if (part->kind == MIME_LEAF && said_7bit && part->found & FOUND_8BIT)
        part->flags |= MIME_UNDECLARED_8BIT;
    message_decode_init(&m->decode, ENCODING_BINARY);
    m->end_held_len = 0;
}

/* Every part from the current one up to that ancestor, which stays open, ends here. */
static void end_parts(struct message_mime *m, uint32_t ancestor, uint64_t end)
{
    if (m->in_header) {
        if (m->current > 0)
            current(m)->flags |= MIME_NO_SEPARATOR;
        uint64_t at = current(m)->header_at;
        uint32_t before = m->current;
        end_header(m, end > at ? end : at, end > at ? end : at);
        if (m->current != before) /* an embedded message with nothing in it */
            end_header(m, m->parts[m->current].header_at, m->parts[m->current].header_at);
    }
    end_decode(m);
    for (uint32_t i = m->current; i != ancestor; i = m->parts[i].parent) {
        struct message_mime_part *part = &m->parts[i];
        end = end > part->body_at ? end : part->body_at; /* nor before that of a part in it */
        part->end = end;
    }
    while (m->frame_count > 0 && m->frames[m->frame_count - 1].part != ancestor) {
        struct frame *f = &m->frames[--m->frame_count];
        struct message_mime_part *part = &m->parts[f->part];
        if (!f->closed)
            part->flags |= f->begun ? MIME_UNENDED : MIME_UNENDED | MIME_NO_PARTS;
        if (!f->begun)
            part->preamble_end = part->end;
    }
    m->current = ancestor;
}

enum delimiter { DELIMITER_NONE, DELIMITER_NEAR, DELIMITER_OPEN, DELIMITER_CLOSE };

/* What a line that begins with "--" is to that boundary (RFC 2046 section 5.1.1). */
static enum delimiter judge_line(str line, str boundary, bool *ret_padded)
{
    str rest = str_from(line, 2);
    if (!str_skip(&rest, boundary))
        return DELIMITER_NONE;
    bool closing = str_skip(&rest, S("--"));
    *ret_padded = rest.len > 0;
    while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
        rest = str_from(rest, 1);
    if (rest.len > 0)
        return DELIMITER_NEAR;
    return closing ? DELIMITER_CLOSE : DELIMITER_OPEN;
}

static void cross_delimiter(struct message_mime *m, struct frame *f, bool closing)
{
    uint64_t end = m->line_at - m->last_end, next = m->line_at + m->line_len;
    end_parts(m, f->part, end);
    struct message_mime_part *part = &m->parts[f->part];
    if (!f->begun)
        part->preamble_end = end > part->body_at ? end : part->body_at;
    f->begun = true;
    if (closing) {
        f->closed = true;
        part->epilogue_at = next;
    } else {
        open_part(m, f->part, next);
    }
}

/* The line that is held, without its end: is it a delimiter of an open multipart, the innermost
 * first? */
static bool take_delimiter(struct message_mime *m, str line)
{
    if (!str_starts(line, S("--")))
        return false;
    for (size_t i = m->frame_count; i-- > 0;) {
        struct frame *f = &m->frames[i];
        struct message_mime_part *part = &m->parts[f->part];
        bool padded = false;
        enum delimiter d = judge_line(line, part->boundary, &padded);
        if (d == DELIMITER_NONE)
            continue;
        if (d == DELIMITER_NEAR) {
            part->flags |= MIME_NEAR_BOUNDARY;
            continue;
        }
        if (f->closed) {
            part->flags |= MIME_PART_IN_EPILOGUE;
            continue;
        }
        if (padded)
            part->flags |= MIME_PADDED_BOUNDARY;
        cross_delimiter(m, f, d == DELIMITER_CLOSE);
        return true;
    }
    return false;
}

static bool is_blank_line(str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t')
            return false;
    return line.len > 0;
}

/* Whatever was held of the line decides; the rest of it was consumed already. */
static void end_line(struct message_mime *m, size_t end_len)
{
    bool taken = false;
    if (m->holding) {
        str line = {m->held, m->held_len - end_len};
        taken = take_delimiter(m, line);
        if (!taken && m->in_header && line.len == 0 && end_len > 0) {
            if (end_len == 1)
                current(m)->flags |= MIME_BARE_LINE_END;
            end_header(m, m->line_at, m->line_at + m->line_len);
            taken = true;
        }
        if (!taken && m->in_header && is_blank_line(line))
            current(m)->flags |= MIME_FOLDED_BLANK;
        if (!taken)
            release_held(m);
    }
    if (!taken && m->line_len - end_len > LINE_BYTES_ALLOWED)
        current(m)->found |= FOUND_LONG_LINES;
    if (!taken && end_len == 1) {
        current(m)->flags |= MIME_BARE_LINE_END;
        current(m)->found |= FOUND_BINARY;
    }
    m->last_end = end_len;
    m->last_byte = '\n';
    m->line_at += m->line_len;
    m->line_len = 0;
    m->held_len = 0;
    m->holding = true;
    m->line_taken = false;
}

/* Bytes of one line; at most LINE_HELD_MAX are held until it is known what the line is. */
static void add_run(struct message_mime *m, str run)
{
    m->line_len += run.len;
    if (!m->holding) {
        consume(m, run);
        return;
    }
    str piece = str_slice(run, 0, LINE_HELD_MAX - m->held_len);
    if (piece.len > 0)
        memcpy(m->held + m->held_len, piece.ptr, piece.len);
    m->held_len += piece.len;
    run = str_from(run, piece.len);
    bool may_be = m->frame_count > 0 && m->held[0] == '-' && (m->held_len < 2 || m->held[1] == '-');
    bool is_short = m->held_len < LINE_HELD_MAX && m->in_header; /* it may be blank */
    if (run.len > 0 || (!may_be && !is_short && m->held_len > 2)) {
        release_held(m);
        consume(m, run);
    }
}

void message_mime_add(struct message_mime *m, str piece)
{
    ASSERT(!m->ended);
    while (piece.len > 0) {
        size_t lf = str_find(piece, '\n');
        size_t len = lf == STR_NONE ? piece.len : lf + 1;
        bool cr_ahead =
            lf != STR_NONE && (lf > 0       ? piece.ptr[lf - 1] == '\r'
                               : m->holding ? m->held_len > 0 && m->held[m->held_len - 1] == '\r'
                                            : m->last_byte == '\r');
        add_run(m, str_slice(piece, 0, len));
        m->at += len;
        if (lf != STR_NONE)
            end_line(m, cr_ahead ? 2 : 1);
        piece = str_from(piece, len);
    }
}

void message_mime_end(struct message_mime *m)
{
    ASSERT(!m->ended);
    if (m->line_len > 0)
        end_line(m, 0);
    m->ended = true;
    end_parts(m, 0, m->at);
    m->parts[0].end = m->at;
    if (m->frame_count > 0) { /* the message's own multipart */
        struct frame *f = &m->frames[0];
        if (!f->closed)
            m->parts[0].flags |= f->begun ? MIME_UNENDED : MIME_UNENDED | MIME_NO_PARTS;
        if (!f->begun)
            m->parts[0].preamble_end = m->at;
    }
}

const struct message_mime_part *message_mime_parts(const struct message_mime *m, size_t *ret_count)
{
    ASSERT(m->ended);
    *ret_count = m->count;
    return m->parts;
}

const struct message_mime_part *message_mime_parse(str message, struct arena *arena,
                                                   size_t *ret_count)
{
    struct message_mime *m = message_mime_open(arena);
    message_mime_add(m, message);
    message_mime_end(m);
    return message_mime_parts(m, ret_count);
}

bool message_mime_ambiguous(const struct message_mime_part *part)
{
    return part->flags & MIME_AMBIGUOUS || part->param_flags & PARAM_AMBIGUOUS ||
           part->decode_flags;
}

const char *message_mime_flag_name(uint32_t flag)
{
    static const char *const names[] = {
        "two-types",       "two-encodings", "two-dispositions",  "bad-type",
        "no-type",         "bad-encoding",  "encoded-container", "two-boundaries",
        "no-boundary",     "bad-boundary",  "reused-boundary",   "near-boundary",
        "padded-boundary", "unended",       "part-in-epilogue",  "no-parts",
        "names-differ",    "8bit-header",   "bad-field",         "no-separator",
        "too-deep",        "too-many",      "too-long",          "undeclared-8bit",
        "bare-line-end",   "no-version",    "folded-blank",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (flag == 1u << i)
            return names[i];
    return NULL;
}

err message_mime_decode(const struct message_mime_part *part, str message, struct buf *out)
{
    size_t before = out->len;
    struct message_decode d;
    message_decode_init(&d, part->kind == MIME_LEAF ? part->encoding : ENCODING_BINARY);
    err e =
        message_decode_add(&d, str_slice(message, part->body_at, part->end - part->body_at), out);
    if (e == NULL)
        e = message_decode_end(&d, out);
    if (e)
        out->len = before;
    return e;
}

err message_mime_text(const struct message_mime_part *part, str message, struct buf *out,
                      bool *ret_exact)
{
    CLEANUP(buf_release) struct buf bytes;
    const struct message_param *p = message_params_find(&part->content_type, S("charset"));
    buf_init(&bytes, (size_t)(part->end - part->body_at) + 1);
    TRY(message_mime_decode(part, message, &bytes));
    return message_charset_to_utf8(p ? p->value : S("us-ascii"), buf_str(&bytes), out, ret_exact);
}
