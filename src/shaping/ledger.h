/* shaping/ledger.h -- what was sent through one account, counted by all programs that send there
 *
 * Programs of one user that know nothing of each other (two mailings, `send`, a rerun an hour
 * later) share an account's quota and its warm-up by a file (state.h). Each turn is counted there
 * before it is used, in one transaction, so a crash loses a turn and never gives it twice.
 *
 * Of a large quota a thousandth is counted at once and is good for a second; what is not used by
 * then is given back. The quota is taken to be a little smaller then, so that turns which are used
 * a second after they were counted do not exceed it.
 *
 *     struct shaping_ledger_options o = {.path = p, .account = S("ann@smtp.example.net"),
 *                                        .quota = {.per_day = 500}};
 *     TRY(shaping_ledger_open(&o, &ledger));
 *     TRY(shaping_ledger_take(ledger, &wait));  … wait.until_ms == 0: one mail may go
 *
 * A mail has one recipient here. Times are real time. All but told() blocks for moments.
 */
#pragma once
#include "shaping/quota.h"
#include "shaping/warmup.h"

enum {
    SHAPING_LEDGER_HELD_MS = 1000, /* turns that are counted and not used */
    SHAPING_LEDGER_HELD_MAX = 50,
    SHAPING_LEDGER_ASK_MS = 10 * 1000, /* when there is no room it is asked again so soon */
    SHAPING_LEDGER_WORDS = 240,
};

struct shaping_ledger_options {
    const char *path;          /* made when it is not there */
    str account;               /* what it is counted under */
    struct config_quota quota; /* all 0: no limit */
    struct warmup_rules rules; /* of the warm-up */
    const int *caps;           /* of its days; NULL: none */
    int days;
};

struct shaping_ledger;

/* ERR_SYSTEM, ERR_TIMEOUT, ERR_DAMAGED, ERR_CONFIG: as state.h has them. */
must_use err shaping_ledger_open(const struct shaping_ledger_options *,
                                 struct shaping_ledger **ret_ledger);
void shaping_ledger_close(struct shaping_ledger *); /* gives back what is held. Accepts NULL */

struct shaping_ledger_wait {
    int64_t until_ms;                 /* 0: it is counted, and may go */
    bool warmup;                      /* it is the warm-up that is in the way */
    char words[SHAPING_LEDGER_WORDS]; /* "125 of 125 in 6 hours" */
};
must_use err shaping_ledger_take(struct shaping_ledger *, struct shaping_ledger_wait *ret_wait);
void shaping_ledger_return(struct shaping_ledger *); /* the last turn was not used after all */
/* So many went, whatever is allowed. */
must_use err shaping_ledger_count(struct shaping_ledger *, size_t messages, size_t rcpts);
/* What a mail came to, for the warm-up: stored with the next turn, or at the end. */
void shaping_ledger_told(struct shaping_ledger *, enum outcome_class);

/* One kind of the quota as it is now; false: there is no such limit. */
bool shaping_ledger_look(struct shaping_ledger *, enum shaping_quota_kind,
                         struct shaping_quota_use *ret_use);
/* {day 3 of 30, so many of so many today}; false: there is none, or it is over. */
bool shaping_ledger_warmup(struct shaping_ledger *, struct warmup_facts *ret_facts);
/* When the last of so many mails may go, if nobody else sends and all goes well. 0: no limit. */
int64_t shaping_ledger_finish_ms(struct shaping_ledger *, uint64_t count);
