#include "inbound/session.h"
#include "account/sender.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbound/login.h"
#include "inbound/proxy.h"
#include "inbound/recipients.h"
#include "inbound/report.h"
#include "inbound/returned.h"
#include "outbound/from.h"
#include "outbound/route.h"
#include "smtp/server.h"
#include <string.h>

enum { LINGER_MS_MAX = 2000 };

static struct inbound_session *session_of(struct smtp_session *smtp) { return smtp->context; }

/* ---- events ----------------------------------------------------------------------------- */

static const char *role_name(enum config_role role)
{
    return role == ROLE_MX ? "mx" : role == ROLE_RELAY ? "relay" : "submission";
}

struct event inbound_session_event(const struct inbound_session *s, enum event_kind kind,
                                   struct tls_facts *ret_facts)
{
    struct event e = {
        .kind = kind,
        .role = str_of(role_name(s->listener->role)),
        .peer = str_of(s->peer_ip),
        .helo = str_of(s->smtp.hello),
        .login = s->smtp.login,
    };
    if (tls_get_facts(s->smtp.conn, ret_facts)) {
        e.tls_version = str_of(ret_facts->version);
        e.tls_cipher = str_of(ret_facts->cipher);
    }
    return e;
}

static void tell(struct inbound_session *s, enum event_kind kind)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, kind, &facts);
    event_emit(s->in->events, &e);
}

static void on_refused(struct smtp_session *smtp, const char *verb, int code, const char *enhanced,
                       str text)
{
    struct inbound_session *s = session_of(smtp);
    struct tls_facts facts;
    if (strcmp(verb, "AUTH") == 0 && code != 538 && code != 530)
        return; /* the login's own event tells more */
    enum event_kind kind = code == 538 ? EVENT_LOGIN_FAILED : EVENT_REFUSED;
    struct event e = inbound_session_event(s, kind, &facts);
    e.login_failure = code == 538 ? LOGIN_FAILURE_NO_TLS : LOGIN_FAILURE_NONE;
    e.sender = s->envelope.sender;
    e.code = code;
    e.enhanced = str_of(enhanced);
    e.text = text;
    e.reason = str_of(verb);
    event_emit(s->in->events, &e);
}

static void tell_accepted(struct inbound_session *s, const queue_id *id, int64_t size)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_ACCEPTED, &facts);
    e.time_ms = s->envelope.accepted_at_ms; /* a delivery may have begun since */
    e.queue_id = str_of(id->text);
    e.message_id = s->envelope.message_id;
    e.sender = s->envelope.sender;
    e.tenant = s->envelope.flow.tenant;
    e.stream = s->envelope.flow.stream;
    e.campaign = s->envelope.flow.campaign;
    e.size = size;
    e.count = (int64_t)s->envelope.rcpt_count;
    e.priority = s->envelope.priority;
    e.next_due_ms = s->envelope.not_before_ms;
    for (size_t i = 0; i < s->envelope.rcpt_count; i++) {
        e.recipient = s->envelope.rcpts[i].address;
        e.destination = s->envelope.rcpts[i].destination;
        if (outbound_route_none(s->view->config, e.destination))
            e.reason = S("no route is configured: it waits for one");
        event_emit(s->in->events, &e);
    }
    if (s->smtp.spoke_early) {
        e.kind = EVENT_EARLY_DATA;
        event_emit(s->in->events, &e);
    }
}

/* ---- who may ---------------------------------------------------------------------------- */

static err on_greet(struct smtp_session *smtp, struct smtp_answer *a, deadline until)
{
    (void)until;
    struct inbound_session *s = session_of(smtp);
    if (s->listener->role == ROLE_RELAY && !s->peer.trusted) {
        smtp_answer_set(a, 554, "5.7.1", "This listener relays for trusted networks only");
        a->close = true;
    }
    return NULL;
}

static err on_hello(struct smtp_session *smtp, struct smtp_answer *a, deadline until)
{
    (void)a, (void)until;
    struct inbound_session *s = session_of(smtp);
    if (tls_active(smtp->conn) && !s->tls_told)
        tell(s, EVENT_TLS);
    s->tls_told = tls_active(smtp->conn);
    return NULL;
}

static const char *on_mechanisms(struct smtp_session *smtp)
{
    return inbound_login_mechanisms(session_of(smtp));
}

static bool on_offers_once(struct smtp_session *smtp)
{
    return queue_once_has_room(session_of(smtp)->in->queue);
}

static err on_login(struct smtp_session *smtp, str mechanism, const str *initial,
                    struct smtp_answer *a, deadline until)
{
    return inbound_login(session_of(smtp), mechanism, initial, a, until);
}

bool inbound_session_may_use(void *session, str address)
{
    struct inbound_session *s = session;
    if (s->listener->role != ROLE_SUBMISSION)
        return true;
    if (s->smtp.login.len == 0) /* forgotten by STARTTLS, and the patterns with it */
        return false;
    return account_sender_allowed(s->smtp.login, s->view->config->hostname, s->senders,
                                  s->sender_count, address);
}

/* One reply is for all recipients: what can leave for one of them comes in. */
static const struct config_account *refused_by(void *session, str address)
{
    const struct inbound_session *s = session;
    const struct config_account *by = NULL;
    for (size_t i = 0; i < s->envelope.rcpt_count; i++) {
        struct outbound_route route;
        outbound_route_find(s->view->config, s->envelope.rcpts[i].address, &route);
        by = outbound_from_refused(route.hops, route.hop_count, address);
        if (by == NULL)
            return NULL;
    }
    return by;
}

static enum envelope_origin origin_of(enum config_role role)
{
    return role == ROLE_MX ? ORIGIN_MX : role == ROLE_RELAY ? ORIGIN_RELAY : ORIGIN_SUBMISSION;
}

/* ---- what may be asked -------------------------------------------------------------------- */

/* Anybody may ask for less; for more only who is known to us (RFC 6710 section 10). */
static bool may_ask(const struct inbound_session *s)
{
    return s->smtp.login.len > 0 || (s->peer.role == ROLE_RELAY && s->peer.trusted);
}

static int8_t grant_priority(struct inbound_session *s, int8_t asked)
{
    int most = may_ask(s) ? s->view->config->limits.priority : 0;
    if (asked <= most)
        return asked;
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_PRIORITY_CUT, &facts);
    e.sender = s->envelope.sender;
    e.priority = most;
    e.reason = may_ask(s) ? S("more than limits.priority was asked for")
                          : S("only who logs in or relays from relay.trusted may be preferred");
    event_emit(s->in->events, &e);
    return (int8_t)most;
}

static void take_times(struct inbound_session *s, const struct smtp_mail *mail,
                       struct smtp_answer *a)
{
    struct envelope *env = &s->envelope;
    const struct smtp_times *t = &mail->times;
    int64_t now_ms = clock_real_ms();
    env->priority = mail->has_priority ? grant_priority(s, t->priority) : 0;
    if (mail->has_priority && env->priority != t->priority)
        smtp_answer_setf(a, 250, "2.3.6", "%d is the new priority", env->priority);
    if (mail->has_by) {
        env->by_ms = now_ms + t->by_seconds * 1000;
        env->by_mode = t->by_mode;
        env->by_trace = t->by_trace;
    }
    if (mail->has_hold)
        env->not_before_ms = t->hold_seconds ? now_ms + t->hold_seconds * 1000 : t->hold_until_ms;
}

static err on_mail(struct smtp_session *smtp, const struct smtp_mail *mail, struct smtp_answer *a,
                   deadline until)
{
    (void)until;
    struct inbound_session *s = session_of(smtp);
    s->peer.logged_in = smtp->login.len > 0; /* STARTTLS forgets a login */
    if (queue_stopped(s->in->queue)) {
        smtp_answer_set(a, 451, "4.3.0", "The queue has stopped, try again later");
        return NULL;
    }
    if (!queue_has_room(s->in->queue)) {
        smtp_answer_set(a, 452, "4.3.1", "No space for more mail, try again later");
        return NULL;
    }
    if (!inbound_session_may_use(s, mail->from.text)) {
        smtp_answer_set(a, 553, "5.7.1", "You may not send as this address");
        return NULL;
    }
    s->envelope = (struct envelope){
        .sender = mail->from.text,
        .envid = mail->envid,
        .ret = mail->ret,
        .declared = mail->body,
        .smtputf8 = mail->smtputf8,
        .requiretls = mail->requiretls,
        .origin = origin_of(s->listener->role),
        .login = smtp->login,
        .peer = str_of(s->peer_ip),
        .helo = str_of(smtp->hello),
    };
    s->rcpt_cap = 0;
    s->tenant = (str){0};
    if (s->listener->role != ROLE_MX) {
        struct address peer = net_peer(smtp->conn);
        s->tenant = inbound_asked_tenant(s->view->config, smtp->login, &peer, mail->from.text);
    }
    s->envelope.flow.tenant = s->tenant;
    take_times(s, mail, a);
    inbound_once_mail(s, mail, a);
    return NULL;
}

/* ---- recipients ------------------------------------------------------------------------- */

static void add_rcpt(struct inbound_session *s, const struct smtp_path *to,
                     const struct smtp_rcpt *rcpt)
{
    struct envelope *env = &s->envelope;
    struct arena *arena = s->smtp.mail_arena;
    if (env->rcpt_count == s->rcpt_cap) {
        s->rcpt_cap = s->rcpt_cap ? s->rcpt_cap * 2 : 4;
        struct envelope_rcpt *more = ARENA_ARRAY(arena, struct envelope_rcpt, s->rcpt_cap);
        if (env->rcpt_count)
            memcpy(more, env->rcpts, env->rcpt_count * sizeof *more);
        env->rcpts = more;
    }
    struct envelope_rcpt *r = &env->rcpts[env->rcpt_count++];
    r->address = arena_str(arena, to->text);
    r->destination = outbound_route_destination(s->view->config, r->address, &s->envelope, arena);
    r->orcpt = arena_str(arena, rcpt->orcpt);
    r->notify = rcpt->notify;
}

/* The same mailbox twice is one recipient (attack 59); its second RCPT is fine and changes nothing.
 */
static bool is_there(const struct envelope *env, str address)
{
    enum { LOOK_BACK = 64 }; /* so that many recipients cost no square of their number */
    size_t from = env->rcpt_count > LOOK_BACK ? env->rcpt_count - LOOK_BACK : 0;
    for (size_t i = from; i < env->rcpt_count; i++)
        if (str_eq(env->rcpts[i].address, address))
            return true;
    return false;
}

/* "<postmaster>" is the postmaster of our first domain that takes mail, else of this host. */
static struct smtp_path postmaster_of(struct inbound_session *s, const struct smtp_path *to)
{
    const struct config *c = s->view->config;
    struct smtp_path p = *to;
    p.domain = c->hostname;
    for (size_t i = 0; i < c->domain_count; i++) {
        if (c->domains[i].deliver == NULL)
            continue;
        p.domain = c->domains[i].name;
        break;
    }
    p.text = arena_printf(s->smtp.command_arena, "postmaster@%.*s", STR_ARG(p.domain));
    return p;
}

static err ask_next_hop(struct inbound_session *s, const struct smtp_path *to,
                        enum inbound_relay *verdict, struct smtp_answer *a, deadline until)
{
    const struct config_domain *d = inbound_relay_domain(s->view->config, to->domain);
    enum inbound_recipient answer = INBOUND_RECIPIENT_AWAY;
    if (s->in->recipients)
        TRY(inbound_recipients_ask(s->in->recipients, d->deliver, to->text, &answer, until));
    if (answer == INBOUND_RECIPIENT_AWAY)
        smtp_answer_set(a, 451, "4.4.1", "Cannot check this recipient now, try again later");
    *verdict = answer == INBOUND_RECIPIENT_NO ? INBOUND_RELAY_UNKNOWN : INBOUND_RELAY_OWN;
    return NULL;
}

static void refuse_unknown(struct inbound_session *s, struct smtp_answer *a)
{
    smtp_answer_set(a, 550, "5.1.1", "No such user here");
    int limit = s->view->config->limits.invalid_recipients;
    if (limit > 0 && ++s->unknown_recipients > limit) {
        smtp_answer_set(a, 421, "4.7.0", "Too many unknown recipients");
        a->close = true;
    }
}

/* One reply after the dot must fit all: nobody gets around a policy by naming somebody else. */
static void take_rcpt(struct inbound_session *s, const struct smtp_path *to,
                      const struct smtp_rcpt *rcpt, struct smtp_answer *a)
{
    if (inbound_verdict_fits(s->view->config, &s->peer, &s->envelope, to->text))
        add_rcpt(s, to, rcpt);
    else
        smtp_answer_set(a, 452, "4.5.3",
                        "Another policy than the recipients before: send it on its own");
}

/* At submission and relay: nobody writes to whom it is known that he wants none, or is not there.
 * Our own mailboxes are asked themselves. */
static err refuse_suppressed(struct inbound_session *s, enum inbound_relay verdict, str address,
                             struct smtp_answer *a, deadline until)
{
    struct feedback_entry entry;
    bool found = false;
    struct arena *arena = s->smtp.command_arena;
    if (verdict != INBOUND_RELAY_AWAY || !s->view->config->suppression.on)
        return NULL;
    TRY(feedback_check(s->in->feedback, address, &s->envelope.flow, arena, &entry, &found, until));
    if (found)
        smtp_answer_setf(a, 550, "5.7.1",
                         "On this server's suppression list: %.*s. Its operator can lift it: "
                         "smtptool suppress rm ADDRESS",
                         STR_ARG(feedback_entry_words(&entry, arena)));
    return NULL;
}

/* Bounces are sent to whom the mail seemed to come from: at an address that nobody has, it was not
 * ours. */
static void count_stranger(struct inbound_session *s, enum inbound_relay verdict,
                           const struct smtp_path *to)
{
    if (verdict == INBOUND_RELAY_UNKNOWN && s->envelope.sender.len == 0 &&
        s->listener->role == ROLE_MX)
        inbound_returned_stranger(s, to->domain);
}

static err on_rcpt(struct smtp_session *smtp, const struct smtp_rcpt *rcpt, struct smtp_answer *a,
                   deadline until)
{
    struct inbound_session *s = session_of(smtp);
    struct smtp_path to = rcpt->to;
    if (to.postmaster_bare)
        to = postmaster_of(s, &rcpt->to);
    if (inbound_once_rcpt(s, to.text, a))
        return NULL;
    enum inbound_returned returned = inbound_returned_rcpt(s, to.text, a);
    if (returned == INBOUND_RETURNED_TAKE)
        add_rcpt(s, &to, rcpt);
    if (returned != INBOUND_RETURNED_NOT)
        return NULL;
    enum inbound_relay verdict = inbound_relay_judge(s->view->config, &s->peer, &to);
    if (rcpt->to.postmaster_bare && verdict == INBOUND_RELAY_DENIED)
        verdict = INBOUND_RELAY_OWN; /* RFC 5321 section 4.5.1: it must be taken */
    if (verdict == INBOUND_RELAY_ASK)
        TRY(ask_next_hop(s, &to, &verdict, a, until));
    count_stranger(s, verdict, &to);
    TRY(refuse_suppressed(s, verdict, to.text, a, until));
    if (verdict == INBOUND_RELAY_DENIED)
        smtp_answer_set(a, 554, "5.7.1", "Relaying denied");
    else if (verdict == INBOUND_RELAY_UNKNOWN)
        refuse_unknown(s, a);
    else if (smtp_answer_ok(a) && !is_there(&s->envelope, to.text))
        take_rcpt(s, &to, rcpt, a);
    return NULL;
}

/* ---- content ---------------------------------------------------------------------------- */

static err on_begin(struct smtp_session *smtp, struct smtp_answer *a, deadline until)
{
    (void)until;
    struct inbound_session *s = session_of(smtp);
    if (s->once.repeats)
        return NULL;
    if (s->in->dns && !s->returning) /* a signature of ours says more than who it is from */
        s->judging = inbound_verdict_judging(s->view->config, &s->peer, &s->envelope);
    struct inbound_intake_rules rules = {
        .submission = s->listener->role == ROLE_SUBMISSION,
        .hops_max = (size_t)s->view->config->limits.hops,
        .header_bytes_max = (size_t)s->view->config->limits.header_bytes,
        .login = smtp->login,
        .hostname = s->view->config->hostname,
        .asks = s->listener->role != ROLE_MX,
        .judged = s->judging != JUDGING_NONE,
        .id = s->view->config->mailauth.id,
        .may_use = inbound_session_may_use,
        .may_use_arg = s,
        .refused_by = refused_by,
    };
    err e = inbound_intake_open(s->in->queue, &rules, &s->intake);
    if (e == NULL)
        inbound_once_begin(s);
    if (e && e->kind == ERR_LIMIT) {
        smtp_answer_set(a, 452, "4.3.1", "No space for more mail, try again later");
        return NULL;
    }
    return e;
}

static err on_content(struct smtp_session *smtp, str run, deadline until)
{
    struct inbound_session *s = session_of(smtp);
    return s->once.repeats ? NULL : inbound_intake_write(s->intake, run, &smtp->failure, until);
}

static struct message_received trace_of(struct inbound_session *s, struct tls_facts *facts)
{
    struct message_received r = {
        .helo = str_of(s->smtp.hello),
        .peer = str_of(s->peer_ip),
        .hostname = s->view->config->hostname,
        .extended = s->smtp.esmtp,
        .authenticated = s->smtp.login.len > 0,
        .smtputf8 = s->envelope.smtputf8,
        .rcpt = s->envelope.rcpt_count == 1 ? s->envelope.rcpts[0].address : (str){0},
        .priority = s->envelope.priority,
        .now_ms = clock_real_ms(),
    };
    if (tls_get_facts(s->smtp.conn, facts)) {
        r.tls_version = str_of(facts->version);
        r.tls_cipher = str_of(facts->cipher);
    }
    return r;
}

/* ---- who wrote it ----------------------------------------------------------------------- */

/* All that is asked for one message has dns.timeout together. */
static err ask_about(struct inbound_session *s, struct mailauth_judge *judge, struct arena *arena,
                     struct mailauth_judgement *ret_judgement, deadline until)
{
    const struct config *c = s->view->config;
    struct address *ip = ARENA_NEW(arena, struct address);
    struct dns_budget budget;
    *ip = net_peer(s->smtp.conn);
    bool known = ip->family == ADDRESS_IP4 || ip->family == ADDRESS_IP6;
    dns_budget_init(&budget, c->dns.queries_per_message, c->dns.timeout_ms);
    inbound_intake_count(s->intake, &budget);
    struct mailauth_ask ask = {.arena = arena,
                               .dns = s->in->dns,
                               .budget = &budget,
                               .until = deadline_sooner(budget.until, until),
                               .now_ms = clock_real_ms()};
    struct mailauth_judge_peer peer = {.ip = known ? ip : NULL,
                                       .helo = str_of(s->smtp.hello),
                                       .sender = s->envelope.sender,
                                       .receiver = c->hostname,
                                       .sealers = c->mailauth.sealers,
                                       .sealer_count = c->mailauth.sealer_count};
    return mailauth_judge_finish(judge, &ask, &peer, NULL, ret_judgement);
}

static err add_fields(struct inbound_session *s, enum inbound_verdict verdict,
                      const struct mailauth_judgement *j, struct arena *arena)
{
    struct buf fields;
    buf_init(&fields, INBOUND_INTAKE_TRACE_BYTES_MAX);
    err e = inbound_verdict_fields(&s->view->config->mailauth, verdict, j, s->envelope.smtputf8,
                                   arena, &fields);
    if (e == NULL)
        inbound_intake_trace(s->intake, buf_str(&fields));
    buf_release(&fields);
    return e;
}

/* The id is that of an accepted message. */
static void tell_judged(struct inbound_session *s, const queue_id *id)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_JUDGED, &facts);
    e.sender = s->envelope.sender;
    if (id) {
        e.time_ms = s->envelope.accepted_at_ms;
        e.queue_id = str_of(id->text);
        e.message_id = s->envelope.message_id;
    }
    inbound_verdict_tell(s->verdict, s->judgement, &e);
    event_emit(s->in->events, &e);
}

/* The client has its answer, or will have it whatever becomes of this. */
static void count_judged(struct inbound_session *s)
{
    inbound_report_count(s->in->reports, &(struct inbound_report_seen){
                                             .config = s->view->config,
                                             .judgement = s->judgement,
                                             .verdict = s->verdict,
                                             .header = inbound_intake_header(s->intake),
                                             .now_ms = clock_real_ms(),
                                         });
}

/* *ret_refused: the answer says why. */
static err judge(struct inbound_session *s, struct smtp_answer *a, bool *ret_refused,
                 deadline until)
{
    struct arena *arena;
    struct mailauth_judge *judge = inbound_intake_judge(s->intake, &arena);
    if (judge == NULL)
        return NULL;
    struct mailauth_judgement *j = ARENA_NEW(arena, struct mailauth_judgement);
    TRY(ask_about(s, judge, arena, j, until));
    *ret_refused = inbound_intake_is_full(s->intake, a);
    if (*ret_refused)
        return NULL;
    s->judgement = j;
    s->verdict = inbound_verdict_of(&s->view->config->mailauth, s->judging, j);
    if (s->verdict != INBOUND_VERDICT_REJECT && s->verdict != INBOUND_VERDICT_DEFER)
        return add_fields(s, s->verdict, j, arena);
    inbound_verdict_answer(s->verdict, j, a);
    *ret_refused = true;
    tell_judged(s, NULL);
    if (s->verdict == INBOUND_VERDICT_REJECT) /* what is put off comes again */
        count_judged(s);
    return NULL;
}

/* The header's wishes about time, where MAIL said nothing. */
static void take_wishes(struct inbound_session *s, struct smtp_answer *refusal)
{
    const struct inbound_asked *asked = inbound_intake_asked(s->intake);
    struct envelope *env = &s->envelope;
    if (asked->has_priority && !s->smtp.mail.has_priority)
        env->priority = grant_priority(s, asked->priority);
    env->expires_ms = asked->expires_ms;
    if (env->expires_ms && env->expires_ms <= env->not_before_ms)
        smtp_answer_set(refusal, 550, "5.6.0", "It would expire before it is released");
}

/* Whose mail it is was not all known when its recipients came. */
static void name_destinations(struct inbound_session *s)
{
    struct envelope *e = &s->envelope;
    for (size_t i = 0; i < e->rcpt_count; i++)
        e->rcpts[i].destination =
            outbound_route_destination(s->view->config, e->rcpts[i].address, e, s->smtp.mail_arena);
}

/* False: the answer says what is wrong with the tenant that it names. */
static bool take_flow(struct inbound_session *s, struct smtp_answer *a)
{
    bool may_name = s->listener->role == ROLE_RELAY && s->peer.trusted;
    const struct inbound_asked *asked = inbound_intake_asked(s->intake);
    struct smtp_answer refusal = {0};
    s->envelope.flow = inbound_asked_flow(asked, s->tenant, may_name, &refusal);
    if (refusal.code != 0) {
        *a = refusal;
        return false;
    }
    if (asked->any)
        name_destinations(s);
    if (s->listener->role != ROLE_MX)
        inbound_intake_trace(s->intake,
                             inbound_asked_feedback_id(asked, &s->envelope.flow, s->view->config,
                                                       s->smtp.mail_arena));
    return true;
}

/* The same for all that is kept: the queue has it, then the client hears so. */
static err keep(struct inbound_session *s, const struct smtp_scan *scan, struct smtp_answer *a,
                deadline until)
{
    struct tls_facts facts;
    queue_id id;
    s->envelope.found = smtp_scan_found(scan);
    s->envelope.accepted_at_ms = clock_real_ms();
    struct message_received received = trace_of(s, &facts);
    int64_t size = (int64_t)inbound_intake_size(s->intake);
    TRY(inbound_intake_commit(s->intake, &s->envelope, &received, &id, until));
    smtp_answer_set(a, 250, "2.0.0", id.text);
    if (s->judgement) {
        tell_judged(s, &id);
        count_judged(s);
    }
    tell_accepted(s, &id, size);
    feedback_strangers_sent(s->in->strangers, s->smtp.login, (uint32_t)s->envelope.rcpt_count,
                            s->envelope.accepted_at_ms);
    return NULL;
}

/* A bounce that came to a person: mail of ours leaves with a return path, so it is of another's. */
static void count_bounce(struct inbound_session *s)
{
    const struct config *c = s->view->config;
    str to = s->envelope.rcpts[0].address;
    if (s->listener->role == ROLE_MX && s->envelope.sender.len == 0 && !s->peer.trusted &&
        c->bounces.domain.len > 0 && c->bounces.verp && inbound_intake_is_bounce(s->intake))
        inbound_returned_stranger(s, str_from(to, str_find_last(to, '@') + 1));
}

static err on_done(struct smtp_session *smtp, const struct smtp_scan *scan, struct smtp_answer *a,
                   deadline until)
{
    struct inbound_session *s = session_of(smtp);
    struct smtp_answer refusal = {0};
    bool refused = false, goes_on = true;
    if (s->once.repeats) {
        inbound_once_answer(s, a);
        return NULL;
    }
    TRY(inbound_intake_finish(s->intake, &refusal, until));
    if (refusal.code == 0)
        take_wishes(s, &refusal);
    if (refusal.code != 0) {
        *a = refusal;
        return NULL;
    }
    if (scan->longest_line > SMTP_SCAN_LINE_BYTES_MAX && smtp->mail.body != BODY_BINARYMIME) {
        smtp_answer_setf(a, 550, "5.6.0", "A line of more than %d octets, see RFC 5322 2.1.1",
                         SMTP_SCAN_LINE_BYTES_MAX);
        return NULL;
    }
    if (s->returning)
        TRY(inbound_returned_done(s, a, &goes_on, until));
    else
        count_bounce(s);
    if (!goes_on)
        return NULL;
    TRY(judge(s, a, &refused, until));
    return refused || !take_flow(s, a) ? NULL : keep(s, scan, a, until);
}

static void on_reset(struct smtp_session *smtp)
{
    struct inbound_session *s = session_of(smtp);
    inbound_intake_close(s->intake);
    s->intake = NULL;
    inbound_once_end(s);
    s->envelope = (struct envelope){0};
    s->tenant = (str){0};
    s->returning = s->by_path = false;
    s->judging = JUDGING_NONE;
    s->judgement = NULL;
    s->rcpt_cap = 0;
}

static const struct smtp_backend backend = {
    .greet = on_greet,
    .hello = on_hello,
    .mechanisms = on_mechanisms,
    .offers_once = on_offers_once,
    .login = on_login,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .begin = on_begin,
    .content = on_content,
    .done = on_done,
    .reset = on_reset,
    .refused = on_refused,
};

/* ---- one connection --------------------------------------------------------------------- */

/* One reply to who is sent away before SMTP begins; where TLS comes first nobody would read it. */
static void say_and_leave(struct inbound_session *s, const char *text)
{
    struct net_conn *conn = s->smtp.conn;
    if (s->listener->tls == LISTENER_TLS_IMPLICIT)
        return;
    err e = net_write(conn, str_of(text), deadline_after(1000));
    if (e == NULL)
        e = net_flush(conn, deadline_after(1000));
    (void)e; /* it is sent away in any case */
}

static bool enter(struct inbound_session *s)
{
    const struct config_limits *l = &s->view->config->limits;
    struct inbound_limits_rule rule = {l->connections, l->per_address, l->connect_rate_per_minute};
    struct address peer = net_peer(s->smtp.conn);
    enum inbound_limit verdict =
        inbound_limits_enter(s->in->limits, &rule, &peer, clock_steady_ms());
    s->counted = verdict == INBOUND_OK;
    if (verdict == INBOUND_TOO_MANY)
        say_and_leave(s, "421 4.3.2 Too many connections, try again later\r\n");
    else if (verdict != INBOUND_OK)
        say_and_leave(s, "421 4.7.0 Too many connections from your address\r\n");
    return s->counted;
}

static void tell_tls_failed(struct inbound_session *s, err why)
{
    struct tls_facts facts;
    struct event e = inbound_session_event(s, EVENT_TLS_FAILED, &facts);
    e.reason = why->text;
    event_emit(s->in->events, &e);
}

static err converse(struct inbound_session *s)
{
    if (s->listener->tls == LISTENER_TLS_IMPLICIT) /* port 465 */
        TRY(tls_accept(s->smtp.conn, s->smtp.options->tls,
                       deadline_after(s->smtp.options->command_ms)));
    return smtp_server_run(&s->smtp);
}

static err talk(struct inbound_session *s)
{
    const struct config *c = s->view->config;
    if (s->listener->proxy)
        TRY(inbound_proxy_accept(s->smtp.conn, c->proxy_trusted, c->proxy_trusted_count,
                                 deadline_after(INBOUND_PROXY_MS_MAX)));
    struct address peer = net_peer(s->smtp.conn);
    char ip[ADDRESS_CHARS];
    address_format_ip(&peer, ip);
    str_to_chars(str_of(ip), s->peer_ip, sizeof s->peer_ip);
    s->peer.trusted = inbound_relay_trusted(c, &peer);
    if (!enter(s))
        return NULL;
    tell(s, EVENT_CONNECTED);
    err e = converse(s);
    if (e && e->kind == ERR_TLS)
        tell_tls_failed(s, e);
    return e;
}

void inbound_session_run(struct inbound *in, struct inbound_view *view, struct net_conn *conn,
                         size_t listener)
{
    struct inbound_session *s = MEM_NEW(struct inbound_session);
    ASSERT(listener < view->config->listener_count);
    s->in = in;
    s->view = inbound_view_again(view);
    s->listener = &s->view->config->listeners[listener];
    s->peer.role = s->listener->role;
    s->smtp.conn = conn;
    s->smtp.options = &s->view->options[listener];
    s->smtp.backend = &backend;
    s->smtp.context = s;
    smtp_server_init(&s->smtp);
    err e = talk(s);
    if (e && e->kind == ERR_SYSTEM)
        log_err(e, "session with %s", s->peer_ip);
    if (s->counted) { /* before the release: the event names the login */
        struct address peer = net_peer(conn);
        inbound_limits_leave(in->limits, &peer);
        tell(s, EVENT_DISCONNECTED);
    }
    smtp_server_release(&s->smtp);
    if (net_pending(conn) > 0)
        net_linger(conn, deadline_after(LINGER_MS_MAX));
    net_close(conn);
    inbound_view_close(s->view);
    mem_free(s);
}
