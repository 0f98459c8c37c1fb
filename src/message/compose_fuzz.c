/* A message from any parts, 0x1F between two: a refusal, or fields that were asked for and no
 * others, in lines that every server takes. */
#include "message/compose.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "tests/fuzz.h"

enum { LINE_BYTES_MAX = 998 };

static void check_lines(str text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool cr = text.ptr[i] == '\r', lf = text.ptr[i] == '\n';
        ASSERT(!cr || (i + 1 < text.len && text.ptr[i + 1] == '\n'));
        ASSERT(!lf || (i > 0 && text.ptr[i - 1] == '\r'));
        line = lf ? 0 : line + !cr;
        ASSERT(line <= LINE_BYTES_MAX);
    }
}

static bool expected(const struct message_field *f, str more)
{
    static const char *const names[] = {
        "From",         "To",           "Cc",
        "Subject",      "Date",         "Message-ID",
        "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(f->name, str_of(names[i])))
            return true;
    return str_eq_nocase(f->name, more);
}

static void check_header(str message, str more, struct arena *arena)
{
    struct message_field f;
    struct message_mailboxes from;
    str rest = message;
    size_t fields = 0;
    while (message_header_next(&rest, &f)) {
        ASSERT(f.flags == 0);
        ASSERT(expected(&f, more));
        fields++;
    }
    ASSERT(message_header_end(&rest));
    ASSERT(fields <= 10);
    ASSERT(message_header_find(message, S("From"), &f));
    ASSERT(!message_mailboxes_parse(f.value, arena, &from));
}

FUZZ(input, arena)
{
    str parts[7], rest = input;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        str_split(rest, 0x1f, &parts[i], &rest);
    struct message_compose_field more = {parts[4], parts[5]};
    struct message_compose m = {.from = parts[0],
                                .to = parts[1],
                                .cc = parts[2],
                                .subject = parts[3],
                                .message_id = S("<1.2@mail.example>"),
                                .now_ms = 1700000000000,
                                .text = parts[6],
                                .more = &more,
                                .more_count = parts[4].len > 0};
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 16 << 20);
    if (message_compose(&m, &out)) {
        ASSERT(out.len == 0);
        return;
    }
    check_lines(buf_str(&out));
    check_header(buf_str(&out), more.name, arena);
}
