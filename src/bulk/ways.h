/* bulk/ways.h -- by which account the next mail of a mailing goes, and when there is room there
 *
 * A way is a server with its login. What may go is limited by three things: the account's quota and
 * warm-up, which are shared with all that is sent through it (shaping/ledger.h); what its server
 * says, by the closed loop of the daemon (shaping/shaper.h), which is kept from run to run; and the
 * ways before it: another one is taken when each of those is shut, or has had no room for
 * BULK_WAYS_OVERFLOW_MS.
 *
 * Nothing here waits, but the file blocks for moments.
 */
#pragma once
#include "client/client.h"
#include "shaping/ledger.h"
#include "shaping/shaper.h"

enum {
    BULK_WAYS_MAX = 8,
    BULK_WAYS_OVERFLOW_MS = 60 * 1000,
    BULK_WAYS_WORDS = 400,
    BULK_WAYS_REFUSED_MAX = 30, /* connections and logins "not now" in a row, until it is shut */
};

struct bulk_way_options {
    struct client_options client;
    str name;    /* of the account, to be told; empty: it has none */
    str counted; /* what its use is counted under: the same for all who send there */
    struct config_quota quota;
};

struct bulk_ways_options {
    struct bulk_way_options list[BULK_WAYS_MAX];
    size_t count;
    const char *use;           /* the file that remembers; NULL: nothing is remembered */
    struct warmup_rules rules; /* of the warm-up */
    const int *caps;           /* of its days; NULL: none */
    int days;
};

struct bulk_ways;

/* The options live as long. */
must_use err bulk_ways_open(const struct bulk_ways_options *, struct bulk_ways **ret_ways);
void bulk_ways_close(struct bulk_ways *); /* accepts NULL */

/* May a mail go that way now? *ret_wait_ms: 0, it is counted and has its grant; else ask again by
 * then at the latest, and *ret_words says why when that is long. */
must_use err bulk_ways_take(struct bulk_ways *, size_t way, struct shaper_grant *ret_grant,
                            int64_t *ret_wait_ms, char ret_words[BULK_WAYS_WORDS]);
/* What became of it. True: nothing was tried, and another may be. */
bool bulk_ways_end(struct bulk_ways *, size_t way, struct shaper_grant *,
                   const struct client_mail *);

void bulk_ways_shut(struct bulk_ways *, size_t way); /* it is of no use */
void bulk_ways_open_all(struct bulk_ways *);         /* those that were shut are tried again */
bool bulk_ways_is_shut(const struct bulk_ways *, size_t way);

/* What limits it, a line for each way that has limits; and when so many mails are through. */
must_use err bulk_ways_describe(struct bulk_ways *, struct buf *out);
int64_t bulk_ways_finish_ms(struct bulk_ways *, uint64_t count); /* real time; 0: no limit */
