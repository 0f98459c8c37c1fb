#include "account/keeper.h"
#include "account/keeper_keys.h"
#include "account/keeper_references.h"
#include "account/keeper_wire.h"
#include "account/store.h"
#include "base/log.h"
#include "base/mem.h"
#include "oauth/store.h"
#include "secret/reference.h"
#include "secret/resolver.h"
#include "secret/secret.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWER_ARENA_BYTES_MAX = 256 * 1024,
    READ_BYTES = 16 * 1024,
};

const char *keeper_reason_name(enum keeper_reason reason)
{
    static const char *const names[KEEPER_REASON_COUNT] = {
        [KEEPER_RIGHT] = "right",
        [KEEPER_UNKNOWN_USER] = "unknown user",
        [KEEPER_WRONG_PASSWORD] = "wrong password",
        [KEEPER_DISABLED] = "disabled",
        [KEEPER_SECOND_FACTOR] = "needs an app password",
        [KEEPER_NO_SECRET] = "no CRAM-MD5 secret",
    };
    ASSERT(reason < KEEPER_REASON_COUNT);
    return names[reason];
}

/* -- one request ------------------------------------------------------------------------------ */

/* Once when the last good value is used instead, and once when that is over. */
static void log_age(str reference, const struct secret_resolver_told *told)
{
    char shown[SECRET_REFERENCE_SHOWN_CHARS];
    secret_reference_show(reference, shown);
    if (told->stale)
        log_warn("secret %s: %s; what it was %lld s ago is used until it can be asked", shown,
                 told->why, (long long)(told->age_ms / 1000));
    else
        log_info("secret %s can be asked again", shown);
}

/* again: the token was refused, whatever it says of its own end. */
static err read_token(const struct keeper_state *state, str login, bool again, struct buf *token)
{
    if (state->oauth == NULL)
        return err_new(ERR_CONFIG, "no logins by token are kept here");
    return oauth_store_token(state->oauth, login,
                             again ? OAUTH_STORE_RENEW_IF_OLD : OAUTH_STORE_RENEW_IF_DUE, token);
}

static err read_secret(const struct keeper_state *state, str reference, bool again,
                       struct buf *secret)
{
    if (state->secrets == NULL || !keeper_references_hold(state->references, reference))
        return err_new(ERR_CONFIG, "a secret that the configuration does not name");
    str login = reference;
    if (str_skip(&login, S("oauth:")))
        return read_token(state, login, again, secret);
    struct secret_resolver_told told;
    TRY(secret_resolver_read(state->secrets, reference, again, secret, &told));
    if (told.changed)
        log_age(reference, &told);
    return NULL;
}

static bool is_secret(enum keeper_op op)
{
    return op == KEEPER_SECRET || op == KEEPER_SECRET_AGAIN;
}

static err answer_dkim(const struct keeper_state *state, const struct keeper_request *request,
                       struct arena *arena, struct buf *signature, struct keeper_reply *reply)
{
    if (request->op == KEEPER_DKIM_KEYS) {
        keeper_keys_list(state->keys, request->digest.domain, arena, &reply->keys);
        return NULL;
    }
    TRY(keeper_keys_sign(state->keys, &request->digest, signature));
    reply->signature = buf_str(signature);
    return NULL;
}

static err answer(const struct keeper_state *state, const struct keeper_request *request,
                  struct arena *arena, struct buf *secret, struct keeper_reply *reply)
{
    if (request->op == KEEPER_DKIM_KEYS || request->op == KEEPER_DKIM_SIGN)
        return answer_dkim(state, request, arena, secret, reply);
    if (is_secret(request->op)) {
        TRY(read_secret(state, request->reference, request->op == KEEPER_SECRET_AGAIN, secret));
        reply->secret = buf_str(secret);
        return NULL;
    }
    if (state->store == NULL)
        return err_new(ERR_CONFIG, "no accounts are kept here");
    if (request->op == KEEPER_CHECK_LOGIN)
        return account_store_verify(state->store, &request->claim, arena, &reply->verdict);
    struct keeper_scram scram;
    TRY(account_store_scram(state->store, request->claim.user, request->claim.scope, arena,
                            &scram));
    reply->verdict = scram.verdict;
    reply->verifier = scram.verifier;
    mem_wipe(&scram, sizeof scram);
    return NULL;
}

void keeper_answer(const struct keeper_state *state, const struct keeper_request *request,
                   struct arena *arena, struct buf *secret, struct keeper_reply *ret_reply)
{
    *ret_reply = (struct keeper_reply){.id = request->id, .op = request->op};
    err e = answer(state, request, arena, secret, ret_reply);
    if (e == NULL)
        return;
    char why[KEEPER_WHY_BYTES_MAX];
    err_describe(e, why, sizeof why);
    *ret_reply = (struct keeper_reply){.id = request->id,
                                       .op = request->op,
                                       .failed = true,
                                       .kind = e->kind,
                                       .number = err_number(e),
                                       .why = arena_str(arena, str_of(why))};
}

/* -- many requests: one thread reads, a few answer -------------------------------------------- */

struct ring {
    struct buf bodies[KEEPER_WAITING_MAX];
    size_t first, count;
};

struct server {
    int fd;
    const struct keeper_state *state;
    pthread_mutex_t lock; /* of rings, secrets_running, closed */
    pthread_cond_t changed;
    struct ring logins, secrets; /* a store that hangs must not hold up a login */
    int secrets_running;
    bool closed;
    pthread_mutex_t write_lock; /* replies are not mixed on the wire */
};

static void push(struct server *s, struct ring *ring, struct buf body)
{
    pthread_mutex_lock(&s->lock);
    while (ring->count == KEEPER_WAITING_MAX) /* no more is read until one is answered */
        pthread_cond_wait(&s->changed, &s->lock);
    ring->bodies[(ring->first + ring->count) % KEEPER_WAITING_MAX] = body;
    ring->count++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* NULL: nothing that may be done now. One thread is always left for logins. */
static struct ring *next_ring(struct server *s)
{
    if (s->logins.count > 0)
        return &s->logins;
    return s->secrets.count > 0 && s->secrets_running < KEEPER_THREADS - 1 ? &s->secrets : NULL;
}

/* False: it is over. */
static bool pop(struct server *s, struct buf *ret_body, bool *ret_secret)
{
    struct ring *ring;
    pthread_mutex_lock(&s->lock);
    while ((ring = next_ring(s)) == NULL && !(s->closed && s->secrets.count == 0))
        pthread_cond_wait(&s->changed, &s->lock);
    if (ring) {
        *ret_body = ring->bodies[ring->first];
        ring->first = (ring->first + 1) % KEEPER_WAITING_MAX;
        ring->count--;
        *ret_secret = ring == &s->secrets;
        s->secrets_running += *ret_secret;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return ring != NULL;
}

static void end_secret(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->secrets_running--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* A broken peer is noticed by the reader; here there is nobody left to tell. */
static void write_whole(struct server *s, str bytes)
{
    pthread_mutex_lock(&s->write_lock);
    while (bytes.len) {
        ssize_t n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        bytes = str_from(bytes, (size_t)n);
    }
    pthread_mutex_unlock(&s->write_lock);
}

static void answer_one(struct server *s, str body, struct arena *arena)
{
    struct keeper_request request;
    struct keeper_reply reply;
    struct buf secret, frame;
    buf_init(&secret, SECRET_BYTES_MAX);
    buf_init(&frame, KEEPER_FRAME_BYTES_MAX + KEEPER_FRAME_HEADER_BYTES);
    err e = keeper_wire_read_request(body, &request);
    ASSERT(e == NULL); /* the reader let no other through */
    keeper_answer(s->state, &request, arena, &secret, &reply);
    char *room;
    e = buf_reserve(&frame, frame.max, &room); /* it may hold a secret: never moved */
    ASSERT(e == NULL);
    e = keeper_wire_add_reply(&reply, &frame);
    ASSERT(e == NULL);
    write_whole(s, buf_str(&frame));
    secret_wipe(&frame);
    secret_wipe(&secret);
    mem_wipe(&reply, sizeof reply);
}

static void *worker_run(void *arg)
{
    struct server *s = arg;
    struct buf body;
    bool secret;
    struct arena *arena = arena_open(ANSWER_ARENA_BYTES_MAX);
    while (pop(s, &body, &secret)) {
        answer_one(s, buf_str(&body), arena);
        if (secret)
            end_secret(s);
        secret_wipe(&body);
        arena_reset(arena);
        err_forget();
    }
    arena_close(arena);
    return NULL;
}

/* All whole frames that have come go to the workers. */
static err pass_on(struct server *s, struct buf *input)
{
    for (;;) {
        str rest = buf_str(input), body;
        struct keeper_request request;
        bool whole;
        TRY(keeper_wire_take(&rest, &body, &whole));
        if (!whole)
            return NULL;
        TRY(keeper_wire_read_request(body, &request));
        struct buf copy;
        buf_init(&copy, KEEPER_FRAME_BYTES_MAX);
        TRY(buf_add(&copy, body));
        push(s, is_secret(request.op) ? &s->secrets : &s->logins, copy);
        buf_cut_front(input, input->len - rest.len);
        mem_wipe(input->ptr + input->len, input->cap - input->len); /* it held a password */
    }
}

static err read_requests(struct server *s, struct buf *input)
{
    for (;;) {
        char *room;
        TRY(buf_reserve(input, READ_BYTES, &room));
        ssize_t n = read(s->fd, room, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != ECONNRESET)
            return err_new(ERR_SYSTEM, "read from the main process");
        if (n <= 0)
            return NULL;
        input->len += (size_t)n;
        TRY(pass_on(s, input));
    }
}

static err run(struct server *s)
{
    struct buf input;
    char *room;
    buf_init(&input, KEEPER_FRAME_BYTES_MAX + KEEPER_FRAME_HEADER_BYTES + READ_BYTES);
    err e = buf_reserve(&input, input.max, &room); /* it holds passwords: never moved */
    if (e == NULL)
        e = read_requests(s, &input);
    secret_wipe(&input);
    return e;
}

err keeper_serve(int fd, const struct keeper_state *state)
{
    pthread_t threads[KEEPER_THREADS];
    size_t started = 0;
    err e = NULL;
    struct server *s = MEM_NEW(struct server);
    s->fd = fd;
    s->state = state;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->write_lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    while (started < KEEPER_THREADS && e == NULL) {
        errno = pthread_create(&threads[started], NULL, worker_run, s);
        if (errno)
            e = err_new(ERR_SYSTEM, "start a thread of the keeper");
        else
            started++;
    }
    if (e == NULL)
        e = run(s);
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->write_lock);
    pthread_cond_destroy(&s->changed);
    mem_free(s);
    return e;
}
