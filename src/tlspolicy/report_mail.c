#include "tlspolicy/report_mail.h"
#include "base/clock.h"
#include "base/codec.h"
#include "dns/name.h"
#include "mailauth/dmarc_gzip.h"
#include "message/id.h"
#include "message/mailbox.h"
#include "message/text.h"

/* ---- packing ---------------------------------------------------------------------------- */

static err pack(str json, struct buf *out)
{
    struct mailauth_dmarc_gzip *gzip = mailauth_dmarc_gzip_open(out);
    err e = mailauth_dmarc_gzip_add(gzip, json);
    if (e == NULL)
        e = mailauth_dmarc_gzip_finish(gzip);
    mailauth_dmarc_gzip_close(gzip);
    return e;
}

err tlspolicy_report_mail_pack(const struct tlspolicy_report *r, struct buf *out)
{
    CLEANUP(buf_release) struct buf json;
    buf_init(&json, TLSPOLICY_REPORT_BYTES_MAX);
    TRY(tlspolicy_report_write(r, &json));
    return pack(buf_str(&json), out);
}

/* ---- what may stand in a header --------------------------------------------------------- */

static err check_domain(const char *what, str domain)
{
    if (dns_name_is_host(domain))
        return NULL;
    return err_new(ERR_CONFIG, "the %s is not a domain", what);
}

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
    if (id.len == 0 || id.len >= TLSPOLICY_REPORT_ID_CHARS)
        return err_new(ERR_CONFIG, "a report's id of %zu characters", id.len);
    return NULL;
}

static err check(const struct tlspolicy_report_mail *m, struct arena *arena)
{
    if (m->file.len > TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a report of %zu bytes", m->file.len);
    TRY(check_domain("submitter", m->submitter));
    TRY(check_domain("reported domain", m->domain));
    TRY(check_address("From", m->from, arena));
    TRY(check_address("To", m->to, arena));
    return check_id(m->report->id);
}

/* ---- the message ------------------------------------------------------------------------ */

static err add_header(const struct tlspolicy_report_mail *m, const char *boundary,
                      struct arena *arena, struct buf *out)
{
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(m->now_ms, date);
    TRY(buf_addf(out, "Date: %s\r\nFrom: %.*s\r\nTo: %.*s\r\n", date, STR_ARG(m->from),
                 STR_ARG(m->to)));
    str subject = arena_printf(arena, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s@%.*s>",
                               STR_ARG(m->domain), STR_ARG(m->submitter), STR_ARG(m->report->id),
                               STR_ARG(m->submitter));
    TRY(message_text_add_wrapped(S("Subject: "), subject, S(" "), out));
    TRY(buf_addf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(m->report->id),
                 STR_ARG(m->submitter)));
    TRY(buf_addf(out, "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n",
                 STR_ARG(m->domain), STR_ARG(m->submitter)));
    /* Told about broken TLS over broken TLS, if need be (RFC 8689 section 5). */
    TRY(buf_add(out, S("Auto-Submitted: auto-generated\r\nTLS-Required: No\r\n"
                       "MIME-Version: 1.0\r\n")));
    return buf_addf(out,
                    "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"
                    " boundary=\"%s\"\r\n\r\n",
                    boundary);
}

static err add_text(const struct tlspolicy_report_mail *m, const char *boundary, struct buf *out)
{
    char begin[CLOCK_RFC5322_BYTES], end[CLOCK_RFC5322_BYTES];
    clock_rfc5322(m->report->begin_s * 1000, begin);
    clock_rfc5322(m->report->end_s * 1000, end);
    TRY(buf_addf(out, "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n", boundary));
    TRY(buf_addf(out, "TLS report (RFC 8460)\r\nof %.*s\r\nby %.*s\r\n", STR_ARG(m->domain),
                 STR_ARG(m->submitter)));
    return buf_addf(out, "from %s\r\nto %s\r\n", begin, end);
}

static err add_file(const struct tlspolicy_report_mail *m, const char *boundary,
                    struct arena *arena, struct buf *out)
{
    str name = tlspolicy_report_file_name(m->report, m->submitter, m->domain, arena);
    TRY(buf_addf(out, "--%s\r\nContent-Type: application/tlsrpt+gzip\r\n", boundary));
    TRY(buf_add(out, S("Content-Transfer-Encoding: base64\r\n")));
    TRY(buf_addf(out, "Content-Disposition: attachment;\r\n filename=\"%.*s\"\r\n\r\n",
                 STR_ARG(name)));
    TRY(codec_base64_encode_lines(m->file, out));
    return buf_addf(out, "--%s--\r\n", boundary);
}

static err add_all(const struct tlspolicy_report_mail *m, struct arena *arena, struct buf *out)
{
    char boundary[MESSAGE_UNIQUE_CHARS];
    message_id_unique(m->now_ms, boundary);
    TRY(add_header(m, boundary, arena, out));
    TRY(add_text(m, boundary, out));
    return add_file(m, boundary, arena, out);
}

err tlspolicy_report_mail_write(const struct tlspolicy_report_mail *m, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf mail;
    buf_init(&mail, 2 * TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX);
    TRY(check(m, arena));
    TRY(add_all(m, arena, &mail));
    return buf_add(out, buf_str(&mail));
}
