/* dns/budget.h -- how much DNS work one message may cause
 *
 * A sender decides which names are looked up for its message, so the sum has limits in number and
 * in time. One budget belongs to one message (or one connection) and to one loop.
 */
#pragma once
#include "base/clock.h"
#include "base/err.h"

enum {
    DNS_BUDGET_QUESTIONS = 100, /* the default for a message */
    DNS_BUDGET_MS = 20000,      /* all together */
};

struct dns_budget {
    int questions_left;
    deadline until;
};

void dns_budget_init(struct dns_budget *, int questions, int64_t total_ms);
/* Take one question off. ERR_LIMIT: there is none left. NULL: nobody counts. */
must_use err dns_budget_take(struct dns_budget *);
/* The sooner of the two; of a NULL budget: the other. */
deadline dns_budget_deadline(const struct dns_budget *, deadline until);
