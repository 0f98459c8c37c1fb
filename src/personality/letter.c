#include "personality/letter.h"
#include "base/clock.h"
#include "message/crlf.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/id.h"
#include <unistd.h>

enum { PIECE_BYTES = 1024 };

/* ---- reading ---------------------------------------------------------------------------- */

/* Where the line that is a dot alone begins in bytes with LF line ends; STR_NONE: nowhere. */
static size_t find_dot(str bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        str rest = str_from(bytes, at), line, behind;
        str_split(rest, '\n', &line, &behind);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (str_eq(line, S(".")))
            return at;
        size_t end = str_find(rest, '\n');
        if (end == STR_NONE)
            break;
        at += end + 1;
    }
    return STR_NONE;
}

err personality_letter_take(str bytes, bool dot_ends, struct buf *out)
{
    struct message_crlf crlf = {0};
    size_t dot = dot_ends ? find_dot(bytes) : STR_NONE;
    TRY(message_crlf_add(&crlf, dot == STR_NONE ? bytes : str_slice(bytes, 0, dot), out));
    TRY(message_crlf_end(&crlf, out));
    bool ended = out->len >= 2 && out->ptr[out->len - 1] == '\n';
    return out->len == 0 || ended ? NULL : buf_add(out, S("\r\n"));
}

/* A person at a terminal ends the message with a dot, and goes on living without Ctrl-D. */
static bool ended_by_dot(const struct buf *bytes, size_t *line_at)
{
    str rest = str_from(buf_str(bytes), *line_at);
    size_t end;
    while ((end = str_find(rest, '\n')) != STR_NONE) {
        str line = str_slice(rest, 0, end);
        if (str_eq(line, S(".")) || str_eq(line, S(".\r")))
            return true;
        *line_at += end + 1;
        rest = str_from(rest, end + 1);
    }
    return false;
}

err personality_letter_read(int fd, bool dot_ends, struct buf *out)
{
    CLEANUP(buf_release) struct buf bytes;
    char piece[PIECE_BYTES];
    size_t line_at = 0;
    ssize_t n;
    buf_init(&bytes, LETTER_BYTES_MAX);
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        TRY(buf_add(&bytes, (str){piece, (size_t)n}));
        if (dot_ends && ended_by_dot(&bytes, &line_at))
            break;
    }
    if (n < 0)
        return err_new(ERR_SYSTEM, "read the message");
    return personality_letter_take(buf_str(&bytes), dot_ends, out);
}

/* ---- mending ---------------------------------------------------------------------------- */

static bool has(str content, str name)
{
    struct message_field field;
    return message_header_find(content, name, &field);
}

static err check_value(str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
            return err_new(ERR_CONFIG, "a control character in the sender's name or address");
    return NULL;
}

static err add_quoted(str name, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, name.ptr[i]));
    }
    return buf_add_char(out, '"');
}

static bool is_phrase(str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && !str_contains(S(" -_'+!/"), (str){name.ptr + i, 1}))
            return false;
    return true;
}

static err add_from(const struct letter_fields *f, struct buf *out)
{
    TRY(check_value(f->from));
    TRY(check_value(f->full_name));
    if (f->full_name.len == 0)
        return buf_addf(out, "From: %.*s\r\n", STR_ARG(f->from));
    TRY(buf_add(out, S("From: ")));
    if (message_encoded_word_needed(f->full_name) && str_is_utf8(f->full_name))
        TRY(message_encoded_word_add(f->full_name, sizeof "From: " - 1, out));
    else if (is_phrase(f->full_name))
        TRY(buf_add(out, f->full_name));
    else
        TRY(add_quoted(f->full_name, out));
    return buf_addf(out, " <%.*s>\r\n", STR_ARG(f->from));
}

static bool is_dropped(const struct message_field *field, const struct letter_fields *f)
{
    bool bcc = str_eq_nocase(field->name, S("Bcc")) || str_eq_nocase(field->name, S("Resent-Bcc"));
    if (bcc)
        return f->remove_bcc || f->undisclosed;
    if (str_eq_nocase(field->name, S("From")))
        return f->replace_from && f->from.len > 0;
    return f->undisclosed &&
           (str_eq_nocase(field->name, S("To")) || str_eq_nocase(field->name, S("Cc")));
}

err personality_letter_mend(str content, const struct letter_fields *f, struct arena *arena,
                            struct buf *out)
{
    struct message_field field;
    int64_t now_ms = clock_real_ms();
    bool no_header = content.len == 0 || str_starts(content, S("\r\n"));
    if (f->from.len && (f->replace_from || !has(content, S("From"))))
        TRY(add_from(f, out));
    if (f->date && !has(content, S("Date"))) {
        char date[CLOCK_RFC5322_BYTES];
        clock_rfc5322(now_ms, date);
        TRY(buf_addf(out, "Date: %s\r\n", date));
    }
    if (f->message_id_host.len && !has(content, S("Message-ID")))
        TRY(buf_addf(out, "Message-ID: %.*s\r\n",
                     STR_ARG(message_id_make(arena, f->message_id_host, now_ms))));
    if (f->undisclosed)
        TRY(buf_add(out, S("To: undisclosed-recipients:;\r\n")));
    while (!no_header && message_header_next(&content, &field)) {
        if (field.flags & FIELD_NO_COLON) { /* a body that begins without an empty line */
            TRY(buf_add(out, S("\r\n")));
            TRY(buf_add(out, field.raw));
            break;
        }
        if (!is_dropped(&field, f))
            TRY(buf_add(out, field.raw));
    }
    return buf_add(out, content);
}
