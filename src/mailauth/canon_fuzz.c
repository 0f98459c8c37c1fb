#include "base/buf.h"
#include "mailauth/canon.h"
#include "tests/fuzz.h"

enum { BODY_BYTES_MAX = 64 << 10 };

static void collect(void *arg, str bytes)
{
    err e = buf_add(arg, bytes);
    ASSERT(e == NULL);
}

static void whole(enum mailauth_canon how, str body, struct buf *out)
{
    struct mailauth_canon_body c;
    mailauth_canon_body_init(&c, how, collect, out);
    mailauth_canon_body_add(&c, body);
    mailauth_canon_body_end(&c);
}

/* The cuts are lengths that the input's own first bytes say. */
static void in_pieces(enum mailauth_canon how, str cuts, str body, struct buf *out)
{
    struct mailauth_canon_body c;
    mailauth_canon_body_init(&c, how, collect, out);
    for (size_t i = 0; body.len > 0; i++) {
        size_t len = cuts.len > 0 ? (uint8_t)cuts.ptr[i % cuts.len] % 32U : 1;
        str piece = str_slice(body, 0, len + (i % 4 == 3)); /* empty ones, too, but not for ever */
        mailauth_canon_body_add(&c, piece);
        body = str_from(body, piece.len);
    }
    mailauth_canon_body_end(&c);
}

static void check_body(enum mailauth_canon how, str cuts, str body)
{
    struct buf one, two, again;
    buf_init(&one, 2 * BODY_BYTES_MAX);
    buf_init(&two, 2 * BODY_BYTES_MAX);
    buf_init(&again, 2 * BODY_BYTES_MAX);
    whole(how, body, &one);
    in_pieces(how, cuts, body, &two);
    whole(how, buf_str(&one), &again);
    ASSERT(str_eq(buf_str(&one), buf_str(&two)));   /* cuts do not matter */
    ASSERT(str_eq(buf_str(&one), buf_str(&again))); /* what is canonical stays as it is */
    ASSERT(one.len <= body.len + 2);
    buf_release(&one);
    buf_release(&two);
    buf_release(&again);
}

/* A field in its relaxed form is a field, and its relaxed form is itself. */
static void check_field(const struct message_field *f)
{
    struct buf one, again;
    struct message_field relaxed;
    buf_init(&one, 2 * BODY_BYTES_MAX);
    buf_init(&again, 2 * BODY_BYTES_MAX);
    mailauth_canon_field(MAILAUTH_CANON_RELAXED, f, collect, &one);
    str text = buf_str(&one);
    if (f->name.len > 0 && f->flags == 0 && message_header_next(&text, &relaxed)) {
        ASSERT(text.len == 0);
        mailauth_canon_field(MAILAUTH_CANON_RELAXED, &relaxed, collect, &again);
        ASSERT(str_eq(buf_str(&one), buf_str(&again)));
    }
    buf_release(&one);
    buf_release(&again);
}

FUZZ(input, arena)
{
    (void)arena;
    if (input.len < 1 || input.len > BODY_BYTES_MAX)
        return;
    size_t count = (uint8_t)input.ptr[0] % 8U;
    str cuts = str_slice(input, 1, count), body = str_from(input, 1 + cuts.len);
    check_body(MAILAUTH_CANON_SIMPLE, cuts, body);
    check_body(MAILAUTH_CANON_RELAXED, cuts, body);
    struct message_field f;
    while (message_header_next(&body, &f))
        check_field(&f);
}
