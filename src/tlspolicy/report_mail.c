#include "tlspolicy/report_mail.h"
#include "dns/name.h"
#include "mailauth/dmarc_gzip.h"
#include "message/daily_report.h"

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

/* ---- the message ------------------------------------------------------------------------ */

static err check_domain(const char *what, str domain)
{
    if (dns_name_is_host(domain))
        return NULL;
    return err_new(ERR_CONFIG, "the %s is not a domain", what);
}

/* Told about broken TLS over broken TLS, if need be (RFC 8689 section 5). */
static str fields_of(const struct tlspolicy_report_mail *m, struct arena *arena)
{
    return arena_printf(arena,
                        "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n"
                        "TLS-Required: No\r\n",
                        STR_ARG(m->domain), STR_ARG(m->submitter));
}

err tlspolicy_report_mail_write(const struct tlspolicy_report_mail *m, struct buf *out)
{
    const struct tlspolicy_report *r = m->report;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    TRY(check_domain("submitter", m->submitter));
    TRY(check_domain("reported domain", m->domain));
    struct message_daily_report mail = {
        .title = S("TLS report (RFC 8460)"),
        .domain = m->domain,
        .submitter = m->submitter,
        .id = r->id,
        .begin_s = r->begin_s,
        .end_s = r->end_s,
        .now_ms = m->now_ms,
        .from = m->from,
        .to = m->to,
        .fields = fields_of(m, arena),
        .type = S("multipart/report; report-type=\"tlsrpt\""),
        .file = m->file,
        .file_ending = S("json.gz"),
        .file_type = S("application/tlsrpt+gzip"),
        .file_bytes_max = TLSPOLICY_REPORT_MAIL_FILE_BYTES_MAX,
    };
    return message_daily_report_write(&mail, out);
}
