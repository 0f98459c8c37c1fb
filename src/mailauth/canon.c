#include "mailauth/canon.h"
#include <string.h>

enum { BLOCK_BYTES = 16 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* ---- what comes out, in pieces worth hashing ------------------------------------------------- */

static void flush(struct mailauth_canon_out *out)
{
    if (out->len > 0)
        out->take(out->arg, (str){out->bytes, out->len});
    out->len = 0;
}

static void put(struct mailauth_canon_out *out, char c)
{
    if (out->len == sizeof out->bytes)
        flush(out);
    out->bytes[out->len++] = c;
}

static void put_all(struct mailauth_canon_out *out, str bytes)
{
    if (bytes.len > sizeof out->bytes - out->len) {
        flush(out);
        if (bytes.len > sizeof out->bytes) {
            out->take(out->arg, bytes);
            return;
        }
    }
    if (bytes.len > 0)
        memcpy(out->bytes + out->len, bytes.ptr, bytes.len);
    out->len += bytes.len;
}

/* ---- a body ---------------------------------------------------------------------------------- */

void mailauth_canon_body_init(struct mailauth_canon_body *b, enum mailauth_canon how,
                              mailauth_canon_take *take, void *arg)
{
    b->how = how;
    b->cr = b->blank = false;
    b->empty = true;
    b->line_ends = 0;
    b->out.take = take;
    b->out.arg = arg;
    b->out.len = 0;
}

/* What was held back counts, because something stands behind it. */
static void release_held(struct mailauth_canon_body *b)
{
    for (; b->line_ends > 0; b->line_ends--)
        put_all(&b->out, S("\r\n"));
    if (b->blank)
        put(&b->out, ' ');
    b->blank = b->empty = false;
}

static void end_line(struct mailauth_canon_body *b)
{
    b->cr = b->blank = false; /* blanks at the end of a line are gone */
    b->line_ends++;
}

/* A byte that means more than itself, or that comes behind one. */
static void add_byte(struct mailauth_canon_body *b, char c)
{
    if (b->cr && c == '\n') {
        end_line(b);
        return;
    }
    if (b->cr) {
        release_held(b);
        put(&b->out, '\r');
    }
    b->cr = c == '\r';
    if (b->cr)
        return;
    if (b->how == MAILAUTH_CANON_RELAXED && is_blank(c)) {
        b->blank = true;
        return;
    }
    release_held(b);
    put(&b->out, c);
}

/* A byte that does not stand for itself in the relaxed form, by itself and the one behind it. */
static bool is_special(unsigned char c, unsigned char next)
{
    return (c == '\r') | (c == '\t') | ((c == ' ') & (next <= ' '));
}

/* Without a branch, so that the compiler looks at all of them at once. */
static bool block_is_plain(const char *bytes)
{
    unsigned char special = 0;
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        special |= is_special((unsigned char)bytes[i], (unsigned char)bytes[i + 1]);
    return special == 0;
}

/* How many bytes in front stand for themselves: in the relaxed form also one blank between two
 * words, so that most lines are one run. */
static size_t plain_run(enum mailauth_canon how, str bytes)
{
    if (how == MAILAUTH_CANON_SIMPLE) {
        size_t cr = str_find(bytes, '\r');
        return cr == STR_NONE ? bytes.len : cr;
    }
    size_t len = 0;
    while (len + BLOCK_BYTES < bytes.len && block_is_plain(bytes.ptr + len))
        len += BLOCK_BYTES;
    while (len + 1 < bytes.len &&
           !is_special((unsigned char)bytes.ptr[len], (unsigned char)bytes.ptr[len + 1]))
        len++;
    if (len + 1 == bytes.len && !is_special((unsigned char)bytes.ptr[len], ' '))
        len++; /* what stands behind the last one is not known yet */
    return len;
}

void mailauth_canon_body_add(struct mailauth_canon_body *b, str bytes)
{
    while (bytes.len > 0) {
        bool joins = b->cr || (b->blank && bytes.ptr[0] == ' '); /* with what is held back */
        size_t run = joins ? 0 : plain_run(b->how, bytes);
        if (run > 0) {
            release_held(b);
            put_all(&b->out, str_slice(bytes, 0, run));
            bytes = str_from(bytes, run);
        } else {
            add_byte(b, bytes.ptr[0]);
            bytes = str_from(bytes, 1);
        }
    }
}

void mailauth_canon_body_end(struct mailauth_canon_body *b)
{
    if (b->cr) { /* a CR alone at the very end */
        release_held(b);
        put(&b->out, '\r');
    }
    /* An empty body is one empty line in the simple form, and nothing in the relaxed one. */
    if (!b->empty || b->how == MAILAUTH_CANON_SIMPLE)
        put_all(&b->out, S("\r\n"));
    flush(&b->out);
}

/* ---- a field -----------------------------------------------------------------------------------
 */

static void relax_value(struct mailauth_canon_out *out, str value)
{
    bool blank = false, begun = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool folds = c == '\n' || (c == '\r' && i + 1 < value.len && value.ptr[i + 1] == '\n');
        blank = blank || is_blank(c);
        if (folds || is_blank(c))
            continue;
        if (blank && begun)
            put(out, ' ');
        put(out, c);
        begun = true;
        blank = false;
    }
}

static void add_field(struct mailauth_canon_out *out, enum mailauth_canon how,
                      const struct message_field *f)
{
    if (how == MAILAUTH_CANON_SIMPLE || (f->flags & FIELD_NO_COLON)) {
        str raw = f->raw;
        if (raw.len > 0 && raw.ptr[raw.len - 1] == '\n')
            raw.len--;
        if (raw.len > 0 && raw.ptr[raw.len - 1] == '\r')
            raw.len--;
        put_all(out, raw);
        return;
    }
    for (size_t i = 0; i < f->name.len; i++)
        put(out, char_lower(f->name.ptr[i]));
    put(out, ':');
    relax_value(out, f->value);
}

void mailauth_canon_field_open(enum mailauth_canon how, const struct message_field *field,
                               mailauth_canon_take *take, void *arg)
{
    struct mailauth_canon_out out;
    out.take = take;
    out.arg = arg;
    out.len = 0;
    add_field(&out, how, field);
    flush(&out);
}

void mailauth_canon_field(enum mailauth_canon how, const struct message_field *field,
                          mailauth_canon_take *take, void *arg)
{
    mailauth_canon_field_open(how, field, take, arg);
    take(arg, S("\r\n"));
}
