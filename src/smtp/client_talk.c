#include "smtp/client_talk.h"
#include <stdarg.h>
#include <stdio.h>

static void tell(struct smtp_client *c, const char *mark, str line)
{
    if (c->options.transcript)
        c->options.transcript(c->options.transcript_arg, mark, line);
}

deadline smtp_client_talk_until(const struct smtp_client *c, int64_t timeout_ms)
{
    return deadline_sooner(deadline_after(timeout_ms), c->until);
}

static err send_line(struct smtp_client *c, str line)
{
    deadline until = smtp_client_talk_until(c, c->options.timeouts.command);
    ASSERT(str_find(line, '\r') == STR_NONE && str_find(line, '\n') == STR_NONE);
    TRY(net_write(c->conn, line, until));
    return net_write(c->conn, S("\r\n"), until);
}

err smtp_client_talk_say_line(struct smtp_client *c, str line)
{
    tell(c, "->", line);
    return send_line(c, line);
}

err smtp_client_talk_say(struct smtp_client *c, const char *fmt, ...)
{
    CLEANUP(buf_release) struct buf line;
    char text[500], *room = text;
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ASSERT(n >= 0 && n < 4096);
    buf_init(&line, 8192);
    err e = (size_t)n < sizeof text ? NULL : buf_reserve(&line, 4096, &room);
    if (e == NULL && room != text)
        vsnprintf(room, 4096, fmt, again);
    va_end(again);
    return e ? e : smtp_client_talk_say_line(c, (str){room, (size_t)n});
}

err smtp_client_talk_say_secret(struct smtp_client *c, str line, const char *shown)
{
    tell(c, "->", str_of(shown));
    return send_line(c, line);
}

static void tell_reply(struct smtp_client *c, const struct smtp_reply *r)
{
    str rest = r->text, line;
    if (c->options.transcript == NULL)
        return;
    if (r->code == 334) { /* half of a login: a challenge tells who it is for, and how */
        tell(c, "<-", S("334 ***"));
        return;
    }
    do { /* by hand: somebody listens to every delivery */
        bool last = str_find(rest, '\n') == STR_NONE;
        str_split(rest, '\n', &line, &rest);
        char text[600], code[] = {(char)('0' + r->code / 100), (char)('0' + r->code / 10 % 10),
                                  (char)('0' + r->code % 10), last ? ' ' : '-'};
        char *end = str_put(text, (str){code, sizeof code});
        end = str_put(end, str_slice(r->enhanced, 0, 40));
        end = str_put(end, r->enhanced.len ? S(" ") : S(""));
        end = str_put(end, str_slice(line, 0, 500));
        tell(c, "<-", (str){text, (size_t)(end - text)});
    } while (rest.len);
}

/* Some servers quote in a refusal what they could not use. */
static bool repeats_login(const struct smtp_client *c, str text)
{
    str said = str_of(c->said);
    return (c->secret.len >= SMTP_CLIENT_REPEAT_BYTES_MIN && str_contains(text, c->secret)) ||
           (said.len >= SMTP_CLIENT_REPEAT_BYTES_MIN && str_contains(text, said));
}

err smtp_client_talk_read(struct smtp_client *c, struct arena *arena, struct smtp_reply *ret_reply,
                          int64_t timeout_ms)
{
    int64_t began_ms = clock_steady_ms();
    deadline until = smtp_client_talk_until(c, timeout_ms);
    TRY(net_flush(c->conn, until));
    for (;;) {
        str input = net_input(c->conn);
        size_t before = input.len;
        bool complete = false;
        if (before > 0)
            TRY(smtp_reply_parse(&input, arena, &complete, ret_reply));
        net_consume(c->conn, before - input.len);
        if (complete)
            break;
        err e = net_fill(c->conn, until);
        if (e && e->kind == ERR_TIMEOUT)
            return err_wrap(e, "no reply to %s in %lld s", smtp_verdict_stage_name(c->stage),
                            (long long)(clock_steady_ms() - began_ms) / 1000);
        if (e)
            return err_wrap(e, "waiting for the reply to %s", smtp_verdict_stage_name(c->stage));
    }
    if (ret_reply->code != 334 && repeats_login(c, ret_reply->text))
        ret_reply->text = S("(the reply repeats the login and is not shown)");
    c->last = *ret_reply;
    tell_reply(c, ret_reply);
    return NULL;
}

err smtp_client_talk_reset(struct smtp_client *c, struct arena *arena)
{
    struct smtp_reply ignored;
    TRY(smtp_client_talk_say(c, "RSET"));
    return smtp_client_talk_read(c, arena, &ignored, c->options.timeouts.command);
}

void smtp_client_talk_note(struct smtp_client *c, const char *mark, uint64_t content_bytes)
{
    char text[64];
    if (c->options.transcript == NULL)
        return;
    int n =
        snprintf(text, sizeof text, "(%llu bytes of content)", (unsigned long long)content_bytes);
    tell(c, mark, (str){text, n > 0 ? (size_t)n : 0});
}
