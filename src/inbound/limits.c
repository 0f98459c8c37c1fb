#include "inbound/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include <pthread.h>
#include <string.h>

enum { KEY_BYTES = 9 }; /* family and the first 64 bits */

struct visitor {
    char key[KEY_BYTES];
    int connections;
    int64_t minute; /* of the count below */
    int arrivals;
    struct list idle; /* among those without connections, longest first */
};

struct inbound_limits {
    pthread_mutex_t lock;
    struct table visitors;
    struct list idle;
    int connections;
};

static str key_of(const void *object)
{
    return (str){((const struct visitor *)object)->key, KEY_BYTES};
}

static void make_key(const struct address *peer, char ret_key[KEY_BYTES])
{
    ret_key[0] = (char)peer->family;
    memcpy(ret_key + 1, peer->ip, KEY_BYTES - 1);
}

struct inbound_limits *inbound_limits_open(void)
{
    struct inbound_limits *l = MEM_NEW(struct inbound_limits);
    pthread_mutex_init(&l->lock, NULL);
    table_init(&l->visitors, key_of);
    list_init(&l->idle);
    return l;
}

void inbound_limits_close(struct inbound_limits *l)
{
    if (l == NULL)
        return;
    size_t at = 0;
    struct visitor *v;
    while ((v = table_next(&l->visitors, &at)) != NULL)
        mem_free(v);
    table_release(&l->visitors);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static struct visitor *find_or_add(struct inbound_limits *l, const struct address *peer)
{
    char key[KEY_BYTES];
    make_key(peer, key);
    struct visitor *v = table_find(&l->visitors, (str){key, KEY_BYTES});
    if (v)
        return v;
    if (l->visitors.len >= INBOUND_LIMITS_ADDRESSES_MAX && !list_empty(&l->idle)) {
        v = LIST_OF(list_take_first(&l->idle), struct visitor, idle);
        table_remove(&l->visitors, key_of(v));
        mem_free(v);
    }
    v = MEM_NEW(struct visitor);
    memcpy(v->key, key, KEY_BYTES);
    list_add_last(&l->idle, &v->idle);
    table_add(&l->visitors, v);
    return v;
}

static enum inbound_limit judge(struct inbound_limits *l, const struct inbound_limits_rule *rule,
                                struct visitor *v, int64_t now_ms)
{
    if (now_ms / 60000 != v->minute) {
        v->minute = now_ms / 60000;
        v->arrivals = 0;
    }
    if (rule->connections > 0 && l->connections >= rule->connections)
        return INBOUND_TOO_MANY;
    if (rule->per_address > 0 && v->connections >= rule->per_address)
        return INBOUND_TOO_MANY_HERE;
    if (rule->rate_per_minute > 0 && v->arrivals >= rule->rate_per_minute)
        return INBOUND_TOO_FAST;
    return INBOUND_OK;
}

enum inbound_limit inbound_limits_enter(struct inbound_limits *l,
                                        const struct inbound_limits_rule *rule,
                                        const struct address *peer, int64_t now_ms)
{
    struct inbound_limits_rule mine = *rule;
    if (address_is_loopback(peer))
        mine.per_address = mine.rate_per_minute = 0;
    pthread_mutex_lock(&l->lock);
    struct visitor *v = find_or_add(l, peer);
    enum inbound_limit verdict = judge(l, &mine, v, now_ms);
    if (verdict == INBOUND_OK) {
        l->connections++;
        v->connections++;
        v->arrivals++;
        list_remove(&v->idle);
    }
    pthread_mutex_unlock(&l->lock);
    return verdict;
}

void inbound_limits_leave(struct inbound_limits *l, const struct address *peer)
{
    pthread_mutex_lock(&l->lock);
    struct visitor *v = find_or_add(l, peer);
    ASSERT(v->connections > 0);
    l->connections--;
    if (--v->connections == 0)
        list_add_last(&l->idle, &v->idle);
    pthread_mutex_unlock(&l->lock);
}

int inbound_limits_count(struct inbound_limits *l)
{
    pthread_mutex_lock(&l->lock);
    int count = l->connections;
    pthread_mutex_unlock(&l->lock);
    return count;
}
