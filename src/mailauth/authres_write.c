#include "mailauth/authres.h"
#include "mailauth/authres_scan.h"
#include "message/text.h"

enum { LINE_WANTED = 76 };

/* One field being written. */
struct writer {
    struct buf *out;
    size_t column;
    bool utf8;
};

/* At most so many bytes' worth, one line, without control bytes. */
static err add_clean(str text, bool utf8, struct buf *out)
{
    while (text.len > 0 && out->len < MAILAUTH_AUTHRES_VALUE_BYTES_MAX - 3) {
        str before = text;
        uint32_t code;
        bool good = message_text_next(&text, &code);
        str one = str_slice(before, 0, before.len - text.len);
        if (!good || code < ' ' || code == 127 || (code > 127 && !utf8))
            one = S("?");
        TRY(buf_add(out, one));
    }
    return NULL;
}

/* "local@domain" or "@domain" whose parts are tokens: no reader takes it apart wrongly. */
static bool is_plain_address(str s)
{
    size_t at = str_find(s, '@');
    if (at == STR_NONE || !mailauth_authres_scan_is_token(str_from(s, at + 1)))
        return false;
    return at == 0 || mailauth_authres_scan_is_token(str_slice(s, 0, at));
}

/* In quotes or parentheses: what would end them has a backslash before it. */
static err add_escaped(str text, char open, char close, struct buf *out)
{
    TRY(buf_add_char(out, open));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == open || c == close || c == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, c));
    }
    return buf_add_char(out, close);
}

/* Only a property's value may be an address without quotes. */
static err spell_value(str value, bool utf8, bool address, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, MAILAUTH_AUTHRES_VALUE_BYTES_MAX);
    TRY(add_clean(value, utf8, &clean));
    str text = buf_str(&clean);
    if (mailauth_authres_scan_is_token(text) || (address && is_plain_address(text)))
        return buf_add(out, text);
    return add_escaped(text, '"', '"', out);
}

static err spell_comment(str comment, bool utf8, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, MAILAUTH_AUTHRES_VALUE_BYTES_MAX);
    TRY(add_clean(comment, utf8, &clean));
    return add_escaped(buf_str(&clean), '(', ')', out);
}

/* A piece that must stay in one line, a blank or a fold before it. */
static err add_piece(struct writer *w, str piece, bool fold)
{
    if (fold || w->column + 1 + piece.len > LINE_WANTED) {
        TRY(buf_add(w->out, S("\r\n\t")));
        w->column = 8;
    } else {
        TRY(buf_add_char(w->out, ' '));
        w->column++;
    }
    w->column += piece.len;
    return buf_add(w->out, piece);
}

static err check_keyword(str s)
{
    if (mailauth_authres_scan_is_keyword(s))
        return NULL;
    return err_new(ERR_CONFIG, "\"%.*s\" is no name of Authentication-Results",
                   STR_ARG(str_slice(s, 0, MAILAUTH_AUTHRES_NAME_BYTES_MAX)));
}

static err spell_method(const struct mailauth_authres_result *r, struct buf *out)
{
    TRY(check_keyword(r->method));
    TRY(check_keyword(r->result));
    TRY(buf_add(out, r->method));
    if (r->version != 1)
        TRY(buf_addf(out, "/%u", r->version));
    return buf_addf(out, "=%.*s", STR_ARG(r->result));
}

static err spell_property(const struct mailauth_authres_property *p, bool utf8, struct buf *out)
{
    TRY(check_keyword(p->type));
    TRY(check_keyword(p->name));
    TRY(buf_addf(out, "%.*s.%.*s=", STR_ARG(p->type), STR_ARG(p->name)));
    return spell_value(p->value, utf8, true, out);
}

static err write_result(struct writer *w, const struct mailauth_authres_result *r)
{
    CLEANUP(buf_release) struct buf piece;
    buf_init(&piece, 4 * MAILAUTH_AUTHRES_VALUE_BYTES_MAX);
    TRY(spell_method(r, &piece));
    TRY(add_piece(w, buf_str(&piece), true));
    if (r->comment.len > 0) {
        buf_clear(&piece);
        TRY(spell_comment(r->comment, w->utf8, &piece));
        TRY(add_piece(w, buf_str(&piece), false));
    }
    if (r->reason.len > 0) {
        buf_clear(&piece);
        TRY(buf_add(&piece, S("reason=")));
        TRY(spell_value(r->reason, w->utf8, false, &piece));
        TRY(add_piece(w, buf_str(&piece), false));
    }
    for (size_t i = 0; i < r->property_count; i++) {
        buf_clear(&piece);
        TRY(spell_property(&r->properties[i], w->utf8, &piece));
        TRY(add_piece(w, buf_str(&piece), false));
    }
    return NULL;
}

static err write_id(struct writer *w, str lead, const struct mailauth_authres *a)
{
    CLEANUP(buf_release) struct buf id;
    buf_init(&id, 4 * MAILAUTH_AUTHRES_VALUE_BYTES_MAX);
    TRY(spell_value(a->id, w->utf8, false, &id));
    if (a->version != 1)
        TRY(buf_addf(&id, " %u", a->version));
    TRY(buf_add(w->out, lead));
    w->column = lead.len;
    return add_piece(w, buf_str(&id), false);
}

static err write_field(struct writer *w, str lead, const struct mailauth_authres *a)
{
    TRY(write_id(w, lead, a));
    if (a->count == 0)
        TRY(buf_add(w->out, S("; none")));
    for (size_t i = 0; i < a->count; i++) {
        TRY(buf_add_char(w->out, ';'));
        TRY(write_result(w, &a->results[i]));
    }
    return buf_add(w->out, S("\r\n"));
}

err mailauth_authres_write(str lead, const struct mailauth_authres *a, bool utf8, struct buf *out)
{
    CLEANUP(buf_release) struct buf field;
    struct writer w = {.out = &field, .utf8 = utf8};
    buf_init(&field, 4 * MAILAUTH_AUTHRES_BYTES_MAX);
    TRY(write_field(&w, lead, a));
    return buf_add(out, buf_str(&field));
}
