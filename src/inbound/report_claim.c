#include "base/log.h"
#include "inbound/report_own.h"
#include "queue/admin.h"

err inbound_report_claim_note(struct inbound_report *r, str report_id,
                              const struct inbound_report_mail *m, deadline until)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_note);
    w->letter.id = arena_str(w->arena, report_id);
    w->mail = *m;
    w->mail.recipient = arena_str(w->arena, m->recipient);
    w->mail.queue_id = arena_str(w->arena, m->queue_id);
    w->mail.note = arena_str(w->arena, m->note);
    return inbound_report_work_do(&w, until);
}

static bool note_there(void *arg, const struct queue_admin_item *item)
{
    (void)item;
    *(bool *)arg = true;
    return false;
}

err inbound_report_claim_is_queued(struct inbound_report *r, str id, bool *ret_there,
                                   deadline until)
{
    struct queue_admin_filter filter = {.id = id};
    bool there = false;
    if (id.len > 0)
        TRY(queue_admin_list(r->options.queue, &filter, note_there, &there, until));
    *ret_there = there;
    return NULL;
}

/* What is not in the queue is sent again, under the same id, when it is looked for what is due. */
static err settle(struct inbound_report *r, const struct inbound_report_mail *claimed,
                  deadline until)
{
    struct inbound_report_mail m = *claimed;
    bool there = false;
    TRY(inbound_report_claim_is_queued(r, m.queue_id, &there, until));
    if (!there)
        return NULL;
    m.state = INBOUND_REPORT_MAIL_SENT;
    TRY(inbound_report_claim_note(r, (str){0}, &m, until));
    report_tell(r->options.events, EVENT_REPORT_SENT, m.recipient, m.queue_id, 0,
                "aggregate report: it was in the queue when the server stopped");
    return NULL;
}

err inbound_report_claim_settle(struct inbound_report *r, deadline until)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_claimed);
    TRY(inbound_report_work_do(&w, until));
    for (size_t i = 0; i < w->mail_count; i++)
        TRY(settle(r, &w->mails[i], until));
    return NULL;
}
