#include "message/dsn.h"
#include "base/clock.h"
#include "base/codec.h"
#include "message/dsn_text.h"
#include "message/header.h"
#include "message/text.h"
#include <stdio.h>

enum { LINE_BYTES_MAX = 998, HUMAN_BYTES_MAX = 64 << 20 };

/* How the original goes back, and in which clothes the rest is written. */
struct plan {
    bool whole;     /* all of it, not just its header */
    bool utf8;      /* message/global-* (RFC 6533), texts in UTF-8 */
    bool part_8bit; /* the returned part holds octets above 127 */
    str header;     /* of the original */
};

/* May these bytes stand in a part that travels by lines? */
static bool travels_by_lines(str bytes)
{
    size_t line = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c == '\r' && i + 1 < bytes.len && bytes.ptr[i + 1] == '\n') {
            line = 0;
            i++;
            continue;
        }
        if (c == '\r' || c == '\n' || c == '\0' || ++line > LINE_BYTES_MAX)
            return false;
    }
    return true;
}

/* A field that can be shown: malformed ones could be read as the end of the part. */
static bool field_is_shown(const struct message_field *f)
{
    uint8_t bad = FIELD_NO_COLON | FIELD_EMPTY_NAME | FIELD_BARE_BYTES | FIELD_UNENDED |
                  FIELD_LEADING_SPACE | FIELD_BAD_NAME;
    return (f->flags & bad) == 0 && travels_by_lines(f->raw);
}

static bool is_ascii_all(const struct message_dsn *d)
{
    bool ascii = str_is_ascii(d->sender) && str_is_ascii(d->message_id);
    for (size_t i = 0; i < d->rcpt_count; i++)
        ascii = ascii && str_is_ascii(d->rcpts[i].address) && str_is_ascii(d->rcpts[i].orcpt);
    return ascii;
}

static struct plan make_plan(const struct message_dsn *d)
{
    struct plan p = {0};
    str rest = d->original;
    struct message_field f;
    while (message_header_next(&rest, &f))
        continue;
    p.header = str_slice(d->original, 0, d->original.len - rest.len);
    bool failed = false;
    for (size_t i = 0; i < d->rcpt_count; i++)
        failed = failed || d->rcpts[i].action == DSN_FAILED;
    p.whole = failed && d->ret != RET_HDRS && d->original.len == d->original_bytes &&
              d->original_bytes <= MESSAGE_DSN_ORIGINAL_BYTES_MAX && travels_by_lines(d->original);
    p.part_8bit = !str_is_ascii(p.whole ? d->original : p.header);
    p.utf8 = d->smtputf8 && (!is_ascii_all(d) || !str_is_ascii(p.header));
    return p;
}

/* "Name: type; value", cleaned and folded. The type may be NULL. */
static err add_field(const struct plan *p, const char *lead, str value, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, MESSAGE_DSN_TEXT_BYTES_MAX * 8);
    TRY(message_text_add_clean(value, MESSAGE_DSN_TEXT_BYTES_MAX, p->utf8, &clean));
    return message_text_add_wrapped(str_of(lead), buf_str(&clean), S(" "), out);
}

static err add_optional(const struct plan *p, const char *lead, str value, struct buf *out)
{
    return value.len ? add_field(p, lead, value, out) : NULL;
}

static err add_date(const char *lead, int64_t real_ms, struct buf *out)
{
    if (real_ms == 0)
        return NULL;
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(real_ms, date);
    return buf_addf(out, "%s%s\r\n", lead, date);
}

/* "550 5.1.1 x" is told as it came; what is no status becomes the general one of its class. */
static bool is_status(str s)
{
    size_t dots = 0, digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool dot = s.ptr[i] == '.';
        if ((!dot && !char_is_digit(s.ptr[i])) || (dot && digits == 0) || (!dot && digits == 3))
            return false;
        dots += dot;
        digits = dot ? 0 : digits + 1;
    }
    return dots == 2 && digits > 0 && s.ptr[1] == '.' && s.ptr[0] >= '2' && s.ptr[0] <= '5';
}

static str status_of(const struct message_dsn_rcpt *r)
{
    if (is_status(r->status))
        return r->status;
    return r->action == DSN_FAILED    ? S("5.0.0")
           : r->action == DSN_DELAYED ? S("4.0.0")
                                      : S("2.0.0");
}

static bool is_type(str type)
{
    for (size_t i = 0; i < type.len; i++)
        if (!char_is_alnum(type.ptr[i]) && type.ptr[i] != '-')
            return false;
    return type.len > 0 && type.len <= 32;
}

static err add_original_recipient(const struct plan *p, str orcpt, struct buf *out)
{
    str type, address;
    str_split(orcpt, ';', &type, &address);
    if (!is_type(type) || address.len == 0)
        return NULL;
    char lead[80];
    snprintf(lead, sizeof lead, "Original-Recipient: %.*s; ", STR_ARG(type));
    return add_field(p, lead, address, out);
}

static err add_rcpt(const struct plan *p, const struct message_dsn_rcpt *r, struct buf *out)
{
    static const char *const actions[] = {"failed", "delayed", "delivered", "relayed", "expanded"};
    const char *final =
        str_is_ascii(r->address) ? "Final-Recipient: rfc822; " : "Final-Recipient: utf-8; ";
    TRY(buf_add(out, S("\r\n")));
    TRY(add_original_recipient(p, r->orcpt, out));
    TRY(add_field(p, final, r->address, out));
    TRY(buf_addf(out, "Action: %s\r\n", actions[r->action]));
    TRY(add_field(p, "Status: ", status_of(r), out));
    TRY(add_optional(p, "Remote-MTA: dns; ", r->remote_mta, out));
    TRY(add_optional(p, "Diagnostic-Code: smtp; ", r->diagnostic, out));
    if (r->diagnostic.len == 0)
        TRY(add_optional(p, "Diagnostic-Code: x-local; ", r->reason, out));
    TRY(add_date("Last-Attempt-Date: ", r->last_attempt_ms, out));
    return r->action == DSN_DELAYED ? add_date("Will-Retry-Until: ", r->will_retry_until_ms, out)
                                    : NULL;
}

static err add_release(int64_t real_ms, struct buf *out)
{
    if (real_ms == 0)
        return NULL;
    char date[CLOCK_RFC3339_BYTES];
    clock_rfc3339(real_ms, date);
    return buf_addf(out, "Future-Release-Request: until;%.19sZ\r\n", date);
}

static err add_status_part(const struct message_dsn *d, const struct plan *p, struct buf *out)
{
    TRY(buf_addf(out, "\r\n--=_%.*s\r\n", STR_ARG(d->unique)));
    TRY(buf_add(out, p->utf8 ? S("Content-Type: message/global-delivery-status\r\n"
                                 "Content-Transfer-Encoding: 8bit\r\n\r\n")
                             : S("Content-Type: message/delivery-status\r\n\r\n")));
    TRY(add_field(p, "Reporting-MTA: dns; ", d->hostname, out));
    TRY(add_optional(p, "Original-Envelope-Id: ", d->envid, out));
    TRY(add_optional(p, "Received-From-MTA: dns; ", d->received_from, out));
    TRY(add_date("Arrival-Date: ", d->arrival_ms, out));
    TRY(add_date("Deliver-By-Date: ", d->deliver_by_ms, out));
    TRY(add_release(d->released_ms, out));
    for (size_t i = 0; i < d->rcpt_count; i++)
        TRY(add_rcpt(p, &d->rcpts[i], out));
    return NULL;
}

static err add_text_part(const struct message_dsn *d, struct buf *out)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, HUMAN_BYTES_MAX);
    TRY(message_dsn_text_add(d, &text));
    bool ascii = str_is_ascii(buf_str(&text));
    TRY(buf_addf(out, "--=_%.*s\r\nContent-Type: text/plain; charset=%s\r\n", STR_ARG(d->unique),
                 ascii ? "us-ascii" : "utf-8"));
    if (ascii) {
        TRY(buf_add(out, S("\r\n")));
        return buf_add(out, buf_str(&text));
    }
    TRY(buf_add(out, S("Content-Transfer-Encoding: quoted-printable\r\n\r\n")));
    return codec_qp_encode(buf_str(&text), out);
}

static err add_header_only(const struct plan *p, struct buf *out)
{
    str rest = p->header;
    struct message_field f;
    size_t added = 0;
    while (message_header_next(&rest, &f)) {
        if (!field_is_shown(&f) || added + f.raw.len > MESSAGE_DSN_HEADER_BYTES_MAX)
            continue;
        added += f.raw.len;
        TRY(buf_add(out, f.raw));
    }
    return NULL;
}

static err add_original_part(const struct message_dsn *d, const struct plan *p, struct buf *out)
{
    static const char *const types[2][2] = {
        {"text/rfc822-headers", "message/global-headers"},
        {"message/rfc822",      "message/global"        }
    };
    TRY(buf_addf(out, "\r\n--=_%.*s\r\nContent-Type: %s\r\n", STR_ARG(d->unique),
                 types[p->whole][p->utf8]));
    if (p->part_8bit)
        TRY(buf_add(out, S("Content-Transfer-Encoding: 8bit\r\n")));
    TRY(buf_add(out, S("\r\n")));
    TRY(p->whole ? buf_add(out, d->original) : add_header_only(p, out));
    return buf_addf(out, "\r\n--=_%.*s--\r\n", STR_ARG(d->unique));
}

static err add_header(const struct message_dsn *d, const struct plan *p, struct buf *out)
{
    CLEANUP(buf_release) struct buf to;
    buf_init(&to, MESSAGE_DSN_TEXT_BYTES_MAX * 8);
    TRY(message_text_add_clean(d->sender, MESSAGE_DSN_TEXT_BYTES_MAX, p->utf8, &to));
    TRY(buf_addf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n", STR_ARG(d->hostname)));
    TRY(buf_addf(out, "To: <%.*s>\r\n", STR_ARG(buf_str(&to))));
    TRY(buf_addf(out, "Subject: %.*s\r\n", STR_ARG(message_dsn_text_subject(d))));
    TRY(add_date("Date: ", d->now_ms, out));
    TRY(buf_addf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(d->unique), STR_ARG(d->hostname)));
    TRY(add_optional(p, "References: ", d->message_id, out));
    TRY(buf_add(out, S("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                       "Content-Type: multipart/report; report-type=delivery-status;\r\n")));
    TRY(buf_addf(out, "\tboundary=\"=_%.*s\"\r\n", STR_ARG(d->unique)));
    if (p->part_8bit || p->utf8)
        TRY(buf_add(out, S("Content-Transfer-Encoding: 8bit\r\n")));
    return buf_add(out, S("\r\nThis is a delivery report in parts (RFC 3464).\r\n\r\n"));
}

static err add_all(const struct message_dsn *d, const struct plan *p, struct buf *out,
                   uint8_t *ret_found)
{
    size_t start = out->len;
    TRY(add_header(d, p, out));
    bool header_8bit = !str_is_ascii(str_from(buf_str(out), start));
    TRY(add_text_part(d, out));
    TRY(add_status_part(d, p, out));
    TRY(add_original_part(d, p, out));
    bool any_8bit = !str_is_ascii(str_from(buf_str(out), start));
    *ret_found = (uint8_t)((any_8bit ? FOUND_8BIT : 0) | (header_8bit ? FOUND_8BIT_HEADER : 0));
    return NULL;
}

err message_dsn_build(const struct message_dsn *d, struct buf *out, uint8_t *ret_found)
{
    ASSERT(d->rcpt_count > 0);
    ASSERT(d->sender.len > 0);
    size_t before = out->len;
    struct plan p = make_plan(d);
    err e = add_all(d, &p, out, ret_found);
    if (e)
        out->len = before;
    return e;
}

bool message_dsn_wanted(const struct envelope *env, const struct envelope_rcpt *rcpt,
                        enum message_dsn_action action)
{
    uint8_t notify = rcpt->notify ? rcpt->notify : NOTIFY_FAILURE | NOTIFY_DELAY;
    if (env->sender.len == 0 || env->origin == ORIGIN_DSN || (notify & NOTIFY_NEVER))
        return false;
    if (action == DSN_FAILED)
        return notify & NOTIFY_FAILURE;
    if (action == DSN_DELAYED)
        return (notify & NOTIFY_DELAY) &&
               (env->origin == ORIGIN_SUBMISSION || (env->by_ms && env->by_mode == BY_NOTIFY));
    return notify & NOTIFY_SUCCESS;
}
