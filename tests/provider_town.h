/* tests/provider_town.h -- mail for one simulated provider, in virtual time: does a controller find
 * out how fast it may go?
 *
 * The town asks the controller before each message, carries the conversation through the provider's
 * judge, and tells what came of it. No socket, no clock, no sleep: an hour takes milliseconds, and
 * the same options give the same hour.
 */
#pragma once
#include "provider/provider.h"
#include <stdio.h>

enum {
    PROVIDER_TOWN_MINUTE_MS = 60 * 1000,
    PROVIDER_TOWN_LOOK_MINUTES =
        5, /* what is judged together: single minutes of a slow rate are uneven */
};

struct provider_town_outcome {
    uint64_t number; /* of the message that was let go: 0, 1, 2 … in the order of may_send() */
    bool accepted;
    int code;                  /* of the refusal; 0: accepted */
    str text;                  /* the whole refusal, "421 4.7.28 …"; good for the call */
    enum provider_stage stage; /* that was answered so */
};

struct provider_town_controller {
    void *self;
    /* May one more message begin? True: it does, and told() will follow, once. False: ask again at
     * *ret_when_ms (later than now; INT64_MAX: when something was told). */
    bool (*may_send)(void *self, int64_t now_ms, int64_t *ret_when_ms);
    void (*told)(void *self, int64_t now_ms, const struct provider_town_outcome *);
};

struct provider_town_options { /* 0: the default */
    const struct provider_rules *rules;
    int64_t lasts_ms;
    int64_t reply_ms;                /* a reply comes so late (50) */
    int64_t retry_ms;                /* a deferred message is ready again after that (60 s) */
    int64_t idle_ms;                 /* a connection is kept so long (10 s) */
    int64_t per_hour;                /* new messages; 0: there are always some */
    int64_t messages_per_connection; /* 0: no limit */
    int64_t message_bytes;           /* for readers that are slow (10 KB) */
};

struct provider_town_minute {
    double allowed; /* by the throttles; negative: all */
    struct provider_counts counts;
};

struct provider_town_result {
    struct provider_town_minute *minutes; /* the caller's to mem_free */
    size_t minute_count;
    struct provider_counts all;
    uint64_t created, accepted, bounced, waiting, under_way; /* created is the sum of the others */
    int tries_max;                                           /* of one message */
};

void provider_town_run(const struct provider_town_options *,
                       const struct provider_town_controller *,
                       struct provider_town_result *ret_result);

/* What was accepted of what was allowed in these minutes: 1 is all. */
double provider_town_share(const struct provider_town_result *, size_t from_minute,
                           size_t until_minute);
/* How many minutes after from_minute the first PROVIDER_TOWN_LOOK_MINUTES begin in which at least
 * that share was used; -1: none do. */
int provider_town_minutes_to(const struct provider_town_result *, size_t from_minute, double share);
/* One line a minute:
 * minute,allowed,offered,accepted,throttled,stormed,greylisted,blocked,connections */
void provider_town_print(const struct provider_town_result *, FILE *out);
