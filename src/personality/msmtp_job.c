#include "personality/msmtp_job.h"
#include "secret/command.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WHY_BYTES = 1000, SHELL_MS_MAX = 60000 };

static str compose(struct arena *arena, const char *fmt, va_list args)
{
    char text[WHY_BYTES];
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return arena_str(arena, (str){text, len});
}

err personality_msmtp_job_fail(struct msmtp *m, int exit, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str why = compose(m->arena, fmt, args);
    va_end(args);
    m->exit = exit;
    return err_new(ERR_CONFIG, "%.*s", STR_ARG(why));
}

err personality_msmtp_job_refused(struct msmtp *m, int exit, const struct smtp_reply *reply,
                                  const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str why = compose(m->arena, fmt, args);
    va_end(args);
    m->exit = reply->code / 100 == 4 ? EX_TEMPFAIL : exit;
    m->answer = (struct smtp_reply){
        reply->code, arena_str(m->arena, reply->enhanced),
        arena_str(m->arena, str_slice(reply->text, 0, SMTP_VERDICT_TEXT_BYTES_MAX))};
    return err_new(ERR_PROTOCOL, "%.*s", STR_ARG(why));
}

str personality_msmtp_job_value(const struct msmtp *m, enum msmtprc_key key)
{
    return m->used.values[key];
}

bool personality_msmtp_job_is(const struct msmtp *m, enum msmtprc_key key, str word)
{
    return str_eq(m->used.values[key], word);
}

str personality_msmtp_job_upper(const struct msmtp *m, str text)
{
    char *chars = arena_chars(m->arena, text);
    for (char *c = chars; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return (str){chars, text.len};
}

str personality_msmtp_job_path(const struct msmtp *m, enum msmtprc_key key)
{
    str path = m->used.values[key];
    const char *home = getenv("HOME");
    if (!str_starts(path, S("~")) || home == NULL)
        return path;
    return arena_printf(m->arena, "%s%.*s", home, STR_ARG(str_from(path, 1)));
}

str personality_msmtp_job_lines(const struct smtp_reply *reply, const char *between,
                                struct arena *arena)
{
    str rest = reply->text, line, all = {0};
    do {
        bool last = str_find(rest, '\n') == STR_NONE;
        str_split(rest, '\n', &line, &rest);
        all = arena_printf(arena, "%.*s%s%d%c%.*s%s%.*s", STR_ARG(all), all.len ? between : "",
                           reply->code, last ? ' ' : '-', STR_ARG(reply->enhanced),
                           reply->enhanced.len ? " " : "", STR_ARG(line));
    } while (rest.len);
    return all;
}

err personality_msmtp_job_shell(str command, struct arena *arena, struct buf *out)
{
    char *words[] = {"/bin/sh", "-c", arena_chars(arena, command), NULL};
    struct secret_command run = {.words = words};
    return secret_command_start(&run, SHELL_MS_MAX, out);
}
