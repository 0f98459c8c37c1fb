/* dns/budget.h -- how much DNS work one message may cause
 *
 * A sender decides which names are looked up for its message, and what stands there, so the sum has
 * limits in number, in time and in bytes. One budget belongs to one message (or one connection) and
 * to one loop.
 */
#pragma once
#include "base/clock.h"
#include "base/err.h"

enum {
    DNS_BUDGET_QUESTIONS = 100, /* the default for a message */
    DNS_BUDGET_MS = 20000,      /* all together */
    /* Of answers, all together: so much for each question that is granted, within these. */
    DNS_BUDGET_QUESTION_BYTES = 10 << 10,
    DNS_BUDGET_BYTES_LEAST = 256 << 10, /* one answer of the largest kind has room */
    DNS_BUDGET_BYTES_MAX = 4 << 20,
};

struct dns_budget {
    int questions_left;
    deadline until;
    size_t bytes_left;
    size_t bytes; /* that answers took so far */

    /* Whoever counts the memory of many messages is asked before an answer is kept, with what they
     * take then. An err: there is no room for it. NULL: nobody counts. */
    err (*hold)(void *arg, size_t bytes);
    void *hold_arg;
};

void dns_budget_init(struct dns_budget *, int questions, int64_t total_ms);
/* Take one question off. ERR_LIMIT: there is none left. NULL: nobody counts. */
must_use err dns_budget_take(struct dns_budget *);
/* Keep an answer of that size. ERR_LIMIT: it is too much; then it is not kept. NULL: nobody
 * counts. */
must_use err dns_budget_keep(struct dns_budget *, size_t bytes);
/* The sooner of the two; of a NULL budget: the other. */
deadline dns_budget_deadline(const struct dns_budget *, deadline until);
