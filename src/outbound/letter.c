#include "outbound/letter.h"
#include "outbound/route.h"
#include "runtime/fiber.h"

enum { STEP_BYTES = 64 << 10 };

static err write_all(struct queue_draft *draft, str content, deadline until)
{
    while (content.len > 0) {
        TRY(queue_draft_write(draft, str_slice(content, 0, STEP_BYTES), until));
        content = str_from(content, STEP_BYTES);
        TRY(fiber_yield()); /* mail goes first */
    }
    return NULL;
}

err outbound_letter_open(struct queue *queue, const struct outbound_letter *l,
                         struct queue_draft **ret_draft, deadline until)
{
    struct queue_draft *draft = NULL;
    if (queue_stopped(queue) || !queue_has_room(queue))
        return err_new(ERR_LIMIT, "the queue takes no mail now");
    TRY(queue_draft_open(queue, &draft));
    err e = write_all(draft, l->content, until);
    if (e)
        queue_draft_abandon(&draft);
    else
        *ret_draft = draft;
    return e;
}

err outbound_letter_commit(struct queue *queue, const struct outbound_letter *l,
                           struct queue_draft **draft, queue_id *ret_id, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    struct envelope_rcpt rcpt = {.address = l->to,
                                 .destination =
                                     outbound_route_destination(l->config, l->to, NULL, arena),
                                 .notify = NOTIFY_NEVER};
    struct envelope env = {.origin = ORIGIN_LOCAL, /* ours, and so signed as ours */
                           .tls_optional = l->tls_optional,
                           .message_id = l->message_id,
                           .accepted_at_ms = clock_real_ms(),
                           .rcpts = &rcpt,
                           .rcpt_count = 1};
    return queue_commit(queue, draft, &env, (str){0}, ret_id, until);
}
