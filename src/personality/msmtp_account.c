#include "personality/msmtp_account.h"
#include "personality/swaks_file.h"
#include "secret/secret.h"
#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 256, MAILNAME_BYTES_MAX = 4096, FILLED_BYTES_MAX = 4096 };

static const char system_path[] = "/etc/msmtprc", mailname_path[] = "/etc/mailname";

static bool tells(const struct msmtp *m) { return m->pretend || m->debug; }

/* ---- files ------------------------------------------------------------------------------ */

static err eval(void *arg, str command, struct arena *arena, str *ret_line)
{
    CLEANUP(secret_wipe) struct buf out;
    str rest;
    (void)arg;
    buf_init(&out, SECRET_BYTES_MAX);
    TRY(personality_msmtp_job_shell(command, arena, &out));
    str_split(arena_str(arena, buf_str(&out)), '\n', ret_line, &rest);
    return NULL;
}

static err check_private(struct msmtp *m, const char *path, size_t first)
{
    struct stat info;
    bool open = stat(path, &info) != 0 || (info.st_mode & 07) != 0;
    for (size_t i = first; open && i < m->rc.count; i++)
        if (m->rc.accounts[i].values[MSMTPRC_PASSWORD].len)
            return personality_msmtp_job_fail(
                m, EX_CONFIG, "%s: contains secrets, and others may read it: chmod o-rwx", path);
    return NULL;
}

/* False: the file is not there, or not for us. */
static bool may_read(const struct msmtp *m, const char *kind, const char *path)
{
    if (access(path, R_OK) == 0)
        return true;
    if (tells(m))
        printf("ignoring %s configuration file %s: %s\n", kind, path, strerror(errno));
    return false;
}

static err read_file(struct msmtp *m, const char *kind, const char *path)
{
    CLEANUP(secret_wipe) struct buf text;
    buf_init(&text, MSMTPRC_BYTES_MAX);
    size_t first = m->rc.count;
    m->exit = EX_IOERR;
    TRY(personality_swaks_file_read(path, &text));
    m->exit = EX_CONFIG;
    m->rc.origin = arena_str(m->arena, str_of(path));
    err e = personality_msmtprc_read(&m->rc, buf_str(&text), m->arena);
    if (e)
        return err_wrap(e, "%s", path);
    if (tells(m))
        printf("loaded %s configuration file %s\n", kind, path);
    return check_private(m, path, first);
}

static const char *own_path(const struct msmtp *m)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    const char *old =
        arena_chars(m->arena, arena_printf(m->arena, "%s/.msmtprc", home ? home : ""));
    if (access(old, R_OK) == 0)
        return old;
    str path = xdg ? arena_printf(m->arena, "%s/msmtp/config", xdg)
                   : arena_printf(m->arena, "%s/.config/msmtp/config", home ? home : "");
    const char *newer = arena_chars(m->arena, path);
    return access(newer, R_OK) == 0 ? newer : old;
}

err personality_msmtp_account_read(struct msmtp *m)
{
    m->rc.eval = eval;
    if (m->given.values[MSMTPRC_HOST].ptr)
        return NULL;
    if (may_read(m, "system", system_path)) {
        TRY(read_file(m, "system", system_path));
        m->system_file = str_of(system_path);
    }
    m->system_accounts = m->rc.count;
    const char *path = m->file.len ? arena_chars(m->arena, m->file) : own_path(m);
    if (m->file.len && access(path, R_OK) != 0)
        return personality_msmtp_job_fail(m, EX_IOERR, "%s: %s", path, strerror(errno));
    if (may_read(m, "user", path)) {
        TRY(read_file(m, "user", path));
        m->user_file = m->rc.origin;
    }
    return NULL;
}

/* ---- which one -------------------------------------------------------------------------- */

/* The first account whose from stands for the address. */
static const struct msmtprc_account *account_by_from(const struct msmtp *m, str from)
{
    for (size_t i = 0; i < m->rc.count && from.len; i++) {
        const struct msmtprc_account *a = &m->rc.accounts[i];
        if (personality_msmtprc_find(&m->rc, a->name) != a)
            continue; /* the user's own stands above it */
        if (personality_msmtprc_stands_for(a->values[MSMTPRC_FROM], from))
            return a;
    }
    return NULL;
}

static err not_found(struct msmtp *m, str name)
{
    if (m->system_file.len && m->user_file.len)
        return personality_msmtp_job_fail(m, EX_CONFIG, "account %.*s not found in %.*s and %.*s",
                                          STR_ARG(name), STR_ARG(m->system_file),
                                          STR_ARG(m->user_file));
    str file = m->user_file.len ? m->user_file : m->system_file;
    if (file.len)
        return personality_msmtp_job_fail(m, EX_CONFIG, "account %.*s not found in %.*s",
                                          STR_ARG(name), STR_ARG(file));
    return personality_msmtp_job_fail(
        m, EX_CONFIG, "account %.*s not found: no configuration file available", STR_ARG(name));
}

/* $SMTPSERVER and $EMAIL stand for an account where there is none. */
static bool use_environment(struct msmtp *m)
{
    str host = str_of(getenv("SMTPSERVER")), from = str_of(getenv("EMAIL"));
    if (m->account.len || host.len == 0 || (from.len == 0 && !m->given.values[MSMTPRC_FROM].len))
        return false;
    m->used.values[MSMTPRC_HOST] = host;
    if (from.len)
        m->used.values[MSMTPRC_FROM] = from;
    m->by_env = true;
    if (tells(m))
        puts("using environment variables EMAIL and SMTPSERVER");
    return true;
}

static err choose_base(struct msmtp *m)
{
    const struct msmtprc_account *account = NULL;
    str from = m->given.values[MSMTPRC_FROM];
    if (m->given.values[MSMTPRC_HOST].ptr)
        return NULL;
    if (m->account.len == 0 && m->mode == MSMTP_SEND)
        account = account_by_from(m, from);
    if (account && tells(m))
        printf("account chosen by envelope from address %.*s: %.*s\n", STR_ARG(from),
               STR_ARG(account->name));
    if (account == NULL && m->account.len == 0 && tells(m))
        puts("falling back to default account");
    str name = m->account.len ? m->account : S("default");
    if (account == NULL)
        account = personality_msmtprc_find(&m->rc, name);
    if (account)
        m->used = *account;
    return account || use_environment(m) ? NULL : not_found(m, name);
}

err personality_msmtp_account_choose(struct msmtp *m)
{
    TRY(choose_base(m));
    bool fixed = personality_msmtp_job_is(m, MSMTPRC_ALLOW_FROM_OVERRIDE, S("off"));
    for (int key = 0; key < MSMTPRC_KEYS; key++)
        if (m->given.values[key].ptr && !(key == MSMTPRC_FROM && fixed))
            m->used.values[key] = m->given.values[key];
    return NULL;
}

/* ---- what stands for something else ----------------------------------------------------- */

static str user_name(const struct msmtp *m)
{
    const char *names[] = {getenv("USER"), getenv("LOGNAME")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && *names[i])
            return str_of(names[i]);
    const struct passwd *user = getpwuid(getuid());
    return user ? arena_str(m->arena, str_of(user->pw_name)) : S("unknown");
}

static str host_name(const struct msmtp *m)
{
    char name[NAME_BYTES] = "";
    const char *set = getenv("HOSTNAME");
    if (set && *set)
        return str_of(set);
    if (gethostname(name, sizeof name - 1) != 0)
        return S("localhost");
    return arena_str(m->arena, str_of(name));
}

static str canonical_name(const struct msmtp *m)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *found;
    str name = host_name(m);
    if (getaddrinfo(arena_chars(m->arena, name), NULL, &hints, &found) != 0)
        return name;
    if (found->ai_canonname)
        name = arena_str(m->arena, str_of(found->ai_canonname));
    freeaddrinfo(found);
    return name;
}

static err mail_name(struct msmtp *m, str *ret_name)
{
    CLEANUP(buf_release) struct buf text;
    str line, rest;
    buf_init(&text, MAILNAME_BYTES_MAX);
    if (access(mailname_path, R_OK) != 0)
        return personality_msmtp_job_fail(m, EX_CONFIG, "%s: %s", mailname_path, strerror(errno));
    TRY(personality_swaks_file_read(mailname_path, &text));
    str_split(buf_str(&text), '\n', &line, &rest);
    *ret_name = arena_str(m->arena, str_trim(line));
    return NULL;
}

static err fill_letter(struct msmtp *m, char letter, str *ret_name)
{
    switch (letter) {
    case 'U':
        *ret_name = user_name(m);
        return NULL;
    case 'H':
        *ret_name = host_name(m);
        return NULL;
    case 'C':
        *ret_name = canonical_name(m);
        return NULL;
    default:
        return mail_name(m, ret_name);
    }
}

static err fill(struct msmtp *m, enum msmtprc_key key, str letters)
{
    CLEANUP(buf_release) struct buf out;
    str text = m->used.values[key];
    buf_init(&out, FILLED_BYTES_MAX);
    if (str_find(text, '%') == STR_NONE)
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        str name;
        bool stands = text.ptr[i] == '%' && str_contains(letters, str_slice(text, i + 1, 1)) &&
                      i + 1 < text.len;
        if (!stands) {
            TRY(buf_add_char(&out, text.ptr[i]));
            continue;
        }
        TRY(fill_letter(m, text.ptr[++i], &name));
        TRY(buf_add(&out, name));
    }
    m->used.values[key] = arena_str(m->arena, buf_str(&out));
    return NULL;
}

err personality_msmtp_account_fill(struct msmtp *m)
{
    m->exit = EX_CONFIG;
    TRY(fill(m, MSMTPRC_DOMAIN, S("HCM")));
    TRY(fill(m, MSMTPRC_FROM, S("UHCM")));
    if (!personality_msmtp_job_is(m, MSMTPRC_AUTO_FROM, S("on")))
        return NULL;
    str domain = m->used.values[MSMTPRC_MAILDOMAIN], user = user_name(m);
    m->used.values[MSMTPRC_FROM] =
        arena_printf(m->arena, "%.*s%s%.*s", STR_ARG(user), domain.len ? "@" : "", STR_ARG(domain));
    return NULL;
}

/* ---- is it good ------------------------------------------------------------------------- */

/* The names that a server is told; who writes them into its commands wrote them here. */
static bool is_one_word(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static const char *what_is_wrong(const struct msmtp *m)
{
    str cert = personality_msmtp_job_value(m, MSMTPRC_TLS_CERT_FILE),
        key = personality_msmtp_job_value(m, MSMTPRC_TLS_KEY_FILE),
        trust = m->used.values[MSMTPRC_TLS_TRUST_FILE];
    if (m->used.values[MSMTPRC_HOST].len == 0 && m->used.values[MSMTPRC_SOCKET].len == 0)
        return "host not set";
    if (!is_one_word(m->used.values[MSMTPRC_DOMAIN]))
        return "domain holds a blank or a control character";
    if (key.len && !cert.len)
        return "tls_key_file requires tls_cert_file";
    if (cert.len && !key.len)
        return "tls_cert_file requires tls_key_file";
    if (!personality_msmtp_job_is(m, MSMTPRC_TLS, S("on")))
        return NULL;
    if (trust.ptr && trust.len == 0 && m->used.values[MSMTPRC_TLS_FINGERPRINT].len == 0 &&
        !personality_msmtp_job_is(m, MSMTPRC_TLS_CERTCHECK, S("off")))
        return "tls requires either tls_trust_file (highly recommended) or tls_fingerprint or a "
               "disabled tls_certcheck";
    if (trust.ptr && trust.len == 0 && m->used.values[MSMTPRC_TLS_CRL_FILE].len)
        return "tls_crl_file requires tls_trust_file";
    return NULL;
}

err personality_msmtp_account_check(struct msmtp *m)
{
    const char *wrong = what_is_wrong(m);
    if (wrong && m->used.name.len)
        return personality_msmtp_job_fail(m, EX_CONFIG, "account %.*s from %.*s: %s",
                                          STR_ARG(m->used.name), STR_ARG(m->used.origin), wrong);
    return wrong ? personality_msmtp_job_fail(m, EX_CONFIG, "%s", wrong) : NULL;
}
