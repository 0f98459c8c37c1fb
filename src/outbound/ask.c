#include "outbound/ask.h"
#include "base/mem.h"
#include "outbound/crew.h"
#include "outbound/pool.h"

enum { SCRATCH_BYTES_MAX = 4 << 20 };

struct outbound_asker {
    struct outbound_connect_options options;
    struct config_timeouts timeouts;
    struct dns_resolver *resolver;
    struct outbound_pool pool;
    struct group keeping;
};

static int64_t at_most(int64_t ms) { return ms < OUTBOUND_ASK_MS ? ms : OUTBOUND_ASK_MS; }

void outbound_ask_open(const struct outbound_connect_options *options,
                       struct dns_resolver *resolver, struct outbound_asker **ret_asker)
{
    struct outbound_asker *a = MEM_NEW(struct outbound_asker);
    a->options = *options;
    a->timeouts = *options->timeouts;
    a->timeouts.greeting_ms = at_most(a->timeouts.greeting_ms);
    a->timeouts.mail_ms = at_most(a->timeouts.mail_ms);
    a->timeouts.rcpt_ms = at_most(a->timeouts.rcpt_ms);
    a->options.timeouts = &a->timeouts;
    a->resolver = resolver;
    outbound_pool_init(&a->pool, OUTBOUND_CREW_NOBODY);
    outbound_pool_set_limits(&a->pool, &(struct config_outbound){.idle_ms = OUTBOUND_ASK_IDLE_MS});
    group_init(&a->keeping);
    fiber_spawn(&a->keeping, "idle questions", outbound_pool_run, &a->pool);
    *ret_asker = a;
}

void outbound_ask_close(struct outbound_asker *a)
{
    if (a == NULL)
        return;
    group_close(&a->keeping);
    outbound_pool_release(&a->pool);
    mem_free(a);
}

/* Ask over this connection, which is kept or closed. */
static err ask_over(struct outbound_asker *a, struct outbound_connection *c, str address,
                    struct arena *arena, struct smtp_reply *ret_reply, deadline until)
{
    struct smtp_reply reply;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES_MAX);
    err e = smtp_client_ask(&c->client, address, scratch, &reply, until);
    if (e) {
        outbound_connect_close(c);
        return e;
    }
    *ret_reply = (struct smtp_reply){reply.code, arena_str(arena, reply.enhanced),
                                     arena_str(arena, str_slice(reply.text, 0, 500))};
    c->lost = reply.code == 421;
    if (++c->questions < OUTBOUND_ASK_QUESTIONS_MAX)
        outbound_pool_put(&a->pool, c);
    else
        outbound_connect_quit(c);
    return NULL;
}

static err connect_to(struct outbound_asker *a, const struct outbound_route *route, deadline until,
                      struct arena *scratch, struct outbound_connection **ret_connection)
{
    struct outbound_host_walk walk;
    struct outbound_host_self self = {0};
    struct outbound_verdict verdict = {0};
    bool found = true;
    outbound_host_begin(&walk, route, &self, a->resolver, NULL, scratch);
    while (!deadline_passed(until)) {
        struct outbound_host host;
        TRY(outbound_host_next(&walk, &found, &host, until));
        if (!found)
            break;
        struct outbound_connection *c = NULL;
        TRY(outbound_connect_open(&a->options, &host, scratch, &c, &verdict, until));
        if (c) {
            *ret_connection = c;
            return NULL;
        }
        walk.verdict = verdict;
    }
    str why = outbound_verdict_text(&walk.verdict, scratch);
    return err_new(ERR_CLOSED, "the next hop cannot be asked: %.*s",
                   STR_ARG(str_slice(why, 0, 160)));
}

static err ask_anew(struct outbound_asker *a, const struct outbound_route *route, str key,
                    str address, struct arena *arena, struct smtp_reply *ret_reply, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES_MAX);
    struct outbound_connection *c = NULL;
    TRY(connect_to(a, route, until, scratch, &c));
    c->key = arena_str(c->arena, key);
    return ask_over(a, c, address, arena, ret_reply, until);
}

err outbound_ask_recipient(struct outbound_asker *a, const struct config_hop *hop, str address,
                           struct arena *arena, struct smtp_reply *ret_reply, deadline until)
{
    struct outbound_route route = {.kind = OUTBOUND_ROUTE_HOPS, .hops = hop, .hop_count = 1};
    str key = outbound_pool_key(&route, S(""), NULL, arena);
    struct outbound_connection *c;
    while ((c = outbound_pool_take(&a->pool, key)) != NULL) {
        err e = ask_over(a, c, address, arena, ret_reply, until);
        if (e == NULL || e->kind == ERR_CANCELED || e->kind == ERR_TIMEOUT)
            return e;
        err_forget(); /* it had gone while it was idle */
    }
    return ask_anew(a, &route, key, address, arena, ret_reply, until);
}
