#include "outbound/sign_keys.h"
#include "runtime/fiber.h"
#include "runtime/sim.h"
#include "tests/test.h"

struct asking {
    struct outbound_sign_keys *keys;
    struct arena *arena;
    const struct config *config;
    int asked;
    bool away;
};

static err list_keys(void *state, str domain, struct arena *arena,
                     struct keeper_dkim_keys *ret_keys, deadline until)
{
    struct asking *a = state;
    (void)until;
    a->asked++;
    if (a->away)
        return err_new(ERR_TIMEOUT, "the keeper is away");
    *ret_keys = (struct keeper_dkim_keys){.count = !str_eq(domain, S("none.example"))};
    ret_keys->list[0] = (struct keeper_dkim_key){arena_str(arena, S("s")), MAILAUTH_DKIM_RSA};
    return NULL;
}

/* How often the keeper was asked for it; keys: how many there are. */
static void find(struct asking *a, const char *domain, size_t keys, int asked, const char *label)
{
    struct keeper_dkim_keys found;
    a->asked = 0;
    CHECK_DONE(outbound_sign_keys_find(a->keys, a->config, str_of(domain), a->arena, &found,
                                       DEADLINE_NEVER),
               label);
    CHECK(found.count == keys, label);
    CHECK(a->asked == asked, label);
    if (found.count > 0)
        CHECK_STR(found.list[0].selector, "s", label);
}

static void remember(void *arg)
{
    struct asking *a = arg;
    const struct config *first = config_default(), *second = config_default();
    struct keeper keeper = {.dkim_keys = list_keys, .state = a};
    struct keeper_dkim_keys none;
    a->keys = outbound_sign_keys_open(&keeper);
    a->config = first;
    find(a, "a.example", 1, 1, "the first time");
    find(a, "a.example", 1, 0, "it is remembered");
    find(a, "none.example", 0, 1, "one without keys");
    find(a, "none.example", 0, 0, "that is remembered, too");
    find(a, "", 0, 0, "no name, no keys");
    CHECK_DONE(fiber_sleep(deadline_after(OUTBOUND_SIGN_KEYS_MS)), "time goes on");
    find(a, "a.example", 1, 1, "for a while");
    a->config = second;
    find(a, "a.example", 1, 1, "a configuration that was read anew");
    find(a, "a.example", 1, 0, "and from then on");
    outbound_sign_keys_forget(a->keys);
    find(a, "a.example", 1, 1, "what turned out wrong");
    a->away = true;
    err e =
        outbound_sign_keys_find(a->keys, second, S("b.example"), a->arena, &none, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_TIMEOUT, "the keeper is away");
    a->away = false;
    find(a, "b.example", 1, 1, "which is not remembered");
    config_close(first);
    config_close(second);
    outbound_sign_keys_close(a->keys);
    a->keys = outbound_sign_keys_open(NULL);
    a->config = NULL;
    find(a, "a.example", 0, 0, "without a keeper");
    outbound_sign_keys_close(a->keys);
}

TEST(outbound_sign_keys)
{
    struct asking a = {.arena = arena_open(1 << 20)};
    sim_run(1, remember, &a);
    arena_close(a.arena);
}
