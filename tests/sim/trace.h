/* tests/sim/trace.h -- what happened in one run: a hash of all of it, and its last lines
 *
 * A run is a child process; the trace is memory that it shares with its parent, so that nothing is
 * lost when the child aborts. Each line begins with the virtual time, and so the hash of two runs
 * of one seed is the same, or something in them was not repeated.
 */
#pragma once
#include "base/str.h"

enum {
    SIM_TRACE_LINES = 300,
    SIM_TRACE_LINE_BYTES = 200,
    SIM_TRACE_FAILURE_BYTES = 4096,
};

/* What a run counts. The names stand in trace.c. */
enum sim_count {
    SIM_MAILS,
    SIM_ACKNOWLEDGED,
    SIM_IN_DOUBT,
    SIM_REFUSED,
    SIM_UNSENT,
    SIM_REPEATED, /* sent again under the same key */
    SIM_TAKEN,
    SIM_REPORTS, /* notifications that arrived */
    SIM_TWICE_REPLY_LOST,
    SIM_TWICE_DISTURBED,
    SIM_REFUSED_AND_TAKEN,
    SIM_CRASHES,
    SIM_KILLS,
    SIM_STOPS,
    SIM_DISK_FAULTS,
    SIM_FAILED_STARTS,
    SIM_QUIRKS, /* of remote servers */
    SIM_BATCHES,
    SIM_BATCHES_HERE, /* committed by the fiber that asked */
    SIM_HOURS,        /* virtual */
    SIM_COUNTS,
};
extern const char *const sim_count_names[SIM_COUNTS];

struct sim_trace {
    uint64_t hash, lines;
    uint64_t counts[SIM_COUNTS];
    bool verbose;                          /* each line to stderr as well */
    char failure[SIM_TRACE_FAILURE_BYTES]; /* the invariant that broke; empty: none */
    char ring[SIM_TRACE_LINES][SIM_TRACE_LINE_BYTES];
};

void sim_trace_use(struct sim_trace *); /* by this process from now on */
void sim_trace(const char *who, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace_count(enum sim_count);
void sim_trace_add(enum sim_count, uint64_t);

/* An invariant is broken: the run ends here, as a process. */
__attribute__((format(printf, 2, 3), noreturn)) void sim_trace_fail(const char *invariant,
                                                                    const char *fmt, ...);
/* The last lines, oldest first, to stdout. */
void sim_trace_print(const struct sim_trace *);
