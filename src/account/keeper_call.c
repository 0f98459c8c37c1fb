#include "account/keeper_call.h"
#include "account/sender.h"
#include "base/mem.h"
#include "secret/secret.h"

enum {
    CALL_ARENA_BYTES_MAX = 256 * 1024,
    CALL_ASKED_BYTES_MAX = 8 * 1024, /* a reference, or the four texts of a claim */
};

/* -- the call --------------------------------------------------------------------------------- */

/* The request is written as bytes and read back, so that its texts are checked and lie in asked. */
static err copy_request(const struct keeper_request *request, struct keeper_call *c)
{
    char *room;
    TRY(buf_reserve(&c->asked, CALL_ASKED_BYTES_MAX,
                    &room)); /* it may hold a password: never moved */
    TRY(keeper_wire_add_request(request, &c->asked));
    return keeper_wire_read_request(str_from(buf_str(&c->asked), KEEPER_FRAME_HEADER_BYTES),
                                    &c->request);
}

err keeper_call_open(const struct keeper_request *request, struct keeper_call **ret_call)
{
    struct keeper_call *c = MEM_NEW(struct keeper_call);
    c->arena = arena_open(CALL_ARENA_BYTES_MAX);
    buf_init(&c->asked, CALL_ASKED_BYTES_MAX);
    buf_init(&c->answered, KEEPER_FRAME_BYTES_MAX);
    err e = copy_request(request, c);
    if (e)
        keeper_call_close(c);
    else
        *ret_call = c;
    return e;
}

void keeper_call_close(struct keeper_call *c)
{
    if (c == NULL)
        return;
    secret_wipe(&c->asked);
    secret_wipe(&c->answered);
    arena_close(c->arena);
    mem_wipe(c, sizeof *c);
    mem_free(c);
}

/* -- the seam --------------------------------------------------------------------------------- */

static struct keeper_verdict copy_verdict(const struct keeper_verdict *v, struct arena *arena)
{
    struct keeper_verdict copy = *v;
    copy.user = arena_str(arena, v->user);
    copy.senders = v->sender_count ? ARENA_ARRAY(arena, str, v->sender_count) : NULL;
    for (size_t i = 0; i < v->sender_count; i++)
        copy.senders[i] = arena_str(arena, v->senders[i]);
    return copy;
}

static err ask(struct keeper_caller *caller, const struct keeper_request *request,
               struct keeper_call **ret_call, deadline until)
{
    struct keeper_call *c = NULL;
    TRY(caller->ask(caller, request, &c, until));
    if (c->reply.failed) {
        err e = err_sure(keeper_wire_err(&c->reply));
        keeper_call_close(c);
        return e;
    }
    *ret_call = c;
    return NULL;
}

static err check_login(void *state, const struct keeper_claim *claim, struct arena *arena,
                       struct keeper_verdict *ret_verdict, deadline until)
{
    struct keeper_request request = {.op = KEEPER_CHECK_LOGIN, .claim = *claim};
    struct keeper_call *c = NULL;
    TRY(ask(state, &request, &c, until));
    *ret_verdict = copy_verdict(&c->reply.verdict, arena);
    keeper_call_close(c);
    return NULL;
}

static err scram_lookup(void *state, str user, enum keeper_scope scope, struct arena *arena,
                        struct keeper_scram *ret_scram, deadline until)
{
    struct keeper_request request = {
        .op = KEEPER_SCRAM_LOOKUP, .claim = {.user = user, .scope = scope}
    };
    struct keeper_call *c = NULL;
    TRY(ask(state, &request, &c, until));
    ret_scram->verifier = c->reply.verifier;
    ret_scram->verdict = copy_verdict(&c->reply.verdict, arena);
    keeper_call_close(c);
    return NULL;
}

static err read_by(enum keeper_op op, void *state, str reference, struct buf *ret_secret,
                   deadline until)
{
    struct keeper_request request = {.op = op, .reference = reference};
    struct keeper_call *c = NULL;
    char *room;
    TRY(ask(state, &request, &c, until));
    err e = buf_reserve(ret_secret, c->reply.secret.len, &room); /* grows once: nothing is left */
    if (e == NULL)
        e = buf_add(ret_secret, c->reply.secret);
    keeper_call_close(c);
    return e;
}

static err read_secret(void *state, str reference, struct buf *ret_secret, deadline until)
{
    return read_by(KEEPER_SECRET, state, reference, ret_secret, until);
}

static err read_secret_again(void *state, str reference, struct buf *ret_secret, deadline until)
{
    return read_by(KEEPER_SECRET_AGAIN, state, reference, ret_secret, until);
}

static err list_keys(void *state, str domain, struct arena *arena,
                     struct keeper_dkim_keys *ret_keys, deadline until)
{
    struct keeper_request request = {.op = KEEPER_DKIM_KEYS, .digest.domain = domain};
    struct keeper_call *c = NULL;
    TRY(ask(state, &request, &c, until));
    *ret_keys = c->reply.keys;
    for (size_t i = 0; i < ret_keys->count; i++)
        ret_keys->list[i].selector = arena_str(arena, ret_keys->list[i].selector);
    keeper_call_close(c);
    return NULL;
}

static err sign(void *state, const struct keeper_digest *digest, struct buf *out_signature,
                deadline until)
{
    struct keeper_request request = {.op = KEEPER_DKIM_SIGN, .digest = *digest};
    struct keeper_call *c = NULL;
    TRY(ask(state, &request, &c, until));
    err e = buf_add(out_signature, c->reply.signature);
    keeper_call_close(c);
    return e;
}

void keeper_call_init(struct keeper_caller *caller,
                      err (*ask_how)(struct keeper_caller *, const struct keeper_request *,
                                     struct keeper_call **, deadline))
{
    caller->ask = ask_how;
    caller->seam = (struct keeper){.check_login = check_login,
                                   .scram_lookup = scram_lookup,
                                   .secret = read_secret,
                                   .secret_again = read_secret_again,
                                   .state = caller,
                                   .dkim_keys = list_keys,
                                   .dkim_sign = sign};
}
