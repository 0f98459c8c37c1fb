#include "inbound/login.h"
#include "base/mem.h"
#include "sasl/server.h"
#include "smtp/server.h"
#include <string.h>

enum { VERDICT_ARENA_BYTES_MAX = 256 * 1024 };

static unsigned offered_set(const struct inbound_session *s)
{
    const struct config_listener *l = s->listener;
    bool tls = tls_active(s->smtp.conn);
    struct address peer = net_peer(s->smtp.conn);
    bool clear_allowed = l->auth_on_loopback_without_tls && address_is_loopback(&peer);
    if (l->role != ROLE_SUBMISSION || (!tls && !clear_allowed))
        return 0;
    uint8_t binding[TLS_BINDING_BYTES];
    unsigned set = sasl_mechanism_bit(SASL_PLAIN) | sasl_mechanism_bit(SASL_LOGIN) |
                   sasl_mechanism_bit(SASL_SCRAM_SHA_256);
    if (tls && tls_get_binding(s->smtp.conn, binding))
        set |= sasl_mechanism_bit(SASL_SCRAM_SHA_256_PLUS);
    if (s->view->config->sasl.cram_md5)
        set |= sasl_mechanism_bit(SASL_CRAM_MD5);
    return set;
}

const char *inbound_login_mechanisms(const struct inbound_session *s)
{
    static const char *const texts[] = {
        "SCRAM-SHA-256 PLAIN LOGIN",
        "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN",
        "SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5",
        "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5",
    };
    unsigned set = offered_set(s);
    if (set == 0)
        return "";
    size_t plus = (set & sasl_mechanism_bit(SASL_SCRAM_SHA_256_PLUS)) != 0;
    size_t cram = (set & sasl_mechanism_bit(SASL_CRAM_MD5)) != 0;
    return texts[plus + 2 * cram];
}

/* One login on its way. */
struct login {
    struct inbound_session *session;
    struct sasl_server *sasl;
    enum sasl_mechanism mechanism;
    struct arena *arena;
    struct keeper_verdict verdict; /* who it is, if all goes well */
    struct buf response;
    bool throttled; /* begun: must be ended */
    char user[SASL_USER_BYTES_MAX + 1];
};

static void emit(struct login *l, enum event_login_failure why, const char *reason)
{
    struct inbound_session *s = l->session;
    struct tls_facts facts;
    enum event_kind kind = why == LOGIN_FAILURE_NONE ? EVENT_LOGIN_OK : EVENT_LOGIN_FAILED;
    struct event e = inbound_session_event(s, kind, &facts);
    e.login = str_of(l->user);
    e.mechanism = sasl_mechanism_name(l->mechanism);
    e.login_failure = why;
    e.reason = str_of(reason);
    event_emit(s->in->events, &e);
}

static void refuse(struct login *l, enum event_login_failure why, const char *reason,
                   struct smtp_answer *a)
{
    if (why == LOGIN_FAILURE_BACKEND_DOWN)
        smtp_answer_set(a, 454, "4.7.0", "Logins cannot be checked now, try again later");
    else if (why == LOGIN_FAILURE_THROTTLED)
        smtp_answer_set(a, 454, "4.7.0", "Too many failed logins, try again later");
    else
        smtp_answer_set(a, 535, "5.7.8", "Authentication credentials invalid");
    emit(l, why, reason);
}

static void throttle_end(struct login *l, enum account_throttle_outcome outcome)
{
    struct inbound *in = l->session->in;
    struct address peer = net_peer(l->session->smtp.conn);
    if (!l->throttled)
        return;
    l->throttled = false;
    pthread_mutex_lock(&in->throttle_lock);
    account_throttle_end(in->throttle, &peer, str_of(l->user), outcome, clock_steady_ms());
    pthread_mutex_unlock(&in->throttle_lock);
}

/* Who guesses waits, or is sent away. False in *ret_go: the answer is given. */
static err throttle_begin(struct login *l, bool *ret_go, struct smtp_answer *a)
{
    struct inbound *in = l->session->in;
    struct address peer = net_peer(l->session->smtp.conn);
    str_to_chars(str_slice(sasl_server_claim(l->sasl).user, 0, SASL_USER_BYTES_MAX), l->user,
                 sizeof l->user);
    pthread_mutex_lock(&in->throttle_lock);
    struct account_throttle_answer t =
        account_throttle_begin(in->throttle, &peer, str_of(l->user), clock_steady_ms());
    pthread_mutex_unlock(&in->throttle_lock);
    *ret_go = !t.refused;
    if (t.refused) {
        refuse(l, LOGIN_FAILURE_THROTTLED, "", a);
        return NULL;
    }
    l->throttled = true;
    return t.delay_ms > 0 ? fiber_sleep(deadline_after(t.delay_ms)) : NULL;
}

static enum event_login_failure failure_of(enum keeper_reason reason)
{
    switch (reason) {
    case KEEPER_RIGHT:
        return LOGIN_FAILURE_NONE;
    case KEEPER_UNKNOWN_USER:
        return LOGIN_FAILURE_UNKNOWN_USER;
    case KEEPER_DISABLED:
        return LOGIN_FAILURE_DISABLED;
    default:
        return LOGIN_FAILURE_WRONG_PASSWORD;
    }
}

static void succeed(struct login *l, struct smtp_answer *a)
{
    struct inbound_session *s = l->session;
    if (s->smtp.arena == NULL)
        s->smtp.arena = arena_open(SMTP_SESSION_ARENA_BYTES_MAX);
    const struct keeper_verdict *v = &l->verdict;
    s->smtp.login = arena_str(s->smtp.arena, v->user);
    s->senders = ARENA_ARRAY(s->smtp.arena, str, v->sender_count);
    for (size_t i = 0; i < v->sender_count; i++)
        s->senders[i] = arena_str(s->smtp.arena, v->senders[i]);
    s->sender_count = v->sender_count;
    s->peer.logged_in = true;
    throttle_end(l, ACCOUNT_THROTTLE_RIGHT);
    smtp_answer_set(a, 235, "2.7.0", "Authentication succeeded");
    emit(l, LOGIN_FAILURE_NONE, "");
}

static void conclude(struct login *l, struct smtp_answer *a)
{
    const struct keeper_verdict *v = &l->verdict;
    if (v->reason == KEEPER_RIGHT) {
        succeed(l, a);
        return;
    }
    throttle_end(l, ACCOUNT_THROTTLE_WRONG);
    refuse(l, failure_of(v->reason), keeper_reason_name(v->reason), a);
}

/* PLAIN, LOGIN, CRAM-MD5: the claim is complete. */
static err check_claim(struct login *l, struct smtp_answer *a, deadline until)
{
    struct sasl_server_claim said = sasl_server_claim(l->sasl);
    struct keeper_claim claim = {said.user, said.password, said.challenge, said.digest,
                                 KEEPER_SUBMISSION};
    bool go;
    TRY(throttle_begin(l, &go, a));
    if (!go)
        return NULL;
    err e = keeper_check_login(l->session->in->keeper, &claim, l->arena, &l->verdict, until);
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e) {
        throttle_end(l, ACCOUNT_THROTTLE_UNKNOWN);
        refuse(l, LOGIN_FAILURE_BACKEND_DOWN, "", a);
        return NULL;
    }
    conclude(l, a);
    return NULL;
}

/* SCRAM: fetch what is kept of the user. False in *ret_go: the answer is given. */
static err look_up(struct login *l, enum sasl_server_status *ret_status, bool *ret_go,
                   struct smtp_answer *a, deadline until)
{
    struct keeper_scram scram;
    TRY(throttle_begin(l, ret_go, a));
    if (!*ret_go)
        return NULL;
    err e = keeper_scram_lookup(l->session->in->keeper, str_of(l->user), KEEPER_SUBMISSION,
                                l->arena, &scram, until);
    if (e && e->kind == ERR_CANCELED)
        return e;
    if (e) {
        *ret_go = false;
        throttle_end(l, ACCOUNT_THROTTLE_UNKNOWN);
        refuse(l, LOGIN_FAILURE_BACKEND_DOWN, "", a);
        return NULL;
    }
    l->verdict = scram.verdict;
    *ret_status = sasl_server_verifier(l->sasl, &scram.verifier);
    mem_wipe(&scram.verifier, sizeof scram.verifier);
    return NULL;
}

static err exchange(struct login *l, bool *ret_given, struct smtp_answer *a, deadline until)
{
    if (l->response.ptr)
        mem_wipe(l->response.ptr, l->response.cap);
    buf_clear(&l->response);
    err e = smtp_server_challenge(&l->session->smtp, sasl_server_challenge(l->sasl), &l->response,
                                  ret_given, a, until);
    if (e == NULL && !*ret_given) {
        throttle_end(l, ACCOUNT_THROTTLE_UNKNOWN);
        emit(l,
             a->code == 501 && strcmp(a->enhanced, "5.7.0") == 0 ? LOGIN_FAILURE_CANCELED
                                                                 : LOGIN_FAILURE_MALFORMED,
             "");
    }
    return e;
}

/* The exchange is over: say how it ended. */
static err finish(struct login *l, enum sasl_server_status status, struct smtp_answer *a,
                  deadline until)
{
    if (status == SASL_SERVER_CHECK)
        return check_claim(l, a, until);
    if (status == SASL_SERVER_DONE) {
        conclude(l, a);
    } else if (status == SASL_SERVER_MALFORMED) {
        throttle_end(l, ACCOUNT_THROTTLE_UNKNOWN);
        smtp_answer_set(a, 501, "5.5.2", "Not what this mechanism says");
        emit(l, LOGIN_FAILURE_MALFORMED, "");
    } else {
        if (l->verdict.reason == KEEPER_RIGHT) /* the user is fine, the proof was not */
            l->verdict.reason = KEEPER_WRONG_PASSWORD;
        conclude(l, a);
    }
    return NULL;
}

static err converse(struct login *l, const str *initial, struct smtp_answer *a, deadline until)
{
    enum sasl_server_status status = sasl_server_step(l->sasl, initial);
    for (;;) {
        bool go = true;
        if (status == SASL_SERVER_LOOKUP)
            TRY(look_up(l, &status, &go, a, until));
        if (!go)
            return NULL;
        if (status != SASL_SERVER_CHALLENGE)
            return finish(l, status, a, until);
        TRY(exchange(l, &go, a, until));
        if (!go)
            return NULL;
        str response = buf_str(&l->response);
        status = sasl_server_step(l->sasl, &response);
    }
}

static void open_sasl(struct login *l)
{
    struct inbound_session *s = l->session;
    uint8_t binding[TLS_BINDING_BYTES];
    bool bound = tls_get_binding(s->smtp.conn, binding);
    struct sasl_server_options options = {
        .mechanism = l->mechanism,
        .hostname = s->view->config->hostname,
        .binding = bound ? (str){(char *)binding, sizeof binding}
            : (str){0              },
    };
    l->sasl = sasl_server_open(&options);
    l->arena = arena_open(VERDICT_ARENA_BYTES_MAX);
    buf_init(&l->response, 16 * 1024);
}

err inbound_login(struct inbound_session *s, str mechanism, const str *initial,
                  struct smtp_answer *a, deadline until)
{
    struct login l = {.session = s, .mechanism = sasl_mechanism_of(mechanism)};
    unsigned set = offered_set(s);
    if (l.mechanism == SASL_NONE || !(set & sasl_mechanism_bit(l.mechanism))) {
        smtp_answer_set(a, 504, "5.5.4", "No such mechanism here");
        emit(&l, LOGIN_FAILURE_MECHANISM_OFF, "");
        return NULL;
    }
    open_sasl(&l);
    err e = converse(&l, initial, a, until);
    throttle_end(&l, ACCOUNT_THROTTLE_UNKNOWN);
    sasl_server_close(l.sasl);
    if (l.response.ptr)
        mem_wipe(l.response.ptr, l.response.cap);
    buf_release(&l.response);
    arena_close(l.arena);
    return e;
}
