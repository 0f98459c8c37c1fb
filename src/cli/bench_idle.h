/* cli/bench_idle.h -- connections that say EHLO and then nothing: what does one cost the server? */
#pragma once
#include "cli/bench_plan.h"
#include "cli/bench_tally.h"

enum { BENCH_IDLE_OPENING = 16 }; /* a listen queue is short */

struct bench_idle_options {
    int connections, workers;
    int opening; /* so many are being opened at a time by each worker; 0: BENCH_IDLE_OPENING */
    int64_t duration_ms; /* from when all are open; 0: until SIGINT */
    bool json, quiet;
};

/* Says "ready" on stdout (unless quiet) once each has been opened or given up. The tally's messages
 * are the connections that were held to the end; lost are those that were not opened or that the
 * server closed. */
void bench_idle_run(const struct bench_plan *, const struct bench_idle_options *,
                    struct bench_tally *ret_tally);
