#include "inbound/report_letter.h"
#include "mailauth/dmarc_gzip.h"

enum { SCRATCH_BYTES_MAX = 1 << 20 };

static err report_of(const struct inbound_report_letter *l, struct arena *arena,
                     struct mailauth_dmarc_report *ret_report)
{
    const struct inbound_report_head *head = l->head;
    struct mailauth_dmarc_record *record = ARENA_NEW(arena, struct mailauth_dmarc_record);
    TRY(mailauth_dmarc_record_parse(head->policy, arena, record));
    int64_t begin_s = head->day * (REPORT_DAY_MS / 1000);
    *ret_report = (struct mailauth_dmarc_report){
        .receiver = l->receiver,
        .org_name = l->org,
        .email = l->from,
        .extra_contact = l->contact,
        .id = l->id,
        .begin_s = begin_s,
        .end_s = begin_s + REPORT_DAY_MS / 1000 - 1,
        .domain = head->domain,
        .record = record,
    };
    if (head->left_out > 0)
        ret_report->errors[ret_report->error_count++] =
            arena_printf(arena, "%lld of %lld messages are in no row: there were too many kinds",
                         (long long)head->left_out, (long long)head->messages);
    return NULL;
}

struct writing {
    struct mailauth_dmarc_gzip *gzip; /* NULL: as it is */
    struct buf *out;
    struct buf xml; /* of one row */
};

/* What stands in xml is done with. */
static err move_on(struct writing *w)
{
    str xml = buf_str(&w->xml);
    err e = w->gzip ? mailauth_dmarc_gzip_add(w->gzip, xml) : buf_add(w->out, xml);
    buf_clear(&w->xml);
    return e;
}

static err write_row(void *arg, const struct mailauth_dmarc_row *row)
{
    struct writing *w = arg;
    TRY(mailauth_dmarc_report_row(row, &w->xml));
    return move_on(w);
}

static err write_all(struct writing *w, struct inbound_report_store *store, int64_t id,
                     const struct mailauth_dmarc_report *report)
{
    TRY(mailauth_dmarc_report_begin(report, &w->xml));
    TRY(move_on(w));
    TRY(inbound_report_store_rows(store, id, write_row, w));
    TRY(mailauth_dmarc_report_end(&w->xml));
    TRY(move_on(w));
    return w->gzip ? mailauth_dmarc_gzip_finish(w->gzip) : NULL;
}

static err write_xml(struct inbound_report_store *store, const struct inbound_report_letter *l,
                     bool packed, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SCRATCH_BYTES_MAX);
    struct mailauth_dmarc_report report;
    struct writing w = {.out = out};
    TRY(report_of(l, arena, &report));
    buf_init(&w.xml, MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX);
    w.gzip = packed ? mailauth_dmarc_gzip_open(out) : NULL;
    err e = write_all(&w, store, l->head->id, &report);
    mailauth_dmarc_gzip_close(w.gzip);
    buf_release(&w.xml);
    return e;
}

err inbound_report_letter_pack(struct inbound_report_store *store,
                               const struct inbound_report_letter *l, struct buf *file)
{
    return write_xml(store, l, true, file);
}

err inbound_report_letter_xml(struct inbound_report_store *store,
                              const struct inbound_report_letter *l, struct buf *out)
{
    return write_xml(store, l, false, out);
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
