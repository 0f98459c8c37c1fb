#include "dns/transport.h"
#include "base/mem.h"
#include "runtime/fiber.h"
#include <string.h>

/* Who comes last frees the query: the fiber when it takes the answer, the transport when the fiber
 * has left before the answer, the note when the fiber has left between the answer and the note. */
enum {
    STATE_WAITING,  /* both hold it */
    STATE_ANSWERED, /* the transport is done with it; its note is on the way */
    STATE_LEFT,     /* the fiber is done with it */
};

static void query_free(struct dns_query *q)
{
    arena_close(q->arena);
    mem_free(q);
}

/* True: the state was WAITING and is now `to`. */
static bool settle(struct dns_query *q, int to)
{
    int from = STATE_WAITING;
    return __atomic_compare_exchange_n(&q->state, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* On the loop of the fiber. */
static void arrived(struct loop_note *note)
{
    struct dns_query *q = CONTAINER_OF(note, struct dns_query, note);
    loop_came(q->loop);
    if (q->left) {
        query_free(q);
        return;
    }
    q->done = true;
    gate_wake_all(&q->gate);
}

void dns_transport_answered(struct dns_query *q)
{
    if (!settle(q, STATE_ANSWERED))
        query_free(q);
    else if (loop_current() == q->loop)
        arrived(&q->note);
    else
        loop_post(q->loop, &q->note);
}

struct dns_query *dns_transport_start(struct dns_transport *t, const char *name, enum dns_type type,
                                      deadline until)
{
    ASSERT(fiber_current() != NULL);
    struct dns_query *q = MEM_NEW(struct dns_query);
    memcpy(q->name, name, strnlen(name, DNS_NAME_CHARS - 1));
    q->transport = t;
    q->type = type;
    q->until = until;
    q->arena = arena_open(2 * DNS_ANSWER_BYTES_MAX); /* a parse may fail late and leave its part */
    q->answer = dns_answer_none(DNS_SERVFAIL, DNS_INDETERMINATE);
    q->note.run = arrived;
    q->loop = loop_current();
    gate_init(&q->gate);
    loop_expect(q->loop);
    t->ask(t, q);
    return q;
}

void dns_transport_leave(struct dns_query *q)
{
    struct loop *loop = q->loop;
    if (q->done)
        query_free(q);
    else if (settle(q, STATE_LEFT))
        loop_came(loop); /* no note: the answerer frees it */
    else
        q->left = true;
}

/* NULL: the answer is there. */
static err wait_done(struct dns_query *q, deadline until)
{
    while (!q->done)
        TRY(gate_wait(&q->gate, until));
    /* A transport that knows at once that there will be no answer says so at once; for the asker a
     * timeout still takes its time. */
    if (q->answer.status == DNS_TIMEOUT && !deadline_passed(until))
        TRY(fiber_sleep(until));
    return NULL;
}

err dns_transport_wait(struct dns_query *q, struct dns_budget *budget, struct arena *arena,
                       struct dns_answer *ret_answer, deadline until)
{
    err e = wait_done(q, until);
    if (e == NULL)
        e = dns_budget_keep(budget, arena_used(q->arena));
    if (e == NULL)
        *ret_answer = dns_answer_copy(&q->answer, arena);
    else if (e->kind == ERR_TIMEOUT)
        *ret_answer = dns_answer_none(DNS_TIMEOUT, DNS_INDETERMINATE);
    dns_transport_leave(q);
    return e && e->kind == ERR_TIMEOUT ? NULL : e;
}

void dns_transport_close(struct dns_transport *t)
{
    if (t)
        t->close(t);
}
