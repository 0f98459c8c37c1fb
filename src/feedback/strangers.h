/* feedback/strangers.h -- bounces of mail that we never sent, and whose login sends unusually much
 *
 * When they come by the dozen, somebody sends in our name: a stranger from elsewhere, whom SPF and
 * DMARC can stop, or one who has a password of ours. Counted by domain and hour, in memory; beside
 * it what each login sends. Threads may share it; nothing waits.
 */
#pragma once
#include "base/arena.h"

enum {
    FEEDBACK_STRANGERS_DOMAINS_MAX = 1000,
    FEEDBACK_STRANGERS_LOGINS_MAX = 20000,
    FEEDBACK_STRANGERS_HOURS = 24,        /* that a login's usual volume is made of */
    FEEDBACK_STRANGERS_UNUSUAL = 3,       /* times its busiest hour before */
    FEEDBACK_STRANGERS_UNUSUAL_MIN = 100, /* recipients in an hour; below it nothing is unusual */
    FEEDBACK_STRANGERS_NAMED_MAX = 5,
};

struct feedback_strangers;
struct feedback_strangers *feedback_strangers_open(void);
void feedback_strangers_close(struct feedback_strangers *); /* accepts NULL */

/* A login has handed over mail for so many recipients. */
void feedback_strangers_sent(struct feedback_strangers *, str login, uint32_t recipients,
                             int64_t now_ms);
/* One came for this domain. True, once in an hour: there were so many that it should be told;
 * *ret_count says how many. */
bool feedback_strangers_bounce(struct feedback_strangers *, str domain, int64_t alert,
                               int64_t now_ms, int64_t *ret_count);
/* What it means, in a sentence or two; names logins whose volume is unusual. */
str feedback_strangers_words(struct feedback_strangers *, str domain, int64_t now_ms,
                             struct arena *);
