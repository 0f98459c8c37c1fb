#include "inbound/report_letter.h"
#include "mailauth/dmarc_gzip.h"

enum { SCRATCH_BYTES_MAX = 1 << 20 };

static err report_of(const struct inbound_report_letter *l, struct arena *arena,
                     struct mailauth_dmarc_report *ret_report)
{
    const struct inbound_report_head *head = l->head;
    struct mailauth_dmarc_record *record = ARENA_NEW(arena, struct mailauth_dmarc_record);
    TRY(mailauth_dmarc_record_parse(head->policy, arena, record));
    int64_t begin_s = head->day * (INBOUND_REPORT_DAY_MS / 1000);
    *ret_report = (struct mailauth_dmarc_report){
        .receiver = l->receiver,
        .org_name = l->org,
        .email = l->from,
        .extra_contact = l->contact,
        .id = l->id,
        .begin_s = begin_s,
        .end_s = begin_s + INBOUND_REPORT_DAY_MS / 1000 - 1,
        .domain = head->domain,
        .record = record,
    };
    if (head->left_out > 0)
        ret_report->errors[ret_report->error_count++] =
            arena_printf(arena, "%lld of %lld messages are in no row: there were too many kinds",
                         (long long)head->left_out, (long long)head->messages);
    return NULL;
}

struct packing {
    struct mailauth_dmarc_gzip *gzip;
    struct buf xml; /* of one row */
};

static err pack_row(void *arg, const struct mailauth_dmarc_row *row)
{
    struct packing *p = arg;
    buf_clear(&p->xml);
    TRY(mailauth_dmarc_report_row(row, &p->xml));
    return mailauth_dmarc_gzip_add(p->gzip, buf_str(&p->xml));
}

static err pack_all(struct packing *p, struct inbound_report_store *store, int64_t id,
                    const struct mailauth_dmarc_report *report)
{
    TRY(mailauth_dmarc_report_begin(report, &p->xml));
    TRY(mailauth_dmarc_gzip_add(p->gzip, buf_str(&p->xml)));
    TRY(inbound_report_store_rows(store, id, pack_row, p));
    buf_clear(&p->xml);
    TRY(mailauth_dmarc_report_end(&p->xml));
    TRY(mailauth_dmarc_gzip_add(p->gzip, buf_str(&p->xml)));
    return mailauth_dmarc_gzip_finish(p->gzip);
}

err inbound_report_letter_pack(struct inbound_report_store *store,
                               const struct inbound_report_letter *l, struct buf *file)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SCRATCH_BYTES_MAX);
    struct mailauth_dmarc_report report;
    struct packing p = {0};
    TRY(report_of(l, arena, &report));
    buf_init(&p.xml, MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX);
    p.gzip = mailauth_dmarc_gzip_open(file);
    err e = pack_all(&p, store, l->head->id, &report);
    mailauth_dmarc_gzip_close(p.gzip);
    buf_release(&p.xml);
    return e;
}

err inbound_report_letter_write(const struct inbound_report_letter *l, str file, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SCRATCH_BYTES_MAX);
    struct mailauth_dmarc_report report;
    TRY(report_of(l, arena, &report));
    struct mailauth_dmarc_mail mail = {
        .report = &report, .from = l->from, .to = l->to, .file = file, .now_ms = l->now_ms};
    return mailauth_dmarc_mail_write(&mail, out);
}
