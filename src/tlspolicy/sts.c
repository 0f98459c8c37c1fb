#include "tlspolicy/sts.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/table.h"
#include "runtime/fiber.h"
#include "tlspolicy/sts_record.h"
#include <stdio.h>
#include <string.h>

enum {
    REASON_CHARS = 200,
    REFRESH_BATCH = 64,
    ARENA_BYTES_MAX = 1 << 20, /* of one refresh: answers of the DNS, a policy and its parts */
};

/* A domain whose policy is being fetched, or could not be. */
struct going {
    struct heap_node forget; /* in the heap when it failed: until then it is not tried again */
    bool under_way;
    enum tlspolicy_result result;
    char reason[REASON_CHARS];
    size_t domain_len;
    char domain[];
};

struct tlspolicy_sts {
    struct tlspolicy_sts_fetch_options fetch;
    struct tlspolicy_sts_cache *cache;
    struct table going;
    struct heap failures;
    struct gate landed; /* some fetch has ended */
};

/* One question, and what has been found out for it. */
struct asking {
    struct tlspolicy_sts *sts;
    struct dns_budget *budget;
    str domain; /* canonical */
    struct arena *arena;
    deadline until;
    bool refresh; /* even when what is cached is new enough */
    bool record_there;
    struct tlspolicy_sts_record record;
    struct tlspolicy_sts_found found;
};

/* ---- the record ------------------------------------------------------------------------- */

/* The one record that claims to be of MTA-STS; several are as good as none (section 3.1). */
static const struct dns_record *only_record(const struct dns_answer *answer, size_t *ret_count)
{
    const struct dns_record *only = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < answer->count; i++)
        if (tlspolicy_sts_record_is(answer->records[i].text)) {
            only = &answer->records[i];
            (*ret_count)++;
        }
    return *ret_count == 1 ? only : NULL;
}

static err ask_for_record(struct asking *a)
{
    struct dns_answer answer;
    size_t count;
    str name = arena_printf(a->arena, "_mta-sts.%.*s", STR_ARG(a->domain));
    TRY(dns_resolver_ask(a->sts->fetch.resolver, a->budget, name, DNS_TXT, a->arena, &answer,
                         a->until));
    const struct dns_record *record = only_record(&answer, &count);
    if (record == NULL) {
        a->found.reason = count > 1 ? S("several MTA-STS records")
                                    : arena_printf(a->arena, "no MTA-STS record: %s",
                                                   dns_answer_status_name(answer.status));
        return NULL;
    }
    err e = tlspolicy_sts_record_parse(record->text, &a->record);
    a->record_there = e == NULL;
    if (e)
        a->found.reason = arena_printf(a->arena, "the MTA-STS record: %.*s", STR_ARG(e->text));
    return NULL;
}

/* ---- one fetch at a time, and not too often --------------------------------------------- */

static str going_domain(const void *object)
{
    const struct going *g = object;
    return (str){g->domain, g->domain_len};
}

static void forget(struct tlspolicy_sts *s, struct going *g)
{
    heap_remove(&s->failures, &g->forget);
    table_remove(&s->going, going_domain(g));
    mem_free(g);
}

static void forget_old_failures(struct tlspolicy_sts *s)
{
    struct heap_node *first;
    while ((first = heap_first(&s->failures)) != NULL &&
           (first->key <= clock_steady_ms() || s->failures.len >= TLSPOLICY_STS_FAILURES_MAX))
        forget(s, CONTAINER_OF(first, struct going, forget));
}

static struct going *begin(struct tlspolicy_sts *s, str domain)
{
    struct going *g = mem_alloc(sizeof *g + domain.len);
    g->domain_len = domain.len;
    str_put(g->domain, domain);
    g->under_way = true;
    table_add(&s->going, g);
    return g;
}

/* Not again for a while. */
static void note_failure(struct tlspolicy_sts *s, struct going *g, enum tlspolicy_result result,
                         str reason)
{
    g->under_way = false;
    g->result = result;
    snprintf(g->reason, sizeof g->reason, "%.*s", STR_ARG(reason));
    heap_add(&s->failures, &g->forget, clock_steady_ms() + TLSPOLICY_STS_AGAIN_MS);
}

static void tell(struct asking *a, enum tlspolicy_result failure, str reason)
{
    a->found.failure = failure;
    a->found.reason = reason;
}

static void take_policy(struct asking *a, str id, const struct tlspolicy_sts_policy *policy)
{
    a->found.policy_there = true;
    a->found.id = id;
    a->found.policy = *policy;
    a->found.mode = policy->mode;
}

/* What was fetched counts for this delivery even when its time is over at once, or when the file
 * cannot be written. */
static err keep(struct asking *a, const struct tlspolicy_sts_fetched *f)
{
    take_policy(a, a->record.id, &f->policy);
    tell(a, TLSPOLICY_SUCCESS, S("the policy was fetched"));
    err e = tlspolicy_sts_cache_put(a->sts->cache, a->domain, a->record.id, f->body,
                                    f->policy.max_age_s, clock_real_ms(), a->until);
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e)
        a->found.reason = arena_printf(a->arena,
                                       "the policy was fetched, and could not be kept: "
                                       "%.*s",
                                       STR_ARG(e->text));
    return NULL;
}

static err fetch(struct asking *a)
{
    struct tlspolicy_sts *s = a->sts;
    struct tlspolicy_sts_fetched f = {0};
    struct going *g = begin(s, a->domain);
    err e = tlspolicy_sts_fetch(&s->fetch, a->domain, a->arena, &f, a->until);
    if (e && e->kind != ERR_CANCELED) {
        f.result = TLSPOLICY_STS_POLICY_FETCH_ERROR;
        f.reason = arena_str(a->arena, e->text);
        e = NULL;
    }
    if (e || f.result == TLSPOLICY_SUCCESS)
        forget(s, g);
    else
        note_failure(s, g, f.result, f.reason);
    if (e == NULL && f.result == TLSPOLICY_SUCCESS)
        e = keep(a, &f);
    else if (e == NULL)
        tell(a, f.result, f.reason);
    gate_wake_all(&s->landed);
    return e;
}

/* ---- what holds ------------------------------------------------------------------------- */

static void take_cached(struct asking *a, const struct tlspolicy_sts_entry *entry)
{
    struct tlspolicy_sts_policy policy;
    err e = tlspolicy_sts_policy_parse(arena_str(a->arena, entry->body), a->arena, &policy);
    ASSERT(e == NULL); /* it was read before it was kept */
    take_policy(a, arena_str(a->arena, entry->id), &policy);
}

static bool is_wanted(const struct asking *a, const struct tlspolicy_sts_entry *entry)
{
    if (!a->record_there)
        return false;
    return entry == NULL || a->refresh || !str_eq(entry->id, a->record.id) ||
           clock_real_ms() - entry->fetched_ms > TLSPOLICY_STS_REFRESH_MS;
}

/* Fetch, or wait for who is at it, or leave it. */
static err get_ready(struct asking *a)
{
    for (;;) {
        const struct tlspolicy_sts_entry *entry =
            tlspolicy_sts_cache_find(a->sts->cache, a->domain, clock_real_ms());
        forget_old_failures(a->sts);
        if (!is_wanted(a, entry))
            return NULL;
        const struct going *g = table_find(&a->sts->going, a->domain);
        if (g == NULL)
            return fetch(a);
        if (!g->under_way) {
            tell(a, g->result, arena_str(a->arena, str_of(g->reason)));
            return NULL;
        }
        if (entry)
            return NULL;
        err e = gate_wait(&a->sts->landed, a->until);
        if (e && e->kind == ERR_TIMEOUT) {
            tell(a, TLSPOLICY_STS_POLICY_FETCH_ERROR, S("the policy is still being fetched"));
            return NULL;
        }
        TRY(e);
    }
}

static err find(struct asking *a)
{
    TRY(ask_for_record(a));
    TRY(get_ready(a));
    const struct tlspolicy_sts_entry *entry =
        tlspolicy_sts_cache_find(a->sts->cache, a->domain, clock_real_ms());
    if (!a->found.policy_there && entry) {
        take_cached(a, entry);
        if (a->found.reason.len == 0)
            a->found.reason = S("the policy is cached");
    }
    return NULL;
}

err tlspolicy_sts_find(struct tlspolicy_sts *s, struct dns_budget *budget, str domain,
                       struct arena *arena, struct tlspolicy_sts_found *ret_found, deadline until)
{
    char canonical[DNS_NAME_CHARS];
    struct asking a = {.sts = s, .budget = budget, .arena = arena, .until = until};
    if (!dns_name_canonical(domain, canonical) || !dns_name_is_host(str_of(canonical))) {
        *ret_found = (struct tlspolicy_sts_found){.reason = S("not a domain that can have one")};
        return NULL;
    }
    a.domain = arena_str(arena, str_of(canonical));
    TRY(find(&a));
    *ret_found = a.found;
    return NULL;
}

/* ---- ahead of time ---------------------------------------------------------------------- */

/* At the time when the round began: what was fetched since then is not. */
static bool is_due(const struct tlspolicy_sts *s, const struct tlspolicy_sts_entry *e, int64_t now)
{
    int64_t age = now - e->fetched_ms;
    return e->expires_ms > now && table_find(&s->going, e->domain) == NULL &&
           (age > TLSPOLICY_STS_REFRESH_MS || age > (e->expires_ms - e->fetched_ms) / 2);
}

static size_t collect_due(const struct tlspolicy_sts *s, int64_t now, struct arena *arena,
                          str domains[REFRESH_BATCH])
{
    size_t count = 0, position = 0;
    const struct tlspolicy_sts_entry *e;
    while (count < REFRESH_BATCH && (e = tlspolicy_sts_cache_next(s->cache, &position)) != NULL)
        if (is_due(s, e, now))
            domains[count++] = arena_str(arena, e->domain);
    return count;
}

/* Whatever comes of it, the domain is not due again in this round. */
static err refresh_one(struct tlspolicy_sts *s, str domain, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct asking a = {.sts = s, .domain = domain, .arena = arena, .until = until, .refresh = true};
    TRY(find(&a));
    bool fetched = a.record_there && a.found.failure == TLSPOLICY_SUCCESS;
    if (!fetched && table_find(&s->going, domain) == NULL)
        note_failure(s, begin(s, domain), TLSPOLICY_SUCCESS, S("there is no record any more"));
    return NULL;
}

static err refresh_some(struct tlspolicy_sts *s, int64_t now, bool *ret_any, deadline until)
{
    str domains[REFRESH_BATCH];
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    size_t count = collect_due(s, now, arena, domains);
    for (size_t i = 0; i < count && !deadline_passed(until); i++)
        TRY(refresh_one(s, domains[i], until));
    *ret_any = count > 0;
    return NULL;
}

err tlspolicy_sts_refresh(struct tlspolicy_sts *s, deadline until)
{
    bool any = true;
    int64_t now = clock_real_ms();
    forget_old_failures(s);
    while (any && !deadline_passed(until))
        TRY(refresh_some(s, now, &any, until));
    return NULL;
}

/* ---- opening and closing ---------------------------------------------------------------- */

err tlspolicy_sts_open(const struct tlspolicy_sts_options *o, struct tlspolicy_sts **ret_sts)
{
    struct tlspolicy_sts_cache *cache;
    TRY(tlspolicy_sts_cache_open(o->folder, clock_real_ms(), &cache));
    struct tlspolicy_sts *s = MEM_NEW(struct tlspolicy_sts);
    s->fetch = o->fetch;
    s->cache = cache;
    table_init(&s->going, going_domain);
    gate_init(&s->landed);
    *ret_sts = s;
    return NULL;
}

void tlspolicy_sts_close(struct tlspolicy_sts *s)
{
    if (s == NULL)
        return;
    while (heap_first(&s->failures))
        forget(s, CONTAINER_OF(heap_first(&s->failures), struct going, forget));
    ASSERT(s->going.len == 0);
    table_release(&s->going);
    heap_release(&s->failures);
    tlspolicy_sts_cache_close(s->cache);
    mem_free(s);
}

const struct tlspolicy_sts_cache *tlspolicy_sts_cached(const struct tlspolicy_sts *s)
{
    return s->cache;
}
