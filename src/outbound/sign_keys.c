#include "outbound/sign_keys.h"
#include "base/mem.h"
#include "base/table.h"
#include "dns/name.h"

enum {
    DOMAIN_BYTES = 4096, /* of memory, for one that is remembered with its keys */
    CACHE_BYTES_MAX = OUTBOUND_SIGN_KEYS_DOMAINS_MAX * DOMAIN_BYTES,
};

struct known {
    str domain;
    struct keeper_dkim_keys keys;
};

struct outbound_sign_keys {
    const struct keeper *keeper;
    const struct config *config; /* held, so that no other one has its place */
    struct arena *arena;
    struct table known;
    deadline until;
};

static str domain_of_known(const void *object) { return ((const struct known *)object)->domain; }

struct outbound_sign_keys *outbound_sign_keys_open(const struct keeper *keeper)
{
    struct outbound_sign_keys *k = MEM_NEW(struct outbound_sign_keys);
    k->keeper = keeper && keeper->dkim_keys ? keeper : NULL;
    k->arena = arena_open(CACHE_BYTES_MAX);
    table_init(&k->known, domain_of_known);
    return k;
}

void outbound_sign_keys_close(struct outbound_sign_keys *k)
{
    if (k == NULL)
        return;
    table_release(&k->known);
    arena_close(k->arena);
    config_close(k->config);
    mem_free(k);
}

const struct keeper *outbound_sign_keys_keeper(const struct outbound_sign_keys *k)
{
    return k->keeper;
}

void outbound_sign_keys_forget(struct outbound_sign_keys *k)
{
    table_release(&k->known);
    table_init(&k->known, domain_of_known);
    arena_reset(k->arena);
    k->until = deadline_after(OUTBOUND_SIGN_KEYS_MS);
}

static struct keeper_dkim_keys copy_keys(const struct keeper_dkim_keys *keys, struct arena *arena)
{
    struct keeper_dkim_keys copy = *keys;
    for (size_t i = 0; i < copy.count; i++)
        copy.list[i].selector = arena_str(arena, keys->list[i].selector);
    return copy;
}

static void remember(struct outbound_sign_keys *k, str domain, const struct keeper_dkim_keys *keys)
{
    if (k->known.len >= OUTBOUND_SIGN_KEYS_DOMAINS_MAX)
        outbound_sign_keys_forget(k);
    if (table_find(&k->known, domain)) /* another fiber was faster */
        return;
    struct known *known = ARENA_NEW(k->arena, struct known);
    *known = (struct known){arena_str(k->arena, domain), copy_keys(keys, k->arena)};
    table_add(&k->known, known);
}

/* Mails that began before a reload may still ask: then it is forgotten once more than needed. */
static void look_at(struct outbound_sign_keys *k, const struct config *config)
{
    if (k->config == config && !deadline_passed(k->until))
        return;
    if (k->config != config) {
        config_close(k->config);
        k->config = config_hold(config);
    }
    outbound_sign_keys_forget(k);
}

err outbound_sign_keys_find(struct outbound_sign_keys *k, const struct config *config, str domain,
                            struct arena *arena, struct keeper_dkim_keys *ret_keys, deadline until)
{
    struct keeper_dkim_keys keys = {0};
    if (k->keeper == NULL || domain.len == 0 || domain.len > DNS_NAME_BYTES_MAX) {
        *ret_keys = keys;
        return NULL;
    }
    look_at(k, config);
    const struct known *known = table_find(&k->known, domain);
    if (known) {
        *ret_keys = copy_keys(&known->keys, arena);
        return NULL;
    }
    TRY(keeper_dkim_keys(k->keeper, domain, arena, &keys, until));
    if (k->config == config) /* what was asked before a reload may be the answer of before it */
        remember(k, domain, &keys);
    *ret_keys = keys;
    return NULL;
}
