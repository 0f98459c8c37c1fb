/* lib/send.c -- the part of smtptool.h that sends: a loop of its own for each call */
#include "base/mem.h"
#include "dns/unbound.h"
#include "lib/address.h"
#include "lib/client.h"
#include "lib/render.h"
#include "lib/results.h"
#include "message/header.h"
#include "runtime/loop.h"
#include "smtp/path.h"
#include "smtp/scan.h"
#include <unistd.h>

enum {
    MAIL_ARENA_BYTES_MAX = 96 << 20, /* lists, and the largest replies to all recipients */
    LINE_BYTES_MAX = 4096,           /* that a watcher hears */
    CONNECTIONS_MAX = 20,
};

struct sending {
    struct smtptool_client *client;
    struct smtptool_message *const *messages;
    struct client_mail *mails;
    size_t count;
    struct client_options options;
    struct arena *arena;
    const char *from;              /* NULL: that of the message */
    const char *const *recipients; /* NULL: those of the message */
    size_t recipient_count;
    enum client_outcome outcome;
};

/* ---- the watcher ------------------------------------------------------------------------ */

struct heard {
    struct loop_note note;
    const struct smtptool_client *client;
    char mark[4];
    char line[];
};

static void tell(struct loop_note *note)
{
    struct heard *h = CONTAINER_OF(note, struct heard, note);
    h->client->watch(h->client->watch_arg, h->mark, h->line);
    mem_free(h);
}

/* On a fiber, whose stack is too small for a stranger: he is told by the loop, on the stack of the
 * thread that called us. */
static void hear(void *arg, const char *mark, str line)
{
    str shown = str_slice(line, 0, LINE_BYTES_MAX);
    struct heard *h = mem_alloc(sizeof *h + shown.len + 1);
    h->note.run = tell;
    h->client = arg;
    str_to_chars(str_of(mark), h->mark, sizeof h->mark);
    for (size_t i = 0; i < shown.len; i++)
        h->line[i] = shown.ptr[i] ? shown.ptr[i] : '?';
    loop_post(loop_current(), &h->note);
}

/* ---- the envelope ----------------------------------------------------------------------- */

static err from_field(str content, const char *name, struct arena *arena,
                      struct lib_address_list *list)
{
    str header = content;
    struct message_field field;
    while (message_header_next(&header, &field))
        if (str_eq_nocase(field.name, str_of(name)))
            TRY(lib_address_add_mailboxes(name, field.value, arena, list));
    return NULL;
}

static err find_sender(const struct sending *s, const struct smtptool_message *m,
                       struct client_mail *mail)
{
    struct envelope_rcpt one[1];
    struct lib_address_list list = {one, 0, 1};
    if (s->from && s->from[0] == '\0')
        return NULL;
    if (s->from)
        TRY(lib_address_add("from", str_of(s->from), mail->arena, &list));
    else if (m->is_raw)
        TRY(from_field(mail->content, "From", mail->arena, &list));
    else
        TRY(lib_address_add_mailboxes("From", buf_str(&m->from), mail->arena, &list));
    if (list.count != 1)
        return err_new(ERR_CONFIG, "From: no sender");
    mail->envelope->sender = one[0].address;
    return NULL;
}

static err find_own_recipients(const struct smtptool_message *m, const struct client_mail *mail,
                               struct lib_address_list *list)
{
    const struct buf *lists[] = {&m->to, &m->cc, &m->bcc};
    static const char *const names[] = {"To", "Cc", "Bcc"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (m->is_raw && i < 2)
            TRY(from_field(mail->content, names[i], mail->arena, list));
        else if (lists[i]->len > 0)
            TRY(lib_address_add_mailboxes(names[i], buf_str(lists[i]), mail->arena, list));
    return NULL;
}

static err find_recipients(const struct sending *s, const struct smtptool_message *m,
                           struct client_mail *mail)
{
    struct envelope *env = mail->envelope;
    env->rcpts = ARENA_ARRAY(mail->arena, struct envelope_rcpt, ENVELOPE_RCPTS_MAX);
    struct lib_address_list list = {env->rcpts, 0, ENVELOPE_RCPTS_MAX};
    if (s->recipients == NULL)
        TRY(find_own_recipients(m, mail, &list));
    if (s->recipients && s->recipient_count > ENVELOPE_RCPTS_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", ENVELOPE_RCPTS_MAX);
    for (size_t i = 0; s->recipients && i < s->recipient_count; i++)
        TRY(lib_address_add("recipient", str_of(s->recipients[i]), mail->arena, &list));
    env->rcpt_count = list.count;
    return list.count > 0 ? NULL : err_new(ERR_CONFIG, "no recipient");
}

static err make_mail(const struct sending *s, struct smtptool_message *m, struct client_mail *mail)
{
    struct smtp_scan scan = {0};
    TRY(lib_render(m));
    mail->content = buf_str(&m->rendered);
    mail->arena = arena_open(MAIL_ARENA_BYTES_MAX);
    mail->envelope = ARENA_NEW(mail->arena, struct envelope);
    TRY(find_sender(s, m, mail));
    TRY(find_recipients(s, m, mail));
    smtp_scan_feed(&scan, mail->content);
    smtp_scan_end(&scan);
    mail->found = smtp_scan_found(&scan);
    mail->envelope->found = mail->found;
    mail->envelope->declared = BODY_8BITMIME;
    mail->envelope->smtputf8 = str_is_utf8(str_slice(mail->content, 0, (size_t)scan.header_bytes));
    mail->envelope->origin = ORIGIN_LOCAL;
    mail->envelope->message_id = str_of(m->message_id);
    mail->verdicts = ARENA_ARRAY(mail->arena, struct smtp_verdict, mail->envelope->rcpt_count);
    return NULL;
}

/* ---- what the client needs -------------------------------------------------------------- */

/* A name with a dot that the system has for itself; else the literal that RFC 5321 section 4.1.4
 * asks for cannot be known before there is a connection, and "localhost" says as little. */
static str own_name(struct arena *arena)
{
    char chars[256];
    str name;
    if (gethostname(chars, sizeof chars - 1) != 0)
        return S("localhost");
    chars[sizeof chars - 1] = '\0';
    if (!str_contains(str_of(chars), S(".")) ||
        !smtp_domain_parse(str_of(chars), SMTP_DOMAIN_HELLO, arena, &name))
        return S("localhost");
    return name;
}

static err open_resolver(struct sending *s)
{
    const struct config_hop *hop = &s->client->hop;
    struct dns_transport *transport;
    struct address ip;
    if (hop->unix_socket || address_parse_ip(hop->host, &ip) == NULL)
        return NULL;
    struct dns_unbound_options options = {.servers = DNS_UNBOUND_SYSTEM,
                                          .validate = DNS_UNBOUND_NO};
    TRY(dns_unbound_open(&options, &transport));
    s->options.resolver = dns_resolver_open(transport, dns_hosts_read("/etc/hosts"));
    return NULL;
}

static err fill_options(struct sending *s, int connections)
{
    struct smtptool_client *c = s->client;
    if (c->hop.tls != HOP_TLS_NONE && c->tls == NULL)
        TRY(tls_client_open(buf_str(&c->ca_file), &c->tls));
    s->options = (struct client_options){
        .hop = c->hop,
        .hello = c->hello.len ? buf_str(&c->hello) : own_name(s->arena),
        .policy = c->policy,
        .tls = c->tls,
        .user = buf_str(&c->user),
        .secret = buf_str(&c->secret),
        .mechanism = buf_str(&c->mechanism),
        .token = c->token,
        .watch = c->watch ? hear : NULL,
        .watch_arg = c,
    };
    s->options.policy.connections = connections;
    return NULL;
}

/* ---- sending ---------------------------------------------------------------------------- */

static void run_fiber(void *arg)
{
    struct sending *s = arg;
    s->outcome = client_run(&s->options, s->mails, s->count);
}

static err run(struct sending *s, int connections)
{
    struct loop *loop;
    for (size_t i = 0; i < s->count; i++)
        TRY(make_mail(s, s->messages[i], &s->mails[i]));
    TRY(fill_options(s, connections));
    TRY(loop_try_open(&loop));
    err e = open_resolver(s);
    if (e == NULL)
        loop_run(loop, "send", run_fiber, s);
    dns_resolver_close(s->options.resolver);
    loop_close(loop);
    return e;
}

/* Messages are in use while they are sent. False: one is already. */
static bool hold(struct sending *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!__atomic_exchange_n(&s->messages[i]->busy, true, __ATOMIC_ACQUIRE))
            continue;
        s->count = i; /* what let_go() gives back */
        return false;
    }
    return true;
}

static void let_go(struct sending *s)
{
    for (size_t i = 0; i < s->count; i++)
        __atomic_store_n(&s->messages[i]->busy, false, __ATOMIC_RELEASE);
}

static void report(struct sending *s, bool asked, struct smtptool_results **ret_results,
                   struct smtptool_error *error)
{
    for (size_t i = 0; i < s->count; i++) {
        struct client_mail *mail = &s->mails[i];
        if (asked && mail->outcome == s->outcome && error->kind == SMTPTOOL_OK)
            lib_results_error(mail, error);
        if (asked && ret_results)
            ret_results[i] = lib_results_make(mail, s->messages[i]->message_id);
        else
            arena_close(mail->arena);
    }
}

static int send_held(struct sending *s, struct lib_call *call, int connections,
                     struct smtptool_results **ret_results)
{
    struct smtptool_error error = {0};
    s->arena = arena_open(64 << 10);
    s->mails = mem_alloc(s->count * sizeof *s->mails);
    err e = run(s, connections);
    report(s, e == NULL, ret_results, &error);
    mem_free(s->mails);
    arena_close(s->arena);
    let_go(s);
    return e ? lib_call_end(call, e) : lib_call_end_with(call, &error);
}

static int send_all(struct sending *s, int connections, struct smtptool_results **ret_results,
                    struct smtptool_error **ret_error)
{
    static const struct smtptool_error busy = {SMTPTOOL_MISUSE, 0, "",
                                               "a message is in use, or was given twice"};
    struct lib_call call;
    if (!lib_call_begin(&call, &s->client->busy, ret_error))
        return SMTPTOOL_MISUSE;
    if (hold(s))
        return send_held(s, &call, connections, ret_results);
    let_go(s);
    return lib_call_end_with(&call, &busy);
}

int smtptool_client_send(struct smtptool_client *c, const char *from, const char *const *recipients,
                         size_t count, struct smtptool_message *message,
                         struct smtptool_results **ret_results, struct smtptool_error **ret_error)
{
    if (ret_results)
        *ret_results = NULL;
    if (c == NULL || message == NULL)
        return lib_call_misuse(ret_error, "a client and a message are needed");
    for (size_t i = 0; recipients && i < count; i++)
        if (recipients[i] == NULL)
            return lib_call_misuse(ret_error, "a recipient that is NULL");
    struct sending s = {.client = c,
                        .messages = &message,
                        .count = 1,
                        .from = from,
                        .recipients = recipients,
                        .recipient_count = count};
    return send_all(&s, 1, ret_results, ret_error);
}

int smtptool_client_send_all(struct smtptool_client *c, struct smtptool_message *const *messages,
                             size_t count, int connections, struct smtptool_results **ret_results,
                             struct smtptool_error **ret_error)
{
    for (size_t i = 0; ret_results && i < count; i++)
        ret_results[i] = NULL;
    if (c == NULL || messages == NULL || count == 0 || count > SMTPTOOL_MESSAGES_MAX)
        return lib_call_misuse(ret_error, "a client and 1 to 10000 messages are needed");
    if (connections < 1 || connections > CONNECTIONS_MAX)
        return lib_call_misuse(ret_error, "connections: 1 to 20");
    for (size_t i = 0; i < count; i++)
        if (messages[i] == NULL)
            return lib_call_misuse(ret_error, "a message that is NULL");
    struct sending s = {.client = c, .messages = messages, .count = count};
    return send_all(&s, connections, ret_results, ret_error);
}
