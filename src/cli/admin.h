/* cli/admin.h -- the operator's socket: what waits in a running server, and what to do with it
 *
 * A Unix socket of mode 0600. A peer that is neither root nor our own user is turned away. A
 * request is four bytes of length (big-endian) and one JSON object with a "verb"; answers are
 * lines of JSON. The last line of an answer has "done" (what was changed or listed) or "error".
 * Whatever a peer sends, the worst that happens is that its own connection is closed (attack 141).
 *
 *     {"verb":"ls"}   "to", "from", "rcpt", "held" narrow it down; "id" asks for one message
 *     {"verb":"hold","ids":["06CJ2M7T8Q4ZK"]}   or "all":true, "to", "from", "rcpt"
 *     {"verb":"egress"}   how it stands with each of our addresses
 *     {"verb":"warmup"}   "egress" and "site" narrow it down
 *     {"verb":"warmup_set","egress":"out1","change":"day","value":5}   or "cap"; "pause", "resume",
 *     "done" go without a value; "site": only that one
 *     {"verb":"transcript","ids":["06CJ2M7T8Q4ZK"]}   what was said in attempts that failed
 *     release, retry, rm: as hold; {"verb":"stats"}, {"verb":"reload"}, {"verb":"stop"}
 *
 * A member that is not known is an error: "rm" with a misspelt filter must not remove everything.
 */
#pragma once
#include "config/config.h"
#include "events/event.h"
#include "outbound/egress_health.h"
#include "outbound/why.h"
#include "queue/admin.h"
#include "runtime/net.h"
#include "shaping/keep.h"

enum {
    CLI_ADMIN_REQUEST_BYTES_MAX = 64 << 10,
    CLI_ADMIN_DEPTH_MAX = 4,        /* of JSON: its parser calls itself */
    CLI_ADMIN_CONNECTIONS_MAX = 32, /* more are closed at once */
    CLI_ADMIN_PATIENCE_MS = 10000,  /* for a request to arrive whole, and for a line to be taken */
    CLI_ADMIN_IDS_MAX = 1000000,    /* messages of one change that are told as events */
};

/* What the one who runs the server lends to it. */
struct cli_admin_actions {
    struct queue *queue;
    const char *transcripts; /* the folder; NULL: none are kept */
    /* The configuration in force, held: to tell that there is no route. NULL: not known. */
    const struct config *(*config)(void *arg);
    void *config_arg;
    struct outbound_why why; /* what keeps mail from being tried: for `queue why` */
    struct outbound_egress_health *egress_health; /* NULL: nobody watches */
    const struct event_sink *events; /* hold, release and removed are told; NULL: to nobody */
    /* Read the configuration again, and come back when it is in force or was refused; the mistakes
     * in it go to *ret_told. Tells its own events. NULL: not here. */
    err (*reload)(void *arg, struct buf *ret_told);
    void (*stop)(void *arg); /* ask the server to end; does not wait. NULL: not here */
    void *arg;
    struct shaping_keep *keep; /* NULL: nothing is warmed up here */
    int64_t patience_ms;       /* 0: CLI_ADMIN_PATIENCE_MS; tests have less */
};

struct cli_admin;

/* Bind; a socket that is left over is replaced. On a fiber. ERR_CONFIG: the path is too long. */
must_use err cli_admin_open(str path, const struct cli_admin_actions *,
                            struct cli_admin **ret_admin);
/* A fiber's whole life: takes connections until it is canceled. Then cli_admin_close(). */
void cli_admin_run(void *admin);
void cli_admin_close(struct cli_admin *); /* accepts NULL */
