/* cli/bench_sink.h -- a server that takes every message and keeps none
 *
 * It reads the protocol as strictly as a server must (only CRLF.CRLF ends a message) and answers a
 * pipelined batch in one write. It listens on this machine's loopback only, unless it is told that
 * others may come.
 */
#pragma once
#include "cli/bench_provider.h"
#include "cli/bench_record.h"
#include "cli/bench_tally.h"
#include "runtime/address.h"
#include "runtime/tls.h"

enum {
    BENCH_SINK_ADDRESSES_MAX = 100,
    BENCH_SINK_REPLY_BYTES_MAX = 200,
};

struct bench_sink_options {
    struct address at;               /* port 0: any */
    int addresses;                   /* so many in a row from at on, each with at's port; 0: one */
    int workers;                     /* with a provider: one */
    struct bench_provider *provider; /* NULL: no rules */
    struct bench_record *record;     /* NULL: nobody wants to know when messages came */
    struct tls_server *tls;          /* STARTTLS is offered; NULL: it is not */
    bool expose;                     /* not on loopback only */
    bool lmtp;
    bool once;       /* offers XONCE: a mail whose key it has had is taken and not counted again */
    bool discard;    /* take the content without judging it */
    int64_t slow_ms; /* before the reply to the dot */
    int reply_code;  /* 0: all is well; else what is answered at this stage */
    str reply_text;  /* behind the code; empty: "4.0.0 As asked for" */
    enum bench_stage reply_stage;
    uint64_t every;      /* say on stdout when so many more were taken; 0: never */
    uint64_t messages;   /* end after so many; 0: no limit */
    int64_t duration_ms; /* 0: until SIGINT */
    bool json;
    bool quiet; /* nothing is said */
};

/* Says on stdout where it listens (unless quiet), then runs to its end. ERR_CONFIG, ERR_SYSTEM: it
 * cannot listen.
 */
must_use err bench_sink_run(const struct bench_sink_options *, struct bench_tally *ret_tally);
