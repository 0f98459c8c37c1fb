/* cli/bench_send.h -- the load generator: so many connections, each sending message after message
 *
 * The hot path is two writes a message: MAIL, RCPT and DATA in one where the server offers
 * PIPELINING, then the content with its dot (and QUIT behind the last one). The reply to the dot is
 * what is timed.
 */
#pragma once
#include "cli/bench_plan.h"
#include "cli/bench_record.h"
#include "cli/bench_tally.h"

struct bench_send_options {
    int connections, workers;
    uint64_t messages;       /* 0: until the time is over */
    int64_t duration_ms;     /* 0: until the messages are sent */
    int64_t stagger_ms;      /* the connections' first messages begin that far apart */
    double rate;             /* messages a second, of all together; 0: as fast as it goes */
    uint64_t per_connection; /* messages; 0: as many as there are */
    bool no_pipelining;
    struct bench_record *record; /* NULL: nobody wants to know when messages were taken */
};

/* Runs until it is done, its time is over or SIGINT. */
void bench_send_run(const struct bench_plan *, const struct bench_send_options *,
                    struct bench_tally *ret_tally);
