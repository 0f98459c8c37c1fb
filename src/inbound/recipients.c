#include "inbound/recipients.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/fiber.h"
#include <pthread.h>
#include <string.h>

enum { ASK_ARENA_BYTES_MAX = 512 * 1024 };

struct remembered {
    struct list age; /* oldest first */
    int64_t until_ms;
    bool known;
    size_t len;
    char address[];
};

struct inbound_recipients {
    struct inbound_recipients_asker asker;
    pthread_mutex_t lock;
    struct table answers;
    struct list ages;
};

static str key_of(const void *object)
{
    const struct remembered *r = object;
    return (str){r->address, r->len};
}

struct inbound_recipients *inbound_recipients_open(const struct inbound_recipients_asker *asker)
{
    struct inbound_recipients *r = MEM_NEW(struct inbound_recipients);
    r->asker = *asker;
    pthread_mutex_init(&r->lock, NULL);
    table_init(&r->answers, key_of);
    list_init(&r->ages);
    return r;
}

static void forget(struct inbound_recipients *r, struct remembered *old)
{
    table_remove(&r->answers, key_of(old));
    list_remove(&old->age);
    mem_free(old);
}

void inbound_recipients_close(struct inbound_recipients *r)
{
    if (r == NULL)
        return;
    while (!list_empty(&r->ages))
        forget(r, LIST_OF(r->ages.next, struct remembered, age));
    table_release(&r->answers);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static bool recall(struct inbound_recipients *r, str address, bool *ret_known)
{
    pthread_mutex_lock(&r->lock);
    struct remembered *m = table_find(&r->answers, address);
    bool found = m && m->until_ms > clock_steady_ms();
    if (found)
        *ret_known = m->known;
    else if (m)
        forget(r, m);
    pthread_mutex_unlock(&r->lock);
    return found;
}

static void remember(struct inbound_recipients *r, str address, bool known)
{
    struct remembered *m = mem_alloc(sizeof *m + address.len);
    memcpy(m->address, address.ptr, address.len);
    m->len = address.len;
    m->known = known;
    m->until_ms =
        clock_steady_ms() + (known ? INBOUND_RECIPIENTS_YES_MS : INBOUND_RECIPIENTS_NO_MS);
    pthread_mutex_lock(&r->lock);
    struct remembered *before = table_find(&r->answers, address);
    if (before)
        forget(r, before);
    if (r->answers.len >= INBOUND_RECIPIENTS_MAX)
        forget(r, LIST_OF(r->ages.next, struct remembered, age));
    table_add(&r->answers, m);
    list_add_last(&r->ages, &m->age);
    pthread_mutex_unlock(&r->lock);
}

err inbound_recipients_ask(struct inbound_recipients *r, const struct config_hop *hop, str address,
                           enum inbound_recipient *ret_answer, deadline until)
{
    bool known;
    if (recall(r, address, &known)) {
        *ret_answer = known ? INBOUND_RECIPIENT_YES : INBOUND_RECIPIENT_NO;
        return NULL;
    }
    struct arena *arena = arena_open(ASK_ARENA_BYTES_MAX);
    struct smtp_reply reply = {0};
    until = deadline_sooner(until, deadline_after(INBOUND_RECIPIENTS_ASK_MS_MAX));
    err e = r->asker.ask(r->asker.arg, hop, address, arena, &reply, until);
    int verdict = e ? 4 : reply.code / 100;
    arena_close(arena);
    if (e && fiber_canceled())
        return e;
    if (verdict == 2 || verdict == 5)
        remember(r, address, verdict == 2);
    *ret_answer = verdict == 2   ? INBOUND_RECIPIENT_YES
                  : verdict == 5 ? INBOUND_RECIPIENT_NO
                                 : INBOUND_RECIPIENT_AWAY;
    return NULL;
}
