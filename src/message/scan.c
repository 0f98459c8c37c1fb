#include "message/scan.h"

const struct message_scan_limits message_scan_defaults = {
    .hops = 100, .header_bytes = MESSAGE_HEADER_BYTES_MAX, .fields = MESSAGE_FIELDS_MAX};

enum { MESSAGE_ID_BYTES_MAX = 998 };

/* "<...>" of printable bytes without blanks; else empty. */
static str message_id_of(str value)
{
    str id = str_trim(value);
    if (id.len < 3 || id.len > MESSAGE_ID_BYTES_MAX || id.ptr[0] != '<' ||
        id.ptr[id.len - 1] != '>')
        return (str){0};
    for (size_t i = 1; i + 1 < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        if (c <= ' ' || c == 127 || c == '<' || c == '>')
            return (str){0};
    }
    return str_is_utf8(id) ? id : (str){0};
}

static bool says_tls_optional(const struct message_field *f)
{
    return str_eq_nocase(f->name, S("TLS-Required")) && str_eq_nocase(str_trim(f->value), S("No"));
}

static struct message_refusal judge(const struct message_scan *s,
                                    const struct message_scan_limits *limits)
{
    if (s->header_bytes > limits->header_bytes)
        return (struct message_refusal){552, "5.6.0", "Header too large"};
    if (s->fields > limits->fields)
        return (struct message_refusal){554, "5.6.0", "Too many header fields"};
    if (s->received > limits->hops)
        return (struct message_refusal){554, "5.4.6", "Too many hops: a mail loop"};
    if (s->flags & FIELD_LEADING_SPACE)
        return (struct message_refusal){554, "5.6.0", "Header begins with a blank"};
    return (struct message_refusal){0};
}

struct message_refusal message_scan(str message, const struct message_scan_limits *limits,
                                    struct message_scan *ret_scan)
{
    struct message_scan s = {0};
    struct message_refusal refusal = {0};
    struct message_field f;
    str rest = message;
    while (refusal.code == 0 && message_header_next(&rest, &f)) {
        s.fields++;
        s.flags |= f.flags;
        s.header_bytes += f.raw.len;
        s.received += str_eq_nocase(f.name, S("Received"));
        if (s.message_id.len == 0 && str_eq_nocase(f.name, S("Message-ID")))
            s.message_id = message_id_of(f.value);
        s.tls_optional |= says_tls_optional(&f);
        refusal = judge(&s, limits);
    }
    if (refusal.code)
        return refusal;
    s.has_8bit = !str_is_ascii(str_slice(message, 0, s.header_bytes));
    s.separator = message_header_end(&rest);
    s.body_at = message.len - rest.len;
    *ret_scan = s;
    return refusal;
}
