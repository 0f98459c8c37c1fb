#include "client/connect.h"
#include "base/assert.h"

static int64_t since(int64_t start_ms) { return clock_steady_ms() - start_ms; }

static err host_failed(struct client_session *s, const struct dns_host *host)
{
    str name = s->options->hop.host;
    if (host->status == DNS_NXDOMAIN || host->status == DNS_NODATA) {
        s->outcome = CLIENT_NO_HOST;
        return err_new(ERR_CONFIG, "%.*s has no address in the DNS", STR_ARG(name));
    }
    s->outcome = CLIENT_LATER;
    return err_new(ERR_TIMEOUT, "the DNS gave no answer for %.*s", STR_ARG(name));
}

static err find_addresses(struct client_session *s, struct arena *arena, struct address **ret_list,
                          size_t *ret_count)
{
    const struct config_hop *hop = &s->options->hop;
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
    ASSERT(s->options->resolver != NULL);
    TRY(dns_host_addresses(s->options->resolver, NULL, hop->host, DNS_HOST_OF_ROUTE, arena, &host,
                           deadline_after(s->options->policy.reply_ms)));
    s->times.resolve = since(start_ms);
    if (host.status != DNS_OK)
        return host_failed(s, &host);
    for (size_t i = 0; i < host.count; i++)
        host.addresses[i].port = hop->port;
    *ret_list = host.addresses;
    *ret_count = host.count;
    return NULL;
}

static void start_client(struct client_session *s, struct net_conn *conn)
{
    const struct config_client_policy *policy = &s->options->policy;
    struct smtp_client_options options = {
        .hello = s->options->hello,
        .lmtp = s->options->hop.lmtp,
        .timeouts = {policy->reply_ms, policy->reply_ms, policy->reply_ms, policy->reply_ms,
                     policy->reply_ms, policy->data_done_ms},
        .transcript = s->options->watch,
        .transcript_arg = s->options->watch_arg,
    };
    smtp_client_init(&s->smtp, conn, &options);
    s->open = true;
}

static err handshake(struct client_session *s)
{
    const struct config_hop *hop = &s->options->hop;
    enum tls_verify verify = hop->tls == HOP_TLS_VERIFIED ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
    struct tls_facts facts;
    int64_t start_ms = clock_steady_ms();
    TRY(tls_connect(s->smtp.conn, s->options->tls, hop->host, verify,
                    deadline_after(s->options->policy.reply_ms)));
    s->times.tls = since(start_ms);
    if (tls_get_facts(s->smtp.conn, &facts))
        client_session_tell(s, "==", "TLS started: %s, %s, %s%s%s", facts.version, facts.cipher,
                            facts.group, *facts.group ? ", " : "",
                            facts.verified ? "certificate verified" : "certificate not verified");
    return NULL;
}

/* One address, up to the greeting: what fails so far may do better at the next address. */
static err try_address(struct client_session *s, const struct address *to)
{
    char text[ADDRESS_CHARS];
    struct net_conn *conn;
    struct smtp_reply reply;
    address_format(to, text);
    int64_t start_ms = clock_steady_ms();
    err e = net_connect(to, NULL, &conn, deadline_after(s->options->policy.connect_ms));
    if (e && e->kind == ERR_TIMEOUT)
        return err_new(ERR_TIMEOUT, "connect to %s: no answer in %lld s", text,
                       (long long)s->options->policy.connect_ms / 1000);
    if (e)
        return err_wrap(e, "connect to %s", text);
    s->times.connect = since(start_ms);
    s->address = *to;
    s->reached = true;
    start_client(s, conn);
    client_session_tell(s, "==", "connected to %s", text);
    if (s->options->hop.implicit_tls)
        TRY(handshake(s));
    start_ms = clock_steady_ms();
    TRY(smtp_client_greeting(&s->smtp, &reply));
    s->times.greeting = since(start_ms);
    return smtp_reply_ok(&reply) ? NULL : client_session_refused(s, &reply, CLIENT_REFUSED);
}

err client_connect(struct client_session *s)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(DNS_HOST_BYTES_MAX * 4);
    struct address *list;
    size_t count;
    TRY(find_addresses(s, arena, &list, &count));
    for (size_t i = 0;; i++) {
        s->outcome = CLIENT_SENT;
        err e = try_address(s, &list[i]);
        if (e == NULL)
            return NULL;
        client_session_close(s, s->outcome != CLIENT_SENT); /* a reply: one may say goodbye */
        if (i + 1 == count || e->kind == ERR_TLS || e->kind == ERR_CANCELED)
            return e;
        char why[CLIENT_WHY_BYTES];
        client_session_explain(s, e, why, sizeof why);
        client_session_tell(s, "!!", "%s", why);
        err_forget();
    }
}
