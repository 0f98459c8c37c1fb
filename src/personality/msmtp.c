#include "personality/msmtp.h"
#include "base/mem.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "message/recipients.h"
#include "personality/letter.h"
#include "personality/msmtp_account.h"
#include "personality/msmtp_alias.h"
#include "personality/msmtp_configure.h"
#include "personality/msmtp_log.h"
#include "personality/msmtp_login.h"
#include "personality/msmtp_option.h"
#include "personality/msmtp_secure.h"
#include "personality/msmtp_session.h"
#include "personality/msmtp_show.h"
#include "personality/sendmail_option.h"
#include "personality/swaks_file.h"
#include "secret/secret.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char personality_msmtp_help[] =
    "usage: smtptool msmtp [OPTION]... [--] RECIPIENT...      (or a link named msmtp)\n"
    "       smtptool msmtp [OPTION]... -t [--] [RECIPIENT]...\n"
    "       smtptool msmtp [OPTION]... --serverinfo\n"
    "       smtptool msmtp [OPTION]... --rmqs HOST|@DOMAIN|#QUEUE\n"
    "       smtptool msmtp --configure ADDRESS\n"
    "\n"
    "A message from stdin to the server of an account in msmtp's configuration files.\n"
    "\n"
    "  -a, --account NAME   -C, --file FILE   --host NAME  --port N  --timeout off|S\n"
    "  --protocol smtp|lmtp  --domain NAME  --source-ip IP  --socket PATH\n"
    "  --proxy-host HOST  --proxy-port N    SOCKS5\n"
    "  --auth[=on|off|METHOD]  --user NAME  --passwordeval CMD\n"
    "  --tls[=on|off]  --tls-starttls[=on|off]  --tls-trust-file FILE  --tls-crl-file FILE\n"
    "  --tls-fingerprint SHA256  --tls-certcheck[=on|off]  --tls-host-override NAME\n"
    "  --tls-cert-file FILE  --tls-key-file FILE  --tls-priorities VERSIONS\n"
    "  --tls-min-dh-prime-bits N\n"
    "  -f, --from ADDRESS   -t, --read-recipients   --read-envelope-from   -F NAME\n"
    "  --auto-from[=on|off]  --maildomain NAME  --aliases FILE\n"
    "  -N, --dsn-notify WORDS   -R, --dsn-return headers|full   -X, --logfile FILE\n"
    "  --logfile-time-format F  --syslog[=on|off|FACILITY]  --set-from-header[=auto|on|off]\n"
    "  --set-date-header[=auto|off]  --set-msgid-header[=auto|off]\n"
    "  --remove-bcc-headers[=on|off]  --undisclosed-recipients[=on|off]\n"
    "  -S, --serverinfo     what the server offers, and its certificate\n"
    "  --rmqs QUEUE         ETRN: the server is to deliver what waits there\n"
    "  --configure ADDRESS  an account for it, found by presets, SRV records or its provider's "
    "file\n"
    "  -P, --pretend        what would be used; a password is shown as *\n"
    "  -d, --debug          the same, and the conversation, without passwords\n"
    "  --version\n"
    "\n"
    "What is the same as in msmtp, better or absent, and why: docs/msmtp.md. exit: sysexits\n"
    "\n"
    "examples:\n"
    "  smtptool msmtp -a work -- bob@example.net < mail.eml\n"
    "  smtptool msmtp -t --read-envelope-from < mail.eml\n"
    "  smtptool msmtp --host mail.example.net --port 587 --tls -S\n";

static str value(const struct msmtp *m, enum msmtprc_key key)
{
    return personality_msmtp_job_value(m, key);
}

static bool is(const struct msmtp *m, enum msmtprc_key key, str word)
{
    return personality_msmtp_job_is(m, key, word);
}

/* ---- the message ------------------------------------------------------------------------ */

static err sender_of_header(struct msmtp *m)
{
    struct message_field field;
    struct message_mailboxes list;
    struct buf *address = &m->mended;
    if (!message_header_find(buf_str(&m->content), S("From"), &field))
        return NULL;
    TRY(message_mailboxes_parse(field.value, m->arena, &list));
    if (list.count == 0)
        return NULL;
    TRY(message_mailbox_add_address(&list.items[0], address));
    m->given.values[MSMTPRC_FROM] = arena_str(m->arena, buf_str(address));
    buf_clear(address);
    if (m->pretend || m->debug)
        printf("envelope from address extracted from mail: %.*s\n",
               STR_ARG(m->given.values[MSMTPRC_FROM]));
    return NULL;
}

static err add_rcpt(void *arg, str address)
{
    struct msmtp *m = arg;
    return personality_post_add_rcpt(m->envelope, address, m->arena);
}

static err read_aliases(struct msmtp *m, struct msmtp_aliases *ret_aliases)
{
    CLEANUP(buf_release) struct buf text;
    str path = personality_msmtp_job_path(m, MSMTPRC_ALIASES);
    const char *chars = arena_chars(m->arena, path);
    buf_init(&text, MSMTP_ALIAS_FILE_BYTES_MAX);
    if (access(chars, R_OK) != 0)
        return personality_msmtp_job_fail(m, EX_CONFIG, "%s: %s", chars, strerror(errno));
    m->exit = EX_CONFIG;
    TRY(personality_swaks_file_read(chars, &text));
    err e = personality_msmtp_alias_read(buf_str(&text), m->arena, ret_aliases);
    return e ? err_wrap(e, "%s", chars) : NULL;
}

/* A recipient without a host: the file is read when there is the first of them. */
static err add_local(struct msmtp *m, str name, struct msmtp_aliases *aliases)
{
    str path = personality_msmtp_job_path(m, MSMTPRC_ALIASES);
    if (path.len == 0)
        return add_rcpt(m, name);
    if (aliases->items == NULL)
        TRY(read_aliases(m, aliases));
    m->exit = EX_CONFIG;
    err e = personality_msmtp_alias_expand(aliases, name, add_rcpt, m);
    return e ? err_wrap(e, "%.*s", STR_ARG(path)) : NULL;
}

static err add_recipients(struct msmtp *m)
{
    struct msmtp_aliases aliases = {0};
    struct message_recipients found = {0};
    if (m->from_header)
        TRY(message_recipients_read(buf_str(&m->content), m->arena, &found));
    for (size_t i = 0; i < m->rcpt_count + found.count; i++) {
        str one = i < m->rcpt_count ? str_of(m->rcpts[i]) : found.addresses[i - m->rcpt_count];
        m->exit = EX_DATAERR;
        TRY(str_find(one, '@') == STR_NONE ? add_local(m, one, &aliases) : add_rcpt(m, one));
    }
    return m->envelope->rcpt_count ? NULL
                                   : personality_msmtp_job_fail(m, EX_USAGE, "no recipients found");
}

static bool is_pattern(str from)
{
    return str_find(from, '*') != STR_NONE || str_find(from, '?') != STR_NONE ||
           str_find(from, '[') != STR_NONE;
}

static err make_envelope(struct msmtp *m)
{
    struct envelope *one = personality_post_envelope(m->arena);
    struct envelope *env = m->envelope = personality_post_envelope(m->arena);
    if (m->given.values[MSMTPRC_FROM].len == 0 && is_pattern(value(m, MSMTPRC_FROM)))
        return personality_msmtp_job_fail(
            m, EX_CONFIG, "from %.*s is a pattern for senders and none itself: add --from",
            STR_ARG(value(m, MSMTPRC_FROM)));
    if (value(m, MSMTPRC_FROM).len == 0)
        return personality_msmtp_job_fail(m, EX_CONFIG, "envelope-from address is missing");
    m->exit = EX_DATAERR;
    TRY(personality_post_add_rcpt(one, value(m, MSMTPRC_FROM), m->arena));
    env->sender = one->rcpts[0].address;
    TRY(add_recipients(m));
    for (size_t i = 0; i < env->rcpt_count && value(m, MSMTPRC_DSN_NOTIFY).len; i++)
        if (!personality_sendmail_option_notify(value(m, MSMTPRC_DSN_NOTIFY),
                                                &env->rcpts[i].notify))
            break; /* off */
    env->ret = is(m, MSMTPRC_DSN_RETURN, S("full"))      ? RET_FULL
               : is(m, MSMTPRC_DSN_RETURN, S("headers")) ? RET_HDRS
                                                         : RET_NONE;
    return NULL;
}

static err mend(struct msmtp *m)
{
    str from = value(m, MSMTPRC_FROM);
    struct letter_fields fields = {
        .from = is(m, MSMTPRC_SET_FROM_HEADER, S("off")) ? (str){0} : from,
        .replace_from = is(m, MSMTPRC_SET_FROM_HEADER, S("on")),
        .full_name = m->full_name,
        .date = !is(m, MSMTPRC_SET_DATE_HEADER, S("off")),
        .message_id_host = is(m, MSMTPRC_SET_MSGID_HEADER, S("off"))
                               ? (str){0}
                               : str_from(from, str_find_last(from, '@') + 1),
        .remove_bcc = !is(m, MSMTPRC_REMOVE_BCC_HEADERS, S("off")),
        .undisclosed = is(m, MSMTPRC_UNDISCLOSED_RECIPIENTS, S("on")),
    };
    m->exit = EX_DATAERR;
    TRY(personality_letter_mend(buf_str(&m->content), &fields, m->arena, &m->mended));
    m->envelope->found = personality_post_found(buf_str(&m->mended));
    return NULL;
}

/* ---- the steps -------------------------------------------------------------------------- */

static err read_message(struct msmtp *m)
{
    bool needed = m->mode == MSMTP_SEND && (!m->pretend || m->envelope_from);
    m->exit = EX_DATAERR;
    if (needed)
        TRY(personality_letter_read(STDIN_FILENO, false, &m->content));
    return needed && m->envelope_from ? sender_of_header(m) : NULL;
}

static err choose_account(struct msmtp *m)
{
    TRY(read_message(m));
    TRY(personality_msmtp_account_read(m));
    TRY(personality_msmtp_account_choose(m));
    if (m->pretend || m->debug)
        personality_msmtp_show_account(m);
    TRY(personality_msmtp_account_fill(m));
    TRY(personality_msmtp_account_check(m));
    TRY(personality_msmtp_login_evaluate(m));
    if (m->pretend || m->debug)
        personality_msmtp_show_settings(m);
    return NULL;
}

/* All that can be wrong is found before anything is connected. */
static err prepare(struct msmtp *m)
{
    if (m->mode == MSMTP_RMQS &&
        (m->rmqs.len == 0 || str_find(m->rmqs, ' ') != STR_NONE ||
         str_find(m->rmqs, '\r') != STR_NONE || str_find(m->rmqs, '\n') != STR_NONE))
        return personality_msmtp_job_fail(m, EX_USAGE, "invalid argument for --rmqs");
    if (m->mode == MSMTP_SEND) {
        TRY(make_envelope(m));
        TRY(mend(m));
    }
    TRY(personality_msmtp_login_find(m));
    TRY(personality_msmtp_secure_open(m));
    m->exit = EX_OK;
    return NULL;
}

static void tell_end(const struct msmtp *m)
{
    if (m->mode != MSMTP_SEND)
        return;
    fprintf(stderr, "msmtp: could not send mail%s", m->lmtp_refused ? " to all recipients" : "");
    if (m->used.name.len)
        fprintf(stderr, " (account %.*s from %.*s)", STR_ARG(m->used.name),
                STR_ARG(m->used.origin));
    fputc('\n', stderr);
}

static void converse(struct msmtp *m)
{
    personality_msmtp_session_run(m);
    if (m->exit != EX_OK) {
        if (!m->lmtp_refused)
            fprintf(stderr, "msmtp: %.*s\n", STR_ARG(m->why));
        if (m->answer.code) {
            str lines =
                personality_msmtp_job_lines(&m->answer, "\nmsmtp: server message: ", m->arena);
            fprintf(stderr, "msmtp: server message: %.*s\n", STR_ARG(lines));
        }
        tell_end(m);
    }
    if (m->mode == MSMTP_SEND)
        personality_msmtp_log_write(m);
}

static int fail(struct msmtp *m, err e)
{
    char why[1024];
    err_reason(e, why, sizeof why);
    fflush(stdout);
    fprintf(stderr, "msmtp: %s\n", why);
    err_forget();
    return m->exit ? m->exit : EX_SOFTWARE;
}

static int carry_out(struct msmtp *m, int argc, char **argv)
{
    err e = personality_msmtp_option_read(m, argc, argv);
    if (e)
        return fail(m, e);
    if (m->mode == MSMTP_CONFIGURE) {
        e = personality_msmtp_configure_run(m);
        return e ? fail(m, e) : EX_OK;
    }
    if ((e = choose_account(m)))
        return fail(m, e);
    if (m->pretend)
        return EX_OK;
    if ((e = prepare(m)))
        return fail(m, e);
    converse(m);
    return m->exit;
}

/* ---- the way in ------------------------------------------------------------------------- */

static void open_all(struct msmtp *m, struct arena *arena)
{
    m->arena = arena;
    buf_init(&m->content, (size_t)LETTER_BYTES_MAX * 2);
    buf_init(&m->mended, (size_t)LETTER_BYTES_MAX * 2 + (1 << 20));
    buf_init(&m->secret, SECRET_BYTES_MAX);
    personality_post_init(&m->post, S("localhost"), arena);
}

static void close_all(struct msmtp *m)
{
    for (size_t i = 0; i < m->rc.count; i++)
        if (m->rc.accounts[i].values[MSMTPRC_PASSWORD].len)
            mem_wipe((char *)(uintptr_t)m->rc.accounts[i].values[MSMTPRC_PASSWORD].ptr,
                     m->rc.accounts[i].values[MSMTPRC_PASSWORD].len);
    tls_client_close(m->tls);
    secret_wipe(&m->secret);
    buf_release(&m->content);
    buf_release(&m->mended);
}

int personality_msmtp_run(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "";
    bool help = strcmp(first, "--help") == 0;
    if (help || strcmp(first, "--version") == 0) {
        fputs(help ? personality_msmtp_help : "smtptool " SMTPTOOL_VERSION " as msmtp\n", stdout);
        return EX_OK;
    }
    struct arena *arena = arena_open((size_t)LETTER_ARENA_BYTES_MAX * 2);
    struct msmtp *m = ARENA_NEW(arena, struct msmtp);
    open_all(m, arena);
    int exit = carry_out(m, argc, argv);
    fflush(NULL);
    close_all(m);
    arena_close(arena);
    return exit;
}
