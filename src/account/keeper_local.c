#include "account/keeper_local.h"
#include "account/keeper_call.h"
#include "account/keeper_keys.h"
#include "account/keeper_logins.h"
#include "account/keeper_references.h"
#include "account/store.h"
#include "base/mem.h"
#include "oauth/store.h"
#include "runtime/thread.h"
#include "secret/resolver.h"
#include <stdatomic.h>

struct keeper_local {
    struct keeper_caller caller;
    struct keeper_state state;
    atomic_int holders; /* the owner, and each call under way */
};

struct job {
    struct keeper_local *keeper;
    struct keeper_call *call;
};

static void drop(struct keeper_local *k)
{
    if (atomic_fetch_sub(&k->holders, 1) > 1)
        return;
    account_store_close(k->state.store);
    keeper_references_close(k->state.references);
    keeper_keys_close(k->state.keys);
    oauth_store_close(k->state.oauth);
    secret_resolver_close(k->state.secrets);
    mem_free(k);
}

static void job_answer(void *arg)
{
    struct job *j = arg;
    struct keeper_call *c = j->call;
    keeper_answer(&j->keeper->state, &c->request, c->arena, &c->answered, &c->reply);
}

static void job_release(void *arg)
{
    struct job *j = arg;
    keeper_call_close(j->call);
    drop(j->keeper);
    mem_free(j);
}

static err ask(struct keeper_caller *caller, const struct keeper_request *request,
               struct keeper_call **ret_call, deadline until)
{
    struct keeper_call *call = NULL;
    TRY(keeper_call_open(request, &call));
    struct job *j = MEM_NEW(struct job);
    j->keeper = CONTAINER_OF(caller, struct keeper_local, caller);
    j->call = call;
    atomic_fetch_add(&j->keeper->holders, 1);
    TRY(job_run(job_answer, j, job_release, until));
    *ret_call = call;
    j->call = NULL;
    job_release(j);
    return NULL;
}

err keeper_local_open(struct account_store *store, const str *references, size_t count,
                      struct keeper_local **ret_keeper)
{
    struct keeper_references *held = keeper_references_open();
    err e = keeper_references_set(held, references, count);
    if (e) {
        keeper_references_close(held);
        return e;
    }
    struct keeper_local *k = MEM_NEW(struct keeper_local);
    k->state = (struct keeper_state){.store = store,
                                     .references = held,
                                     .secrets = secret_resolver_open(NULL),
                                     .keys = keeper_keys_open()};
    atomic_init(&k->holders, 1);
    keeper_call_init(&k->caller, ask);
    *ret_keeper = k;
    return NULL;
}

err keeper_local_open_logins(struct keeper_local *k, str state)
{
    ASSERT(k->state.oauth == NULL);
    return keeper_logins_open(state, k->state.secrets, &k->state.oauth);
}

err keeper_local_set_references(struct keeper_local *k, const str *references, size_t count)
{
    return keeper_references_set(k->state.references, references, count);
}

err keeper_local_load_keys(struct keeper_local *k, const struct config *config)
{
    secret_resolver_set(k->state.secrets, config);
    return keeper_keys_load(k->state.keys, k->state.secrets, config);
}

void keeper_local_close(struct keeper_local *k)
{
    if (k)
        drop(k);
}

const struct keeper *keeper_local_seam(struct keeper_local *k) { return &k->caller.seam; }
struct account_store *keeper_local_store(struct keeper_local *k) { return k->state.store; }
