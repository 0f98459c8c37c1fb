/* A notification made of what others said, 0x1F between two texts: none of it starts a field or a
 * part of its own, and no line is torn or too long. */
#include "message/dsn.h"
#include "message/header.h"
#include "tests/fuzz.h"

enum { LINE_BYTES_MAX = 998 };

static const str unique = {"19ab3c5d7e0.0123456789abcdef", 28};

/* Returns how many lines begin with "--" and the boundary. */
static size_t check_lines(str text)
{
    size_t parts = 0;
    str rest = text, line;
    while (rest.len > 0) {
        size_t lf = str_find(rest, '\n');
        ASSERT(lf != STR_NONE && lf > 0 && rest.ptr[lf - 1] == '\r');
        line = str_slice(rest, 0, lf - 1);
        rest = str_from(rest, lf + 1);
        ASSERT(str_find(line, '\r') == STR_NONE && str_find(line, '\0') == STR_NONE);
        ASSERT(line.len <= LINE_BYTES_MAX);
        parts += str_starts(line, S("--")) && str_contains(line, unique);
    }
    return parts;
}

static void check_header(str message)
{
    struct message_field f;
    str rest = message;
    size_t fields = 0;
    while (message_header_next(&rest, &f)) {
        ASSERT(f.flags == 0);
        fields++;
    }
    ASSERT(message_header_end(&rest));
    ASSERT(fields <= 12);
    ASSERT(message_header_count(message, S("To")) == 1);
}

FUZZ(input, arena)
{
    (void)arena;
    str t[11], rest = str_from(input, 1);
    if (input.len == 0 || str_contains(input, unique))
        return;
    unsigned flags = (unsigned char)input.ptr[0];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        str_split(rest, 0x1f, &t[i], &rest);
    struct message_dsn_rcpt rcpt = {.address = t[0].len ? t[0] : S("bob@b.example"),
                                    .orcpt = t[1],
                                    .action = flags % 5,
                                    .status = t[2],
                                    .remote_mta = t[3],
                                    .diagnostic = t[4],
                                    .reason = t[5],
                                    .last_attempt_ms = 1700000000000};
    struct message_dsn d = {.hostname = S("mail.example"),
                            .sender = t[6].len ? t[6] : S("a@b.example"),
                            .envid = t[7],
                            .message_id = t[8],
                            .received_from = t[9],
                            .unique = unique,
                            .ret = flags & 8 ? RET_HDRS : RET_FULL,
                            .smtputf8 = flags & 16,
                            .arrival_ms = 1700000000000,
                            .now_ms = 1700000000000,
                            .original = t[10],
                            .original_bytes = t[10].len + (flags & 32),
                            .rcpts = &rcpt,
                            .rcpt_count = 1};
    CLEANUP(buf_release) struct buf out;
    uint8_t found = 0;
    buf_init(&out, 4 << 20);
    err e = message_dsn_build(&d, &out, &found);
    ASSERT(e == NULL);
    ASSERT(check_lines(buf_str(&out)) == 4);
    ASSERT((found & FOUND_8BIT) || str_is_ascii(buf_str(&out)));
    check_header(buf_str(&out));
}
