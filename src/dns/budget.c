#include "dns/budget.h"
#include <stddef.h>

void dns_budget_init(struct dns_budget *b, int questions, int64_t total_ms)
{
    *b = (struct dns_budget){questions, deadline_after(total_ms)};
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

deadline dns_budget_deadline(const struct dns_budget *b, deadline until)
{
    return b ? deadline_sooner(b->until, until) : until;
}
