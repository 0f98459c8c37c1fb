/* dns/transport.h -- the seam between a fiber that asks and whatever answers
 *
 * A fiber starts a query, then waits for it with a deadline. The query is memory of its own: when
 * the fiber's wait ends early (deadline, canceled) it leaves the query behind, and whoever comes
 * last frees it. The transports are unbound.h (the real DNS) and zone.h (a file).
 */
#pragma once
#include "base/heap.h"
#include "dns/answer.h"
#include "dns/budget.h"
#include "runtime/loop.h"
#include "runtime/thread.h"

/* What a transport sees: the first block to read, the second to write, the third is its own. */
struct dns_query {
    char name[DNS_NAME_CHARS]; /* canonical */
    enum dns_type type;
    struct dns_transport *transport;
    deadline until; /* an answer after it interests nobody */

    struct arena *arena;      /* for the answer */
    struct dns_answer answer; /* DNS_SERVFAIL until it was set */

    struct chan_item item;
    struct list node;
    struct heap_node timer;
    int number;
    bool asked;

    struct loop_note note; /* from here on transport.c's */
    struct loop *loop;
    struct gate gate;
    int state;
    bool done, left;
};

struct dns_transport {
    /* Take the query over: dns_transport_answered(query) is called once, on any thread, inside
     * this call or later. Does not wait. */
    void (*ask)(struct dns_transport *, struct dns_query *);
    /* Answers what is still open and ends. No fiber asks any more. */
    void (*close)(struct dns_transport *);
};

/* For transports: the answer is in the query, which must not be touched any more. */
void dns_transport_answered(struct dns_query *);

/* For fibers. Every started query must be given to wait or leave, once. The name must be
 * canonical. */
struct dns_query *dns_transport_start(struct dns_transport *, const char *name, enum dns_type,
                                      deadline until);
/* The answer, copied into the arena. A deadline that passes is the answer DNS_TIMEOUT.
 * ERR_CANCELED; ERR_LIMIT: the budget has no room for it. */
must_use err dns_transport_wait(struct dns_query *, struct dns_budget *, struct arena *,
                                struct dns_answer *ret_answer, deadline until);
void dns_transport_leave(struct dns_query *);

/* Before the loops that asked are closed. Accepts NULL. */
void dns_transport_close(struct dns_transport *);
