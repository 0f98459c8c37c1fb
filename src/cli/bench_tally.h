/* cli/bench_tally.h -- what a run came to: messages, times, and which replies were not welcome
 *
 * Each worker counts in a tally of its own; they are merged when the run is over.
 */
#pragma once
#include "base/err.h"
#include "cli/bench_histogram.h"

enum bench_stage {
    BENCH_CONNECT,
    BENCH_GREETING,
    BENCH_HELLO,
    BENCH_STARTTLS,
    BENCH_AUTH,
    BENCH_MAIL,
    BENCH_RCPT,
    BENCH_DATA,
    BENCH_DOT,
    BENCH_RESET,
    BENCH_STAGES,
};
const char *bench_stage_name(enum bench_stage);
must_use err bench_stage_parse(str name, enum bench_stage *ret_stage);

enum {
    BENCH_FAULTS_MAX = 32, /* kinds of them that are told apart; the last takes the others */
    BENCH_FAULT_TEXT_BYTES = 160,
};

struct bench_fault {
    enum bench_stage stage;
    int code; /* 0: no reply was had */
    uint64_t count;
    char text[BENCH_FAULT_TEXT_BYTES]; /* of the first */
};

struct bench_tally {
    uint64_t messages;   /* the final dot was answered with 2xx */
    uint64_t refused;    /* the server said no */
    uint64_t repeated;   /* the sink had them before (XONCE) */
    uint64_t distinct;   /* recipients of those it had not, each counted once */
    uint64_t lost;       /* no answer was had */
    uint64_t recipients; /* of the messages */
    uint64_t bytes;      /* of the messages' content */
    uint64_t connections;
    uint64_t handshakes;            /* TLS, those that succeeded */
    int64_t first_ns, last_ns;      /* steady clock; 0: never */
    int64_t late_ns;                /* with a rate: how far behind the schedule it ever was */
    struct bench_histogram latency; /* of the reply to the final dot */
    struct bench_fault faults[BENCH_FAULTS_MAX];
    size_t fault_count;
};

/* All zero is an empty one. Texts are cut to what fits; what is not printable ASCII becomes '?'. */
void bench_tally_fault(struct bench_tally *, enum bench_stage, int code, str text);
void bench_tally_err(struct bench_tally *, enum bench_stage, err); /* not for ERR_CANCELED */
void bench_tally_time(struct bench_tally *, int64_t now_ns);
void bench_tally_merge(struct bench_tally *into, const struct bench_tally *from);
double bench_tally_seconds(const struct bench_tally *);

/* The report on stdout: for people, or as one JSON object. what: "send", "sink", "idle". */
void bench_tally_print(const struct bench_tally *, const char *what, bool json);
