/* Any reply in any situation: what is to be done is known, and the status tells the same class. */
#include "outbound/verdict.h"
#include "tests/fuzz.h"

static void check(const struct outbound_verdict *v, struct arena *arena)
{
    str status = str_of(v->status);
    ASSERT(v->action >= OUTBOUND_DONE && v->action <= OUTBOUND_PAUSE_ROUTE);
    ASSERT(status.len >= 5 && status.ptr[1] == '.');
    ASSERT(v->action != OUTBOUND_DONE || status.ptr[0] == '2');
    ASSERT(v->action != OUTBOUND_FAIL || status.ptr[0] == '5');
    ASSERT(v->action != OUTBOUND_DEFER || status.ptr[0] == '4');
    ASSERT(outbound_verdict_text(v, arena).len > 0);
}

FUZZ(input, arena)
{
    struct smtp_reply reply;
    bool complete = false;
    if (input.len == 0)
        return;
    unsigned flags = (unsigned char)input.ptr[0];
    struct outbound_verdict_facts facts = {.stage =
                                               (enum smtp_stage)(flags % (SMTP_STAGE_BODY + 1)),
                                           .tls_required = flags & 16,
                                           .others_accepted = flags & 32,
                                           .after_dot = flags & 64};
    str rest = str_from(input, 1);
    if (smtp_reply_parse(&rest, arena, &complete, &reply) || !complete)
        return;
    if (facts.stage != SMTP_STAGE_BODY && smtp_reply_ok(&reply))
        return; /* before the end of the data only refusals are judged */
    struct outbound_verdict v = outbound_verdict_of_reply(&facts, &reply);
    check(&v, arena);
}
