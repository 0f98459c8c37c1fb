#include "personality/msmtp_login.h"
#include "config/value.h"
#include "personality/swaks_file.h"
#include "secret/command.h"
#include "secret/netrc.h"
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { KEYRING_MS_MAX = 60000, NETRC_BYTES_MAX = 1 << 20, PASSWORD_BYTES_MAX = 4096 };

bool personality_msmtp_login_wanted(const struct msmtp *m)
{
    str auth = personality_msmtp_job_value(m, MSMTPRC_AUTH);
    return auth.len > 0 && !str_eq(auth, S("off"));
}

bool personality_msmtp_login_is_local(const struct msmtp *m)
{
    struct config_hop hop = {.host = personality_msmtp_job_value(m, MSMTPRC_HOST)};
    if (personality_msmtp_job_value(m, MSMTPRC_SOCKET).len)
        return true;
    bool behind_proxy = personality_msmtp_job_value(m, MSMTPRC_PROXY_HOST).len > 0;
    bool local = !behind_proxy && hop.host.len > 0 && config_value_hop_is_local(&hop);
    err_forget();
    return local;
}

static bool find_in_system_netrc(struct msmtp *m, str host, str user)
{
    CLEANUP(secret_wipe) struct buf text;
    buf_init(&text, NETRC_BYTES_MAX);
    err e = access("/etc/netrc", R_OK) != 0 ? err_new(ERR_CONFIG, "there is none")
                                            : personality_swaks_file_read("/etc/netrc", &text);
    if (e == NULL)
        e = secret_netrc_find(buf_str(&text), host, user, &m->secret);
    err_forget();
    return e == NULL;
}

static bool find_in_keyring(struct msmtp *m, str host, str user)
{
    char *words[] = {"secret-tool", "lookup", "host", arena_chars(m->arena, host),
                     "service",     "smtp",   "user", arena_chars(m->arena, user),
                     NULL};
    struct secret_command keyring = {.words = words};
    err e = secret_command_start(&keyring, KEYRING_MS_MAX, &m->secret);
    err_forget();
    return e == NULL;
}

/* ---- the terminal ----------------------------------------------------------------------- */

static err read_line(int fd, struct buf *line)
{
    char c;
    char *room;
    TRY(buf_reserve(line, PASSWORD_BYTES_MAX, &room)); /* so that no copies are left behind */
    while (read(fd, &c, 1) == 1 && c != '\n')
        if (line->len < PASSWORD_BYTES_MAX)
            TRY(buf_add_char(line, c));
    return NULL;
}

/* stdin holds the message: a person is asked on the terminal itself, when there is one. */
static err ask(struct msmtp *m, str host, str user)
{
    struct termios before, quiet;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return NULL;
    str prompt =
        arena_printf(m->arena, "password for %.*s at %.*s: ", STR_ARG(user), STR_ARG(host));
    bool hidden = tcgetattr(tty, &before) == 0;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG); /* a signal would leave the terminal mute */
    hidden = hidden && tcsetattr(tty, TCSAFLUSH, &quiet) == 0;
    err e = NULL;
    if (hidden && write(tty, prompt.ptr, prompt.len) > 0)
        e = read_line(tty, &m->secret);
    if (hidden) {
        tcsetattr(tty, TCSAFLUSH, &before);
        if (write(tty, "\n", 1) < 0)
            hidden = false;
    }
    close(tty);
    return e;
}

/* ---- all of them ------------------------------------------------------------------------ */

static err may_send(struct msmtp *m)
{
    str port = personality_msmtp_job_value(m, MSMTPRC_PORT);
    bool tls = personality_msmtp_job_is(m, MSMTPRC_TLS, S("on")),
         direct = personality_msmtp_job_is(m, MSMTPRC_TLS_STARTTLS, S("off"));
    if (personality_msmtp_login_is_local(m))
        return NULL;
    if (!tls)
        return personality_msmtp_job_fail(m, EX_CONFIG, "a login goes over TLS only: tls on");
    if (str_eq(port, S("25")) || (port.len == 0 && !direct))
        return personality_msmtp_job_fail(
            m, EX_CONFIG,
            "port 25 is for mail between servers, and no login goes there: port 587, "
            "or port 465 with tls_starttls off");
    return NULL;
}

err personality_msmtp_login_evaluate(struct msmtp *m)
{
    str command = personality_msmtp_job_value(m, MSMTPRC_PASSWORDEVAL);
    bool needed = personality_msmtp_login_wanted(m) && m->mode != MSMTP_SERVERINFO &&
                  personality_msmtp_job_value(m, MSMTPRC_PASSWORD).len == 0;
    m->exit = EX_CONFIG;
    if (!needed || command.len == 0)
        return NULL;
    err e = personality_msmtp_job_shell(command, m->arena, &m->secret);
    return e ? err_wrap(e, "cannot read output of '%.*s'", STR_ARG(command)) : NULL;
}

err personality_msmtp_login_find(struct msmtp *m)
{
    str host = personality_msmtp_job_value(m, MSMTPRC_HOST),
        user = personality_msmtp_job_value(m, MSMTPRC_USER),
        password = personality_msmtp_job_value(m, MSMTPRC_PASSWORD);
    if (!personality_msmtp_login_wanted(m) || m->mode == MSMTP_SERVERINFO)
        return NULL;
    TRY(may_send(m));
    if (personality_msmtp_job_is(m, MSMTPRC_AUTH, S("external")) || user.len == 0 ||
        m->secret.len > 0)
        return NULL;
    m->exit = EX_CONFIG;
    if (password.len)
        return buf_add(&m->secret, password);
    if (secret_netrc_read(host, user, &m->secret) == NULL)
        return NULL;
    err_forget();
    if (find_in_system_netrc(m, host, user) || find_in_keyring(m, host, user))
        return NULL;
    return ask(m, host, user);
}
