#include "mailauth/dmarc_mail.h"
#include "base/clock.h"
#include "base/codec.h"
#include "mailauth/dmarc_domain.h"
#include "message/id.h"
#include "message/mailbox.h"
#include "message/text.h"

static err check_domain(const char *what, str domain, struct arena *arena)
{
    str canonical;
    if (mailauth_dmarc_domain_read(domain, arena, &canonical) == NULL && str_eq(canonical, domain))
        return NULL;
    return err_new(ERR_CONFIG, "the %s is not a domain", what);
}

static err check_address(const char *what, str address, struct arena *arena)
{
    struct message_mailboxes list;
    if (str_is_ascii(address) && str_find(address, '\n') == STR_NONE &&
        message_mailboxes_parse(address, arena, &list) == NULL && list.count == 1)
        return NULL;
    return err_new(ERR_CONFIG, "%s: not one address", what);
}

static err check_id(str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!char_is_alnum(id.ptr[i]))
            return err_new(ERR_CONFIG, "a report's id has letters and digits only");
    return id.len > 0 && id.len < MAILAUTH_DMARC_REPORT_ID_CHARS
               ? NULL
               : err_new(ERR_CONFIG, "a report's id of %zu characters", id.len);
}

static err check(const struct mailauth_dmarc_mail *m, struct arena *arena)
{
    if (m->file.len > MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a report of %zu bytes", m->file.len);
    TRY(check_domain("receiver", m->report->receiver, arena));
    TRY(check_domain("reported domain", m->report->domain, arena));
    TRY(check_address("From", m->from, arena));
    TRY(check_address("To", m->to, arena));
    return check_id(m->report->id);
}

static err add_header(const struct mailauth_dmarc_mail *m, const char *boundary,
                      struct arena *arena, struct buf *out)
{
    const struct mailauth_dmarc_report *r = m->report;
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(m->now_ms, date);
    TRY(buf_addf(out, "Date: %s\r\nFrom: %.*s\r\nTo: %.*s\r\n", date, STR_ARG(m->from),
                 STR_ARG(m->to)));
    str subject = arena_printf(arena, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s@%.*s>",
                               STR_ARG(r->domain), STR_ARG(r->receiver), STR_ARG(r->id),
                               STR_ARG(r->receiver));
    TRY(message_text_add_wrapped(S("Subject: "), subject, S(" "), out));
    TRY(buf_addf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(r->id), STR_ARG(r->receiver)));
    TRY(buf_add(out, S("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n")));
    return buf_addf(out, "Content-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n", boundary);
}

static err add_text(const struct mailauth_dmarc_report *r, const char *boundary, struct buf *out)
{
    char begin[CLOCK_RFC5322_BYTES], end[CLOCK_RFC5322_BYTES];
    clock_rfc5322(r->begin_s * 1000, begin);
    clock_rfc5322(r->end_s * 1000, end);
    TRY(buf_addf(out, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary));
    TRY(buf_addf(out, "DMARC aggregate report (RFC 9990)\r\nof %.*s\r\nby %.*s\r\n",
                 STR_ARG(r->domain), STR_ARG(r->receiver)));
    return buf_addf(out, "from %s\r\nto %s\r\n", begin, end);
}

static err add_file(const struct mailauth_dmarc_mail *m, const char *boundary, struct arena *arena,
                    struct buf *out)
{
    str name = mailauth_dmarc_report_file_name(m->report, arena);
    TRY(buf_addf(out, "--%s\r\nContent-Type: application/gzip\r\n", boundary));
    TRY(buf_add(out, S("Content-Transfer-Encoding: base64\r\n")));
    TRY(buf_addf(out, "Content-Disposition: attachment;\r\n filename=\"%.*s\"\r\n\r\n",
                 STR_ARG(name)));
    TRY(codec_base64_encode_lines(m->file, out));
    return buf_addf(out, "--%s--\r\n", boundary);
}

static err add_all(const struct mailauth_dmarc_mail *m, struct arena *arena, struct buf *out)
{
    char boundary[MESSAGE_UNIQUE_CHARS];
    message_id_unique(m->now_ms, boundary);
    TRY(add_header(m, boundary, arena, out));
    TRY(add_text(m->report, boundary, out));
    return add_file(m, boundary, arena, out);
}

err mailauth_dmarc_mail_write(const struct mailauth_dmarc_mail *m, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf mail;
    buf_init(&mail, 2 * MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX);
    TRY(check(m, arena));
    TRY(add_all(m, arena, &mail));
    return buf_add(out, buf_str(&mail));
}
