#include "outbound/port25.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include <pthread.h>
#include <string.h>

enum { NETWORK_BYTES = 5 }; /* family, then up to four bytes */

struct outbound_port25 {
    const struct event_sink *events;
    pthread_mutex_t lock; /* guards what follows */
    char silent[OUTBOUND_PORT25_NETWORKS][NETWORK_BYTES];
    size_t silent_count;
    bool blocked;
    bool answered_once;
    int64_t answered_ms, probe_ms; /* steady */
};

struct outbound_port25 *outbound_port25_open(const struct event_sink *events)
{
    struct outbound_port25 *p = MEM_NEW(struct outbound_port25);
    p->events = events;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void outbound_port25_close(struct outbound_port25 *p)
{
    if (p == NULL)
        return;
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static void network_of(const struct address *a, char ret_network[NETWORK_BYTES])
{
    bool v4 = a->family == ADDRESS_IP4;
    memset(ret_network, 0, NETWORK_BYTES);
    ret_network[0] = (char)a->family;
    memcpy(ret_network + 1, a->ip, v4 ? 2 : 4);
}

static bool is_known(const struct outbound_port25 *p, const char *network)
{
    for (size_t i = 0; i < p->silent_count; i++)
        if (memcmp(p->silent[i], network, NETWORK_BYTES) == 0)
            return true;
    return false;
}

void outbound_port25_answered(struct outbound_port25 *p, const struct address *a)
{
    if (p == NULL || address_is_loopback(a))
        return;
    pthread_mutex_lock(&p->lock);
    bool was = p->blocked;
    p->blocked = false;
    p->silent_count = 0;
    p->answered_once = true;
    p->answered_ms = clock_steady_ms();
    pthread_mutex_unlock(&p->lock);
    if (was)
        event_emit(p->events, &(struct event){.kind = EVENT_PORT25_OPEN,
                                              .reason = S("a host answers on port 25 again")});
}

/* With the lock held. */
static bool note_silence(struct outbound_port25 *p, const struct address *a)
{
    char network[NETWORK_BYTES];
    int64_t now = clock_steady_ms();
    if (p->blocked || (p->answered_once && now - p->answered_ms < OUTBOUND_PORT25_TRUSTED_MS))
        return false;
    network_of(a, network);
    if (!is_known(p, network))
        memcpy(p->silent[p->silent_count++], network, NETWORK_BYTES);
    if (p->silent_count < OUTBOUND_PORT25_NETWORKS)
        return false;
    p->blocked = true;
    p->probe_ms = now + OUTBOUND_PORT25_PROBE_MS;
    return true;
}

void outbound_port25_silent(struct outbound_port25 *p, const struct address *a)
{
    if (p == NULL || address_is_loopback(a))
        return;
    pthread_mutex_lock(&p->lock);
    bool begins = note_silence(p, a);
    pthread_mutex_unlock(&p->lock);
    if (!begins)
        return;
    log_warn("%s", OUTBOUND_PORT25_ADVICE);
    event_emit(p->events,
               &(struct event){.kind = EVENT_PORT25_BLOCKED,
                               .reason = S(OUTBOUND_PORT25_ADVICE),
                               .next_due_ms = clock_real_ms() + OUTBOUND_PORT25_PROBE_MS});
}

static bool is_open(const struct outbound_port25 *p)
{
    return !p->blocked || clock_steady_ms() >= p->probe_ms;
}

bool outbound_port25_may_try(struct outbound_port25 *p)
{
    if (p == NULL)
        return true;
    pthread_mutex_lock(&p->lock);
    bool may = is_open(p);
    if (p->blocked && may)
        p->probe_ms = clock_steady_ms() + OUTBOUND_PORT25_PROBE_MS;
    pthread_mutex_unlock(&p->lock);
    return may;
}

bool outbound_port25_is_open(struct outbound_port25 *p)
{
    if (p == NULL)
        return true;
    pthread_mutex_lock(&p->lock);
    bool open = is_open(p);
    pthread_mutex_unlock(&p->lock);
    return open;
}

int64_t outbound_port25_next_ms(struct outbound_port25 *p)
{
    if (p == NULL)
        return 0;
    pthread_mutex_lock(&p->lock);
    int64_t left = p->probe_ms - clock_steady_ms();
    int64_t next = p->blocked ? clock_real_ms() + (left > 0 ? left : 0) : 0;
    pthread_mutex_unlock(&p->lock);
    return next;
}
