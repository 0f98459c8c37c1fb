#include "mailauth/dmarc_mail.h"
#include "mailauth/dmarc_domain.h"
#include "message/daily_report.h"

static err check_domain(const char *what, str domain, struct arena *arena)
{
    str canonical;
    if (mailauth_dmarc_domain_read(domain, arena, &canonical) == NULL && str_eq(canonical, domain))
        return NULL;
    return err_new(ERR_CONFIG, "the %s is not a domain", what);
}

err mailauth_dmarc_mail_write(const struct mailauth_dmarc_mail *m, struct buf *out)
{
    const struct mailauth_dmarc_report *r = m->report;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    TRY(check_domain("receiver", r->receiver, arena));
    TRY(check_domain("reported domain", r->domain, arena));
    struct message_daily_report mail = {
        .title = S("DMARC aggregate report (RFC 9990)"),
        .domain = r->domain,
        .submitter = r->receiver,
        .id = r->id,
        .begin_s = r->begin_s,
        .end_s = r->end_s,
        .now_ms = m->now_ms,
        .from = m->from,
        .to = m->to,
        .type = S("multipart/mixed"),
        .file = m->file,
        .file_ending = S("xml.gz"),
        .file_type = S("application/gzip"),
        .file_bytes_max = MAILAUTH_DMARC_MAIL_FILE_BYTES_MAX,
    };
    return message_daily_report_write(&mail, out);
}
