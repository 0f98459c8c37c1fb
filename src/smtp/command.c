#include "smtp/command.h"
#include "base/codec.h"
#include "message/date.h"
#include <string.h>

static const struct smtp_refusal bad_syntax = {501, "5.5.2", "Syntax error"};
static const struct smtp_refusal bad_args = {501, "5.5.4", "Bad arguments"};
static const struct smtp_refusal no_args = {501, "5.5.4", "This command takes no arguments"};
static const struct smtp_refusal needs_args = {501, "5.5.4", "This command needs an argument"};
static const struct smtp_refusal bad_param = {501, "5.5.4", "Bad parameter value"};
static const struct smtp_refusal twice = {501, "5.5.4", "A parameter stands twice"};
static const struct smtp_refusal too_many = {501, "5.5.4", "Too many parameters"};
static const struct smtp_refusal unknown_param = {555, "5.5.4", "Unknown parameter"};
static const struct smtp_refusal needs_utf8 = {553, "5.6.7", "A non-ASCII address needs SMTPUTF8"};

/* ---- verb and arguments ---- */

enum args_rule { ARGS_ANY, ARGS_NONE, ARGS_SOME };

static const struct verb {
    const char *name;
    enum smtp_verb verb;
    enum args_rule args;
} verbs[] = {
    {"EHLO",     SMTP_EHLO,     ARGS_SOME},
    {"HELO",     SMTP_HELO,     ARGS_SOME},
    {"LHLO",     SMTP_LHLO,     ARGS_SOME},
    {"MAIL",     SMTP_MAIL,     ARGS_SOME},
    {"RCPT",     SMTP_RCPT,     ARGS_SOME},
    {"DATA",     SMTP_DATA,     ARGS_NONE},
    {"BDAT",     SMTP_BDAT,     ARGS_SOME},
    {"RSET",     SMTP_RSET,     ARGS_NONE},
    {"NOOP",     SMTP_NOOP,     ARGS_ANY },
    {"QUIT",     SMTP_QUIT,     ARGS_NONE},
    {"STARTTLS", SMTP_STARTTLS, ARGS_NONE},
    {"AUTH",     SMTP_AUTH,     ARGS_SOME},
    {"VRFY",     SMTP_VRFY,     ARGS_SOME},
    {"EXPN",     SMTP_EXPN,     ARGS_SOME},
    {"HELP",     SMTP_HELP,     ARGS_ANY },
    {"ETRN",     SMTP_ETRN,     ARGS_SOME},
    {"XCLIENT",  SMTP_XCLIENT,  ARGS_SOME},
    {"XFORWARD", SMTP_XFORWARD, ARGS_SOME},
    {"GET",      SMTP_HTTP,     ARGS_ANY },
    {"POST",     SMTP_HTTP,     ARGS_ANY },
    {"PUT",      SMTP_HTTP,     ARGS_ANY },
    {"HEAD",     SMTP_HTTP,     ARGS_ANY },
    {"DELETE",   SMTP_HTTP,     ARGS_ANY },
    {"PATCH",    SMTP_HTTP,     ARGS_ANY },
    {"TRACE",    SMTP_HTTP,     ARGS_ANY },
    {"CONNECT",  SMTP_HTTP,     ARGS_ANY },
    {"OPTIONS",  SMTP_HTTP,     ARGS_ANY },
};

struct smtp_command smtp_command_split(str line)
{
    str word, args;
    str_split(line, ' ', &word, &args);
    if (args.len == 0) /* "QUIT\t": blanks behind a verb are tolerated (RFC 5321 section 4.1.1) */
        word = str_trim(word);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq_nocase(word, str_of(verbs[i].name)))
            return (struct smtp_command){verbs[i].verb, verbs[i].name, str_trim(args)};
    return (struct smtp_command){SMTP_UNKNOWN, "", str_trim(args)};
}

smtp_refusal smtp_command_check_args(const struct smtp_command *c)
{
    if (str_find(c->args, '\0') != STR_NONE)
        return &bad_args;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].verb != c->verb)
            continue;
        if (verbs[i].args == ARGS_NONE && c->args.len > 0)
            return &no_args;
        return verbs[i].args == ARGS_SOME && c->args.len == 0 ? &needs_args : NULL;
    }
    return NULL;
}

/* ---- parameters ---- */

/* What a parameter's reader gets: the value, and where the result and its texts go. */
struct param {
    str value;
    bool has_value;
    bool smtputf8; /* of the transaction, for RCPT */
    struct arena *arena;
    struct smtp_mail *mail;
    struct smtp_rcpt *rcpt;
};

struct param_kind {
    const char *name;
    bool takes_value;
    smtp_refusal (*read)(const struct param *);
};

static bool is_printable(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

/* No ASCII control bytes, and UTF-8. */
static bool is_printable_utf8(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
            return false;
    return str_is_utf8(s);
}

/* Decoded, at most max bytes, not empty; whether control bytes came out is the caller's test. */
static bool xtext_to_arena(str text, size_t max, struct arena *arena, str *ret_bytes)
{
    if (text.len > 3 * max)
        return false;
    struct buf out;
    buf_init(&out, 3 * max);
    bool ok = codec_xtext_decode(text, &out) == NULL && out.len > 0 && out.len <= max;
    if (ok)
        *ret_bytes = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return ok;
}

static smtp_refusal read_size(const struct param *p)
{
    enum { DIGITS_MAX = 20 }; /* RFC 1870 section 3 */
    if (p->value.len > DIGITS_MAX)
        return &bad_param;
    for (size_t i = 0; i < p->value.len; i++)
        if (!char_is_digit(p->value.ptr[i]))
            return &bad_param;
    uint64_t size = INT64_MAX; /* twenty digits may mean more: above every limit all the same */
    if (!str_to_u64(p->value, INT64_MAX, &size))
        size = INT64_MAX;
    p->mail->has_size = true;
    p->mail->size = size;
    return NULL;
}

static smtp_refusal read_body(const struct param *p)
{
    static const char *const names[] = {
        [BODY_7BIT] = "7BIT", [BODY_8BITMIME] = "8BITMIME", [BODY_BINARYMIME] = "BINARYMIME"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_eq_nocase(p->value, str_of(names[i])))
            continue;
        p->mail->has_body = true;
        p->mail->body = (enum envelope_body)i;
        return NULL;
    }
    return &bad_param;
}

static smtp_refusal read_smtputf8(const struct param *p)
{
    p->mail->smtputf8 = true;
    return NULL;
}

static smtp_refusal read_requiretls(const struct param *p)
{
    p->mail->requiretls = true;
    return NULL;
}

static smtp_refusal read_ret(const struct param *p)
{
    bool full = str_eq_nocase(p->value, S("FULL"));
    if (!full && !str_eq_nocase(p->value, S("HDRS")))
        return &bad_param;
    p->mail->ret = full ? RET_FULL : RET_HDRS;
    return NULL;
}

static smtp_refusal read_envid(const struct param *p)
{
    str envid;
    if (!xtext_to_arena(p->value, ENVELOPE_ENVID_BYTES_MAX, p->arena, &envid) ||
        !is_printable(envid))
        return &bad_param;
    p->mail->envid = envid;
    return NULL;
}

/* The mailbox is judged when all parameters are known: SMTPUTF8 may stand behind it. */
static smtp_refusal read_auth(const struct param *p)
{
    str sender;
    if (!xtext_to_arena(p->value, SMTP_COMMAND_AUTH_SENDER_BYTES_MAX, p->arena, &sender) ||
        !is_printable_utf8(sender))
        return &bad_param;
    p->mail->has_auth = true;
    p->mail->auth_sender = sender;
    return NULL;
}

/* RFC 6710 section 4.1 has a status of its own for it. */
static smtp_refusal read_priority(const struct param *p)
{
    static const struct smtp_refusal no = {501, "5.5.2", "MT-PRIORITY is a number from -9 to 9"};
    p->mail->has_priority = true;
    return smtp_times_read_priority(p->value, &p->mail->times.priority) ? NULL : &no;
}

static smtp_refusal read_by(const struct param *p)
{
    p->mail->has_by = true;
    return smtp_times_read_by(p->value, &p->mail->times) ? NULL : &bad_param;
}

static smtp_refusal read_hold_for(const struct param *p)
{
    if (p->mail->has_hold) /* RFC 4865 section 4: either of them */
        return &twice;
    p->mail->has_hold = true;
    return smtp_times_read_hold(p->value, &p->mail->times.hold_seconds) ? NULL : &bad_param;
}

static smtp_refusal read_hold_until(const struct param *p)
{
    if (p->mail->has_hold)
        return &twice;
    p->mail->has_hold = true;
    return message_date_parse_rfc3339(p->value, &p->mail->times.hold_until_ms) ? NULL : &bad_param;
}

/* 32 hexadecimal digits: a hash, or anything that is as rare. */
static smtp_refusal read_once(const struct param *p)
{
    if (p->value.len != 2 * SMTP_COMMAND_ONCE_BYTES)
        return &bad_param;
    for (size_t i = 0; i < SMTP_COMMAND_ONCE_BYTES; i++) {
        int high = char_hex_value(p->value.ptr[2 * i]);
        int low = char_hex_value(p->value.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return &bad_param;
        p->mail->once[i] = (uint8_t)(high * 16 + low);
    }
    p->mail->has_once = true;
    return NULL;
}

static smtp_refusal read_notify(const struct param *p)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } words[] = {
        {"NEVER",   NOTIFY_NEVER  },
        {"SUCCESS", NOTIFY_SUCCESS},
        {"FAILURE", NOTIFY_FAILURE},
        {"DELAY",   NOTIFY_DELAY  },
    };
    uint8_t notify = 0;
    str rest = p->value;
    for (bool more = true; more;) {
        str word;
        more = str_find(rest, ',') != STR_NONE;
        str_split(rest, ',', &word, &rest);
        uint8_t bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_eq_nocase(word, str_of(words[i].name)))
                bit = words[i].bit;
        if (bit == 0)
            return &bad_param;
        notify |= bit;
    }
    if ((notify & NOTIFY_NEVER) && notify != NOTIFY_NEVER)
        return &bad_param;
    p->rcpt->notify = notify;
    return NULL;
}

/* RFC 6533 section 3: an address of type utf-8 may come raw under SMTPUTF8, and then has neither
 * '+' nor '='; in ASCII it is xtext whose \x{...} stay as they are. */
static bool decode_orcpt(const struct param *p, str type, str address, str *ret_address)
{
    if (str_is_ascii(address))
        return xtext_to_arena(address, ENVELOPE_ORCPT_BYTES_MAX, p->arena, ret_address) &&
               is_printable(*ret_address);
    if (!p->smtputf8 || !str_eq_nocase(type, S("utf-8")) || !is_printable_utf8(address) ||
        str_find(address, '+') != STR_NONE || str_find(address, '=') != STR_NONE)
        return false;
    *ret_address = address;
    return true;
}

static smtp_refusal read_orcpt(const struct param *p)
{
    str type, address;
    str_split(p->value, ';', &type, &address);
    for (size_t i = 0; i < type.len; i++)
        if (!char_is_alnum(type.ptr[i]) && type.ptr[i] != '-')
            return &bad_param;
    if (type.len == 0 || !decode_orcpt(p, type, address, &address) ||
        type.len + 1 + address.len > ENVELOPE_ORCPT_BYTES_MAX)
        return &bad_param;
    p->rcpt->orcpt = arena_printf(p->arena, "%.*s;%.*s", STR_ARG(type), STR_ARG(address));
    return NULL;
}

static const struct param_kind mail_params[] = {
    {"SIZE",        true,  read_size      },
    {"BODY",        true,  read_body      },
    {"RET",         true,  read_ret       },
    {"SMTPUTF8",    false, read_smtputf8  },
    {"ENVID",       true,  read_envid     },
    {"AUTH",        true,  read_auth      },
    {"REQUIRETLS",  false, read_requiretls},
    {"MT-PRIORITY", true,  read_priority  },
    {"BY",          true,  read_by        },
    {"HOLDFOR",     true,  read_hold_for  },
    {"HOLDUNTIL",   true,  read_hold_until},
    {"XONCE",       true,  read_once      },
};
static const struct param_kind rcpt_params[] = {
    {"NOTIFY", true, read_notify},
    {"ORCPT",  true, read_orcpt },
};

/* One word. seen has a bit for each kind. */
static smtp_refusal read_param(str word, const struct param_kind *kinds, size_t count,
                               struct param *p, unsigned *seen)
{
    str name;
    p->has_value = str_find(word, '=') != STR_NONE;
    str_split(word, '=', &name, &p->value);
    for (size_t i = 0; i < count; i++) {
        if (!str_eq_nocase(name, str_of(kinds[i].name)))
            continue;
        if (*seen & 1u << i)
            return &twice;
        *seen |= 1u << i;
        if (kinds[i].takes_value != p->has_value || p->has_value != (p->value.len > 0))
            return &bad_param;
        return kinds[i].read(p);
    }
    return &unknown_param;
}

static smtp_refusal read_params(str rest, const struct param_kind *kinds, size_t count,
                                struct param *p)
{
    unsigned seen = 0;
    int words = 0;
    if (rest.len > 0 && rest.ptr[0] != ' ')
        return &bad_syntax; /* "<a@b>c@d" */
    while (rest.len > 0) {
        str word;
        str_split(rest, ' ', &word, &rest);
        if (word.len == 0) /* several blanks in a row */
            continue;
        if (++words > SMTP_COMMAND_PARAMS_MAX)
            return &too_many;
        smtp_refusal no = read_param(word, kinds, count, p, &seen);
        if (no)
            return no;
    }
    return NULL;
}

/* Cut "FROM:" and the blanks that many clients put behind it. */
static bool cut_keyword(str *args, str keyword)
{
    if (!str_skip_nocase(args, keyword))
        return false;
    while (str_skip(args, S(" ")))
        ;
    return true;
}

/* AUTH=: "<>" has become empty, anything else must be a mailbox. */
static smtp_refusal judge_auth_sender(struct smtp_mail *mail, struct arena *arena)
{
    struct smtp_path sender = {0};
    if (!mail->has_auth)
        return NULL;
    if (!str_eq(mail->auth_sender, S("<>")) &&
        smtp_path_parse_bare(mail->auth_sender, mail->smtputf8, arena, &sender))
        return &bad_param;
    mail->auth_sender = sender.text;
    return NULL;
}

smtp_refusal smtp_command_parse_mail(str args, struct arena *arena, struct smtp_mail *ret_mail)
{
    struct smtp_mail mail = {0};
    struct param p = {.arena = arena, .mail = &mail};
    if (!cut_keyword(&args, S("FROM:")))
        return &bad_syntax;
    str rest = args;
    smtp_refusal no = smtp_path_parse(&rest, SMTP_PATH_REVERSE, true, arena, &mail.from);
    if (no == NULL)
        no = read_params(rest, mail_params, ARRAY_LEN(mail_params), &p);
    if (no == NULL)
        no = judge_auth_sender(&mail, arena);
    if (no)
        return no;
    if (!mail.smtputf8 && !str_is_ascii(str_slice(args, 0, args.len - rest.len)))
        return &needs_utf8;
    *ret_mail = mail;
    return NULL;
}

smtp_refusal smtp_command_parse_rcpt(str args, bool smtputf8, struct arena *arena,
                                     struct smtp_rcpt *ret_rcpt)
{
    struct smtp_rcpt rcpt = {0};
    struct param p = {.arena = arena, .rcpt = &rcpt, .smtputf8 = smtputf8};
    if (!cut_keyword(&args, S("TO:")))
        return &bad_syntax;
    smtp_refusal no = smtp_path_parse(&args, SMTP_PATH_FORWARD, smtputf8, arena, &rcpt.to);
    if (no == NULL)
        no = read_params(args, rcpt_params, ARRAY_LEN(rcpt_params), &p);
    if (no)
        return no;
    *ret_rcpt = rcpt;
    return NULL;
}

/* ---- BDAT and AUTH ---- */

smtp_refusal smtp_command_parse_bdat(str args, struct smtp_bdat *ret_bdat)
{
    str number, last;
    uint64_t size;
    str_split(args, ' ', &number, &last);
    last = str_trim(last);
    if (!str_to_u64(number, SMTP_COMMAND_BDAT_BYTES_MAX, &size))
        return &bad_args;
    if (last.len > 0 && !str_eq_nocase(last, S("LAST")))
        return &bad_args;
    *ret_bdat = (struct smtp_bdat){size, last.len > 0};
    return NULL;
}

smtp_refusal smtp_command_parse_auth(str args, struct smtp_auth *ret_auth)
{
    struct smtp_auth auth = {0};
    str_split(args, ' ', &auth.mechanism, &auth.initial);
    auth.initial = str_trim(auth.initial);
    if (auth.mechanism.len == 0 || auth.mechanism.len > SMTP_COMMAND_MECHANISM_BYTES_MAX)
        return &bad_args;
    for (size_t i = 0; i < auth.mechanism.len; i++) {
        char c = auth.mechanism.ptr[i];
        if (!char_is_alnum(c) && c != '-' && c != '_')
            return &bad_args;
    }
    if (str_find(auth.initial, ' ') != STR_NONE)
        return &bad_args;
    auth.has_initial = auth.initial.len > 0;
    if (str_eq(auth.initial, S("=")))
        auth.initial = (str){0};
    *ret_auth = auth;
    return NULL;
}
