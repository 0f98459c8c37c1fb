/* The trace field, made of what a peer said, 0x1F between two texts: one field, whole lines. */
#include "message/header.h"
#include "message/received.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    (void)arena;
    str t[6], rest = str_from(input, 1);
    if (input.len == 0)
        return;
    unsigned flags = (unsigned char)input.ptr[0];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        str_split(rest, 0x1f, &t[i], &rest);
    struct message_received r = {.helo = t[0],
                                 .peer = S("192.0.2.1"),
                                 .peer_name = t[1],
                                 .hostname = S("mail.example"),
                                 .extended = flags & 1,
                                 .authenticated = flags & 2,
                                 .smtputf8 = flags & 4,
                                 .lmtp = flags & 8,
                                 .tls_version = t[2],
                                 .tls_cipher = t[3],
                                 .id = S("06CJ2M7T8Q4ZK"),
                                 .rcpt = t[4],
                                 .now_ms = 1700000000000};
    CLEANUP(buf_release) struct buf out;
    struct message_field f;
    buf_init(&out, 1 << 20);
    err e = message_received_add(&r, &out);
    ASSERT(e == NULL);
    str field = buf_str(&out);
    ASSERT(message_header_next(&field, &f));
    ASSERT(field.len == 0);
    ASSERT(f.flags == 0);
    ASSERT(str_eq(f.name, S("Received")));
    for (str line, lines = buf_str(&out); lines.len > 0;) {
        str_split(lines, '\n', &line, &lines);
        ASSERT(line.len <= 999 && line.ptr[line.len - 1] == '\r');
    }
}
