#include "smtp/body.h"
#include "smtp/data.h"
#include <errno.h>

enum { MIN_RATE_GRACE_MS = 60 * 1000 }; /* a slow start is nobody's fault */

/* What has come of one DATA or one chunk; its rate says nothing about the chunks before it. */
struct pace {
    int64_t begun_ms;
    uint64_t before; /* content_bytes then */
};

static struct pace pace_begin(const struct smtp_session *s)
{
    return (struct pace){clock_steady_ms(), s->content_bytes};
}

/* Wait for more content: each piece has its deadline, and all of it a least rate (attack 86). */
static err more(struct smtp_session *s, const struct pace *p)
{
    const struct smtp_server_options *o = s->options;
    deadline until = deadline_after(o->data_ms);
    if (o->bytes_per_second_min > 0) {
        int64_t fair = (int64_t)(s->content_bytes - p->before) * 1000 / o->bytes_per_second_min;
        until = deadline_sooner(until, (deadline){p->begun_ms + MIN_RATE_GRACE_MS + fair});
    }
    TRY(net_flush(s->conn, until));
    return net_fill(s->conn, until);
}

static void fail(struct smtp_session *s, int code, const char *enhanced, const char *text)
{
    if (s->failure.code == 0)
        smtp_answer_set(&s->failure, code, enhanced, text);
}

void smtp_body_fail(struct smtp_session *s, err e)
{
    bool full = e->kind == ERR_LIMIT || err_number(e) == ENOSPC || err_number(e) == EDQUOT;
    if (full)
        fail(s, 452, "4.3.1", "No space to keep this message, try again later");
    else
        fail(s, 451, "4.3.0", "Local trouble, try again later");
}

/* Hand a run to the backend, or count it only. */
static err take(struct smtp_session *s, str run, bool keep)
{
    uint64_t limit = s->options->message_bytes_max;
    s->content_bytes += run.len;
    if (s->content_bytes > limit)
        fail(s, 552, "5.3.4", "Message too big");
    if (s->content_bytes > 2 * limit) {
        smtp_answer_set(&s->failure, 421, "4.3.2", "Message far too big, closing");
        s->failure.close = true;
    }
    if (!keep || s->failure.code != 0 || run.len == 0)
        return NULL;
    err e = s->backend->content(s, run, deadline_after(s->options->data_ms));
    if (e == NULL || fiber_canceled())
        return e;
    smtp_body_fail(s, e);
    return NULL;
}

err smtp_body_read_data(struct smtp_session *s)
{
    struct smtp_data_reader reader;
    struct pace pace = pace_begin(s);
    smtp_data_reader_init(&reader);
    for (;;) {
        str input = net_input(s->conn), run = {0};
        size_t before = input.len;
        enum smtp_data_event event = smtp_data_read(&reader, &input, &run);
        err e = event == SMTP_DATA_RUN ? take(s, run, true) : NULL;
        net_consume(s->conn, before - input.len); /* after the run was used */
        if (e)
            return e;
        if (event == SMTP_DATA_END)
            break;
        if (s->failure.close)
            return NULL;
        if (event == SMTP_DATA_MORE)
            TRY(more(s, &pace));
    }
    s->scan = reader.scan;
    return NULL;
}

err smtp_body_read_chunk(struct smtp_session *s, uint64_t size, bool keep)
{
    struct pace pace = pace_begin(s);
    while (size > 0) {
        str run = str_slice(net_input(s->conn), 0, size < SIZE_MAX ? (size_t)size : SIZE_MAX);
        if (run.len == 0) {
            TRY(more(s, &pace));
            continue;
        }
        if (keep)
            smtp_scan_feed(&s->scan, run);
        size -= run.len;
        err e = take(s, run, keep);
        net_consume(s->conn, run.len);
        if (e || s->failure.close)
            return e;
    }
    return NULL;
}

void smtp_body_judge(struct smtp_session *s)
{
    bool binary = s->mail.body == BODY_BINARYMIME;
    if (binary)
        return;
    if (s->scan.bare_cr || s->scan.bare_lf) {
        smtp_answer_setf(&s->failure, 550, "5.5.2", "Bare <%s> in the message, see RFC 5321 2.3.8",
                         s->scan.bare_lf ? "LF" : "CR");
        s->failure.close = true;
    } else if (s->scan.nul) {
        fail(s, 550, "5.6.0", "NUL in the message");
    }
}
