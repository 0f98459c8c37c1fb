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
    SERVER_CHARS = ADDRESS_CHARS,
};

/* What is known about the way to the root's signatures. */
enum verdict { VERDICT_NONE, VERDICT_SIGNED, VERDICT_STRIPPED, VERDICT_NO_ANSWER };

struct dns_unbound {
    struct dns_transport transport;
    enum dns_unbound_servers servers;
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
        {"do-not-query-localhost:", "no"}, /* a resolver on 127.0.0.53 is common */
        {"outgoing-range:", "512"},
        {"num-queries-per-thread:", "1024"},
        {"outgoing-num-tcp:", "32"},
        {"msg-cache-size:", "8m"},
        {"rrset-cache-size:", "16m"},
        {"cache-max-ttl:", "86400"},
        {"cache-max-negative-ttl:", "900"},
        {"val-log-level:", "0"},
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

/* NULL: it could not be made. */
static struct ub_ctx *context_open(struct dns_unbound *u, bool validating)
{
    struct ub_ctx *c = ub_ctx_create();
    if (c == NULL)
        return NULL;
    ub_ctx_debugout(c, NULL); /* it would write to stderr */
    if (ub_ctx_async(c, 1) == 0 && set_options(c) && set_servers(u, c) &&
        (!validating || set_anchors(u, c)))
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

/* libunbound's callback carries the query only; the query's first neighbour in `asked` leads to
 * nothing, so the owner travels beside it. */
struct asked {
    struct dns_unbound *unbound;
    struct dns_query *query;
};

static void on_answer(void *arg, int error, struct ub_result *result)
{
    struct asked a = *(struct asked *)arg;
    mem_free(arg);
    if (error == 0 && result != NULL)
        fill_answer(a.unbound, a.query, result);
    ub_resolve_free(result);
    settle(a.unbound, a.query);
}
