#include "personality/msmtp_log.h"
#include "personality/msmtp_login.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 1 << 20, DATE_BYTES = 200 };

static const char *exit_name(int exit)
{
    static const struct {
        int exit;
        const char *name;
    } names[] = {
        {EX_OK,          "EX_OK"         },
        {EX_USAGE,       "EX_USAGE"      },
        {EX_DATAERR,     "EX_DATAERR"    },
        {EX_NOINPUT,     "EX_NOINPUT"    },
        {EX_NOHOST,      "EX_NOHOST"     },
        {EX_UNAVAILABLE, "EX_UNAVAILABLE"},
        {EX_OSERR,       "EX_OSERR"      },
        {EX_TEMPFAIL,    "EX_TEMPFAIL"   },
        {EX_PROTOCOL,    "EX_PROTOCOL"   },
        {EX_NOPERM,      "EX_NOPERM"     },
        {EX_CONFIG,      "EX_CONFIG"     },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].exit == exit)
            return names[i].name;
    return "EX_SOFTWARE";
}

/* Whatever a server says, it stays on its line. */
static err add_quoted(struct buf *line, const char *name, str text)
{
    TRY(buf_addf(line, " %s='", name));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        TRY(buf_add_char(line, c < ' ' || c == 0x7f ? '?' : text.ptr[i]));
    }
    return buf_add_char(line, '\'');
}

static err add_facts(const struct msmtp *m, struct buf *line)
{
    const struct envelope *env = m->envelope;
    bool auth = personality_msmtp_login_wanted(m);
    str user = personality_msmtp_job_value(m, MSMTPRC_USER),
        socket = personality_msmtp_job_value(m, MSMTPRC_SOCKET),
        host = socket.len ? socket : personality_msmtp_job_value(m, MSMTPRC_HOST);
    TRY(buf_addf(line, "%s=%.*s tls=%s auth=%s", socket.len ? "socket" : "host", STR_ARG(host),
                 m->tls ? "on" : "off", auth ? "on" : "off"));
    if (auth && user.len)
        TRY(buf_addf(line, " user=%.*s", STR_ARG(user)));
    TRY(buf_addf(line, " from=%.*s recipients=", STR_ARG(env->sender)));
    for (size_t i = 0; i < env->rcpt_count; i++)
        TRY(buf_addf(line, "%s%.*s", i ? "," : "", STR_ARG(env->rcpts[i].address)));
    if (m->exit == EX_OK)
        TRY(buf_addf(line, " mailsize=%zu", m->mended.len));
    if (m->answer.code) {
        TRY(buf_addf(line, " smtpstatus=%d", m->answer.code));
        TRY(add_quoted(line, "smtpmsg", personality_msmtp_job_lines(&m->answer, "\\n", m->arena)));
    }
    if (m->exit != EX_OK)
        TRY(add_quoted(line, "errormsg", m->why));
    return buf_addf(line, " exitcode=%s", exit_name(m->exit));
}

static void write_date(const struct msmtp *m, char ret_date[DATE_BYTES])
{
    str format = personality_msmtp_job_value(m, MSMTPRC_LOGFILE_TIME_FORMAT);
    const char *chars = format.len ? arena_chars(m->arena, format) : "%b %d %H:%M:%S";
    time_t now = time(NULL);
    struct tm local;
    ret_date[0] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (localtime_r(&now, &local))
        (void)strftime(ret_date, DATE_BYTES, chars, &local);
#pragma GCC diagnostic pop
}

/* One write at the end of the file: lines of two programs do not mix. */
static void to_file(const struct msmtp *m, str facts)
{
    char date[DATE_BYTES];
    str path = personality_msmtp_job_path(m, MSMTPRC_LOGFILE);
    if (path.len == 0)
        return;
    write_date(m, date);
    str line = arena_printf(m->arena, "%s %.*s\n", date, STR_ARG(facts));
    if (str_eq(path, S("-"))) {
        fwrite(line.ptr, 1, line.len, stdout);
        return;
    }
    int fd = open(arena_chars(m->arena, path), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line.ptr, line.len) != (ssize_t)line.len) {
        fprintf(stderr, "msmtp: cannot log to %.*s: %s%s\n", STR_ARG(path),
                fd < 0 ? "cannot open: " : "", strerror(errno));
        fprintf(stderr, "msmtp: log info was: %.*s\n", STR_ARG(facts));
    }
    if (fd >= 0)
        close(fd);
}

static void to_syslog(const struct msmtp *m, str facts)
{
    static const struct {
        const char *name;
        int facility;
    } facilities[] = {
        {"LOG_MAIL",   LOG_MAIL  },
        {"LOG_LOCAL0", LOG_LOCAL0},
        {"LOG_LOCAL1", LOG_LOCAL1},
        {"LOG_LOCAL2", LOG_LOCAL2},
        {"LOG_LOCAL3", LOG_LOCAL3},
        {"LOG_LOCAL4", LOG_LOCAL4},
        {"LOG_LOCAL5", LOG_LOCAL5},
        {"LOG_LOCAL6", LOG_LOCAL6},
        {"LOG_LOCAL7", LOG_LOCAL7},
    };
    str name = personality_msmtp_job_value(m, MSMTPRC_SYSLOG);
    int facility = LOG_USER;
    if (name.len == 0 || str_eq(name, S("off")))
        return;
    for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
        if (str_eq(name, str_of(facilities[i].name)))
            facility = facilities[i].facility;
    openlog("msmtp", 0, facility);
    syslog(LOG_INFO, "%.*s", STR_ARG(facts));
    closelog();
}

void personality_msmtp_log_write(const struct msmtp *m)
{
    CLEANUP(buf_release) struct buf facts;
    buf_init(&facts, LOG_BYTES_MAX);
    if (m->envelope == NULL || add_facts(m, &facts))
        return;
    to_file(m, buf_str(&facts));
    to_syslog(m, buf_str(&facts));
}
