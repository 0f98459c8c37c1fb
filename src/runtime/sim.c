#include "runtime/sim.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/fiber_inside.h"
#include "runtime/thread.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPE_BYTES_DEFAULT = 64 * 1024 };

/* ---- the clock -------------------------------------------------------------------------- */

static struct {
    bool active;
    int64_t now_ns, date_offset_ms;
    struct loop *loop;
    struct group threads;
    struct list sockets;
    struct list silent;
    struct list held; /* sockets whose input is still under way */
    struct sim_net_rules rules;
    struct address source;
    uint16_t next_port;
    bool cut;
    uint64_t turns, turns_max; /* within this second */
    int64_t second;
} sim;

bool sim_active(void) { return sim.active; }
int64_t sim_start_real_ms(void) { return 1767225600000; } /* 2026-01-01T00:00:00Z */
void sim_jump_date(int64_t by_ms) { sim.date_offset_ms += by_ms; }
void sim_limit_turns(uint64_t per_second) { sim.turns_max = per_second; }

static int64_t sim_steady_ns(void) { return sim.now_ns; }

static int64_t sim_real_ms(void)
{
    return sim_start_real_ms() + sim.date_offset_ms + (sim.now_ns - 1000000000) / 1000000;
}

static const struct clock_source sim_clock = {sim_steady_ns, sim_real_ms};

/* ---- the network ------------------------------------------------------------------------ */

struct sim_socket {
    struct net_socket base;
    struct list all;
    struct address local;
    bool listening, ended, reset; /* ended: we write no more */
    bool closed;
    struct list backlog; /* of a listener: sockets to be accepted, through queued */
    struct list queued;
    struct sim_socket *peer; /* NULL when it was closed */
    struct buf input;        /* what the peer wrote and we have not read */
    bool input_ended;
    struct list held; /* until held_until_ns none of it can be read */
    int64_t held_until_ns;
};

struct silent_address {
    struct list link;
    struct address at;
};

static struct sim_socket *socket_of(struct net_socket *s)
{
    return CONTAINER_OF(s, struct sim_socket, base);
}

static struct sim_socket *new_socket(struct net_driver *net, const struct address *local)
{
    struct sim_socket *s = MEM_NEW(struct sim_socket);
    s->base.driver = net;
    s->base.may_read = s->base.may_write = true;
    gate_init(&s->base.readable);
    gate_init(&s->base.writable);
    list_init(&s->backlog);
    buf_init(&s->input, 1 << 20);
    s->local = *local;
    list_add_last(&sim.sockets, &s->all);
    return s;
}

static void now_readable(struct sim_socket *s)
{
    s->base.may_read = true;
    gate_wake_all(&s->base.readable);
}

static void now_writable(struct sim_socket *s)
{
    s->base.may_write = true;
    gate_wake_all(&s->base.writable);
}

/* Bytes begin their way to s. What is behind them comes with them. */
static void hold_input(struct sim_socket *s)
{
    const struct sim_net_rules *r = &sim.rules;
    int64_t ms = 0;
    if (list_linked(&s->held) || s->input.len > 0)
        return;
    if (r->latency_ms_max)
        ms = (int64_t)rand_below((uint64_t)r->latency_ms_max + 1);
    if (r->stall_one_in && rand_below(r->stall_one_in) == 0)
        ms += (int64_t)rand_below((uint64_t)r->stall_ms_max + 1);
    if (ms == 0)
        return;
    s->held_until_ns = sim.now_ns + ms * 1000000;
    list_add_last(&sim.held, &s->held);
}

static int64_t next_arrival_ns(void)
{
    int64_t next = INT64_MAX;
    LIST_EACH(&sim.held, node)
    {
        int64_t until = LIST_OF(node, struct sim_socket, held)->held_until_ns;
        next = until < next ? until : next;
    }
    return next;
}

static void deliver_arrivals(void)
{
    LIST_EACH(&sim.held, node)
    {
        struct sim_socket *s = LIST_OF(node, struct sim_socket, held);
        if (s->held_until_ns > sim.now_ns)
            continue;
        list_remove(&s->held);
        now_readable(s);
    }
}

static bool same_place(const struct address *a, const struct address *b)
{
    if (a->family == ADDRESS_UNIX || b->family == ADDRESS_UNIX)
        return a->family == b->family && strcmp(a->path, b->path) == 0;
    return a->port == b->port && (address_eq_ip(a, b) || address_is_wildcard(a));
}

static struct sim_socket *find_listener(const struct address *to)
{
    struct sim_socket *found = NULL;
    LIST_EACH(&sim.sockets, node)
    {
        struct sim_socket *s = LIST_OF(node, struct sim_socket, all);
        if (s->listening && !s->closed && same_place(&s->local, to) &&
            (found == NULL || address_is_wildcard(&found->local)))
            found = s;
    }
    return found;
}

static err sim_listen(struct net_driver *net, const struct address *at, struct net_socket **ret)
{
    struct sim_socket *other = find_listener(at);
    if (other && address_eq_ip(&other->local, at)) {
        errno = EADDRINUSE;
        return err_new(ERR_SYSTEM, "listen");
    }
    struct sim_socket *s = new_socket(net, at);
    s->listening = true;
    if (s->local.port == 0)
        s->local.port = sim.next_port++;
    *ret = &s->base;
    return NULL;
}

static err sim_adopt(struct net_driver *net, int fd, struct net_socket **ret)
{
    (void)net, (void)fd, (void)ret;
    errno = ENOTSUP;
    return err_new(ERR_SYSTEM, "descriptors do not exist in a simulation");
}

static enum net_io sim_accept(struct net_socket *base, struct net_driver *net,
                              struct net_socket **ret, struct address *ret_peer)
{
    (void)net;
    struct sim_socket *l = socket_of(base);
    struct list *node = list_take_first(&l->backlog);
    if (node == NULL) {
        base->may_read = false;
        return NET_WOULD_WAIT;
    }
    struct sim_socket *s = LIST_OF(node, struct sim_socket, queued);
    *ret_peer = s->peer ? s->peer->local : (struct address){.family = ADDRESS_IP4};
    *ret = &s->base;
    return NET_DONE;
}

static bool is_silent(const struct address *to)
{
    LIST_EACH(&sim.silent, node)
    if (same_place(&LIST_OF(node, struct silent_address, link)->at, to))
        return true;
    return false;
}

static err sim_connect(struct net_driver *net, const struct address *to, const struct address *from,
                       struct net_socket **ret)
{
    struct address local = from ? *from : sim.source;
    if (to->family == ADDRESS_UNIX)
        local = (struct address){.family = ADDRESS_UNIX};
    local.port = sim.next_port++;
    struct sim_socket *listener = sim.cut ? NULL : find_listener(to);
    if (listener == NULL && (sim.cut || !is_silent(to))) {
        errno = ECONNREFUSED;
        return err_new(ERR_SYSTEM, "connect");
    }
    struct sim_socket *s = new_socket(net, &local);
    *ret = &s->base;
    if (is_silent(to)) {
        s->base.may_write = false;
        return NULL;
    }
    struct sim_socket *there = new_socket(net, to);
    s->peer = there;
    there->peer = s;
    list_add_last(&listener->backlog, &there->queued);
    now_readable(listener);
    return NULL;
}

static int sim_connected(struct net_socket *base)
{
    return socket_of(base)->reset ? ECONNRESET : 0;
}

static enum net_io sim_read(struct net_socket *base, void *to, size_t size, size_t *ret_count)
{
    struct sim_socket *s = socket_of(base);
    if (s->reset) {
        errno = ECONNRESET;
        return NET_FAILED;
    }
    bool held = list_linked(&s->held);
    if (s->input.len == 0 && s->input_ended && !held)
        return NET_END;
    if (s->input.len == 0 || held) {
        base->may_read = false;
        return NET_WOULD_WAIT;
    }
    size_t count = s->input.len < size ? s->input.len : size;
    if (sim.rules.read_bytes_max && count > sim.rules.read_bytes_max)
        count = sim.rules.read_bytes_max;
    memcpy(to, s->input.ptr, count);
    buf_cut_front(&s->input, count);
    if (s->peer)
        now_writable(s->peer);
    *ret_count = count;
    return NET_DONE;
}

static enum net_io sim_write(struct net_socket *base, const struct iovec *parts, int count,
                             size_t *ret_count)
{
    struct sim_socket *s = socket_of(base);
    if (s->reset || s->ended || s->peer == NULL) {
        errno = s->reset ? ECONNRESET : EPIPE;
        return NET_FAILED;
    }
    size_t most = sim.rules.pipe_bytes_max ? sim.rules.pipe_bytes_max : PIPE_BYTES_DEFAULT;
    size_t done = 0;
    hold_input(s->peer);
    for (int i = 0; i < count && s->peer->input.len < most; i++) {
        str part =
            str_slice((str){parts[i].iov_base, parts[i].iov_len}, 0, most - s->peer->input.len);
        err e = buf_add(&s->peer->input, part);
        ASSERT(e == NULL);
        done += part.len;
    }
    if (done == 0) {
        base->may_write = false;
        return NET_WOULD_WAIT;
    }
    now_readable(s->peer);
    *ret_count = done;
    return NET_DONE;
}

static void sim_end_write(struct net_socket *base)
{
    struct sim_socket *s = socket_of(base);
    s->ended = true;
    if (s->peer) {
        s->peer->input_ended = true;
        now_readable(s->peer);
    }
}

static void break_socket(struct sim_socket *s)
{
    s->reset = true;
    list_remove(&s->held);
    buf_release(&s->input);
    now_readable(s);
    now_writable(s);
}

static void sim_close_socket(struct net_socket *base)
{
    struct sim_socket *s = socket_of(base);
    ASSERT(!s->closed);
    struct list *node;
    while ((node = list_take_first(&s->backlog)) != NULL) /* never accepted */
        sim_close_socket(&LIST_OF(node, struct sim_socket, queued)->base);
    sim_end_write(base);
    if (s->peer) {
        if (s->input.len > 0) /* unread bytes: the kernel, too, answers with a reset */
            break_socket(s->peer);
        now_writable(s->peer);
        s->peer->peer = NULL;
    }
    s->closed = true;
    gate_wake_all(&base->readable);
    gate_wake_all(&base->writable);
    list_remove(&s->all);
    list_remove(&s->queued);
    list_remove(&s->held);
    buf_release(&s->input);
    mem_free(s);
}

static struct address sim_local(struct net_socket *base) { return socket_of(base)->local; }

static bool sim_peer_user(struct net_socket *base, uint32_t *ret_uid)
{
    *ret_uid = 0;
    return socket_of(base)->local.family == ADDRESS_UNIX;
}

static void sim_wake(struct net_driver *net) { (void)net; } /* there is but one thread */
static void sim_close_driver(struct net_driver *net) { (void)net; }

static void count_turn(void)
{
    int64_t second = sim.now_ns / 1000000000;
    if (second != sim.second)
        sim.turns = 0;
    sim.second = second;
    if (sim.turns_max == 0 || ++sim.turns <= sim.turns_max)
        return;
    fprintf(stderr, "simulation: more than %llu turns in a second: somebody spins\n",
            (unsigned long long)sim.turns_max);
    abort();
}

/* Nothing is ready: the next thing to happen is the next timer, or an arrival. */
static void sim_poll(struct net_driver *net, struct loop *l, int64_t until_ns)
{
    (void)net, (void)l;
    count_turn();
    if (until_ns == 0)
        return;
    int64_t arrival_ns = next_arrival_ns();
    until_ns = arrival_ns < until_ns ? arrival_ns : until_ns;
    if (until_ns == INT64_MAX) {
        fprintf(stderr, "simulation: every fiber waits for something that cannot come\n");
        abort();
    }
    if (until_ns > sim.now_ns)
        sim.now_ns = until_ns;
    deliver_arrivals();
}

static struct net_driver sim_network = {
    .close = sim_close_driver,
    .poll = sim_poll,
    .wake = sim_wake,
    .listen = sim_listen,
    .adopt = sim_adopt,
    .accept = sim_accept,
    .connect = sim_connect,
    .connected = sim_connected,
    .read = sim_read,
    .write = sim_write,
    .end_write = sim_end_write,
    .close_socket = sim_close_socket,
    .local = sim_local,
    .peer_user = sim_peer_user,
};

void sim_net_set_rules(const struct sim_net_rules *rules) { sim.rules = *rules; }
void sim_net_set_source(const struct address *source) { sim.source = *source; }

void sim_net_silence(const struct address *at)
{
    struct silent_address *s = MEM_NEW(struct silent_address);
    s->at = *at;
    list_add_last(&sim.silent, &s->link);
}

void sim_net_reset_all(void)
{
    LIST_EACH(&sim.sockets, node)
    {
        struct sim_socket *s = LIST_OF(node, struct sim_socket, all);
        if (!s->listening)
            break_socket(s);
    }
}

void sim_net_cut(bool out)
{
    sim.cut = out;
    if (out)
        sim_net_reset_all();
}

void sim_net_reset(struct net_conn *c)
{
    struct sim_socket *s = socket_of(net_socket(c));
    if (s->peer)
        break_socket(s->peer);
    break_socket(s);
}

void sim_net_end_write(struct net_conn *c) { sim_end_write(net_socket(c)); }

size_t sim_net_open_count(void)
{
    size_t count = 0;
    LIST_EACH(&sim.sockets, node)
    count++;
    return count;
}

/* ---- threads and jobs ------------------------------------------------------------------- */

struct thread {
    void (*run)(void *arg);
    void *arg;
    bool ended;
    struct gate end;
};

static void run_thread(void *arg)
{
    struct thread *t = arg;
    t->run(t->arg);
    t->ended = true;
    gate_wake_all(&t->end);
}

static struct thread *sim_start(const char *name, void (*run)(void *arg), void *arg)
{
    struct thread *t = MEM_NEW(struct thread);
    t->run = run;
    t->arg = arg;
    gate_init(&t->end);
    fiber_spawn(&sim.threads, name, run_thread, t);
    return t;
}

static void sim_join(struct thread *t)
{
    while (!t->ended) {
        struct fiber *f = fiber_current();
        list_add_last(&t->end.waiters, &f->waiter);
        fiber_suspend_firmly();
        list_remove(&f->waiter);
    }
    mem_free(t);
}

struct sim_job {
    struct loop_note note;
    void (*run)(void *job);
    void (*finish)(void *job);
    void *job;
};

/* As a note it runs on the thread's own stack, where any library fits. */
static void run_job(struct loop_note *note)
{
    struct sim_job *j = CONTAINER_OF(note, struct sim_job, note);
    j->run(j->job);
    j->finish(j->job);
    mem_free(j);
    err_forget(); /* as a thread of the pool does */
}

static void sim_submit(void (*run)(void *job), void (*finish)(void *job), void *job)
{
    struct sim_job *j = MEM_NEW(struct sim_job);
    *j = (struct sim_job){
        {NULL, run_job},
        run, finish, job
    };
    loop_post(sim.loop, &j->note);
}

static const struct thread_driver sim_threads = {sim_start, sim_join, sim_submit};

/* ---- a run ------------------------------------------------------------------------------ */

void sim_run(uint64_t seed, void (*entry)(void *arg), void *arg)
{
    ASSERT(!sim.active);
    sim.active = true;
    sim.now_ns = 1000000000;
    sim.date_offset_ms = 0;
    sim.next_port = 40000;
    sim.rules = (struct sim_net_rules){0};
    sim.source = (struct address){
        .family = ADDRESS_IP4, .ip = {127, 0, 0, 1}
    };
    list_init(&sim.sockets);
    list_init(&sim.silent);
    list_init(&sim.held);
    sim.cut = false;
    sim.turns = sim.turns_max = 0;
    group_init(&sim.threads);
    rand_seed(seed);
    clock_use(&sim_clock);
    thread_use(&sim_threads);
    sim.loop = loop_open(&sim_network);
    loop_run(sim.loop, "simulation", entry, arg);
    loop_close(sim.loop);
    while (!list_empty(&sim.silent))
        mem_free(LIST_OF(list_take_first(&sim.silent), struct silent_address, link));
    thread_use(NULL);
    clock_use(NULL);
    rand_seed_off();
    sim.active = false;
}
