#include "smtp/data.h"
#include <string.h>

/* ---- reading ---- */

enum state {
    LINE_START, /* behind CRLF, or at the very start */
    LINE,       /* inside a line */
    LINE_CR,    /* behind a CR inside a line: LF would end it */
    DOT,        /* the first byte of the line was a dot; it is not content */
    DOT_CR,     /* dot, CR: LF would end the message */
    ENDED,
};

void smtp_data_reader_init(struct smtp_data_reader *r)
{
    *r = (struct smtp_data_reader){.state = LINE_START};
}

/* How many bytes from here on are content as they stand: up to a dot that begins a line, or all.
 * Sets the state behind them. */
static size_t content_length(str s, int *state)
{
    size_t from = 0;
    if (*state == LINE_START && s.ptr[0] == '.')
        return 0;
    if (*state == LINE_CR && s.ptr[0] == '\n') {
        from = 1;
        if (s.len > 1 && s.ptr[1] == '.') {
            *state = LINE_START;
            return 1;
        }
    }
    for (;;) {
        const char *lf = from < s.len ? memchr(s.ptr + from, '\n', s.len - from) : NULL;
        if (lf == NULL)
            break;
        size_t at = (size_t)(lf - s.ptr);
        from = at + 1;
        if (at > 0 && lf[-1] == '\r' && from < s.len && s.ptr[from] == '.') {
            *state = LINE_START;
            return from;
        }
    }
    char last = s.ptr[s.len - 1];
    bool ended = last == '\n' && (s.len > 1 ? s.ptr[s.len - 2] == '\r' : *state == LINE_CR);
    *state = ended ? LINE_START : last == '\r' ? LINE_CR : LINE;
    return s.len;
}

enum smtp_data_event smtp_data_read(struct smtp_data_reader *r, str *input, str *ret_run)
{
    ASSERT(r->state != ENDED);
    while (input->len > 0) {
        char c = input->ptr[0];
        if (r->state == DOT && c == '\r') {
            r->state = DOT_CR;
            *input = str_from(*input, 1);
        } else if (r->state == DOT_CR && c == '\n') {
            *input = str_from(*input, 1);
            r->state = ENDED;
            smtp_scan_end(&r->scan);
            return SMTP_DATA_END;
        } else if (r->state == DOT_CR) { /* that CR was content: nothing but CRLF.CRLF ends */
            r->state = LINE_CR;
            *ret_run = S("\r");
            smtp_scan_feed(&r->scan, *ret_run);
            return SMTP_DATA_RUN;
        } else if (r->state == LINE_START && c == '.') {
            r->state = DOT;
            *input = str_from(*input, 1);
        } else {
            if (r->state == DOT)
                r->state = LINE; /* the dot that was stuffed is gone; here is the line */
            *ret_run = str_slice(*input, 0, content_length(*input, &r->state));
            *input = str_from(*input, ret_run->len);
            smtp_scan_feed(&r->scan, *ret_run);
            return SMTP_DATA_RUN;
        }
    }
    return SMTP_DATA_MORE;
}

/* ---- writing ---- */

void smtp_data_writer_init(struct smtp_data_writer *w) { *w = (struct smtp_data_writer){0}; }

static err broken(struct smtp_data_writer *w)
{
    w->broken = true;
    return err_new(ERR_PROTOCOL, "the message holds a CR or LF alone");
}

/* How many bytes at the start of s are whole lines and the part of a last one, up to a line that
 * begins with a dot (but not at the first byte), or up to a CR or LF alone. *in_line says whether
 * the bytes before s left a line open, and then whether these do. */
static size_t clean_length(str s, bool *in_line, bool *ret_bare)
{
    size_t from = 0;
    *ret_bare = false;
    while (from < s.len) {
        const char *line = s.ptr + from;
        const char *lf = memchr(line, '\n', s.len - from);
        size_t len = lf ? (size_t)(lf - line) : s.len - from;
        const char *cr = memchr(line, '\r', len);
        bool cr_is_last = cr && (size_t)(cr - line) + 1 == len;
        *ret_bare = cr_is_last ? false : lf || cr;
        if (*ret_bare)
            return from;
        if (lf == NULL) { /* a CR at the end waits for its LF */
            size_t open = len - (cr ? 1 : 0);
            *in_line |= open > 0;
            return from + open;
        }
        *in_line = false;
        from += len + 1;
        if (from < s.len && s.ptr[from] == '.')
            return from;
    }
    return from;
}

err smtp_data_write(struct smtp_data_writer *w, str *body, str *ret_run)
{
    if (w->broken)
        return broken(w);
    str run = {0};
    if (w->pending_cr && body->len > 0) {
        if (!str_skip(body, S("\n")))
            return broken(w);
        w->pending_cr = w->in_line = false;
        run = S("\r\n");
    } else if (!w->in_line && str_skip(body, S("."))) {
        w->in_line = true;
        run = S("..");
    } else {
        bool bare;
        size_t len = clean_length(*body, &w->in_line, &bare);
        if (len == 0 && bare)
            return broken(w);
        run = str_slice(*body, 0, len);
        *body = str_from(*body, len);
        if (len == 0 && str_skip(body, S("\r")))
            w->pending_cr = true;
    }
    *ret_run = run;
    return NULL;
}

err smtp_data_write_end(struct smtp_data_writer *w, str *ret_run)
{
    if (w->broken || w->pending_cr)
        return broken(w);
    *ret_run = w->in_line ? S("\r\n.\r\n") : S(".\r\n");
    return NULL;
}
