#include "personality/msmtp.h"
#include "base/mem.h"
#include "config/value.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "message/recipients.h"
#include "personality/letter.h"
#include "personality/msmtprc.h"
#include "personality/post.h"
#include "personality/sendmail_option.h"
#include "personality/swaks_file.h"
#include "secret/command.h"
#include "secret/netrc.h"
#include "secret/secret.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

const char personality_msmtp_help[] =
    "usage: smtptool msmtp [OPTION]... [--] RECIPIENT...      (or a link named msmtp)\n"
    "       smtptool msmtp [OPTION]... -t [--] [RECIPIENT]...\n"
    "\n"
    "A message from stdin to the server of an account in msmtp's configuration files.\n"
    "\n"
    "  -a, --account NAME   -C, --file FILE   --host NAME  --port N  --timeout off|S\n"
    "  --protocol smtp|lmtp  --domain NAME  --auth[=on|off|METHOD]  --user NAME\n"
    "  --passwordeval CMD   --tls[=on|off]  --tls-starttls[=on|off]  --tls-trust-file FILE\n"
    "  -f, --from ADDRESS   -t, --read-recipients   --read-envelope-from   -F NAME\n"
    "  -N, --dsn-notify WORDS   -R, --dsn-return headers|full   -X, --logfile FILE\n"
    "  --logfile-time-format F  --set-from-header[=auto|on|off]  --set-date-header[=auto|off]\n"
    "  --set-msgid-header[=auto|off]  --remove-bcc-headers[=on|off]\n"
    "  --undisclosed-recipients[=on|off]\n"
    "  -P, --pretend        what would be used; a password is shown as *\n"
    "  --version\n"
    "\n"
    "What of msmtp is absent, and why: docs/msmtp.md. exit: sysexits\n"
    "\n"
    "examples:\n"
    "  smtptool msmtp -a work -- bob@example.net < mail.eml\n"
    "  smtptool msmtp -t --read-envelope-from < mail.eml\n";

bool personality_msmtp_option_at(size_t index, struct personality_option *ret_option)
{
    static const struct personality_option options[] = {
        {"account",                'a', true },
        {"file",                   'C', true },
        {"host",                   0,   true },
        {"port",                   0,   true },
        {"timeout",                0,   true },
        {"protocol",               0,   true },
        {"domain",                 0,   true },
        {"auth",                   0,   false},
        {"user",                   0,   true },
        {"passwordeval",           0,   true },
        {"tls",                    0,   false},
        {"tls-starttls",           0,   false},
        {"tls-trust-file",         0,   true },
        {"from",                   'f', true },
        {"read-recipients",        't', false},
        {"read-envelope-from",     0,   false},
        {"dsn-notify",             'N', true },
        {"dsn-return",             'R', true },
        {"logfile",                'X', true },
        {"logfile-time-format",    0,   true },
        {"set-from-header",        0,   false},
        {"set-date-header",        0,   false},
        {"set-msgid-header",       0,   false},
        {"remove-bcc-headers",     0,   false},
        {"undisclosed-recipients", 0,   false},
        {"pretend",                'P', false},
        {"version",                0,   false},
    };
    if (index >= ARRAY_LEN(options))
        return false;
    *ret_option = options[index];
    return true;
}

enum { PATH_BYTES = 1024, EVAL_MS_MAX = 60000, LOG_BYTES_MAX = 1 << 20 };

struct run {
    struct arena *arena;
    struct msmtprc rc;
    struct msmtprc_account given; /* by options */
    struct msmtprc_account used;
    str account, file, full_name, origin;
    bool pretend, from_header, envelope_from;
    const char **rcpts;
    size_t rcpt_count;
    struct buf content, mended, secret;
    struct post post;
};

static int fail(int exit, err e)
{
    char why[1024];
    err_reason(e, why, sizeof why);
    fprintf(stderr, "msmtp: %s\n", why);
    err_forget();
    return exit;
}

/* ---- options ---------------------------------------------------------------------------- */

static err take_value(struct run *run, enum msmtprc_key key, str name, str value)
{
    if (key == MSMTPRC_DSN_RETURN && str_eq(value, S("hdrs")))
        value = S("headers");
    if (!personality_msmtprc_good(key, value))
        return err_new(ERR_CONFIG, "invalid argument %.*s for --%.*s", STR_ARG(value),
                       STR_ARG(name));
    if (value.len == 0 && personality_msmtprc_is_switch(key))
        value = S("on");
    run->given.values[key] = value.len ? value : S("");
    return NULL;
}

static bool key_of_option(struct run *run, str name, enum msmtprc_key *ret_key)
{
    char *text = arena_chars(run->arena, name);
    for (char *c = text; *c; c++)
        if (*c == '-')
            *c = '_';
    return str_find(name, '_') == STR_NONE && personality_msmtprc_key(str_of(text), ret_key) &&
           *ret_key != MSMTPRC_PASSWORD && *ret_key != MSMTPRC_NTLMDOMAIN;
}

struct words {
    int argc;
    char **argv;
    int at;
};

/* --name=value, or the next word when one is needed. */
static err take_long(struct run *run, struct words *w, str word)
{
    str name, value;
    enum msmtprc_key key = MSMTPRC_HOST;
    bool attached = str_find(word, '=') != STR_NONE;
    str_split(word, '=', &name, &value);
    if (str_eq(name, S("pretend")) || str_eq(name, S("read-recipients")) ||
        str_eq(name, S("read-envelope-from"))) {
        run->pretend |= str_eq(name, S("pretend"));
        run->from_header |= str_eq(name, S("read-recipients"));
        run->envelope_from |= str_eq(name, S("read-envelope-from"));
        return NULL;
    }
    bool account = str_eq(name, S("account")), file = str_eq(name, S("file"));
    bool known = key_of_option(run, name, &key);
    if (str_eq(name, S("serverinfo")) || str_eq(name, S("configure")) || str_eq(name, S("rmqs")) ||
        str_eq(name, S("debug")))
        return err_new(ERR_CONFIG, "--%.*s does not exist here: see docs/msmtp.md", STR_ARG(name));
    if (!known && !account && !file)
        return err_new(ERR_CONFIG, "unrecognized option '--%.*s'", STR_ARG(name));
    bool set = key == MSMTPRC_SET_DATE_HEADER || key == MSMTPRC_SET_MSGID_HEADER;
    bool needs = account || file || !(personality_msmtprc_is_switch(key) || set);
    if (!attached && needs && w->at + 1 == w->argc)
        return err_new(ERR_CONFIG, "option '--%.*s' requires an argument", STR_ARG(name));
    if (!attached && needs)
        value = str_of(w->argv[++w->at]);
    if (account)
        run->account = value;
    else if (file)
        run->file = value;
    else
        return take_value(run, key, name, value);
    return NULL;
}

static err take_letter(struct run *run, char letter, str value)
{
    switch (letter) {
    case 'a':
        run->account = value;
        break;
    case 'C':
        run->file = value;
        break;
    case 'F':
        run->full_name = value;
        break;
    case 'f':
        return take_value(run, MSMTPRC_FROM, S("from"), value);
    case 'N':
        return take_value(run, MSMTPRC_DSN_NOTIFY, S("dsn-notify"), value);
    case 'R':
        return take_value(run, MSMTPRC_DSN_RETURN, S("dsn-return"), value);
    case 'X':
        return take_value(run, MSMTPRC_LOGFILE, S("logfile"), value);
    case 't':
        run->from_header = true;
        break;
    case 'P':
        run->pretend = true;
        break;
    case 'v':
    case 'd':
    case 'S':
        return err_new(ERR_CONFIG, "-%c does not exist here: see docs/msmtp.md", letter);
    default:
        break; /* of sendmail, and without a meaning */
    }
    return NULL;
}

static err take_letters(struct run *run, struct words *w, str letters)
{
    while (letters.len) {
        char letter = letters.ptr[0];
        letters = str_from(letters, 1);
        if (!str_contains(S("aCFfNRXABbhLOotPvdSGimn"), (str){&letter, 1}))
            return err_new(ERR_CONFIG, "invalid option -- '%c'", letter);
        if (!str_contains(S("aCFfNRXABbhLOo"), (str){&letter, 1})) {
            TRY(take_letter(run, letter, (str){0}));
            continue;
        }
        if (letters.len == 0 && w->at + 1 == w->argc)
            return err_new(ERR_CONFIG, "option requires an argument -- '%c'", letter);
        return take_letter(run, letter, letters.len ? letters : str_of(w->argv[++w->at]));
    }
    return NULL;
}

static err take_words(struct run *run, int argc, char **argv)
{
    struct words w = {argc, argv, 1};
    bool options = true;
    run->rcpts = ARENA_ARRAY(run->arena, const char *, (size_t)argc);
    for (; w.at < argc; w.at++) {
        str word = str_of(argv[w.at]);
        if (options && str_eq(word, S("--")))
            options = false;
        else if (options && str_skip(&word, S("--")))
            TRY(take_long(run, &w, word));
        else if (options && word.len > 1 && str_skip(&word, S("-")))
            TRY(take_letters(run, &w, word));
        else
            run->rcpts[run->rcpt_count++] = argv[w.at];
    }
    if (run->given.values[MSMTPRC_HOST].ptr && run->account.len)
        return err_new(ERR_CONFIG, "cannot use both --host and --account");
    if (!run->pretend && !run->from_header && run->rcpt_count == 0)
        return err_new(ERR_CONFIG, "no recipients found");
    return NULL;
}

/* ---- files ------------------------------------------------------------------------------ */

/* msmtp hands these to a shell, and so must we: the file is its owner's. */
static err shell(str command, struct arena *arena, struct buf *out)
{
    char *words[] = {"/bin/sh", "-c", arena_chars(arena, command), NULL};
    struct secret_command run = {.words = words};
    return secret_command_start(&run, EVAL_MS_MAX, out);
}

static err eval(void *arg, str command, struct arena *arena, str *ret_line)
{
    CLEANUP(secret_wipe) struct buf out;
    str rest;
    (void)arg;
    buf_init(&out, SECRET_BYTES_MAX);
    TRY(shell(command, arena, &out));
    str_split(arena_str(arena, buf_str(&out)), '\n', ret_line, &rest);
    return NULL;
}

static err check_private(const struct run *run, const char *path, size_t first)
{
    struct stat info;
    bool open = stat(path, &info) != 0 || (info.st_mode & 07) != 0;
    for (size_t i = first; open && i < run->rc.count; i++)
        if (run->rc.accounts[i].values[MSMTPRC_PASSWORD].len)
            return err_new(ERR_CONFIG, "%s: contains secrets, and others may read it: chmod o-rwx",
                           path);
    return NULL;
}

/* A file that is not there is none, unless it was named. */
static err read_file(struct run *run, str path, bool must)
{
    CLEANUP(secret_wipe) struct buf text;
    buf_init(&text, MSMTPRC_BYTES_MAX);
    const char *chars = arena_chars(run->arena, path);
    if (!must && access(chars, R_OK) != 0)
        return NULL;
    if (access(chars, R_OK) != 0)
        return err_new(ERR_SYSTEM, "%s", chars);
    TRY(personality_swaks_file_read(chars, &text));
    size_t first = run->rc.count;
    err e = personality_msmtprc_read(&run->rc, buf_str(&text), run->arena);
    run->origin = path;
    return e ? err_wrap(e, "%s", chars) : check_private(run, chars, first);
}

static err read_files(struct run *run)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    run->rc.eval = eval;
    if (run->given.values[MSMTPRC_HOST].ptr)
        return NULL;
    TRY(read_file(run, S("/etc/msmtprc"), false));
    if (run->file.len)
        return read_file(run, run->file, true);
    str own = arena_printf(run->arena, "%s/.msmtprc", home ? home : "");
    if (access(arena_chars(run->arena, own), R_OK) == 0)
        return read_file(run, own, false);
    own = xdg ? arena_printf(run->arena, "%s/msmtp/config", xdg)
              : arena_printf(run->arena, "%s/.config/msmtp/config", home ? home : "");
    return read_file(run, own, false);
}

/* ---- the account ------------------------------------------------------------------------ */

static str value(const struct run *run, enum msmtprc_key key) { return run->used.values[key]; }
static bool is(const struct run *run, enum msmtprc_key key, str word)
{
    return str_eq(value(run, key), word);
}

/* The first account whose from is this address. */
static const struct msmtprc_account *account_by_from(const struct run *run, str from)
{
    for (size_t i = 0; i < run->rc.count && from.len; i++)
        if (str_eq_nocase(run->rc.accounts[i].values[MSMTPRC_FROM], from))
            return &run->rc.accounts[i];
    return NULL;
}

static err choose(struct run *run)
{
    str name = run->account.len ? run->account : S("default"),
        from = run->given.values[MSMTPRC_FROM];
    bool host = run->given.values[MSMTPRC_HOST].ptr != NULL;
    const struct msmtprc_account *account = NULL;
    if (!host && run->account.len == 0)
        account = account_by_from(run, from);
    if (!host && account == NULL)
        account = personality_msmtprc_find(&run->rc, name);
    if (!host && account == NULL)
        return err_new(ERR_CONFIG, "account %.*s not found%s%.*s", STR_ARG(name),
                       run->origin.len ? " in " : ": no configuration file available",
                       STR_ARG(run->origin));
    if (account)
        run->used = *account;
    bool fixed = is(run, MSMTPRC_ALLOW_FROM_OVERRIDE, S("off"));
    for (int key = 0; key < MSMTPRC_KEYS; key++)
        if (run->given.values[key].ptr && !(key == MSMTPRC_FROM && fixed))
            run->used.values[key] = run->given.values[key];
    return NULL;
}

/* What this program has no part for is refused and not passed over. */
static err refuse_absent(const struct run *run)
{
    static const enum msmtprc_key absent[] = {
        MSMTPRC_SOURCE_IP,     MSMTPRC_PROXY_HOST,      MSMTPRC_SOCKET,
        MSMTPRC_TLS_CRL_FILE,  MSMTPRC_TLS_FINGERPRINT, MSMTPRC_TLS_KEY_FILE,
        MSMTPRC_TLS_CERT_FILE, MSMTPRC_TLS_PRIORITIES,  MSMTPRC_TLS_HOST_OVERRIDE,
        MSMTPRC_ALIASES,       MSMTPRC_NTLMDOMAIN,
    };
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        if (value(run, absent[i]).len > 0)
            return err_new(ERR_CONFIG, "%s does not exist here: see docs/msmtp.md",
                           personality_msmtprc_name(absent[i]));
    if (is(run, MSMTPRC_TLS_CERTCHECK, S("off")) || is(run, MSMTPRC_AUTO_FROM, S("on")) ||
        (value(run, MSMTPRC_SYSLOG).len && !is(run, MSMTPRC_SYSLOG, S("off"))))
        return err_new(ERR_CONFIG, "tls_certcheck off, auto_from and syslog do not exist here: see "
                                   "docs/msmtp.md");
    if (str_find(value(run, MSMTPRC_FROM), '%') != STR_NONE ||
        str_find(value(run, MSMTPRC_FROM), '*') != STR_NONE)
        return err_new(ERR_CONFIG, "patterns in from do not exist here: see docs/msmtp.md");
    return NULL;
}

static err use_server(struct run *run)
{
    struct config_hop *hop = &run->post.options.hop;
    uint64_t port = 0, seconds;
    bool tls = is(run, MSMTPRC_TLS, S("on")), direct = is(run, MSMTPRC_TLS_STARTTLS, S("off"));
    hop->host = hop->url = value(run, MSMTPRC_HOST);
    if (hop->host.len == 0)
        return err_new(ERR_CONFIG, "host not set");
    if (!str_to_u64(value(run, MSMTPRC_PORT), 65535, &port))
        port = tls && direct ? 465 : 25;
    hop->port = (uint16_t)port;
    hop->port_given = true;
    hop->lmtp = is(run, MSMTPRC_PROTOCOL, S("lmtp"));
    hop->tls = tls ? HOP_TLS_VERIFIED : HOP_TLS_NONE;
    hop->implicit_tls = tls && direct;
    if (value(run, MSMTPRC_DOMAIN).len)
        run->post.options.hello = value(run, MSMTPRC_DOMAIN);
    if (str_to_u64(value(run, MSMTPRC_TIMEOUT), INT32_MAX, &seconds))
        run->post.options.policy.connect_ms = run->post.options.policy.reply_ms =
            (int64_t)seconds * 1000;
    if (!is(run, MSMTPRC_TLS_TRUST_FILE, S("system")))
        run->post.ca_file = value(run, MSMTPRC_TLS_TRUST_FILE);
    return NULL;
}

static err use_login(struct run *run)
{
    struct client_options *o = &run->post.options;
    str auth = value(run, MSMTPRC_AUTH), host = value(run, MSMTPRC_HOST);
    if (auth.len == 0 || str_eq(auth, S("off")))
        return NULL;
    o->user = value(run, MSMTPRC_USER);
    if (o->user.len == 0)
        return err_new(ERR_CONFIG, "authentication method requires user name");
    if (o->hop.tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(&o->hop))
        return err_new(ERR_CONFIG, "a login goes over TLS only: tls on");
    char *name = arena_chars(run->arena, auth);
    for (char *c = name; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    o->token = str_eq(auth, S("oauthbearer")) || str_eq(auth, S("xoauth2"));
    o->mechanism = str_eq(auth, S("on")) ? (str){0} : str_of(name);
    if (value(run, MSMTPRC_PASSWORD).len)
        TRY(buf_add(&run->secret, value(run, MSMTPRC_PASSWORD)));
    else if (value(run, MSMTPRC_PASSWORDEVAL).len)
        TRY(shell(value(run, MSMTPRC_PASSWORDEVAL), run->arena, &run->secret));
    else if (secret_netrc_read(host, o->user, &run->secret)) {
        char *words[] = {"secret-tool", "lookup", "host", arena_chars(run->arena, host),
                         "service",     "smtp",   "user", arena_chars(run->arena, o->user),
                         NULL};
        struct secret_command keyring = {.words = words};
        err_forget();
        err e = secret_command_start(&keyring, EVAL_MS_MAX, &run->secret);
        if (e)
            return err_new(ERR_CONFIG, "authentication method requires a password: password, "
                                       "passwordeval, ~/.netrc or the keyring");
    }
    o->secret = buf_str(&run->secret);
    return NULL;
}

/* ---- the message ------------------------------------------------------------------------ */

static err sender_of_header(struct run *run)
{
    struct message_field field;
    struct message_mailboxes list;
    struct buf *address = &run->mended;
    if (!message_header_find(buf_str(&run->content), S("From"), &field))
        return NULL;
    TRY(message_mailboxes_parse(field.value, run->arena, &list));
    if (list.count == 0)
        return NULL;
    TRY(message_mailbox_add_address(&list.items[0], address));
    run->given.values[MSMTPRC_FROM] = arena_str(run->arena, buf_str(address));
    buf_clear(address);
    return NULL;
}

static err make_envelope(struct run *run)
{
    struct envelope *one = personality_post_envelope(run->arena);
    struct envelope *env = run->post.mail.envelope = personality_post_envelope(run->arena);
    struct message_recipients found = {0};
    TRY(personality_post_add_rcpt(one, value(run, MSMTPRC_FROM), run->arena));
    env->sender = one->rcpts[0].address;
    for (size_t i = 0; i < run->rcpt_count; i++)
        TRY(personality_post_add_rcpt(env, str_of(run->rcpts[i]), run->arena));
    if (run->from_header)
        TRY(message_recipients_read(buf_str(&run->content), run->arena, &found));
    for (size_t i = 0; i < found.count; i++)
        TRY(personality_post_add_rcpt(env, found.addresses[i], run->arena));
    if (env->rcpt_count == 0)
        return err_new(ERR_CONFIG, "no recipients found");
    for (size_t i = 0; i < env->rcpt_count && value(run, MSMTPRC_DSN_NOTIFY).len; i++)
        if (!personality_sendmail_option_notify(value(run, MSMTPRC_DSN_NOTIFY),
                                                &env->rcpts[i].notify))
            break; /* off */
    env->ret = is(run, MSMTPRC_DSN_RETURN, S("full"))      ? RET_FULL
               : is(run, MSMTPRC_DSN_RETURN, S("headers")) ? RET_HDRS
                                                           : RET_NONE;
    return NULL;
}

static err mend(struct run *run)
{
    str from = value(run, MSMTPRC_FROM);
    struct letter_fields fields = {
        .from = is(run, MSMTPRC_SET_FROM_HEADER, S("off")) ? (str){0} : from,
        .replace_from = is(run, MSMTPRC_SET_FROM_HEADER, S("on")),
        .full_name = run->full_name,
        .date = !is(run, MSMTPRC_SET_DATE_HEADER, S("off")),
        .message_id_host = is(run, MSMTPRC_SET_MSGID_HEADER, S("off"))
                               ? (str){0}
                               : str_from(from, str_find_last(from, '@') + 1),
        .remove_bcc = !is(run, MSMTPRC_REMOVE_BCC_HEADERS, S("off")),
        .undisclosed = is(run, MSMTPRC_UNDISCLOSED_RECIPIENTS, S("on")),
    };
    TRY(personality_letter_mend(buf_str(&run->content), &fields, run->arena, &run->mended));
    run->post.mail.content = buf_str(&run->mended);
    return NULL;
}

/* ---- telling ---------------------------------------------------------------------------- */

static str shown(const struct run *run, enum msmtprc_key key)
{
    static const char *const defaults[MSMTPRC_KEYS] = {
        [MSMTPRC_PROXY_PORT] = "0",
        [MSMTPRC_TIMEOUT] = "off",
        [MSMTPRC_PROTOCOL] = "smtp",
        [MSMTPRC_DOMAIN] = "localhost",
        [MSMTPRC_AUTH] = "none",
        [MSMTPRC_TLS] = "off",
        [MSMTPRC_TLS_STARTTLS] = "on",
        [MSMTPRC_TLS_TRUST_FILE] = "system",
        [MSMTPRC_TLS_CERTCHECK] = "on",
        [MSMTPRC_AUTO_FROM] = "off",
        [MSMTPRC_SET_FROM_HEADER] = "auto",
        [MSMTPRC_SET_DATE_HEADER] = "auto",
        [MSMTPRC_REMOVE_BCC_HEADERS] = "on",
        [MSMTPRC_UNDISCLOSED_RECIPIENTS] = "off",
        [MSMTPRC_ALLOW_FROM_OVERRIDE] = "on",
    };
    str v = value(run, key);
    if (key == MSMTPRC_PASSWORD && v.len)
        return S("*");
    if (key == MSMTPRC_AUTH && v.len)
        return str_eq(v, S("on")) ? S("choose") : str_eq(v, S("off")) ? S("none") : v;
    if (key == MSMTPRC_PORT && v.len == 0)
        return is(run, MSMTPRC_TLS, S("on")) && is(run, MSMTPRC_TLS_STARTTLS, S("off")) ? S("465")
                                                                                        : S("25");
    if (key == MSMTPRC_TIMEOUT && v.len && !str_eq(v, S("off")))
        return arena_printf(run->arena, "%.*s seconds", STR_ARG(v));
    return v.len ? v : defaults[key] ? str_of(defaults[key]) : S("(not set)");
}

static void pretend(const struct run *run)
{
    if (run->given.values[MSMTPRC_HOST].ptr)
        puts("using account specified on command line");
    else
        printf("using account %.*s from %.*s\n", STR_ARG(run->used.name), STR_ARG(run->origin));
    for (int key = 0; key < MSMTPRC_SET_MSGID_HEADER; key++)
        printf("%s = %.*s\n",
               key == MSMTPRC_SOURCE_IP    ? "source ip"
               : key == MSMTPRC_PROXY_HOST ? "proxy host"
               : key == MSMTPRC_PROXY_PORT ? "proxy port"
                                           : personality_msmtprc_name((enum msmtprc_key)key),
               STR_ARG(shown(run, (enum msmtprc_key)key)));
    puts(run->from_header ? "reading recipients from the command line and the mail"
                          : "reading recipients from the command line");
}

static const char *exit_name(int exit)
{
    switch (exit) {
    case EX_OK:
        return "EX_OK";
    case EX_NOUSER:
        return "EX_NOUSER";
    case EX_NOHOST:
        return "EX_NOHOST";
    case EX_NOPERM:
        return "EX_NOPERM";
    case EX_PROTOCOL:
        return "EX_PROTOCOL";
    case EX_UNAVAILABLE:
        return "EX_UNAVAILABLE";
    default:
        return "EX_TEMPFAIL";
    }
}

static err log_line(const struct run *run, int exit, const struct smtp_reply *reply,
                    struct buf *line)
{
    const struct client_mail *mail = &run->post.mail;
    const struct envelope *env = mail->envelope;
    str format = value(run, MSMTPRC_LOGFILE_TIME_FORMAT);
    char date[100] = "";
    time_t now = time(NULL);
    struct tm local;
    const char *chars = format.len ? arena_chars(run->arena, format) : "%b %d %H:%M:%S";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (localtime_r(&now, &local))
        (void)!strftime(date, sizeof date, chars, &local);
#pragma GCC diagnostic pop
    TRY(buf_addf(line, "%s host=%.*s tls=%s auth=%s", date, STR_ARG(value(run, MSMTPRC_HOST)),
                 is(run, MSMTPRC_TLS, S("on")) ? "on" : "off",
                 run->post.options.user.len ? "on" : "off"));
    if (run->post.options.user.len)
        TRY(buf_addf(line, " user=%.*s", STR_ARG(run->post.options.user)));
    TRY(buf_addf(line, " from=%.*s recipients=", STR_ARG(env->sender)));
    for (size_t i = 0; i < env->rcpt_count; i++)
        TRY(buf_addf(line, "%s%.*s", i ? "," : "", STR_ARG(env->rcpts[i].address)));
    if (exit == EX_OK)
        TRY(buf_addf(line, " mailsize=%zu", mail->content.len));
    if (reply)
        TRY(buf_addf(line, " smtpstatus=%d", reply->code));
    if (exit != EX_OK && mail->why[0])
        TRY(buf_addf(line, " errormsg='%s'", mail->why));
    return buf_addf(line, " exitcode=%s\n", exit_name(exit));
}

static void write_log(const struct run *run, int exit, const struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf line;
    str path = value(run, MSMTPRC_LOGFILE);
    buf_init(&line, LOG_BYTES_MAX);
    if (path.len == 0 || log_line(run, exit, reply, &line))
        return;
    if (str_eq(path, S("-"))) {
        fwrite(line.ptr, 1, line.len, stdout);
        return;
    }
    const char *home = getenv("HOME");
    if (str_starts(path, S("~")) && home)
        path = arena_printf(run->arena, "%s%.*s", home, STR_ARG(str_from(path, 1)));
    int fd = open(arena_chars(run->arena, path), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line.ptr, line.len) < 0)
        fprintf(stderr, "msmtp: cannot log to %.*s\n", STR_ARG(path));
    if (fd >= 0)
        close(fd);
}

static int tell(const struct run *run)
{
    const struct client_mail *mail = &run->post.mail;
    size_t rcpt = 0;
    const struct smtp_reply *reply = personality_post_reply(&run->post, &rcpt);
    int exit = mail->outcome == CLIENT_NO_USER ? EX_DATAERR : personality_post_exit(mail->outcome);
    write_log(run, exit, reply);
    if (exit == EX_OK)
        return EX_OK;
    if (reply) {
        fprintf(stderr, "msmtp: recipient address %.*s not accepted by the server\n",
                STR_ARG(mail->envelope->rcpts[rcpt].address));
        fprintf(stderr, "msmtp: server message: %d %.*s %.*s\n", reply->code,
                STR_ARG(reply->enhanced), STR_ARG(reply->text));
    } else {
        fprintf(stderr, "msmtp: %s\n", mail->why);
    }
    fprintf(stderr, "msmtp: could not send mail\n");
    return exit;
}

/* ---- the way in ------------------------------------------------------------------------- */

static int carry_out(struct run *run)
{
    err e = read_files(run);
    if (e)
        return fail(e->kind == ERR_SYSTEM ? EX_IOERR : EX_CONFIG, e);
    if (!run->pretend)
        e = personality_letter_read(STDIN_FILENO, false, &run->content);
    if (e == NULL && run->envelope_from && !run->pretend)
        e = sender_of_header(run);
    if (e)
        return fail(EX_DATAERR, e);
    if ((e = choose(run)))
        return fail(EX_CONFIG, e);
    if (run->pretend) {
        pretend(run);
        return EX_OK;
    }
    if (value(run, MSMTPRC_FROM).len == 0)
        return fail(EX_CONFIG, err_new(ERR_CONFIG, "envelope-from address is missing"));
    if ((e = refuse_absent(run)) || (e = use_server(run)) || (e = use_login(run)))
        return fail(EX_CONFIG, e);
    if ((e = make_envelope(run)) || (e = mend(run)))
        return fail(EX_DATAERR, e);
    if ((e = personality_post_run(&run->post)))
        return fail(EX_CONFIG, e);
    return tell(run);
}

int personality_msmtp_run(int argc, char **argv)
{
    struct arena *arena = arena_open((size_t)LETTER_ARENA_BYTES_MAX * 2);
    struct run *run = ARENA_NEW(arena, struct run);
    int exit;
    run->arena = arena;
    buf_init(&run->content, (size_t)LETTER_BYTES_MAX * 2);
    buf_init(&run->mended, (size_t)LETTER_BYTES_MAX * 2 + (1 << 20));
    buf_init(&run->secret, SECRET_BYTES_MAX);
    personality_post_init(&run->post, S("localhost"), arena);
    bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    if (help || (argc > 1 && strcmp(argv[1], "--version") == 0)) {
        fputs(help ? personality_msmtp_help : "smtptool " SMTPTOOL_VERSION " as msmtp\n", stdout);
        exit = EX_OK;
    } else {
        err e = take_words(run, argc, argv);
        exit = e ? fail(EX_USAGE, e) : carry_out(run);
    }
    fflush(NULL);
    for (size_t i = 0; i < run->rc.count; i++)
        if (run->rc.accounts[i].values[MSMTPRC_PASSWORD].len)
            mem_wipe((char *)(uintptr_t)run->rc.accounts[i].values[MSMTPRC_PASSWORD].ptr,
                     run->rc.accounts[i].values[MSMTPRC_PASSWORD].len);
    secret_wipe(&run->secret);
    buf_release(&run->content);
    buf_release(&run->mended);
    arena_close(arena);
    return exit;
}
