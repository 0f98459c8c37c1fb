#include "personality/msmtp_configure.h"
#include <stdio.h>
#include <stdlib.h>

enum { CONFIGURE_BYTES_MAX = 64 << 10 };

/* A remark of several lines stays a remark, and no line of it is a command. */
static err add_remark(struct buf *out, str text)
{
    while (text.len) {
        str line;
        str_split(text, '\n', &line, &text);
        TRY(buf_addf(out, "# - %.*s\n", STR_ARG(line)));
    }
    return NULL;
}

static bool is_one_word(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0;
}

static bool is_below(str host, str domain)
{
    return str_eq_nocase(host, domain) || (host.len > domain.len && str_ends_nocase(host, domain) &&
                                           host.ptr[host.len - domain.len - 1] == '.');
}

static err add_password(const struct personality_way *way, str user, struct buf *out)
{
    if (way->token.len)
        return buf_addf(out, "# - it takes no password but a token: smtptool oauth login, then\n"
                             "#   passwordeval smtptool oauth token NAME\n");
    return buf_addf(out,
                    "# - add your password to the key ring:\n"
                    "#   secret-tool store --label=msmtp host %.*s service smtp user %.*s\n",
                    STR_ARG(way->host), STR_ARG(user));
}

err personality_msmtp_configure_write(const struct personality_way *way, str address,
                                      const char *file, struct buf *out)
{
    str user = way->user.len ? way->user : address;
    if (!is_one_word(way->host) || !is_one_word(user) || !is_one_word(address))
        return err_new(ERR_CONFIG, "what was found cannot be written down: a blank in a name");
    TRY(buf_addf(out, "# - copy this to your configuration file %s\n", file));
    TRY(add_remark(out, way->origin));
    TRY(add_remark(out, way->note));
    if (!way->known && !is_below(way->host, str_from(address, str_find_last(address, '@') + 1)))
        TRY(add_remark(out, S("warning: the host does not match the mail domain; please check")));
    TRY(add_password(way, user, out));
    TRY(buf_addf(out, "account %.*s\nhost %.*s\nport %d\ntls on\ntls_starttls %s\nauth %.*s\n",
                 STR_ARG(address), STR_ARG(way->host), way->port, way->implicit_tls ? "off" : "on",
                 STR_ARG(way->token.len ? way->token : S("on"))));
    return buf_addf(out, "user %.*s\nfrom %.*s\n", STR_ARG(user), STR_ARG(address));
}

err personality_msmtp_configure_run(struct msmtp *m)
{
    CLEANUP(buf_release) struct buf out;
    struct personality_way way = {0};
    const struct personality_server *server = personality_server();
    const char *home = getenv("HOME");
    size_t at = str_find_last(m->configure, '@');
    buf_init(&out, CONFIGURE_BYTES_MAX);
    if (at == STR_NONE || at == 0 || at + 1 == m->configure.len)
        return personality_msmtp_job_fail(m, EX_DATAERR,
                                          "automatic configuration failed: invalid mail address");
    m->exit = EX_NOHOST;
    if (server == NULL || server->discover == NULL)
        return err_new(ERR_CONFIG, "automatic configuration failed: nobody can be asked");
    err e = server->discover(m->configure, m->arena, &way);
    if (e)
        return err_wrap(e, "automatic configuration failed");
    str file = arena_printf(m->arena, "%s/.msmtprc", home ? home : "~");
    TRY(personality_msmtp_configure_write(&way, m->configure, arena_chars(m->arena, file), &out));
    fwrite(out.ptr, 1, out.len, stdout);
    m->exit = EX_OK;
    return NULL;
}
