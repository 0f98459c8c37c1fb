#include "dns/budget.h"
#include <stddef.h>

void dns_budget_init(struct dns_budget *b, int questions, int64_t total_ms)
{
    size_t bytes = questions > 0 ? (size_t)questions * DNS_BUDGET_QUESTION_BYTES : 0;
    bytes = bytes < DNS_BUDGET_BYTES_LEAST ? DNS_BUDGET_BYTES_LEAST : bytes;
    *b = (struct dns_budget){
        .questions_left = questions,
        .until = deadline_after(total_ms),
        .bytes_left = bytes > DNS_BUDGET_BYTES_MAX ? DNS_BUDGET_BYTES_MAX : bytes,
    };
}

err dns_budget_take(struct dns_budget *b)
{
    if (b == NULL)
        return NULL;
    if (b->questions_left <= 0)
        return err_new(ERR_LIMIT, "too many DNS questions for one message");
    b->questions_left--;
    return NULL;
}

err dns_budget_keep(struct dns_budget *b, size_t bytes)
{
    if (b == NULL)
        return NULL;
    if (bytes > b->bytes_left)
        return err_new(ERR_LIMIT, "the DNS says too much for one message");
    if (b->hold)
        TRY(b->hold(b->hold_arg, b->bytes + bytes));
    b->bytes_left -= bytes;
    b->bytes += bytes;
    return NULL;
}

deadline dns_budget_deadline(const struct dns_budget *b, deadline until)
{
    return b ? deadline_sooner(b->until, until) : until;
}
