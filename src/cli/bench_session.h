/* cli/bench_session.h -- one connection of the load generator, from connect to QUIT
 *
 * Functions return whether the session can go on; why it cannot has then been counted in the tally.
 */
#pragma once
#include "cli/bench_plan.h"
#include "cli/bench_reply.h"
#include "cli/bench_tally.h"

struct bench_session {
    const struct bench_plan *plan;
    struct bench_tally *tally;
    struct net_conn *conn; /* NULL: not open */
    bool pipelining;
    bool said_quit;    /* behind the last dot */
    bool quiet;        /* what goes wrong now is not counted */
    uint64_t messages; /* sent on this connection */
};

/* Connect, greeting, EHLO, STARTTLS and EHLO again, AUTH. */
bool bench_session_open(struct bench_session *);
void bench_session_close(struct bench_session *); /* without a word */

/* Lost connections are counted at this stage. */
bool bench_session_write(struct bench_session *, enum bench_stage, str);
bool bench_session_flush(struct bench_session *, enum bench_stage);
/* Good until the next one is read. */
bool bench_session_read(struct bench_session *, enum bench_stage, struct bench_reply *ret_reply);
/* Say something and have the reply. */
bool bench_session_ask(struct bench_session *, enum bench_stage, str,
                       struct bench_reply *ret_reply);
