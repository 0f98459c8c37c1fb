#include "message/daily_report.h"
#include "base/clock.h"
#include "base/codec.h"
#include "message/id.h"
#include "message/mailbox.h"
#include "message/text.h"
#include <assert.h>

/* ---- what may stand in a header --------------------------------------------------------- */

static err check_address(const char *what, str address, struct arena *arena)
{
    struct message_mailboxes list;
    if (str_is_ascii(address) && str_find(address, '\n') == STR_NONE &&
        str_find(address, '\r') == STR_NONE &&
        message_mailboxes_parse(address, arena, &list) == NULL && list.count == 1)
        return NULL;
    return err_new(ERR_CONFIG, "%s: not one address", what);
}

static err check_id(str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!char_is_alnum(id.ptr[i]))
            return err_new(ERR_CONFIG, "a report's id has letters and digits only");
    if (id.len == 0 || id.len >= MESSAGE_DAILY_REPORT_ID_CHARS)
        return err_new(ERR_CONFIG, "a report's id of %zu characters", id.len);
    return NULL;
}

static err check(const struct message_daily_report *r, struct arena *arena)
{
    if (r->file.len > r->file_bytes_max)
        return err_new(ERR_LIMIT, "a report of %zu bytes", r->file.len);
    TRY(check_address("From", r->from, arena));
    TRY(check_address("To", r->to, arena));
    return check_id(r->id);
}

/* ---- the message ------------------------------------------------------------------------ */

static err add_header(const struct message_daily_report *r, const char *boundary,
                      struct arena *arena, struct buf *out)
{
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(r->now_ms, date);
    TRY(buf_addf(out, "Date: %s\r\nFrom: %.*s\r\nTo: %.*s\r\n", date, STR_ARG(r->from),
                 STR_ARG(r->to)));
    str subject = arena_printf(arena, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s@%.*s>",
                               STR_ARG(r->domain), STR_ARG(r->submitter), STR_ARG(r->id),
                               STR_ARG(r->submitter));
    TRY(message_text_add_wrapped(S("Subject: "), subject, S(" "), out));
    TRY(buf_addf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(r->id), STR_ARG(r->submitter)));
    TRY(buf_add(out, r->fields));
    TRY(buf_add(out, S("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n")));
    return buf_addf(out, "Content-Type: %.*s;\r\n boundary=\"%s\"\r\n\r\n", STR_ARG(r->type),
                    boundary);
}

static err add_text(const struct message_daily_report *r, const char *boundary, struct buf *out)
{
    char begin[CLOCK_RFC5322_BYTES], end[CLOCK_RFC5322_BYTES];
    clock_rfc5322(r->begin_s * 1000, begin);
    clock_rfc5322(r->end_s * 1000, end);
    TRY(buf_addf(out, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary));
    TRY(buf_addf(out, "%.*s\r\nof %.*s\r\nby %.*s\r\n", STR_ARG(r->title), STR_ARG(r->domain),
                 STR_ARG(r->submitter)));
    return buf_addf(out, "from %s\r\nto %s\r\n", begin, end);
}

static err add_file(const struct message_daily_report *r, const char *boundary, struct buf *out)
{
    TRY(buf_addf(out, "--%s\r\nContent-Type: %.*s\r\n", boundary, STR_ARG(r->file_type)));
    TRY(buf_add(out, S("Content-Transfer-Encoding: base64\r\n")));
    TRY(buf_addf(out,
                 "Content-Disposition: attachment;\r\n"
                 " filename=\"%.*s!%.*s!%lld!%lld!%.*s.%.*s\"\r\n\r\n",
                 STR_ARG(r->submitter), STR_ARG(r->domain), (long long)r->begin_s,
                 (long long)r->end_s, STR_ARG(r->id), STR_ARG(r->file_ending)));
    TRY(codec_base64_encode_lines(r->file, out));
    return buf_addf(out, "--%s--\r\n", boundary);
}

static err add_all(const struct message_daily_report *r, struct arena *arena, struct buf *out)
{
    char boundary[MESSAGE_UNIQUE_CHARS];
    message_id_unique(r->now_ms, boundary);
    TRY(add_header(r, boundary, arena, out));
    TRY(add_text(r, boundary, out));
    return add_file(r, boundary, out);
}

err message_daily_report_write(const struct message_daily_report *r, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf mail;
    buf_init(&mail, 2 * r->file_bytes_max);
    TRY(check(r, arena));
    TRY(add_all(r, arena, &mail));
    return buf_add(out, buf_str(&mail));
}

void message_daily_report_id(int64_t real_ms, char ret_id[MESSAGE_DAILY_REPORT_ID_CHARS])
{
    static_assert((int)MESSAGE_UNIQUE_CHARS <= (int)MESSAGE_DAILY_REPORT_ID_CHARS, "it fits");
    char unique[MESSAGE_UNIQUE_CHARS];
    size_t len = 0;
    message_id_unique(real_ms, unique);
    for (size_t i = 0; unique[i]; i++)
        if (char_is_alnum(unique[i]))
            ret_id[len++] = unique[i];
    ret_id[len] = '\0';
}
