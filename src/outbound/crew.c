#include "outbound/crew.h"
#include "base/mem.h"
#include <pthread.h>

enum { WORTH_IT = 4 }; /* so many fewer: handing over costs two wake-ups */

struct member {
    struct loop *loop;
    struct outbound *outbound;
    int load, coming;
    bool open;
};

struct outbound_crew {
    pthread_mutex_t lock; /* guards all of it */
    struct member members[OUTBOUND_CREW_MAX];
    int count;
};

struct outbound_crew *outbound_crew_open(void)
{
    struct outbound_crew *c = MEM_NEW(struct outbound_crew);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void outbound_crew_close(struct outbound_crew *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < c->count; i++)
        ASSERT(!c->members[i].open && c->members[i].coming == 0);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static int add_member(struct outbound_crew *c, struct outbound *o)
{
    int place = 0;
    while (place < c->count && c->members[place].open)
        place++;
    if (place == OUTBOUND_CREW_MAX)
        return OUTBOUND_CREW_NOBODY;
    if (place == c->count)
        c->count++;
    c->members[place] = (struct member){.loop = loop_current(), .outbound = o, .open = true};
    return place;
}

int outbound_crew_join(struct outbound_crew *c, struct outbound *o)
{
    if (c == NULL)
        return OUTBOUND_CREW_NOBODY;
    pthread_mutex_lock(&c->lock);
    int place = add_member(c, o);
    pthread_mutex_unlock(&c->lock);
    return place;
}

void outbound_crew_leave(struct outbound_crew *c, int place)
{
    if (place == OUTBOUND_CREW_NOBODY)
        return;
    pthread_mutex_lock(&c->lock);
    c->members[place].open = false;
    pthread_mutex_unlock(&c->lock);
}

int outbound_crew_coming(struct outbound_crew *c, int place)
{
    pthread_mutex_lock(&c->lock);
    int coming = c->members[place].coming;
    pthread_mutex_unlock(&c->lock);
    return coming;
}

void outbound_crew_add_load(struct outbound_crew *c, int place, int count)
{
    if (place == OUTBOUND_CREW_NOBODY)
        return;
    pthread_mutex_lock(&c->lock);
    c->members[place].load += count;
    pthread_mutex_unlock(&c->lock);
}

int outbound_crew_find_helper(struct outbound_crew *c, int place)
{
    if (place == OUTBOUND_CREW_NOBODY)
        return OUTBOUND_CREW_NOBODY;
    int found = OUTBOUND_CREW_NOBODY;
    pthread_mutex_lock(&c->lock);
    int least = c->members[place].load - WORTH_IT;
    for (int i = 0; i < c->count; i++) {
        const struct member *m = &c->members[i];
        if (i != place && m->open && m->load + m->coming <= least) {
            least = m->load + m->coming - 1;
            found = i;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

bool outbound_crew_post(struct outbound_crew *c, int place, struct loop_note *note,
                        struct outbound **ret_member)
{
    pthread_mutex_lock(&c->lock);
    struct member *m = &c->members[place];
    bool open = m->open;
    if (open) {
        *ret_member = m->outbound;
        m->coming++;
        loop_post(m->loop, note);
    }
    pthread_mutex_unlock(&c->lock);
    return open;
}

void outbound_crew_came(struct outbound_crew *c, int place)
{
    pthread_mutex_lock(&c->lock);
    c->members[place].coming--;
    pthread_mutex_unlock(&c->lock);
}
