#include "dns/unbound.h"
#include "base/buf.h"
#include "base/mem.h"
#include "runtime/file.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

enum {
    PROBE_EVERY_MS = 3600 * 1000,
    PROBE_AGAIN_MS = 60 * 1000, /* when the last one had no answer */
    PROBE_WAIT_MS = 5000,
    TYPE_DNSKEY = 48,
    TYPE_RRSIG = 46,
    CLASS_IN = 1,
    SERVER_CHARS = ADDRESS_CHARS + 8,
};

/* What is known about the way to the root's signatures. */
enum verdict { VERDICT_NONE, VERDICT_SIGNED, VERDICT_STRIPPED, VERDICT_NO_ANSWER };

struct dns_unbound {
    struct dns_transport transport;
    enum dns_unbound_servers servers;
    bool local_names;
    enum dns_unbound_validate validate;
    char (*list)[SERVER_CHARS]; /* "192.0.2.1@53", as libunbound wants it */
    size_t list_count;
    char *resolv_conf, *root_hints;
    struct buf root_key; /* read at start, while the process may still read everything */
    void (*changed)(void *arg, bool validating, const char *why);
    void *arg;

    struct chan *requests;
    int kick_fd; /* an eventfd: there are requests, or it is time to close */
    bool closing;
    struct thread *thread;

    /* From here on the DNS thread's alone. */
    struct ub_ctx *context; /* NULL until the first verdict */
    bool validating, told;
    struct ub_ctx *probe;
    enum verdict verdict;
    int64_t probe_at_ms; /* the next probe begins, or the running one is given up */
    struct list waiting; /* for a place inside libunbound */
    struct list asked;
    size_t waiting_count, asked_count;
    struct heap timers; /* of both lists, by deadline */
};

/* ---- one context of libunbound ---- */

static bool set_options(struct ub_ctx *c)
{
    static const char *const options[][2] = {
        {"do-not-query-localhost:", "no"   }, /* a resolver on 127.0.0.53 is common */
        {"outgoing-range:",         "512"  },
        {"num-queries-per-thread:", "1024" },
        {"outgoing-num-tcp:",       "32"   },
        {"msg-cache-size:",         "8m"   },
        {"rrset-cache-size:",       "16m"  },
        {"cache-max-ttl:",          "86400"},
        {"cache-max-negative-ttl:", "900"  },
        {"val-log-level:",          "0"    },
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (ub_ctx_set_option(c, options[i][0], options[i][1]) != 0)
            return false;
    return true;
}

static bool set_servers(struct dns_unbound *u, struct ub_ctx *c)
{
    if (u->servers == DNS_UNBOUND_SYSTEM)
        return ub_ctx_resolvconf(c, u->resolv_conf) == 0;
    if (u->servers == DNS_UNBOUND_ROOT)
        return access(u->root_hints, R_OK) != 0 || /* it has a built-in list, too */
               ub_ctx_set_option(c, "root-hints:", u->root_hints) == 0;
    for (size_t i = 0; i < u->list_count; i++)
        if (ub_ctx_set_fwd(c, u->list[i]) != 0)
            return false;
    return true;
}

static bool set_anchors(struct dns_unbound *u, struct ub_ctx *c)
{
    size_t added = 0;
    for (str rest = buf_str(&u->root_key), line; rest.len > 0;) {
        char anchor[1500];
        str_split(rest, '\n', &line, &rest);
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == ';' || !str_to_chars(line, anchor, sizeof anchor))
            continue;
        if (ub_ctx_add_ta(c, anchor) != 0)
            return false;
        added++;
    }
    return added > 0;
}

/* The library answers for them by itself, for the root knows none of them. A resolver of the
 * operator's may: laboratories and homes live there. Nothing can be set afterwards. */
static bool ask_for_local_names(const struct dns_unbound *u, struct ub_ctx *c)
{
    return !u->local_names ||
           (ub_ctx_zone_remove(c, "test.") == 0 && ub_ctx_zone_remove(c, "home.arpa.") == 0);
}

/* NULL: it could not be made. */
static struct ub_ctx *context_open(struct dns_unbound *u, bool validating)
{
    struct ub_ctx *c = ub_ctx_create();
    if (c == NULL)
        return NULL;
    ub_ctx_debugout(c, NULL); /* it would write to stderr */
    if (ub_ctx_async(c, 1) == 0 && set_options(c) && set_servers(u, c) &&
        (!validating || set_anchors(u, c)) && ask_for_local_names(u, c))
        return c;
    ub_ctx_delete(c);
    return NULL;
}

/* ---- questions ---- */

static struct dns_unbound *unbound_of(struct dns_transport *t)
{
    return CONTAINER_OF(t, struct dns_unbound, transport);
}

static void kick(struct dns_unbound *u)
{
    uint64_t one = 1;
    ssize_t n = write(u->kick_fd, &one, sizeof one);
    (void)n; /* a full counter has kicked already */
}

static void unbound_ask(struct dns_transport *t, struct dns_query *q)
{
    struct dns_unbound *u = unbound_of(t);
    chan_send(u->requests, &q->item);
    kick(u);
}

/* The query goes back to its asker. */
static void settle(struct dns_unbound *u, struct dns_query *q)
{
    if (list_linked(&q->node)) {
        list_remove(&q->node);
        if (q->asked)
            u->asked_count--;
        else
            u->waiting_count--;
    }
    heap_remove(&u->timers, &q->timer);
    dns_transport_answered(q);
}

static void fill_answer(struct dns_unbound *u, struct dns_query *q, const struct ub_result *r)
{
    if (r->bogus) {
        q->answer = dns_answer_none(DNS_BOGUS, DNS_FORGED);
        return;
    }
    str packet = {r->answer_packet, r->answer_packet ? (size_t)r->answer_len : 0};
    if (dns_answer_parse(packet, str_of(q->name), q->type, q->arena, &q->answer) != NULL)
        return;
    if (q->answer.count == 0 && r->ttl > 0)
        q->answer.ttl = (uint32_t)r->ttl; /* of the absence */
    if (u->validating && q->answer.status != DNS_SERVFAIL)
        q->answer.security = r->secure ? DNS_SECURE : DNS_INSECURE;
}

static void on_answer(void *arg, int error, struct ub_result *result)
{
    struct dns_query *q = arg;
    struct dns_unbound *u = unbound_of(q->transport);
    if (error == 0 && result != NULL)
        fill_answer(u, q, result);
    ub_resolve_free(result);
    settle(u, q);
}

/* Move waiting questions into libunbound as long as there is room. */
static void ask_waiting(struct dns_unbound *u)
{
    while (u->context && u->asked_count < DNS_UNBOUND_AT_ONCE_MAX && !list_empty(&u->waiting)) {
        struct dns_query *q = LIST_OF(list_take_first(&u->waiting), struct dns_query, node);
        u->waiting_count--;
        q->asked = true;
        list_add_last(&u->asked, &q->node);
        u->asked_count++;
        if (ub_resolve_async(u->context, q->name, (int)q->type, CLASS_IN, q, on_answer,
                             &q->number) != 0)
            settle(u, q);
    }
}

static void take_requests(struct dns_unbound *u)
{
    uint64_t kicks;
    ssize_t n = read(u->kick_fd, &kicks, sizeof kicks);
    (void)n; /* nothing to read is fine */
    for (struct chan_item *item = chan_take_all(u->requests), *next; item; item = next) {
        next = item->next;
        struct dns_query *q = CONTAINER_OF(item, struct dns_query, item);
        if (u->waiting_count == DNS_UNBOUND_WAITING_MAX) {
            dns_transport_answered(q); /* as DNS_SERVFAIL */
            continue;
        }
        list_add_last(&u->waiting, &q->node);
        u->waiting_count++;
        heap_add(&u->timers, &q->timer, q->until.at_ms);
    }
}

/* Questions whose deadline has passed end here, so that nothing stays inside libunbound longer
 * than somebody wants it. */
static void expire(struct dns_unbound *u)
{
    struct heap_node *first;
    while ((first = heap_first(&u->timers)) != NULL && first->key <= clock_steady_ms()) {
        struct dns_query *q = CONTAINER_OF(first, struct dns_query, timer);
        if (q->asked)
            ub_cancel(u->context, q->number);
        q->answer = dns_answer_none(DNS_TIMEOUT, DNS_INDETERMINATE);
        settle(u, q);
    }
}

/* ---- is validation possible? ---- */

static void tell(struct dns_unbound *u, const char *why)
{
    if (u->changed)
        u->changed(u->arg, u->validating, why);
    u->told = true;
}

/* Put a new context in the place of the old one; what the old one was asked is asked again. */
static void use_context(struct dns_unbound *u, bool validating, const char *why)
{
    if (u->context && u->validating == validating) {
        if (!u->told)
            tell(u, why);
        return;
    }
    struct ub_ctx *c = context_open(u, validating);
    if (c == NULL)
        return; /* the old one stays, or the next probe tries again */
    if (u->context)
        ub_ctx_delete(u->context); /* calls nothing back */
    while (!list_empty(&u->asked)) {
        struct dns_query *q = LIST_OF(list_take_first(&u->asked), struct dns_query, node);
        q->asked = false;
        list_add_last(&u->waiting, &q->node);
        u->waiting_count++;
    }
    u->asked_count = 0;
    u->context = c;
    u->validating = validating;
    tell(u, why);
}

/* Does the packet's answer section hold the root's keys and signatures? Types are counted by
 * walking the raw packet, for which the probe's question is the simplest one there is. */
static bool holds_signature(str packet)
{
    enum { ROOT_FRAME_BYTES = 11, HEADER_BYTES = 12, ROOT_QUESTION_BYTES = 5 };
    size_t at = HEADER_BYTES + ROOT_QUESTION_BYTES;
    while (at < packet.len && packet.len - at >= ROOT_FRAME_BYTES && packet.ptr[at] == 0) {
        const unsigned char *b = (const unsigned char *)packet.ptr + at;
        if ((b[1] << 8 | b[2]) == TYPE_RRSIG)
            return true;
        at += ROOT_FRAME_BYTES + (size_t)(b[9] << 8 | b[10]);
    }
    return false;
}

static void on_probe(void *arg, int error, struct ub_result *r)
{
    struct dns_unbound *u = arg;
    u->verdict = VERDICT_NO_ANSWER;
    if (error == 0 && r != NULL && r->answer_packet && r->answer_len >= 12) {
        str packet = {r->answer_packet, (size_t)r->answer_len};
        int rcode = packet.ptr[3] & 0x0f; /* the result's own field is not always set */
        if (rcode == 0 && holds_signature(packet))
            u->verdict = VERDICT_SIGNED;
        else if (rcode == 0 || rcode == 3)
            u->verdict = VERDICT_STRIPPED;
    }
    ub_resolve_free(r);
}

static void probe_begin(struct dns_unbound *u)
{
    int number;
    u->verdict = VERDICT_NONE;
    u->probe_at_ms = clock_steady_ms() + PROBE_WAIT_MS;
    u->probe = context_open(u, false);
    if (u->probe == NULL ||
        ub_resolve_async(u->probe, ".", TYPE_DNSKEY, CLASS_IN, u, on_probe, &number) != 0)
        u->verdict = VERDICT_NO_ANSWER;
}

static void probe_end(struct dns_unbound *u)
{
    if (u->probe)
        ub_ctx_delete(u->probe);
    u->probe = NULL;
    u->probe_at_ms = clock_steady_ms() + PROBE_EVERY_MS;
    switch (u->verdict) {
    case VERDICT_SIGNED:
        use_context(u, true, "the root's signatures arrive");
        break;
    case VERDICT_STRIPPED:
        use_context(u, false, "DNSSEC signatures are stripped on the way");
        break;
    default: /* what was true before is still the best guess */
        u->probe_at_ms = clock_steady_ms() + PROBE_AGAIN_MS;
        use_context(u, u->validating, "the root's keys could not be asked for");
    }
    if (u->context == NULL) /* it could not be made: try soon, for questions are waiting */
        u->probe_at_ms = clock_steady_ms() + PROBE_AGAIN_MS;
    u->verdict = VERDICT_NONE;
}

/* Begin or end the probe when it is time. */
static void probe_step(struct dns_unbound *u)
{
    bool late = clock_steady_ms() >= u->probe_at_ms;
    if (u->validate != DNS_UNBOUND_AUTO || u->root_key.len == 0) {
        if (late) { /* not decided by a probe, but a context that could not be made is made later */
            u->probe_at_ms = clock_steady_ms() + PROBE_AGAIN_MS;
            use_context(u, u->validate == DNS_UNBOUND_YES,
                        u->validate == DNS_UNBOUND_AUTO ? "there is no root key" : "as configured");
        }
        return;
    }
    if (u->probe == NULL && u->verdict == VERDICT_NONE && late)
        probe_begin(u);
    else if (u->probe && late)
        u->verdict = VERDICT_NO_ANSWER;
    if (u->verdict != VERDICT_NONE)
        probe_end(u);
}

/* ---- the thread ---- */

static int wait_ms(const struct dns_unbound *u)
{
    const struct heap_node *first = heap_first(&u->timers);
    int64_t at = u->probe_at_ms;
    if (first && first->key < at)
        at = first->key;
    int64_t left = at - clock_steady_ms();
    return left < 0 ? 0 : (int)(left > PROBE_EVERY_MS ? PROBE_EVERY_MS : left);
}

/* Closing is looked at behind the kicks: the one that tells of it may have been taken already. */
static void wait_and_process(struct dns_unbound *u)
{
    if (__atomic_load_n(&u->closing, __ATOMIC_ACQUIRE))
        return;
    struct pollfd fds[] = {
        {.fd = u->kick_fd,                          .events = POLLIN},
        {.fd = u->context ? ub_fd(u->context) : -1, .events = POLLIN},
        {.fd = u->probe ? ub_fd(u->probe) : -1,     .events = POLLIN},
    };
    if (poll(fds, ARRAY_LEN(fds), wait_ms(u)) <= 0)
        return;
    if (fds[1].revents)
        ub_process(u->context);
    if (fds[2].revents)
        ub_process(u->probe);
}

static void run(void *arg)
{
    struct dns_unbound *u = arg;
    u->probe_at_ms = clock_steady_ms();
    while (!__atomic_load_n(&u->closing, __ATOMIC_ACQUIRE)) {
        probe_step(u);
        take_requests(u);
        ask_waiting(u);
        wait_and_process(u);
        expire(u);
        err_forget();
    }
    take_requests(u);
    if (u->context)
        ub_ctx_delete(u->context);
    if (u->probe)
        ub_ctx_delete(u->probe);
    for (struct heap_node *first; (first = heap_first(&u->timers)) != NULL;)
        settle(u, CONTAINER_OF(first, struct dns_query, timer));
}

/* ---- opening and closing ---- */

static void release(struct dns_unbound *u)
{
    if (u->kick_fd >= 0)
        close(u->kick_fd);
    heap_release(&u->timers);
    buf_release(&u->root_key);
    mem_free(u->list);
    mem_free(u->resolv_conf);
    mem_free(u->root_hints);
    mem_free(u);
}

static void unbound_close(struct dns_transport *t)
{
    struct dns_unbound *u = unbound_of(t);
    __atomic_store_n(&u->closing, true, __ATOMIC_RELEASE);
    kick(u);
    thread_join(u->thread);
    chan_close(u->requests);
    release(u);
}

static err read_root_key(struct dns_unbound *u, const char *path)
{
    struct file *file;
    char *room;
    size_t count = 0;
    TRY(file_open(path, 0, &file));
    err e = buf_reserve(&u->root_key, DNS_UNBOUND_KEY_BYTES_MAX, &room);
    if (e == NULL)
        e = file_read_at(file, room, DNS_UNBOUND_KEY_BYTES_MAX, 0, &count);
    file_close(file);
    u->root_key.len += count;
    return e;
}

static err take_options(struct dns_unbound *u, const struct dns_unbound_options *o)
{
    if (o->servers == DNS_UNBOUND_LIST && o->list_count == 0)
        return err_new(ERR_CONFIG, "the list of name servers is empty");
    if (o->list_count > DNS_UNBOUND_SERVERS_MAX)
        return err_new(ERR_CONFIG, "more than %d name servers", DNS_UNBOUND_SERVERS_MAX);
    u->list = mem_alloc((o->list_count + 1) * sizeof *u->list);
    for (size_t i = 0; i < o->list_count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&o->list[i], ip);
        snprintf(u->list[i], SERVER_CHARS, "%s@%u", ip, o->list[i].port);
    }
    u->list_count = o->list_count;
    u->servers = o->servers;
    u->local_names = o->local_names;
    u->validate = o->validate;
    u->resolv_conf = mem_copy_chars(o->resolv_conf ? o->resolv_conf : "/etc/resolv.conf");
    u->root_hints = mem_copy_chars(o->root_hints ? o->root_hints : "/usr/share/dns/root.hints");
    u->changed = o->changed;
    u->arg = o->arg;
    if (o->validate == DNS_UNBOUND_NO)
        return NULL;
    err e = read_root_key(u, o->root_key ? o->root_key : "/usr/share/dns/root.key");
    if (e && o->validate == DNS_UNBOUND_YES)
        return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "DNSSEC validation needs the root key");
    return NULL;
}

/* A context that cannot be made now is a mistake in the options, not of the network. */
static err try_context(struct dns_unbound *u)
{
    struct ub_ctx *c = context_open(u, u->validate == DNS_UNBOUND_YES);
    if (c == NULL)
        return err_new(ERR_CONFIG, "the name servers%s cannot be used",
                       u->validate == DNS_UNBOUND_YES ? " or the root key" : "");
    ub_ctx_delete(c);
    return NULL;
}

err dns_unbound_open(const struct dns_unbound_options *options,
                     struct dns_transport **ret_transport)
{
    struct dns_unbound *u = MEM_NEW(struct dns_unbound);
    u->transport = (struct dns_transport){unbound_ask, unbound_close};
    u->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    list_init(&u->waiting);
    list_init(&u->asked);
    buf_init(&u->root_key, DNS_UNBOUND_KEY_BYTES_MAX);
    err e = u->kick_fd < 0 ? err_new(ERR_SYSTEM, "eventfd") : take_options(u, options);
    if (e == NULL)
        e = try_context(u);
    if (e) {
        release(u);
        return e;
    }
    u->requests = chan_open();
    u->thread = thread_start("dns", run, u);
    *ret_transport = &u->transport;
    return NULL;
}
