#include "message/compose.h"
#include "base/clock.h"
#include "message/compose_body.h"
#include "message/encoded_word.h"
#include "message/mailbox.h"
#include "message/text.h"
#include <assert.h>
#include <string.h>

enum {
    LINE_BYTES_MAX = 998,
    QUOTED_BYTES_MAX = 256,  /* of a name in quotes, which cannot be folded */
    ADDRESS_BYTES_MAX = 400, /* more than any path of SMTP */
    SCRATCH_BYTES_MAX = 16 * MESSAGE_COMPOSE_VALUE_BYTES_MAX,
};
static_assert(2 * QUOTED_BYTES_MAX + ADDRESS_BYTES_MAX + 20 <= LINE_BYTES_MAX,
              "a name with every byte escaped and its address fit into a line");

err message_compose_check_value(const char *name, str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == '\0')
            return err_new(ERR_CONFIG, "%s: holds %s, which would end the field", name,
                           value.ptr[i] == '\0' ? "NUL" : "a line end");
    if (!str_is_utf8(value))
        return err_new(ERR_CONFIG, "%s: is not UTF-8", name);
    if (value.len > MESSAGE_COMPOSE_VALUE_BYTES_MAX)
        return err_new(ERR_LIMIT, "%s: more than %d bytes", name, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    return NULL;
}

/* Of a value that may stand there in UTF-8: only what would be read as an encoded word. */
static bool must_encode(str value, bool utf8)
{
    return utf8 ? str_contains(value, S("=?")) : message_encoded_word_needed(value);
}

static err add_text_field(const char *name, str value, bool utf8, struct buf *out)
{
    TRY(message_compose_check_value(name, value));
    if (!must_encode(value, utf8)) {
        CLEANUP(buf_release) struct buf lead;
        buf_init(&lead, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
        TRY(buf_addf(&lead, "%s: ", name));
        return message_text_add_wrapped(buf_str(&lead), value, S(" "), out);
    }
    TRY(buf_addf(out, "%s: ", name));
    TRY(message_encoded_word_add(value, strlen(name) + 2, out));
    return buf_add(out, S("\r\n"));
}

/* A display name is a quoted string, or encoded words when ASCII cannot write it. */
static err add_display(str display, bool utf8, struct buf *out)
{
    if (must_encode(display, utf8) || display.len > QUOTED_BYTES_MAX) {
        TRY(message_encoded_word_add(display, sizeof "From: " - 1, out));
        return buf_add_char(out, ' ');
    }
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < display.len; i++) {
        if (display.ptr[i] == '"' || display.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, display.ptr[i]));
    }
    return buf_add(out, S("\" "));
}

static err add_address(const struct message_mailbox *m, struct buf *out)
{
    size_t before = out->len;
    TRY(message_mailbox_add_address(m, out));
    if (out->len - before > ADDRESS_BYTES_MAX)
        return err_new(ERR_CONFIG, "an address of more than %d bytes", ADDRESS_BYTES_MAX);
    return NULL;
}

static err add_mailbox(const char *name, const struct message_mailbox *m, bool utf8,
                       struct buf *out)
{
    if (m->display.len == 0)
        return add_address(m, out);
    TRY(message_compose_check_value(name, m->display)); /* a quoted pair may hide a line end */
    TRY(add_display(m->display, utf8, out));
    TRY(buf_add_char(out, '<'));
    TRY(add_address(m, out));
    return buf_add_char(out, '>');
}

/* Each address on a line of its own. */
static err add_addresses(const char *name, str value, bool utf8, struct buf *out)
{
    TRY(message_compose_check_value(name, value));
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    struct message_mailboxes list;
    err e = message_mailboxes_parse(value, arena, &list);
    if (e || list.count == 0)
        return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "%s: no address list: %.*s", name,
                        STR_ARG(str_slice(value, 0, 200)));
    TRY(buf_addf(out, "%s: ", name));
    for (size_t i = 0; i < list.count; i++) {
        e = add_mailbox(name, &list.items[i], utf8, out);
        if (e)
            return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "%s: cannot be written", name);
        TRY(buf_add(out, i + 1 < list.count ? S(",\r\n ") : S("\r\n")));
    }
    return NULL;
}

static err check_name(str name)
{
    bool valid = name.len > 0 && name.len <= 76;
    for (size_t i = 0; i < name.len; i++)
        valid = valid && name.ptr[i] > ' ' && name.ptr[i] < 127 && name.ptr[i] != ':';
    return valid ? NULL
                 : err_new(ERR_CONFIG, "\"%.*s\" is not a field name",
                           STR_ARG(str_slice(name, 0, 76)));
}

bool message_compose_writes(str name)
{
    static const char *const ours[] = {"From", "To",         "Cc",           "Bcc",
                                       "Date", "Message-ID", "MIME-Version", "Subject"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_eq_nocase(name, str_of(ours[i])))
            return true;
    return str_starts_nocase(name, S("Content-"));
}

static err add_more(const struct message_compose *c, struct buf *out)
{
    for (size_t i = 0; i < c->more_count; i++) {
        char name[80];
        TRY(check_name(c->more[i].name));
        if (!str_to_chars(c->more[i].name, name, sizeof name))
            return err_new(ERR_CONFIG, "field name too long");
        TRY(add_text_field(name, c->more[i].value, c->utf8, out));
    }
    return NULL;
}

static err add_all(const struct message_compose *c, struct buf *out)
{
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(c->now_ms, date);
    TRY(add_addresses("From", c->from, c->utf8, out));
    if (c->to.len > 0)
        TRY(add_addresses("To", c->to, c->utf8, out));
    if (c->cc.len > 0)
        TRY(add_addresses("Cc", c->cc, c->utf8, out));
    if (c->reply_to.len > 0)
        TRY(add_addresses("Reply-To", c->reply_to, c->utf8, out));
    TRY(add_text_field("Subject", c->subject, c->utf8, out));
    TRY(buf_addf(out, "Date: %s\r\n", date));
    TRY(message_compose_check_value("Message-ID", c->message_id));
    TRY(buf_addf(out, "Message-ID: %.*s\r\n", STR_ARG(c->message_id)));
    TRY(add_more(c, out));
    return message_compose_body_add(c, out);
}

err message_compose_check_addresses(const char *name, str value)
{
    CLEANUP(buf_release) struct buf scratch;
    buf_init(&scratch, SCRATCH_BYTES_MAX);
    return add_addresses(name, value, false, &scratch);
}

err message_compose_check_field(str name, str value)
{
    char chars[80];
    TRY(check_name(name));
    if (!str_to_chars(name, chars, sizeof chars))
        return err_new(ERR_CONFIG, "field name too long");
    if (message_compose_writes(name))
        return err_new(ERR_CONFIG, "%s: is written from a part of its own, or by us", chars);
    return message_compose_check_value(chars, value);
}

err message_compose_check_file(const struct message_compose_file *file)
{
    return message_compose_body_check_file(file);
}

err message_compose(const struct message_compose *c, struct buf *out)
{
    size_t before = out->len;
    err e = add_all(c, out);
    if (e)
        out->len = before;
    return e;
}
