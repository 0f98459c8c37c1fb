#include "cli/send_client.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "config/value.h"
#include "outcome/reply.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct run {
    const struct cli_send_client_options *options;
    struct cli_send_client_mail *mails;
    size_t count, next; /* the mail that nobody has taken yet */
};

/* One connection at a time; several of them work side by side. */
struct worker {
    struct run *run;
    const struct cli_send_client_options *options;
    struct cli_send_client_mail *mail; /* the one in work */
    struct smtp_client client;
    bool open;
    int exit; /* what an err means; CLI_TEMPORARY: worth another attempt */
    struct cli_send_client_times session;
    struct address address;
};

/* ---- telling ---------------------------------------------------------------------------- */

static void watch(const struct worker *w, const char *mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void watch(const struct worker *w, const char *mark, const char *fmt, ...)
{
    char text[CLI_SEND_CLIENT_WHY_BYTES + 100];
    va_list args;
    if (w->options->watch == NULL)
        return;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    str line = {text, n < 0 ? 0 : (size_t)n};
    w->options->watch(w->options->watch_arg, mark, str_slice(line, 0, sizeof text - 1));
}

static int64_t since(int64_t start_ms) { return clock_steady_ms() - start_ms; }

/* A reply that ends the session. A 4xx is worth another attempt. */
static err refused(struct worker *w, const struct smtp_reply *r, int exit)
{
    w->exit = r->code / 100 == 4 ? CLI_TEMPORARY : exit;
    str line = r->text, rest;
    str_split(line, '\n', &line, &rest);
    return err_new(ERR_PROTOCOL, "%s was refused: %d %.*s%s%.*s",
                   smtp_verdict_stage_name(w->client.stage), r->code, STR_ARG(r->enhanced),
                   r->enhanced.len ? " " : "", STR_ARG(str_slice(line, 0, 300)));
}

static int exit_for(err e)
{
    switch (e->kind) {
    case ERR_TLS:
    case ERR_PROTOCOL:
    case ERR_LIMIT:
        return CLI_PROTOCOL;
    case ERR_CONFIG:
        return CLI_NO_PERMISSION; /* of a login: no mechanism that both sides have */
    default:
        return CLI_TEMPORARY;
    }
}

/* ---- connecting ------------------------------------------------------------------------- */

static err host_failed(struct worker *w, const struct dns_host *host)
{
    str name = w->options->hop.host;
    if (host->status == DNS_NXDOMAIN || host->status == DNS_NODATA) {
        w->exit = CLI_NO_HOST;
        return err_new(ERR_CONFIG, "%.*s has no address in the DNS", STR_ARG(name));
    }
    w->exit = CLI_TEMPORARY;
    return err_new(ERR_TIMEOUT, "the DNS gave no answer for %.*s", STR_ARG(name));
}

static err find_addresses(struct worker *w, struct arena *arena, struct address **ret_list,
                          size_t *ret_count)
{
    const struct config_hop *hop = &w->options->hop;
    struct address *one = ARENA_NEW(arena, struct address);
    *ret_list = one;
    *ret_count = 1;
    if (hop->unix_socket) {
        one->family = ADDRESS_UNIX;
        return str_to_chars(hop->host, one->path, sizeof one->path)
                   ? NULL
                   : err_new(ERR_CONFIG, "the socket's path is too long");
    }
    err e = address_parse_ip(hop->host, one);
    one->port = hop->port;
    if (e == NULL)
        return NULL;
    struct dns_host host;
    int64_t start_ms = clock_steady_ms();
    ASSERT(w->options->resolver != NULL);
    TRY(dns_host_addresses(w->options->resolver, NULL, hop->host, DNS_HOST_OF_ROUTE, arena, &host,
                           deadline_after(w->options->policy.reply_ms)));
    w->session.resolve = since(start_ms);
    if (host.status != DNS_OK)
        return host_failed(w, &host);
    for (size_t i = 0; i < host.count; i++)
        host.addresses[i].port = hop->port;
    *ret_list = host.addresses;
    *ret_count = host.count;
    return NULL;
}

static void start_client(struct worker *w, struct net_conn *conn)
{
    const struct config_client_policy *policy = &w->options->policy;
    struct smtp_client_options options = {
        .hello = w->options->hello,
        .lmtp = w->options->hop.lmtp,
        .timeouts = {policy->reply_ms, policy->reply_ms, policy->reply_ms, policy->reply_ms,
                     policy->reply_ms, policy->data_done_ms},
        .transcript = w->options->watch,
        .transcript_arg = w->options->watch_arg,
    };
    smtp_client_init(&w->client, conn, &options);
    w->open = true;
    w->mail->tls_active = false;
}

static void stop_client(struct worker *w, bool politely)
{
    if (!w->open)
        return;
    if (politely)
        smtp_client_quit(&w->client);
    smtp_client_release(&w->client);
    w->open = false;
}

static err handshake(struct worker *w)
{
    const struct config_hop *hop = &w->options->hop;
    enum tls_verify verify = hop->tls == HOP_TLS_VERIFIED ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
    struct tls_facts facts;
    int64_t start_ms = clock_steady_ms();
    TRY(tls_connect(w->client.conn, w->options->tls, hop->host, verify,
                    deadline_after(w->options->policy.reply_ms)));
    w->session.tls = since(start_ms);
    if (tls_get_facts(w->client.conn, &facts))
        watch(w, "==", "TLS started: %s, %s, %s%s%s", facts.version, facts.cipher, facts.group,
              *facts.group ? ", " : "",
              facts.verified ? "certificate verified" : "certificate not verified");
    return NULL;
}

/* One address, up to the greeting: what fails so far may do better at the next address. */
static err try_address(struct worker *w, const struct address *to)
{
    char text[ADDRESS_CHARS];
    struct net_conn *conn;
    struct smtp_reply reply;
    address_format(to, text);
    int64_t start_ms = clock_steady_ms();
    err e = net_connect(to, NULL, &conn, deadline_after(w->options->policy.connect_ms));
    if (e && e->kind == ERR_TIMEOUT)
        return err_new(ERR_TIMEOUT, "connect to %s: no answer in %lld s", text,
                       (long long)w->options->policy.connect_ms / 1000);
    if (e)
        return err_wrap(e, "connect to %s", text);
    w->session.connect = since(start_ms);
    w->address = *to;
    snprintf(w->mail->address, sizeof w->mail->address, "%s", text);
    start_client(w, conn);
    watch(w, "==", "connected to %s", text);
    if (w->options->hop.implicit_tls)
        TRY(handshake(w));
    start_ms = clock_steady_ms();
    TRY(smtp_client_greeting(&w->client, &reply));
    w->session.greeting = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : refused(w, &reply, CLI_UNAVAILABLE);
}

static err connect_any(struct worker *w)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(DNS_HOST_BYTES_MAX * 4);
    struct address *list;
    size_t count;
    TRY(find_addresses(w, arena, &list, &count));
    for (size_t i = 0;; i++) {
        w->exit = 0;
        err e = try_address(w, &list[i]);
        if (e == NULL)
            return NULL;
        stop_client(w, w->exit != 0); /* it was a reply: one may say goodbye */
        if (i + 1 == count || e->kind == ERR_TLS || e->kind == ERR_CANCELED)
            return e;
        char why[CLI_SEND_CLIENT_WHY_BYTES];
        cli_describe(e, why, sizeof why);
        watch(w, "!!", "%s", why);
        err_forget();
    }
}

/* ---- the session ------------------------------------------------------------------------ */

static err say_hello(struct worker *w)
{
    struct smtp_reply reply;
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_hello(&w->client, &reply));
    w->session.hello = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : refused(w, &reply, CLI_UNAVAILABLE);
}

static err secure(struct worker *w)
{
    const struct config_hop *hop = &w->options->hop;
    struct smtp_reply reply;
    if (tls_active(w->client.conn) || hop->tls == HOP_TLS_NONE)
        return NULL;
    if (!w->client.capabilities.starttls) {
        if (hop->tls == HOP_TLS_OPPORTUNISTIC) {
            watch(w, "!!", "no STARTTLS offered: the conversation is not encrypted");
            return NULL;
        }
        return err_new(ERR_TLS,
                       "the server does not offer STARTTLS (or somebody on the way removed it); "
                       "nothing was sent. To send in clear add ?tls=none to the server's URL");
    }
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_starttls(&w->client, w->options->tls, hop->host,
                             hop->tls == HOP_TLS_VERIFIED ? TLS_VERIFY_NAME : TLS_VERIFY_NONE,
                             &reply));
    w->session.tls = since(start_ms);
    if (smtp_reply_ok(&reply))
        return say_hello(w);
    if (hop->tls == HOP_TLS_OPPORTUNISTIC)
        return NULL;
    return refused(w, &reply, CLI_PROTOCOL);
}

/* Some say exactly what is to be done, and who says it knows better than we. */
static err refused_login(struct worker *w, const struct smtp_reply *r)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_REPLY_ARENA_BYTES);
    struct outcome_reply reply = {.code = r->code,
                                  .enhanced = r->enhanced,
                                  .text = r->text,
                                  .stage_known = true,
                                  .stage = SMTP_STAGE_AUTH,
                                  .host = w->options->hop.host};
    struct outcome o = outcome_reply_judge(&reply, arena);
    err e = refused(w, r, CLI_NO_PERMISSION);
    if (o.rule == NULL || o.rule->to_do == NULL)
        return e;
    return err_new(ERR_PROTOCOL, "%.*s\n  %s", STR_ARG(e->text), o.rule->to_do);
}

static err log_in(struct worker *w)
{
    const struct cli_send_client_options *o = w->options;
    struct smtp_reply reply;
    if (o->user.len == 0)
        return NULL;
    struct smtp_client_login login = {
        .user = o->user,
        .secret = o->secret,
        .token = o->token,
        .mechanism = o->mechanism,
        .host = o->hop.host,
        .port = o->hop.port,
    };
    int64_t start_ms = clock_steady_ms();
    TRY(smtp_client_login(&w->client, &login, &reply));
    w->session.login = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : refused_login(w, &reply);
}

static err open_session(struct worker *w)
{
    w->session = (struct cli_send_client_times){-1, -1, -1, -1, -1, -1, -1, -1};
    TRY(connect_any(w));
    TRY(say_hello(w));
    TRY(secure(w));
    return log_in(w);
}

/* ---- one mail --------------------------------------------------------------------------- */

struct reading {
    str content;
};

static err read_content(void *body, str *ret_piece, deadline until)
{
    struct reading *r = body;
    (void)until;
    *ret_piece = str_slice(r->content, 0, SMTP_CLIENT_CHUNK_BYTES);
    r->content = str_from(r->content, ret_piece->len);
    return NULL;
}

static bool is_settled(const struct smtp_verdict *v)
{
    return v->decided && v->reply.code / 100 != 4;
}

static void keep_verdict(struct cli_send_client_mail *mail, size_t i, const struct smtp_verdict *v)
{
    mail->verdicts[i] = *v;
    struct smtp_reply *r = &mail->verdicts[i].reply;
    r->enhanced = arena_str(mail->arena, v->reply.enhanced);
    r->text = arena_str(mail->arena, str_slice(v->reply.text, 0, CLI_SEND_CLIENT_TEXT_BYTES_MAX));
}

/* Nothing is offered to a server that cannot take it. */
static bool check_offer(struct worker *w, const struct smtp_offer *offer)
{
    smtp_refusal no = smtp_client_check(&w->client, offer);
    if (no == NULL)
        return true;
    struct smtp_verdict v = {
        true, SMTP_STAGE_MAIL, {no->code, str_of(no->enhanced), str_of(no->text)}
    };
    for (size_t i = 0; i < offer->rcpt_count; i++)
        keep_verdict(w->mail, offer->rcpts[i], &v);
    return false;
}

static err offer(struct worker *w, struct smtp_offer *o, struct smtp_verdict *verdicts)
{
    struct cli_send_client_mail *mail = w->mail;
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open((o->rcpt_count + 16) * 2 * SMTP_REPLY_BYTES_MAX);
    int64_t start_ms = clock_steady_ms();
    err e = smtp_client_offer(&w->client, o, arena, verdicts);
    w->session.transaction = since(start_ms);
    for (size_t i = 0; i < o->rcpt_count; i++)
        if (verdicts[i].decided)
            keep_verdict(mail, o->rcpts[i], &verdicts[i]);
    if (e && w->client.after_dot)
        return err_wrap(e, "the message was sent whole, but no reply came: it may arrive twice");
    return e;
}

/* Offer the mail to those recipients that are not settled. */
static err transact(struct worker *w)
{
    struct cli_send_client_mail *mail = w->mail;
    size_t total = mail->envelope->rcpt_count, open = 0;
    size_t *rcpts = mem_alloc(total * sizeof *rcpts);
    struct smtp_verdict *verdicts = mem_alloc(total * sizeof *verdicts);
    struct reading reading = {mail->content};
    struct smtp_offer o = {
        .envelope = mail->envelope,
        .rcpts = rcpts,
        .requiretls = mail->envelope->requiretls,
        .size = mail->content.len,
        .found = mail->found,
        .ask_to_hold = mail->envelope->not_before_ms > 0,
        .read = read_content,
        .body = &reading,
    };
    for (size_t i = 0; i < total; i++) {
        const struct envelope_rcpt *rcpt = &mail->envelope->rcpts[i];
        if (is_settled(&mail->verdicts[i]))
            continue;
        o.needs_smtputf8 |= smtp_client_needs_smtputf8(mail->envelope, rcpt);
        rcpts[open++] = i;
    }
    o.rcpt_count = open;
    err e = check_offer(w, &o) ? offer(w, &o, verdicts) : NULL;
    mem_free(rcpts);
    mem_free(verdicts);
    return e;
}

static void note_session(struct worker *w)
{
    struct cli_send_client_mail *mail = w->mail;
    int64_t total = mail->times.total;
    mail->times = w->session;
    mail->times.total = total;
    if (!w->open)
        return;
    address_format(&w->address, mail->address);
    mail->tls_active = tls_get_facts(w->client.conn, &mail->tls);
    str greeting = str_slice(w->client.capabilities.greeting, 0, CLI_SEND_CLIENT_TEXT_BYTES_MAX);
    if (mail->greeting.len == 0)
        mail->greeting = arena_str(mail->arena, greeting);
}

/* One attempt. NULL: every open recipient has a verdict, maybe a 4xx. */
static err attempt(struct worker *w)
{
    err e = NULL;
    w->exit = 0;
    w->mail->attempts++;
    if (!w->open)
        e = open_session(w);
    else /* a connection in use: only the transaction is this mail's */
        w->session = (struct cli_send_client_times){-1, -1, -1, -1, -1, -1, -1, -1};
    if (e == NULL)
        e = transact(w);
    note_session(w);
    if (e && w->exit == 0)
        w->exit = exit_for(e);
    if (e)
        stop_client(w, e->kind == ERR_PROTOCOL && w->open && !net_broken(w->client.conn));
    return e;
}

/* The exit code that the verdicts ask for; CLI_TEMPORARY: somebody is still open. */
static int judge(const struct cli_send_client_mail *mail)
{
    int worst = CLI_OK;
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        if (!is_settled(v))
            return CLI_TEMPORARY;
        if (v->reply.code / 100 == 5 && worst != CLI_NO_USER)
            worst = v->stage == SMTP_STAGE_RCPT ? CLI_NO_USER : CLI_UNAVAILABLE;
    }
    return worst;
}

/* When the retries are used up: a final refusal counts more than one for now. */
static int judge_at_last(struct cli_send_client_mail *mail, int later)
{
    int worst = later;
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        const struct smtp_verdict *v = &mail->verdicts[i];
        if (v->decided && v->reply.code / 100 == 5)
            worst = v->stage == SMTP_STAGE_RCPT ? CLI_NO_USER : CLI_UNAVAILABLE;
    }
    return worst;
}

static const struct smtp_reply *first_passing(const struct cli_send_client_mail *mail)
{
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++)
        if (mail->verdicts[i].decided && mail->verdicts[i].reply.code / 100 == 4)
            return &mail->verdicts[i].reply;
    return NULL;
}

static void tell_retry(const struct worker *w, int retry, int64_t wait_ms)
{
    const struct smtp_reply *r = first_passing(w->mail);
    char reply[200] = "no verdict";
    if (r)
        snprintf(reply, sizeof reply, "%d %.*s", r->code, STR_ARG(str_slice(r->text, 0, 150)));
    watch(w, "!!", "%s; retry %d of %d in %lld.%lld s", w->mail->why[0] ? w->mail->why : reply,
          retry + 1, w->options->policy.retries, (long long)wait_ms / 1000,
          (long long)wait_ms % 1000 / 100);
}

static void send_mail(struct worker *w)
{
    struct cli_send_client_mail *mail = w->mail;
    const struct config_client_policy *policy = &w->options->policy;
    int64_t start_ms = clock_steady_ms();
    for (int retry = 0;; retry++) {
        err e = attempt(w);
        mail->why[0] = '\0';
        if (e)
            cli_describe(e, mail->why, sizeof mail->why);
        mail->exit = judge(mail);
        if (mail->exit != CLI_TEMPORARY)
            break; /* whatever came behind the last verdict */
        if (e && w->exit != CLI_TEMPORARY) {
            mail->exit = w->exit;
            break;
        }
        stop_client(w, true);
        mail->exit = judge_at_last(mail, policy->exit_later);
        if (retry == policy->retries)
            break;
        int64_t wait_ms = config_client_policy_wait_ms(policy, retry);
        tell_retry(w, retry, wait_ms);
        err_forget();
        if (fiber_sleep(deadline_after(wait_ms)) != NULL)
            break;
    }
    mail->times.total = since(start_ms);
    err_forget();
}

/* ---- all mails -------------------------------------------------------------------------- */

/* A server that cannot be used for one mail cannot be used for the next. */
static bool is_hopeless(const struct cli_send_client_mail *mail)
{
    return mail->why[0] && mail->exit != CLI_OK && mail->times.transaction < 0;
}

static void give_up(struct run *run, const struct cli_send_client_mail *because)
{
    while (run->next < run->count) {
        struct cli_send_client_mail *mail = &run->mails[run->next++];
        mail->exit = because->exit;
        snprintf(mail->why, sizeof mail->why, "not tried: %.*s", CLI_SEND_CLIENT_WHY_BYTES - 20,
                 because->why);
    }
}

static void run_worker(void *arg)
{
    struct worker *w = arg;
    struct run *run = w->run;
    int sent = 0;
    while (run->next < run->count) {
        w->mail = &run->mails[run->next++];
        if (sent == w->options->policy.messages_per_connection) {
            stop_client(w, true);
            sent = 0;
        }
        bool was_open = w->open;
        send_mail(w);
        sent = w->open ? (was_open ? sent + 1 : 1) : 0;
        if (is_hopeless(w->mail))
            give_up(run, w->mail);
    }
    stop_client(w, true);
}

static int worst_exit(const struct run *run)
{
    int worst = CLI_OK;
    for (size_t i = 0; i < run->count; i++) {
        int exit = run->mails[i].exit;
        if (worst == CLI_OK || (worst == CLI_TEMPORARY && exit != CLI_OK))
            worst = exit;
    }
    return worst;
}

int cli_send_client_run(const struct cli_send_client_options *options,
                        struct cli_send_client_mail *mails, size_t count)
{
    struct run run = {options, mails, count, 0};
    size_t most = (size_t)options->policy.connections;
    size_t worker_count = count < most ? count : most;
    struct worker *workers = mem_alloc(worker_count * sizeof *workers + 1);
    struct group group;
    group_init(&group);
    for (size_t i = 0; i < worker_count; i++) {
        workers[i] = (struct worker){.run = &run, .options = options};
        fiber_spawn(&group, "send", run_worker, &workers[i]);
    }
    err e = group_wait(&group, DEADLINE_NEVER);
    group_close(&group);
    mem_free(workers);
    return e ? CLI_TEMPORARY : worst_exit(&run);
}
