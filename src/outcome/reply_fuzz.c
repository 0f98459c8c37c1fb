#include "outcome/reply.h"
#include "outcome/wait.h"
#include "tests/fuzz.h"

/* The first byte says where in the conversation it was said. */
FUZZ(input, arena)
{
    if (input.len == 0 || input.len > 8 << 10)
        return;
    struct outcome_reply r = outcome_reply_read(str_from(input, 1), arena);
    ASSERT(r.code == 0 || (r.code >= 200 && r.code < 600));
    ASSERT(r.enhanced.len <= 9);
    ASSERT(r.text.len <= OUTCOME_WORDS_TEXT_BYTES_MAX);
    r.stage_known = (input.ptr[0] & 15) <= SMTP_STAGE_BODY;
    r.stage = r.stage_known ? (enum smtp_stage)(input.ptr[0] & 15) : SMTP_STAGE_CONNECT;
    struct outcome o = outcome_reply_judge(&r, arena);
    const struct outcome_class_facts *facts = outcome_class_of(o.class);
    ASSERT(!o.hard || facts->dead);
    ASSERT(!o.hard || !o.temporary);
    ASSERT(o.hard == (o.advice == OUTCOME_SUPPRESS && facts->dead));
    ASSERT(o.wait_seconds <= OUTCOME_WAIT_SECONDS_MAX);
    ASSERT((r.code / 100 == 2) == (o.class == OUTCOME_DELIVERED));
    /* Said again, it means the same. */
    struct outcome again = outcome_reply_judge(&r, arena);
    ASSERT(again.class == o.class);
    ASSERT(again.rule == o.rule);
}
