#include "queue/schedule.h"
#include "base/mem.h"
#include "queue/ends.h"
#include "queue/index.h"
#include <sched.h>

enum {
    LOOK_MS = 60 * 1000, /* nobody sleeps longer than this */
    INBOX_STEP = 4096,   /* deliveries sorted in at one turn of the loop */
    SKEW_ALLOWED_MS = 1000,
};

struct schedule {
    struct queue *queue;
    struct queue_inbox *inbox;
    struct heap waiting; /* by steady time */
    /* Destinations that have due deliveries and are not passed over, by the level of the first. */
    struct list turns[QUEUE_LEVELS];
    int contested; /* turns that more than one level wanted */
    int lower;     /* the level that had the last turn of the less urgent */
    struct list stranded;
    struct gate gate;
};

/* ---- places ---------------------------------------------------------------------------------- */

/* 0 for priority -9. It never changes while a delivery is ready. */
static uint8_t level_of(const struct queue_delivery *d)
{
    int level = queue_index_state(d).priority + ENVELOPE_PRIORITY_MAX;
    return (uint8_t)(level < 0 ? 0 : level < QUEUE_LEVELS ? level : QUEUE_LEVELS - 1);
}

static uint8_t level_at(const struct list *ready)
{
    return level_of(LIST_OF(ready, struct queue_delivery, ready));
}

/* Behind the last of those that are as urgent, or else more. */
static void add_ready(struct queue_destination *at, struct queue_delivery *d)
{
    uint8_t level = level_of(d);
    if (at->levels == NULL && level == ENVELOPE_PRIORITY_MAX) {
        list_add_last(&at->ready, &d->ready);
        return;
    }
    if (at->levels == NULL) {
        at->levels = MEM_NEW(struct queue_levels);
        if (!list_empty(&at->ready))
            at->levels->last[ENVELOPE_PRIORITY_MAX] = at->ready.prev;
    }
    struct list *before = &at->ready;
    for (int l = level; l < QUEUE_LEVELS && before == &at->ready; l++)
        if (at->levels->last[l])
            before = at->levels->last[l];
    list_insert_before(before->next, &d->ready);
    at->levels->last[level] = &d->ready;
}

static void remove_ready(struct queue_destination *at, struct queue_delivery *d)
{
    if (at->levels) {
        struct list **last = &at->levels->last[level_of(d)], *before = d->ready.prev;
        bool stays = before != &at->ready && level_at(before) == level_of(d);
        if (*last == &d->ready)
            *last = stays ? before : NULL;
    }
    list_remove(&d->ready);
}

/* With the lock held, for it is read how urgent its first delivery is: that is its place among the
 * turns, unless it has none or is passed over. */
static void wait_for_turn(struct schedule *s, struct queue_destination *at)
{
    if (at->ready_count == 0 || at->paused || at->stranded)
        return;
    uint8_t level = level_at(at->ready.next);
    if (list_linked(&at->turn) && at->level == level)
        return;
    list_remove(&at->turn);
    at->level = level;
    list_add_last(&s->turns[level], &at->turn);
}

/* With the lock held, unless it is in the heap. */
static void unplace(struct schedule *s, struct queue_delivery *d)
{
    struct queue_destination *at = d->destination;
    if (d->place == QUEUE_IN_HEAP)
        heap_remove(&s->waiting, &d->node);
    if (d->place == QUEUE_IN_READY) {
        remove_ready(at, d);
        at->ready_count--;
        if (at->ready_count == 0) {
            list_remove(&at->turn);
            at->stranded = false; /* it may go: it must be in no list */
        } else if (list_linked(&at->turn)) {
            wait_for_turn(s, at);
        }
    }
    d->place = QUEUE_NOWHERE;
}

/* With the lock held: it is read how urgent it is. */
static void make_ready(struct schedule *s, struct queue_delivery *d)
{
    struct queue_destination *at = d->destination;
    d->ready = (struct list){0};
    add_ready(at, d);
    d->place = QUEUE_IN_READY;
    at->ready_count++;
    wait_for_turn(s, at);
}

/* How long until it is due. When the last thing that happened to it lies in the future the clock
 * went back: then what counts is the distance between the two. */
static int64_t now_for(const struct queue_delivery *d)
{
    int64_t now = clock_real_ms();
    int64_t last = d->attempts ? (int64_t)d->last_s * 1000 : queue_entry_of(d)->accepted_ms;
    return last > now + SKEW_ALLOWED_MS ? last : now;
}

static int64_t wait_ms(const struct queue_delivery *d)
{
    int64_t from = now_for(d);
    return d->due_ms > from ? d->due_ms - from : 0;
}

/* With the lock held: put it where its state says. */
static void place(struct schedule *s, struct queue_delivery *d)
{
    bool over = d->gone || (d->flags & QUEUE_FINISHED);
    unplace(s, d);
    if (d->taken)
        return; /* it will be told again */
    if (over) {
        queue_index_unref(s->queue, queue_entry_of(d));
        return;
    }
    if ((d->flags & QUEUE_HELD) || d->damaged)
        return;
    int64_t wait = wait_ms(d);
    if (wait == 0) {
        make_ready(s, d);
        return;
    }
    d->node = (struct heap_node){0};
    heap_add(&s->waiting, &d->node, clock_steady_ms() + wait);
    d->place = QUEUE_IN_HEAP;
}

/* ---- the inbox ------------------------------------------------------------------------------- */

/* With the lock held. True: there is more. */
static bool sort_in(struct schedule *s)
{
    struct queue_inbox *inbox = s->inbox;
    for (int n = 0; n < INBOX_STEP && inbox->first; n++) {
        struct queue_delivery *d = inbox->first;
        inbox->first = d->inbox_next;
        if (inbox->first == NULL)
            inbox->end = &inbox->first;
        d->in_inbox = false;
        place(s, d);
    }
    return inbox->first != NULL;
}

/* What nobody was woken for is looked at by who is awake anyway. True: there is more. */
static bool look(struct schedule *s)
{
    pthread_mutex_lock(&s->queue->lock);
    bool more = sort_in(s);
    pthread_mutex_unlock(&s->queue->lock);
    return more;
}

static void inbox_note(struct loop_note *note)
{
    struct queue_inbox *inbox = CONTAINER_OF(note, struct queue_inbox, note);
    struct schedule *s = inbox->schedule;
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->queue->lock);
    bool more = sort_in(s);
    inbox->posted = more;
    pthread_mutex_unlock(&s->queue->lock);
    if (more)
        loop_post(inbox->loop, &inbox->note);
    gate_wake_all(&s->gate);
}

void queue_attach(struct queue *q, int worker, struct schedule **ret_schedule)
{
    ASSERT(worker >= 0 && worker < q->options.workers);
    struct schedule *s = MEM_NEW(struct schedule);
    struct queue_inbox *inbox = &q->inboxes[worker];
    s->queue = q;
    s->inbox = inbox;
    for (size_t i = 0; i < ARRAY_LEN(s->turns); i++)
        list_init(&s->turns[i]);
    list_init(&s->stranded);
    gate_init(&s->gate);
    inbox->note.run = inbox_note;
    pthread_mutex_lock(&q->lock);
    inbox->loop = loop_current();
    inbox->schedule = s;
    inbox->posted = true;
    pthread_mutex_unlock(&q->lock);
    ASSERT(inbox->loop != NULL);
    loop_post(inbox->loop, &inbox->note);
    *ret_schedule = s;
}

void schedule_close(struct schedule *s)
{
    if (s == NULL)
        return;
    struct queue *q = s->queue;
    pthread_mutex_lock(&q->lock);
    for (struct queue_inbox **i = &q->wanted; *i; i = &(*i)->next_wanted)
        if (*i == s->inbox) {
            *i = s->inbox->next_wanted;
            break;
        }
    s->inbox->posted = true; /* nobody wants it any more */
    pthread_mutex_unlock(&q->lock);
    while (__atomic_load_n(&s->inbox->posting, __ATOMIC_ACQUIRE) > 0)
        sched_yield();
    pthread_mutex_lock(&q->lock);
    s->inbox->loop = NULL;
    s->inbox->schedule = NULL;
    pthread_mutex_unlock(&q->lock);
    heap_release(&s->waiting);
    for (size_t i = 0; i < ARRAY_LEN(s->turns); i++)
        while (!list_empty(&s->turns[i]))
            list_take_first(&s->turns[i]);
    while (!list_empty(&s->stranded))
        list_take_first(&s->stranded);
    mem_free(s);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static void wake_due(struct schedule *s)
{
    int64_t now = clock_steady_ms();
    struct heap_node *node = heap_first(&s->waiting);
    if (node == NULL || node->key > now)
        return;
    pthread_mutex_lock(&s->queue->lock);
    while ((node = heap_first(&s->waiting)) != NULL && node->key <= now) {
        struct queue_delivery *d = CONTAINER_OF(node, struct queue_delivery, node);
        unplace(s, d);
        make_ready(s, d);
    }
    pthread_mutex_unlock(&s->queue->lock);
}

/* NULL: it changed meanwhile, and its note is under way. */
static struct queue_delivery *take_this(struct schedule *s, struct queue_delivery *d)
{
    pthread_mutex_lock(&s->queue->lock);
    unplace(s, d);
    wait_for_turn(s, d->destination);
    bool good = !d->gone && !d->taken && !d->damaged && !(d->flags & (QUEUE_FINISHED | QUEUE_HELD));
    d->taken = d->taken || good;
    pthread_mutex_unlock(&s->queue->lock);
    return good ? d : NULL;
}

static struct queue_delivery *take_from(struct schedule *s, struct queue_destination *at)
{
    return take_this(s, LIST_OF(at->ready.next, struct queue_delivery, ready));
}

/* The next level below that has a destination waiting; -1: none. */
static int next_below(const struct schedule *s, int level)
{
    while (--level >= 0 && list_empty(&s->turns[level]))
        continue;
    return level;
}

/* Whose turn is it? -1: nobody waits. */
static int choose_level(struct schedule *s)
{
    enum { TURNS = 4 }; /* one of so many belongs to the less urgent */
    int first = next_below(s, QUEUE_LEVELS);
    int second = next_below(s, first);
    if (second < 0 || ++s->contested % TURNS != 0)
        return first;
    s->lower = s->lower < first ? next_below(s, s->lower) : -1;
    if (s->lower < 0) /* all of them had theirs: from the top again */
        s->lower = second;
    return s->lower;
}

static struct queue_delivery *take(struct schedule *s)
{
    int level;
    while ((level = choose_level(s)) >= 0) {
        struct queue_destination *at =
            LIST_OF(list_take_first(&s->turns[level]), struct queue_destination, turn);
        struct queue_delivery *d = take_from(s, at);
        if (d)
            return d;
    }
    return NULL;
}

err schedule_next(struct schedule *s, struct queue_delivery **ret_delivery, deadline until)
{
    for (;;) {
        bool more = look(s);
        wake_due(s);
        struct queue_delivery *d = take(s);
        if (d) {
            *ret_delivery = d;
            return NULL;
        }
        if (more) {
            TRY(fiber_yield());
            continue;
        }
        struct heap_node *next = heap_first(&s->waiting);
        deadline wake = deadline_after(LOOK_MS);
        if (next)
            wake = deadline_sooner(wake, (deadline){next->key});
        err e = gate_wait(&s->gate, deadline_sooner(wake, until));
        if (e && (e->kind != ERR_TIMEOUT || deadline_passed(until)))
            return e;
        if (e)
            err_forget();
    }
}

/* With the lock held: a destination that has no deliveries may go at any time. */
static struct queue_destination *find(struct schedule *s, str name)
{
    struct queue_destination *at = table_find(&s->queue->destinations, name);
    bool ours = at && &s->queue->inboxes[at->worker] == s->inbox;
    return ours ? at : NULL;
}

struct queue_delivery *schedule_next_for(struct schedule *s, str name)
{
    struct queue_delivery *d = NULL;
    bool more = true;
    (void)look(s);
    wake_due(s);
    while (d == NULL && more) {
        pthread_mutex_lock(&s->queue->lock);
        struct queue_destination *at = find(s, name);
        more = at && at->ready_count > 0; /* then it stays */
        pthread_mutex_unlock(&s->queue->lock);
        if (more)
            d = take_from(s, at);
    }
    return d;
}

static struct queue_delivery *find_old(struct queue_destination *at, int64_t accepted_before_ms)
{
    int looks = 0;
    LIST_EACH(&at->ready, node)
    {
        struct queue_delivery *d = LIST_OF(node, struct queue_delivery, ready);
        if (queue_entry_of(d)->accepted_ms < accepted_before_ms)
            return d;
        if (++looks == SCHEDULE_OLD_LOOKS_MAX)
            break;
    }
    return NULL;
}

struct queue_delivery *schedule_next_old(struct schedule *s, str name, int64_t accepted_before_ms)
{
    (void)look(s);
    wake_due(s);
    pthread_mutex_lock(&s->queue->lock);
    struct queue_destination *at = find(s, name);
    struct queue_delivery *d = at && at->ready_count > 0 ? find_old(at, accepted_before_ms) : NULL;
    pthread_mutex_unlock(&s->queue->lock);
    return d ? take_this(s, d) : NULL;
}

struct queue_delivery *schedule_next_ended(struct schedule *s)
{
    (void)look(s);
    struct queue_delivery *d;
    do {
        pthread_mutex_lock(&s->queue->lock);
        d = queue_ends_next(s->inbox, clock_real_ms());
        pthread_mutex_unlock(&s->queue->lock);
    } while (d && take_this(s, d) == NULL);
    return d;
}

size_t schedule_ready(struct schedule *s, str name)
{
    (void)look(s);
    wake_due(s);
    pthread_mutex_lock(&s->queue->lock);
    struct queue_destination *at = find(s, name);
    size_t count = at ? at->ready_count : 0;
    pthread_mutex_unlock(&s->queue->lock);
    return count;
}

static void set_paused(struct schedule *s, str name, bool paused)
{
    pthread_mutex_lock(&s->queue->lock);
    struct queue_destination *at = find(s, name);
    if (at)
        at->paused = paused;
    if (at && paused)
        list_remove(&at->turn);
    if (at && !paused && !list_linked(&at->turn))
        wait_for_turn(s, at);
    pthread_mutex_unlock(&s->queue->lock);
}

void schedule_pause(struct schedule *s, str name) { set_paused(s, name, true); }

void schedule_resume(struct schedule *s, str name)
{
    set_paused(s, name, false);
    gate_wake_all(&s->gate);
}

/* True: it waits for its turn, and only for that. */
static bool is_due(const struct queue_delivery *d)
{
    return !d->gone && !d->damaged && !(d->flags & (QUEUE_FINISHED | QUEUE_HELD)) &&
           wait_ms(d) == 0;
}

void schedule_strand(struct schedule *s, struct queue_delivery **delivery)
{
    struct queue_delivery *d = *delivery;
    struct queue_destination *at = d->destination;
    *delivery = NULL;
    pthread_mutex_lock(&s->queue->lock);
    ASSERT(d->taken);
    d->taken = false;
    if (is_due(d)) {
        at->stranded = true;
        list_remove(&at->turn);
        list_add_last(&s->stranded, &at->turn);
    }
    place(s, d);
    pthread_mutex_unlock(&s->queue->lock);
}

void schedule_unstrand(struct schedule *s)
{
    struct list *node;
    pthread_mutex_lock(&s->queue->lock);
    while ((node = list_take_first(&s->stranded)) != NULL) {
        struct queue_destination *at = LIST_OF(node, struct queue_destination, turn);
        at->stranded = false;
        wait_for_turn(s, at);
    }
    pthread_mutex_unlock(&s->queue->lock);
    gate_wake_all(&s->gate);
}

void schedule_put_back(struct schedule *s, struct queue_delivery **delivery, int64_t due_ms)
{
    struct queue_delivery *d = *delivery;
    *delivery = NULL;
    pthread_mutex_lock(&s->queue->lock);
    ASSERT(d->taken);
    d->taken = false;
    int64_t wait = due_ms - clock_real_ms();
    d->due_ms = now_for(d) + (wait > 0 ? wait : 0);
    queue_index_tell(s->queue, d);
    queue_index_unlock(s->queue);
}
