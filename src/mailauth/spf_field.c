#include "mailauth/spf_field.h"

static bool is_printable(char c) { return c >= ' ' && c <= '~'; }

/* RFC 5322 section 3.2.3. */
static bool is_dot_atom(str s)
{
    bool after_dot = true;
    for (size_t i = 0; i < s.len; i++) {
        bool dot = s.ptr[i] == '.';
        if ((dot && after_dot) || (!dot && !char_is_alnum(s.ptr[i]) &&
                                   str_find(S("!#$%&'*+-/=?^_`{|}~"), s.ptr[i]) == STR_NONE))
            return false;
        after_dot = dot;
    }
    return !after_dot;
}

static err add_quoted(str value, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < value.len; i++) {
        char c = is_printable(value.ptr[i]) ? value.ptr[i] : '?';
        if (c == '"' || c == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, c));
    }
    return buf_add_char(out, '"');
}

/* "; key=value" on a line of its own. */
static err add_pair(const char *key, str value, bool first, struct buf *out)
{
    value = str_slice(value, 0, MAILAUTH_SPF_FIELD_VALUE_BYTES_MAX);
    TRY(buf_addf(out, "%s\r\n %s=", first ? "" : ";", key));
    return is_dot_atom(value) ? buf_add(out, value) : add_quoted(value, out);
}

/* Section 9.1 wants a reason that people can read; it holds words of ours only. */
static const char *comment(const struct mailauth_spf *spf)
{
    switch (spf->result) {
    case MAILAUTH_PASS:
        return "the domain permits this client";
    case MAILAUTH_FAIL:
        return "the domain does not permit this client";
    case MAILAUTH_SOFTFAIL:
        return "the domain probably does not permit this client";
    case MAILAUTH_NEUTRAL:
        return "the domain says nothing about this client";
    case MAILAUTH_TEMPERROR:
        return "the DNS could not say";
    case MAILAUTH_PERMERROR:
        return "the domain's policy cannot be used";
    default:
        return "the domain has no policy";
    }
}

static err write_field(const struct mailauth_spf *spf, const struct mailauth_spf_args *args,
                       struct buf *out)
{
    char ip[ADDRESS_CHARS];
    bool helo = spf->identity == MAILAUTH_SPF_HELO;
    address_format_ip(args->ip, ip);
    TRY(buf_addf(out, "Received-SPF: %.*s (%s)", STR_ARG(mailauth_result_name(spf->result)),
                 comment(spf)));
    TRY(add_pair("receiver", args->receiver.len ? args->receiver : S("unknown"), true, out));
    TRY(add_pair("identity", helo ? S("helo") : S("mailfrom"), false, out));
    if (!helo)
        TRY(add_pair("envelope-from", spf->sender, false, out));
    TRY(add_pair("helo", args->helo.len ? args->helo : S("unknown"), false, out));
    TRY(add_pair("client-ip", str_of(ip), false, out));
    if (spf->reason.len)
        TRY(add_pair("problem", spf->reason, false, out));
    else if (spf->result != MAILAUTH_NONE)
        TRY(add_pair("mechanism", spf->mechanism.len ? spf->mechanism : S("default"), false, out));
    return buf_add(out, S("\r\n"));
}

err mailauth_spf_field_write(const struct mailauth_spf *spf, const struct mailauth_spf_args *args,
                             struct buf *out)
{
    struct buf field;
    buf_init(&field, MAILAUTH_SPF_FIELD_BYTES_MAX);
    err e = write_field(spf, args, &field);
    if (e == NULL)
        e = buf_add(out, buf_str(&field));
    buf_release(&field);
    return e;
}
