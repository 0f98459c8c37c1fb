/* TLS reports of others: what was read can be written and says the same when it is read again. */
#include "tests/fuzz.h"
#include "tlspolicy/report_read.h"

static void check_same(const struct tlspolicy_report *a, const struct tlspolicy_report *b)
{
    ASSERT(a->policy_count == b->policy_count);
    ASSERT(a->begin_s == b->begin_s);
    ASSERT(a->end_s == b->end_s);
    for (size_t i = 0; i < a->policy_count; i++) {
        const struct tlspolicy_report_policy *p = &a->policies[i], *q = &b->policies[i];
        ASSERT(p->type == q->type);
        ASSERT(p->successes == q->successes);
        ASSERT(p->failures == q->failures);
        ASSERT(p->string_count == q->string_count);
        ASSERT(p->detail_count == q->detail_count);
        for (size_t d = 0; d < p->detail_count; d++)
            ASSERT(p->details[d].count == q->details[d].count);
    }
}

FUZZ(input, arena)
{
    struct tlspolicy_report report, again;
    struct buf json;
    if (input.len > 1 << 18 || tlspolicy_report_read(input, arena, &report))
        return;
    if (report.begin_s < 0 || report.end_s < 0)
        return; /* what lies before 1970 is read and never written */
    buf_init(&json, TLSPOLICY_REPORT_BYTES_MAX);
    if (tlspolicy_report_write(&report, &json) == NULL) {
        err e = tlspolicy_report_read(buf_str(&json), arena, &again);
        ASSERT(e == NULL);
        check_same(&report, &again);
    }
    buf_release(&json);
}
