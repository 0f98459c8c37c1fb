/* cli/bench_provider.h -- the sink as a provider: rules stand between a client and the usual reply
 *
 * One judge (provider/provider.h) for all connections of one loop. What it was asked for and what
 * it said is told in stretches of time: as text, or as a JSON object a line.
 */
#pragma once
#include "provider/provider.h"
#include "runtime/net.h"
#include "sasl/server.h"

struct bench_provider {
    struct provider_rules rules;
    struct arena *arena;
    struct provider *judge;
    int64_t start_ms, told_ms; /* the judge's clock; until when it was told */
    int64_t every_ms;          /* a report */
    bool json;
};

/* One connection. */
struct bench_guest {
    struct bench_provider *provider; /* NULL: there are no rules, and nothing is ever refused */
    struct provider_session session;
    struct sasl_server *login; /* between AUTH and its end */
    int64_t body_bytes;        /* a second; 0: as it comes */
};

/* Blocks to read the file. What is wrong with it is printed; then ERR_CONFIG. */
must_use err bench_provider_read(const char *path, struct bench_provider *ret_provider);
void bench_provider_start(struct bench_provider *);
void bench_provider_release(struct bench_provider *);

/* Says the refusal, if there is one, repeated so many times; *ret_close: then hang up. Waits first
 * when the rules say so. */
must_use err bench_provider_ask(struct bench_guest *, struct net_conn *, enum provider_stage,
                                str what, int times, bool *ret_refused, bool *ret_close,
                                deadline until);
void bench_provider_leave(struct bench_guest *);

/* AUTH and the lines behind it, while guest->login is set. */
must_use err bench_provider_auth(struct bench_guest *, struct net_conn *, str args, bool *ret_close,
                                 deadline until);
must_use err bench_provider_auth_line(struct bench_guest *, struct net_conn *, str line,
                                      bool *ret_close, deadline until);

/* The content has come so far: wait as a slow reader does. */
must_use err bench_provider_pace(struct bench_guest *, size_t bytes);

void bench_provider_tell(struct bench_provider *); /* the stretch since the last time */
