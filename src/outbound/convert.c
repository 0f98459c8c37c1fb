#include "outbound/convert.h"

enum {
    CONVERT_ARENA_BYTES = MESSAGE_MIME_ARENA_BYTES + (4 << 20),
    CONVERT_STEP_BYTES = 64 << 10, /* of the mail that are converted at once */
};

struct outbound_convert {
    const struct outbound_offer_mail *mail;
    struct arena *arena;
    struct message_downgrade plan;
    uint64_t offset; /* read so far */
    bool ended;
    struct buf out; /* what the last step gave */
    uint64_t size;
};

bool outbound_convert_is_worth_it(const struct envelope *env)
{
    return env->declared != BODY_7BIT && (env->found & FOUND_8BIT) && !(env->found & FOUND_BINARY);
}

/* The next bytes of the mail, not too many at once: an octet may become three. */
static err read_mail(struct outbound_convert *c, str *ret_piece, deadline until)
{
    str piece;
    TRY(c->mail->read(c->mail->arg, c->offset, &piece, until));
    piece = str_slice(piece, 0, CONVERT_STEP_BYTES);
    c->offset += piece.len;
    *ret_piece = piece;
    return NULL;
}

static err find_parts(struct outbound_convert *c, deadline until, bool *ret_possible)
{
    struct message_mime *m = message_mime_open(c->arena);
    str piece;
    do {
        TRY(read_mail(c, &piece, until));
        message_mime_add(m, piece);
    } while (piece.len > 0);
    message_mime_end(m);
    size_t count;
    const struct message_mime_part *parts = message_mime_parts(m, &count);
    *ret_possible = message_downgrade_plan(parts, count, c->arena, &c->plan);
    return NULL;
}

static void begin(struct outbound_convert *c)
{
    message_downgrade_begin(&c->plan);
    c->offset = 0;
    c->ended = false;
}

static err measure(struct outbound_convert *c, deadline until)
{
    str piece;
    begin(c);
    do {
        TRY(outbound_convert_read(c, &piece, until));
        c->size += piece.len;
    } while (piece.len > 0);
    return NULL;
}

err outbound_convert_open(const struct outbound_offer_mail *mail, deadline until,
                          struct outbound_convert **ret_convert)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CONVERT_ARENA_BYTES);
    struct outbound_convert *c = ARENA_NEW(arena, struct outbound_convert);
    *c = (struct outbound_convert){.mail = mail, .arena = arena};
    buf_init(&c->out, 8 * CONVERT_STEP_BYTES);
    bool possible;
    err e = find_parts(c, until, &possible);
    if (e == NULL && possible)
        e = measure(c, until);
    if (e || !possible) {
        buf_release(&c->out);
        if (e == NULL)
            *ret_convert = NULL;
        return e;
    }
    begin(c);
    *ret_convert = c;
    arena = NULL; /* it is the conversion's now */
    return NULL;
}

void outbound_convert_close(struct outbound_convert *c)
{
    if (c == NULL)
        return;
    buf_release(&c->out);
    arena_close(c->arena);
}

void outbound_convert_cleanup(struct outbound_convert **c) { outbound_convert_close(*c); }

uint64_t outbound_convert_size(const struct outbound_convert *c) { return c->size; }

void outbound_convert_rewind(void *convert) { begin(convert); }

err outbound_convert_read(void *convert, str *ret_piece, deadline until)
{
    struct outbound_convert *c = convert;
    buf_clear(&c->out);
    while (c->out.len == 0 && !c->ended) { /* a step may give nothing: a group not yet full */
        str piece;
        TRY(read_mail(c, &piece, until));
        c->ended = piece.len == 0;
        TRY(c->ended ? message_downgrade_end(&c->plan, &c->out)
                     : message_downgrade_add(&c->plan, piece, &c->out));
    }
    *ret_piece = buf_str(&c->out);
    return NULL;
}
