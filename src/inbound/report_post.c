#include "inbound/report_own.h"
#include "outbound/route.h"
#include "smtp/path.h"

enum { STEP_BYTES = 64 << 10 };

bool inbound_report_post_address(const struct mailauth_dmarc_uri *uri, struct arena *arena,
                                 str *ret_to)
{
    struct smtp_path path;
    if (smtp_path_parse_bare(uri->address, false, arena, &path) || path.literal)
        return false;
    /* What stands in To must be the same without quotes, too. */
    for (size_t i = 0; i < path.local.len; i++)
        if (!char_is_alnum(path.local.ptr[i]) &&
            str_find(S("!#$%&'*+-/=?^_`{|}~."), path.local.ptr[i]) == STR_NONE)
            return false;
    *ret_to = path.text;
    return true;
}

static err write_all(struct queue_draft *draft, str content, deadline until)
{
    while (content.len > 0) {
        TRY(queue_draft_write(draft, str_slice(content, 0, STEP_BYTES), until));
        content = str_from(content, STEP_BYTES);
        TRY(fiber_yield()); /* mail goes first */
    }
    return NULL;
}

err inbound_report_post_open(struct inbound_report *r, const struct inbound_report_post *p,
                             struct queue_draft **ret_draft, deadline until)
{
    struct queue_draft *draft = NULL;
    if (queue_stopped(r->options.queue) || !queue_has_room(r->options.queue))
        return err_new(ERR_LIMIT, "the queue takes no mail now");
    TRY(queue_draft_open(r->options.queue, &draft));
    err e = write_all(draft, p->content, until);
    if (e)
        queue_draft_abandon(&draft);
    else
        *ret_draft = draft;
    return e;
}

err inbound_report_post_commit(struct inbound_report *r, const struct inbound_report_post *p,
                               struct queue_draft **draft, queue_id *ret_id, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    struct envelope_rcpt rcpt = {.address = p->to,
                                 .destination =
                                     outbound_route_destination(p->config, p->to, NULL, arena),
                                 .notify = NOTIFY_NEVER};
    struct envelope env = {.origin = ORIGIN_LOCAL, /* ours, and so signed as ours */
                           .message_id = p->message_id,
                           .accepted_at_ms = clock_real_ms(),
                           .rcpts = &rcpt,
                           .rcpt_count = 1};
    return queue_commit(r->options.queue, draft, &env, (str){0}, ret_id, until);
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
