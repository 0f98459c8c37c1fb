#include "personality/msmtp_option.h"
#include "personality/msmtp.h"

bool personality_msmtp_option_at(size_t index, struct personality_option *ret_option)
{
    static const struct personality_option options[] = {
        {"account",                'a', true },
        {"file",                   'C', true },
        {"host",                   0,   true },
        {"port",                   0,   true },
        {"source-ip",              0,   true },
        {"proxy-host",             0,   true },
        {"proxy-port",             0,   true },
        {"socket",                 0,   true },
        {"timeout",                0,   true },
        {"protocol",               0,   true },
        {"domain",                 0,   true },
        {"auth",                   0,   false},
        {"user",                   0,   true },
        {"passwordeval",           0,   true },
        {"tls",                    0,   false},
        {"tls-starttls",           0,   false},
        {"tls-trust-file",         0,   true },
        {"tls-crl-file",           0,   true },
        {"tls-fingerprint",        0,   true },
        {"tls-key-file",           0,   true },
        {"tls-cert-file",          0,   true },
        {"tls-certcheck",          0,   false},
        {"tls-priorities",         0,   true },
        {"tls-host-override",      0,   true },
        {"tls-min-dh-prime-bits",  0,   true },
        {"from",                   'f', true },
        {"auto-from",              0,   false},
        {"maildomain",             0,   true },
        {"read-recipients",        't', false},
        {"read-envelope-from",     0,   false},
        {"aliases",                0,   true },
        {"dsn-notify",             'N', true },
        {"dsn-return",             'R', true },
        {"logfile",                'X', true },
        {"logfile-time-format",    0,   true },
        {"syslog",                 0,   false},
        {"set-from-header",        0,   false},
        {"set-date-header",        0,   false},
        {"set-msgid-header",       0,   false},
        {"remove-bcc-headers",     0,   false},
        {"undisclosed-recipients", 0,   false},
        {"configure",              0,   true },
        {"serverinfo",             'S', false},
        {"rmqs",                   0,   true },
        {"pretend",                'P', false},
        {"debug",                  'd', false},
        {"version",                0,   false},
    };
    if (index >= ARRAY_LEN(options))
        return false;
    *ret_option = options[index];
    return true;
}

static err misused(struct msmtp *m, const char *fmt, str name)
{
    str text = arena_printf(m->arena, "%s%.*s'", fmt, STR_ARG(str_slice(name, 0, 200)));
    return personality_msmtp_job_fail(m, EX_USAGE, "%.*s", STR_ARG(text));
}

/* ---- settings --------------------------------------------------------------------------- */

static err take_value(struct msmtp *m, enum msmtprc_key key, str name, str value)
{
    if (key == MSMTPRC_DSN_RETURN && str_eq(value, S("hdrs")))
        value = S("headers");
    if (!personality_msmtprc_good(key, value))
        return personality_msmtp_job_fail(m, EX_USAGE, "invalid argument %.*s for --%.*s",
                                          STR_ARG(str_slice(value, 0, 200)), STR_ARG(name));
    if (value.len == 0 && personality_msmtprc_is_switch(key))
        value = S("on");
    m->given.values[key] = value.len ? value : S("");
    return NULL;
}

/* An option is a command of the files with other dashes; some have older names. */
static bool key_of_option(struct msmtp *m, str *name, enum msmtprc_key *ret_key)
{
    static const struct {
        const char *older, *newer;
    } names[] = {
        {"connect-timeout",         "timeout"        },
        {"add-missing-from-header", "set-from-header"},
        {"add-missing-date-header", "set-date-header"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(*name, str_of(names[i].older)))
            *name = str_of(names[i].newer);
    char *text = arena_chars(m->arena, *name);
    for (char *c = text; *c; c++)
        if (*c == '-')
            *c = '_';
    return str_find(*name, '_') == STR_NONE && personality_msmtprc_key(str_of(text), ret_key) &&
           *ret_key != MSMTPRC_PASSWORD && *ret_key != MSMTPRC_NTLMDOMAIN;
}

/* ---- what is no setting ----------------------------------------------------------------- */

static err choose_mode(struct msmtp *m, enum msmtp_mode mode)
{
    if (m->mode != MSMTP_SEND && m->mode != mode)
        return personality_msmtp_job_fail(m, EX_USAGE, "cannot use both --serverinfo and --rmqs");
    m->mode = mode;
    return NULL;
}

/* True: it is one without a value. */
static bool take_flag(struct msmtp *m, str name, err *ret_err)
{
    if (str_eq(name, S("pretend")))
        m->pretend = true;
    else if (str_eq(name, S("debug")))
        m->debug = true;
    else if (str_eq(name, S("read-recipients")))
        m->from_header = true;
    else if (str_eq(name, S("read-envelope-from")))
        m->envelope_from = true;
    else if (str_eq(name, S("serverinfo")))
        *ret_err = choose_mode(m, MSMTP_SERVERINFO);
    else
        return str_eq(name, S("tls-force-sslv3"));
    return true;
}

static str *text_of(struct msmtp *m, str name)
{
    if (str_eq(name, S("account")))
        return &m->account;
    if (str_eq(name, S("file")))
        return &m->file;
    if (str_eq(name, S("rmqs")))
        return &m->rmqs;
    return str_eq(name, S("configure")) ? &m->configure : NULL;
}

static err take_text(struct msmtp *m, str *text, str value)
{
    *text = value;
    if (text == &m->rmqs)
        return choose_mode(m, MSMTP_RMQS);
    return text == &m->configure ? choose_mode(m, MSMTP_CONFIGURE) : NULL;
}

/* ---- words ------------------------------------------------------------------------------ */

struct words {
    int argc;
    char **argv;
    int at;
};

/* --name=value, or the next word when one is needed. */
static err take_long(struct msmtp *m, struct words *w, str word)
{
    str name, value;
    enum msmtprc_key key = MSMTPRC_HOST;
    err e = NULL;
    bool attached = str_find(word, '=') != STR_NONE;
    str_split(word, '=', &name, &value);
    if (take_flag(m, name, &e))
        return e;
    if (str_eq(name, S("keepbcc"))) {
        name = S("remove-bcc-headers");
        value = str_eq(value, S("off")) ? S("on") : S("off");
        attached = true;
    }
    str *text = text_of(m, name);
    if (text == NULL && !key_of_option(m, &name, &key))
        return misused(m, "unrecognized option '--", name);
    bool set = key == MSMTPRC_SET_DATE_HEADER || key == MSMTPRC_SET_MSGID_HEADER;
    bool needs = text || !(personality_msmtprc_is_switch(key) || set);
    if (!attached && needs && w->at + 1 == w->argc)
        return personality_msmtp_job_fail(m, EX_USAGE, "option '--%.*s' requires an argument",
                                          STR_ARG(name));
    if (!attached && needs)
        value = str_of(w->argv[++w->at]);
    return text ? take_text(m, text, value) : take_value(m, key, name, value);
}

static err take_letter(struct msmtp *m, char letter, str value)
{
    err e = NULL;
    switch (letter) {
    case 'a':
        m->account = value;
        break;
    case 'C':
        m->file = value;
        break;
    case 'F':
        m->full_name = value;
        break;
    case 'f':
        return take_value(m, MSMTPRC_FROM, S("from"), value);
    case 'N':
        return take_value(m, MSMTPRC_DSN_NOTIFY, S("dsn-notify"), value);
    case 'R':
        return take_value(m, MSMTPRC_DSN_RETURN, S("dsn-return"), value);
    case 'X':
        return take_value(m, MSMTPRC_LOGFILE, S("logfile"), value);
    case 'b':
        if (!str_eq(value, S("m")))
            return personality_msmtp_job_fail(m, EX_USAGE, "unsupported operation mode b%.*s",
                                              STR_ARG(str_slice(value, 0, 20)));
        break;
    case 't':
        take_flag(m, S("read-recipients"), &e);
        break;
    case 'P':
        take_flag(m, S("pretend"), &e);
        break;
    case 'd':
    case 'v':
        take_flag(m, S("debug"), &e);
        break;
    case 'S':
        take_flag(m, S("serverinfo"), &e);
        break;
    default:
        break; /* of sendmail, and without a meaning */
    }
    return e;
}

static err take_letters(struct msmtp *m, struct words *w, str letters)
{
    while (letters.len) {
        str letter = str_slice(letters, 0, 1);
        letters = str_from(letters, 1);
        if (!str_contains(S("aCFfNRXABbhLOotPvdSGimn"), letter))
            return misused(m, "invalid option -- '", letter);
        if (!str_contains(S("aCFfNRXABbhLOo"), letter)) {
            TRY(take_letter(m, letter.ptr[0], (str){0}));
            continue;
        }
        if (letters.len == 0 && w->at + 1 == w->argc)
            return misused(m, "option requires an argument -- '", letter);
        return take_letter(m, letter.ptr[0], letters.len ? letters : str_of(w->argv[++w->at]));
    }
    return NULL;
}

static err check_together(struct msmtp *m)
{
    bool sends = m->mode == MSMTP_SEND;
    if (m->given.values[MSMTPRC_HOST].ptr && m->account.len)
        return personality_msmtp_job_fail(m, EX_USAGE, "cannot use both --host and --account");
    if (m->given.values[MSMTPRC_FROM].len && m->envelope_from)
        return personality_msmtp_job_fail(m, EX_USAGE,
                                          "cannot use both --from and --read-envelope-from");
    if (!sends && m->rcpt_count > 0)
        return personality_msmtp_job_fail(m, EX_USAGE, "too many arguments");
    if (sends && !m->pretend && !m->from_header && m->rcpt_count == 0)
        return personality_msmtp_job_fail(m, EX_USAGE, "no recipients found");
    return NULL;
}

err personality_msmtp_option_read(struct msmtp *m, int argc, char **argv)
{
    struct words w = {argc, argv, 1};
    bool options = true;
    m->rcpts = ARENA_ARRAY(m->arena, const char *, (size_t)argc);
    for (; w.at < argc; w.at++) {
        str word = str_of(argv[w.at]);
        if (options && str_eq(word, S("--")))
            options = false;
        else if (options && str_skip(&word, S("--")))
            TRY(take_long(m, &w, word));
        else if (options && word.len > 1 && str_skip(&word, S("-")))
            TRY(take_letters(m, &w, word));
        else if (word.len > 0)
            m->rcpts[m->rcpt_count++] = argv[w.at];
    }
    return check_together(m);
}
