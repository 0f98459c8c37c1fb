#include "inbound/report_own.h"
#include "outbound/letter.h"

static struct outbound_letter letter_of(const struct inbound_report_post *p)
{
    return (struct outbound_letter){
        .config = p->config, .to = p->to, .content = p->content, .message_id = p->message_id};
}

err inbound_report_post_open(struct inbound_report *r, const struct inbound_report_post *p,
                             struct queue_draft **ret_draft, deadline until)
{
    struct outbound_letter letter = letter_of(p);
    return outbound_letter_open(r->options.queue, &letter, ret_draft, until);
}

err inbound_report_post_commit(struct inbound_report *r, const struct inbound_report_post *p,
                               struct queue_draft **draft, queue_id *ret_id, deadline until)
{
    struct outbound_letter letter = letter_of(p);
    return outbound_letter_commit(r->options.queue, &letter, draft, ret_id, until);
}

err inbound_report_post_save(struct inbound_report *r, str name, str content, struct arena *arena,
                             str *ret_path, deadline until)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(NULL, inbound_report_work_save);
    w->path = arena_printf(w->arena, "%s/dry-run/%.*s", r->options.folder, STR_ARG(name));
    *ret_path = arena_str(arena, w->path);
    TRY(buf_add(&w->content, content));
    return inbound_report_work_do(&w, until);
}
