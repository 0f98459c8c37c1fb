#include "outbound/connect.h"
#include "base/mem.h"
#include "outbound/egress_connect.h"
#include "secret/secret.h"
#include "shaping/shaper.h"
#include <errno.h>
#include <openssl/x509_vfy.h>

enum { CONNECTION_ARENA_BYTES_MAX = 64 << 10, SECRET_MS = 30 * 1000 };

/* One opening, while it lasts. Each step leaves a verdict, or none: then go on. */
struct opening {
    const struct outbound_connect_options *options;
    const struct outbound_host *host;
    struct arena *arena; /* the caller's: for the verdict */
    deadline until;
    struct outbound_connection *connection;
    bool decided;
    bool lost; /* the conversation broke off: there is nobody to say QUIT to */
    struct outbound_verdict verdict;
};

static bool tls_required(const struct outbound_host *h)
{
    return h->tls == HOP_TLS_VERIFIED || h->level > TLSPOLICY_MAY;
}

static struct outbound_verdict_facts facts_of(const struct opening *o)
{
    return (struct outbound_verdict_facts){
        .stage = o->connection->client.stage,
        .tls_required = tls_required(o->host),
    };
}

static void decide(struct opening *o, struct outbound_verdict verdict)
{
    o->decided = true;
    o->verdict = verdict;
}

/* Data from here on: only the end of the fiber is an err. */
static err failed(struct opening *o, err e)
{
    if (e->kind == ERR_CANCELED)
        return e;
    struct outbound_verdict_facts facts = facts_of(o);
    o->lost = true;
    decide(o, outbound_verdict_of_err(&facts, e, o->arena));
    return NULL;
}

/* The reply's texts go with the connection, so they are copied. */
static void refused(struct opening *o, const struct smtp_reply *reply)
{
    struct outbound_verdict_facts facts = facts_of(o);
    struct smtp_reply kept = {reply->code, arena_str(o->arena, reply->enhanced),
                              arena_str(o->arena, reply->text)};
    decide(o, outbound_verdict_of_reply(&facts, &kept));
}

/* ---- what was seen of TLS: the first thing that went wrong, or that nothing did ----------- */

static void see(struct opening *o, enum tlspolicy_result result, str reason)
{
    struct outbound_privacy_seen *seen = o->options->seen;
    char ip[ADDRESS_CHARS];
    if (seen == NULL || seen->told)
        return;
    struct address local = net_local(o->connection->client.conn);
    address_format_ip(&local, ip);
    *seen = (struct outbound_privacy_seen){true, result, arena_str(o->arena, reason),
                                           arena_str(o->arena, str_of(ip))};
}

static void see_failure(struct opening *o, err e)
{
    char words[240];
    err_words(e, words, sizeof words);
    int error = tls_verify_error(o->connection->client.conn);
    if (e->kind != ERR_CANCELED)
        see(o, tlspolicy_result_of_verify(e->kind == ERR_TLS ? error : X509_V_OK), str_of(words));
}

/* With a policy in testing a certificate that would not have done is told, and no more. */
static void see_success(struct opening *o)
{
    const struct tlspolicy_decision *d = o->host->decision;
    struct tls_facts facts = {0};
    int error = tls_verify_error(o->connection->client.conn);
    (void)tls_get_facts(o->connection->client.conn, &facts);
    bool fine = d == NULL || !d->testing || facts.verified;
    see(o, fine ? TLSPOLICY_SUCCESS : tlspolicy_result_of_verify(error),
        fine ? S("") : str_of(X509_verify_cert_error_string(error)));
}

/* ---- the steps ------------------------------------------------------------------------- */

static struct smtp_client_options client_options(const struct opening *o)
{
    const struct config_timeouts *t = o->options->timeouts;
    return (struct smtp_client_options){
        .hello = arena_str(o->connection->arena,
                           o->host->egress ? o->host->egress->hello : o->options->hello),
        .lmtp = o->host->lmtp,
        .transcript = o->options->book ? outbound_transcript_line : NULL,
        .transcript_arg = &o->connection->transcript,
        .timeouts = {.greeting = t->greeting_ms,
                     .command = t->mail_ms,
                     .rcpt = t->rcpt_ms,
                     .data_init = t->data_init_ms,
                     .data_block = t->data_block_ms,
                     .data_done = t->data_done_ms},
    };
}

static enum tls_verify verify_of(const struct outbound_host *h)
{
    bool verified = h->tls == HOP_TLS_VERIFIED || h->level == TLSPOLICY_VERIFY;
    return verified ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
}

/* A refusal is an answer: somebody let us through. */
static void note_port25(const struct opening *o, err e)
{
    if (!o->host->mx)
        return;
    if (e == NULL || err_number(e) == ECONNREFUSED)
        outbound_port25_answered(o->options->port25, &o->host->address);
    else if (e->kind == ERR_TIMEOUT)
        outbound_port25_silent(o->options->port25, &o->host->address);
}

/* Our side of the way is broken: this host is told nothing of it, and with a proxy that is away
 * the next one would fare no better. */
static err failed_by_us(struct opening *o, enum outbound_egress_fault fault, err e)
{
    char why[240];
    if (e->kind == ERR_CANCELED)
        return e;
    err_describe(e, why, sizeof why);
    o->lost = true;
    decide(o, outbound_verdict_of_ours(
                  fault == EGRESS_FAULT_PROXY ? OUTBOUND_NEXT_HOST : OUTBOUND_DEFER, "4.4.1",
                  arena_str(o->arena, outbound_verdict_without_place(str_of(why)))));
    o->verdict.ours = true;
    return NULL;
}

static err connect_egress(struct opening *o, const struct socks_login *login,
                          struct net_conn **ret_conn)
{
    char ip[ADDRESS_CHARS];
    struct outbound_egress_connected c;
    enum outbound_egress_fault fault = EGRESS_FAULT_THEIRS;
    const struct config_egress *egress = o->host->egress;
    deadline until = deadline_sooner(deadline_after(o->options->timeouts->connect_ms), o->until);
    err e = outbound_egress_connect(egress, &o->host->address, login, &c, &fault, until);
    if (fault == EGRESS_FAULT_THEIRS)
        note_port25(o, e);
    if (e)
        return fault == EGRESS_FAULT_THEIRS ? failed(o, e) : failed_by_us(o, fault, e);
    o->connection->egress = arena_str(o->connection->arena, egress ? egress->name : (str){0});
    if (c.local.family == ADDRESS_IP4 || c.local.family == ADDRESS_IP6) {
        address_format_ip(&c.local, ip);
        o->connection->local_ip = arena_str(o->connection->arena, str_of(ip));
    }
    *ret_conn = c.conn;
    return NULL;
}

/* The password for a proxy lives only as long as it is needed. */
static err connect_with_login(struct opening *o, const struct config_account *login,
                              struct net_conn **ret_conn)
{
    struct buf secret;
    if (o->options->keeper == NULL)
        return failed_by_us(o, EGRESS_FAULT_OURS,
                            err_new(ERR_CONFIG, "nobody keeps the proxy's secret here"));
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = keeper_secret(o->options->keeper, login->secret, &secret,
                          deadline_sooner(deadline_after(SECRET_MS), o->until));
    struct socks_login words = {login->user, buf_str(&secret)};
    e = e ? failed_by_us(o, EGRESS_FAULT_OURS, e) : connect_egress(o, &words, ret_conn);
    secret_wipe(&secret);
    return e;
}

static err connect_socket(struct opening *o)
{
    struct net_conn *conn;
    const struct config_account *login = o->host->egress ? o->host->egress->login : NULL;
    o->connection->client.stage = SMTP_STAGE_CONNECT;
    err e = login ? connect_with_login(o, login, &conn) : connect_egress(o, NULL, &conn);
    if (e || o->decided)
        return e;
    struct smtp_client_options options = client_options(o);
    smtp_client_init(&o->connection->client, conn, &options);
    o->connection->client.until = o->until;
    if (!o->host->implicit_tls)
        return NULL;
    e = tls_connect(conn, o->options->tls, o->host->name, verify_of(o->host),
                    deadline_sooner(deadline_after(o->options->timeouts->greeting_ms), o->until));
    return e ? failed(o, e) : NULL;
}

static err greet(struct opening *o)
{
    struct smtp_reply reply;
    err e = smtp_client_greeting(&o->connection->client, &reply);
    if (e)
        return failed(o, e);
    if (!smtp_reply_ok(&reply))
        refused(o, &reply);
    return NULL;
}

static err hello(struct opening *o)
{
    struct smtp_reply reply;
    err e = smtp_client_hello(&o->connection->client, &reply);
    if (e)
        return failed(o, e);
    if (!smtp_reply_ok(&reply))
        refused(o, &reply);
    return NULL;
}

static err say_starttls(struct opening *o, struct smtp_reply *ret_reply)
{
    struct smtp_client *c = &o->connection->client;
    if (o->host->level != TLSPOLICY_DANE)
        return smtp_client_starttls(c, o->options->tls, o->host->name, verify_of(o->host),
                                    ret_reply);
    struct tls_dane dane = tlspolicy_dane_tls(o->host->dane);
    return smtp_client_starttls_dane(c, o->options->tls, &dane, ret_reply);
}

/* A STARTTLS that is not offered may have been cut out on the way (attack 20). */
static err start_tls(struct opening *o)
{
    struct smtp_client *c = &o->connection->client;
    struct smtp_reply reply;
    if (o->host->implicit_tls || o->host->clear ||
        (o->host->tls == HOP_TLS_NONE && !tls_required(o->host)))
        return NULL;
    if (!c->capabilities.starttls) {
        see(o, TLSPOLICY_STARTTLS_NOT_SUPPORTED, S("STARTTLS is not offered"));
        if (o->host->requiretls) /* RFC 8689 */
            decide(o, outbound_verdict_of_ours(OUTBOUND_FAIL, "5.7.10",
                                               S("REQUIRETLS, and STARTTLS is not offered")));
        else if (tls_required(o->host))
            decide(o, outbound_verdict_of_ours(OUTBOUND_NEXT_HOST, "4.7.5",
                                               S("TLS is required and STARTTLS is not offered")));
        return NULL;
    }
    err e = say_starttls(o, &reply);
    if (e) {
        see_failure(o, e);
        return failed(o, e);
    }
    if (!smtp_reply_ok(&reply)) {
        see(o, TLSPOLICY_STARTTLS_NOT_SUPPORTED, S("STARTTLS is refused"));
        refused(o, &reply);
        return NULL;
    }
    see_success(o);
    return hello(o);
}

/* Where may a password go? Over verified TLS; else only to a host that the operator has named
 * without it, which the configuration allows for this machine alone. */
static bool may_login(const struct opening *o)
{
    struct tls_facts facts;
    bool tls = tls_get_facts(o->connection->client.conn, &facts);
    const struct config_proxy *via = o->host->egress ? o->host->egress->via : NULL;
    bool here = via == NULL && address_is_loopback(&o->host->address); /* a proxy's "here" is not */
    return (tls && facts.verified) || here;
}

static void pause_for(struct opening *o, const char *what, err e)
{
    char why[240] = "";
    if (e)
        err_describe(e, why, sizeof why);
    decide(o, outbound_verdict_of_ours(OUTBOUND_PAUSE_ROUTE, "4.7.0",
                                       arena_printf(o->arena, "account %.*s: %s%s%s",
                                                    STR_ARG(o->host->account->name), what,
                                                    e ? ": " : "", why)));
}

static err login_with(struct opening *o, str secret, struct smtp_reply *ret_reply)
{
    const struct config_account *a = o->host->account;
    struct smtp_client_login login = {.user = a->user,
                                      .secret = secret,
                                      .token = config_account_has_token(a),
                                      .mechanism = a->mechanism,
                                      .host = o->host->name,
                                      .port = o->host->address.port};
    return smtp_client_login(&o->connection->client, &login, ret_reply);
}

/* What the keeper remembers may be older than the store's, which was rotated: another secret is
 * tried at once, the same one is not. */
static err login_with_newer(struct opening *o, str refused_secret, struct smtp_reply *reply)
{
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = keeper_secret_again(o->options->keeper, o->host->account->secret, &secret,
                                deadline_sooner(deadline_after(SECRET_MS), o->until));
    if (e == NULL && !str_eq(buf_str(&secret), refused_secret))
        e = login_with(o, buf_str(&secret), reply);
    else if (e && e->kind != ERR_CANCELED)
        e = NULL; /* the refusal stands */
    secret_wipe(&secret);
    return e;
}

static err log_in_by(struct opening *o, str secret)
{
    struct smtp_reply reply;
    err e = login_with(o, secret, &reply);
    if (e == NULL && reply.code == 535)
        e = login_with_newer(o, secret, &reply);
    if (e)
        return failed(o, e);
    if (!smtp_reply_ok(&reply))
        refused(o, &reply);
    return NULL;
}

static err log_in(struct opening *o)
{
    if (o->host->account == NULL)
        return NULL;
    if (!may_login(o)) {
        pause_for(o, "no login without verified TLS", NULL);
        return NULL;
    }
    if (o->options->keeper == NULL) {
        pause_for(o, "nobody keeps secrets here", NULL);
        return NULL;
    }
    if (o->options->shaper && shaper_login_is_shut(o->options->shaper, o->host->account->name)) {
        pause_for(o, "its login was refused a moment ago", NULL);
        return NULL;
    }
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = keeper_secret(o->options->keeper, o->host->account->secret, &secret,
                          deadline_sooner(deadline_after(SECRET_MS), o->until));
    if (e == NULL)
        e = log_in_by(o, buf_str(&secret));
    else if (e->kind != ERR_CANCELED) {
        pause_for(o, "its secret cannot be read", e);
        e = NULL;
    }
    secret_wipe(&secret);
    return e;
}

/* ---- all of it ------------------------------------------------------------------------- */

static void note_facts(struct outbound_connection *c)
{
    struct tls_facts facts;
    c->tls_active = tls_get_facts(c->client.conn, &facts);
    if (!c->tls_active)
        return;
    c->tls_verified = facts.verified;
    c->tls_version = arena_str(c->arena, str_of(facts.version));
    c->tls_cipher = arena_str(c->arena, str_of(facts.cipher));
}

static err open_once(struct opening *o)
{
    static err (*const steps[])(struct opening *) = {connect_socket, greet, hello, start_tls,
                                                     log_in};
    char ip[ADDRESS_CHARS];
    struct outbound_connection *c = MEM_NEW(struct outbound_connection);
    c->arena = arena_open(CONNECTION_ARENA_BYTES_MAX);
    c->host = arena_str(c->arena, o->host->name);
    c->policy = arena_str(c->arena, o->host->policy);
    c->requiretls = o->host->requiretls;
    c->hop = o->host->hop;
    address_format_ip(&o->host->address, ip);
    c->ip = arena_str(c->arena, str_of(ip));
    o->connection = c;
    err e = NULL;
    for (size_t i = 0; e == NULL && !o->decided && i < ARRAY_LEN(steps); i++)
        e = steps[i](o);
    if (e == NULL && !o->decided) {
        note_facts(c);
        outbound_transcript_opened(&c->transcript);
        c->client.until = DEADLINE_NEVER;
        return NULL;
    }
    if (e == NULL)
        outbound_transcript_book_add(o->options->book, c->host, c->ip, &c->transcript,
                                     o->verdict.reply.code ? (str){0} : o->verdict.reason);
    if (e == NULL && !o->lost) /* RFC 5321 section 4.1.1.10: nobody leaves without a word */
        outbound_connect_quit(c);
    else
        outbound_connect_close(c);
    o->connection = NULL;
    return e;
}

err outbound_connect_open(const struct outbound_connect_options *options,
                          const struct outbound_host *host, struct arena *arena,
                          struct outbound_connection **ret_connection,
                          struct outbound_verdict *ret_verdict, deadline until)
{
    struct outbound_host clear = *host;
    if (options->seen)
        *options->seen = (struct outbound_privacy_seen){0};
    struct opening o = {.options = options, .host = host, .arena = arena, .until = until};
    TRY(open_once(&o));
    if (o.decided && o.verdict.action == OUTBOUND_CLEAR_ONCE) {
        err_forget();
        clear.clear = true;
        o = (struct opening){.options = options, .host = &clear, .arena = arena, .until = until};
        TRY(open_once(&o));
    }
    *ret_connection = o.connection;
    if (o.decided)
        *ret_verdict = o.verdict;
    return NULL;
}

void outbound_connect_close(struct outbound_connection *c)
{
    if (c == NULL)
        return;
    ASSERT(!list_linked(&c->node));
    if (c->client.conn)
        smtp_client_release(&c->client);
    outbound_transcript_release(&c->transcript);
    arena_close(c->arena);
    mem_free(c);
}

void outbound_connect_quit(struct outbound_connection *c)
{
    if (c && !c->lost && !net_broken(c->client.conn))
        smtp_client_quit(&c->client);
    outbound_connect_close(c);
}
