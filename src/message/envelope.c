#include "message/envelope.h"

int64_t envelope_end_ms(const struct envelope *e)
{
    int64_t by_ms = e->by_mode == BY_RETURN ? e->by_ms : 0;
    bool by_first = by_ms && (e->expires_ms == 0 || by_ms < e->expires_ms);
    return by_first ? by_ms : e->expires_ms;
}

struct envelope *envelope_copy(struct arena *arena, const struct envelope *from)
{
    struct envelope *to = ARENA_NEW(arena, struct envelope);
    *to = *from;
    str *texts[] = {&to->sender,      &to->envid,       &to->login,
                    &to->peer,        &to->helo,        &to->message_id,
                    &to->flow.tenant, &to->flow.stream, &to->flow.campaign};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_str(arena, *texts[i]);
    to->rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, from->rcpt_count);
    for (size_t i = 0; i < from->rcpt_count; i++) {
        const struct envelope_rcpt *r = &from->rcpts[i];
        to->rcpts[i] =
            (struct envelope_rcpt){arena_str(arena, r->address), arena_str(arena, r->destination),
                                   arena_str(arena, r->orcpt), r->notify};
    }
    return to;
}
