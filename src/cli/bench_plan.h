/* cli/bench_plan.h -- what is to be sent, and where to: everything that can be made before the
 * clock runs
 *
 * Commands and content stand ready as bytes; workers only read them. A plan names one address, and
 * it must be this machine's loopback unless the caller says whose server it is.
 */
#pragma once
#include "base/arena.h"
#include "config/config.h"
#include "runtime/tls.h"

enum {
    BENCH_CONNECTIONS_MAX = 20000,
    BENCH_RCPTS_MAX = 1000,
    BENCH_DOMAINS_MAX = 1000,
    BENCH_COMMANDS_MAX = 100 * 1000, /* RCPTs of all variants together */
    BENCH_MESSAGE_BYTES_MIN = 512,
    BENCH_MESSAGE_BYTES_MAX = 64 << 20,
    BENCH_ADDRESS_BYTES_MAX = 254, /* RFC 5321 section 4.5.3.1.3, without the angle brackets */
    BENCH_HEAD_BYTES = 64,         /* the Message-ID field, always as long */
    BENCH_ARENA_BYTES_MAX = 128 << 20,
};

struct bench_plan_options { /* as the command line has them; NULL or 0: the default */
    const char *server;
    bool own_server; /* other addresses than loopback are meant */
    bool tls;
    const char *ca;
    const char *user, *secret;
    const char *from, *to;
    int rcpts, domains;
    int64_t message_bytes;
    int64_t timeout_ms;
};

/* MAIL, RCPT …, DATA of one message: command i is bytes starts[i] to starts[i + 1]. */
struct bench_commands {
    str bytes;
    uint32_t *starts;
    int count;
};

struct bench_plan {
    struct arena *arena;
    struct config_hop hop;
    struct address to;
    bool starttls;                 /* hop.implicit_tls is the other way */
    struct tls_client *tls_client; /* NULL: no TLS */
    enum tls_verify verify;
    str hello;                       /* EHLO or LHLO */
    struct buf auth;                 /* empty: no login */
    struct bench_commands *variants; /* message n sends variant n % variant_count */
    size_t variant_count;
    str body; /* stuffed and ended by CRLF; behind a head, without the final dot */
    int rcpts;
    int64_t message_bytes, timeout_ms;
};

/* Blocks (name service, files). ERR_CONFIG says what to change. */
must_use err bench_plan_open(const struct bench_plan_options *, struct bench_plan *ret_plan);
void bench_plan_release(struct bench_plan *);

/* The first field of message number, in the caller's array. */
str bench_plan_head(uint64_t number, char ret_head[BENCH_HEAD_BYTES]);
