#include "client/connect.h"
#include "base/assert.h"
#include "client/explain.h"
#include "client/ports.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    TLS_PROBE_MS = 3000,
    CONNECT_LEAST_MS = 2500, /* for one address of several at one of several ports */
    BLOCKED_BYTES = CLIENT_PORTS_MAX * 24,
};

static int64_t since(int64_t start_ms) { return clock_steady_ms() - start_ms; }

/* ---- addresses -------------------------------------------------------------------------- */

struct addresses {
    struct address *list;
    size_t count;
};

static err host_failed(struct client_session *s, const struct dns_host *host)
{
    str name = s->options->hop.host;
    s->outcome = CLIENT_NO_HOST;
    if (host->status == DNS_NXDOMAIN)
        return err_new(ERR_CONFIG,
                       "%.*s does not exist in the DNS: it has no address. Is the name "
                       "right?",
                       STR_ARG(name));
    if (host->status == DNS_NODATA)
        return err_new(ERR_CONFIG, "%.*s has no address in the DNS: no mail server has this name",
                       STR_ARG(name));
    s->outcome = CLIENT_LATER;
    return err_new(ERR_TIMEOUT, "the DNS gave no answer for %.*s", STR_ARG(name));
}

static err find_addresses(struct client_session *s, struct arena *arena,
                          struct addresses *ret_addresses)
{
    const struct config_hop *hop = &s->options->hop;
    struct address *one = ARENA_NEW(arena, struct address);
    *ret_addresses = (struct addresses){one, 1};
    if (hop->unix_socket) {
        one->family = ADDRESS_UNIX;
        return str_to_chars(hop->host, one->path, sizeof one->path)
                   ? NULL
                   : err_new(ERR_CONFIG, "the socket's path is too long");
    }
    if (address_parse_ip(hop->host, one) == NULL)
        return NULL;
    struct dns_host host;
    int64_t start_ms = clock_steady_ms();
    ASSERT(s->options->resolver != NULL);
    TRY(dns_host_addresses(s->options->resolver, NULL, hop->host, DNS_HOST_OF_ROUTE, arena, &host,
                           deadline_after(s->options->policy.reply_ms)));
    s->times.resolve = since(start_ms);
    if (host.status != DNS_OK)
        return host_failed(s, &host);
    *ret_addresses = (struct addresses){host.addresses, host.count};
    return NULL;
}

/* ---- one door --------------------------------------------------------------------------- */

static void hear_line(void *arg, const char *mark, str line)
{
    const struct client_session *s = arg;
    if (tls_active(s->smtp.conn) && strcmp(mark, "->") == 0)
        mark = "~>";
    else if (tls_active(s->smtp.conn) && strcmp(mark, "<-") == 0)
        mark = "<~";
    s->options->watch(s->options->watch_arg, mark, line);
}

static void start_client(struct client_session *s, struct net_conn *conn)
{
    const struct config_client_policy *policy = &s->options->policy;
    struct smtp_client_options options = {
        .hello = s->options->hello,
        .lmtp = s->options->hop.lmtp,
        .timeouts = {s->door.wait_ms, policy->reply_ms, policy->reply_ms, policy->reply_ms,
                     policy->reply_ms, policy->data_done_ms},
        .transcript = s->options->watch ? hear_line : NULL,
        .transcript_arg = s,
    };
    smtp_client_init(&s->smtp, conn, &options);
    s->open = true;
}

/* Puts the sentence before what is known, when there is one. */
static err explained(struct client_session *s, err e, enum client_explain_at at, str first,
                     bool speaks_tls)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 10);
    char address[ADDRESS_CHARS];
    const struct client_door *door = &s->door;
    address_format(&door->address, address);
    struct client_explain x = {
        .at = at,
        .kind = e->kind,
        .number = err_number(e),
        .host = door->host,
        .port = door->address.family == ADDRESS_UNIX ? 0 : door->address.port,
        .address = str_of(address),
        .first = first,
        .speaks_tls = speaks_tls,
        .waited_s = ((at == CLIENT_AT_CONNECT ? door->connect_ms : door->wait_ms) + 500) / 1000,
    };
    str sentence = client_explain(&x, arena);
    if (sentence.len > 0)
        return err_wrap(e, "%.*s", STR_ARG(sentence));
    return at == CLIENT_AT_CONNECT ? err_wrap(e, "connect to %s", address) : e;
}

static err handshake(struct client_session *s)
{
    const struct client_door *door = &s->door;
    enum tls_verify verify = door->level >= TLSPOLICY_VERIFY ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
    struct tls_facts facts;
    int64_t start_ms = clock_steady_ms();
    err e = tls_connect(s->smtp.conn, s->options->tls, door->host, verify,
                        deadline_after(door->wait_ms));
    if (e)
        return explained(s, e, CLIENT_AT_HANDSHAKE, tls_first_bytes(s->smtp.conn), false);
    s->times.tls = since(start_ms);
    if (tls_get_facts(s->smtp.conn, &facts))
        client_session_tell(s, "==", "TLS started: %s, %s, %s%s%s", facts.version, facts.cipher,
                            facts.group, *facts.group ? ", " : "",
                            facts.verified ? "certificate verified" : "certificate not verified");
    return NULL;
}

/* Whoever is silent in clear may wait for TLS: ask. Nothing follows on this connection. */
static bool answers_tls(struct client_session *s)
{
    if (s->options->tls == NULL || tls_active(s->smtp.conn) || net_broken(s->smtp.conn))
        return false;
    err e = tls_connect(s->smtp.conn, s->options->tls, s->door.host, TLS_VERIFY_NONE,
                        deadline_after(TLS_PROBE_MS));
    str first = tls_first_bytes(s->smtp.conn);
    return e == NULL || (first.len > 0 && (first.ptr[0] == 0x15 || first.ptr[0] == 0x16));
}

static err greet(struct client_session *s)
{
    struct smtp_reply reply;
    char first_bytes[TLS_FIRST_BYTES];
    int64_t start_ms = clock_steady_ms();
    err e = smtp_client_greeting(&s->smtp, &reply);
    s->times.greeting = since(start_ms);
    if (e == NULL)
        return smtp_reply_ok(&reply) ? NULL : client_session_refused(s, &reply, CLIENT_REFUSED);
    if (e->kind == ERR_CANCELED)
        return e;
    str first = str_slice(net_input(s->smtp.conn), 0, sizeof first_bytes);
    if (first.len > 0)
        memcpy(first_bytes, first.ptr, first.len);
    first.ptr = first_bytes;
    bool speaks_tls = e->kind == ERR_TIMEOUT && first.len == 0 && answers_tls(s);
    return explained(s, e, CLIENT_AT_GREETING, first, speaks_tls);
}

err client_connect_door(struct client_session *s, const struct client_door *door)
{
    struct net_conn *conn;
    s->door = *door;
    s->outcome = CLIENT_SENT;
    address_format(&door->address, s->address);
    int64_t start_ms = clock_steady_ms();
    err e = net_connect(&door->address, NULL, &conn, deadline_after(door->connect_ms));
    if (e)
        return explained(s, e, CLIENT_AT_CONNECT, (str){0}, false);
    s->times.connect = since(start_ms);
    s->reached = true;
    start_client(s, conn);
    client_session_tell(s, "==", "connected to %s", s->address);
    if (door->implicit_tls)
        TRY(handshake(s));
    return greet(s);
}

/* ---- all addresses of a port ------------------------------------------------------------ */

/* It was somebody's word, so neither another port nor another address says more: a certificate that
 * is not trusted. What did not speak TLS at all is none. */
static bool is_tls_answer(const struct client_session *s, err e)
{
    if (e->kind != ERR_TLS)
        return false;
    str first = s->open ? tls_first_bytes(s->smtp.conn) : (str){0};
    return first.len > 0 && (first.ptr[0] == 0x15 || first.ptr[0] == 0x16);
}

/* *ret_final: what came of it is an answer. */
static err try_port(struct client_session *s, const struct addresses *addresses,
                    const struct client_door *door, bool *ret_final)
{
    for (size_t i = 0;; i++) {
        struct client_door one = *door;
        one.address = addresses->list[i];
        if (one.address.family != ADDRESS_UNIX)
            one.address.port = door->address.port;
        err e = client_connect_door(s, &one);
        if (e == NULL)
            return NULL;
        bool refused = s->outcome != CLIENT_SENT, last = i + 1 == addresses->count;
        bool ends = is_tls_answer(s, e) || e->kind == ERR_CANCELED;
        client_session_close(s, refused); /* a reply: one may say goodbye */
        *ret_final = refused || ends;
        if (last || ends)
            return e;
        char why[CLIENT_WHY_BYTES];
        client_session_explain(s, e, why, sizeof why);
        client_session_tell(s, "!!", "%s", why);
        err_forget();
    }
}

/* ---- all ports -------------------------------------------------------------------------- */

static err check_ports(struct client_session *s, const struct client_port *ports, size_t count)
{
    const struct config_hop *hop = &s->options->hop;
    for (size_t i = 0; i < count; i++) {
        if (ports[i].number != 25 || hop->unix_socket || hop->lmtp)
            continue;
        if (s->options->user.len > 0) {
            s->outcome = CLIENT_NO_LOGIN;
            return err_new(ERR_CONFIG, "port 25 is for mail between servers, and no login goes "
                                       "there: write port 587 or 465, or no port at all");
        }
        client_session_tell(s, "!!",
                            "port 25 is for mail between servers: most networks block it, "
                            "and mail from a program is handed over at 587 or 465");
    }
    return NULL;
}

static struct client_door door_of(const struct client_session *s, const struct client_port *port,
                                  bool many, size_t addresses)
{
    const struct config_client_policy *policy = &s->options->policy;
    const struct config_hop *hop = &s->options->hop;
    int64_t share_ms = policy->connect_ms / (int64_t)addresses;
    if (share_ms < CONNECT_LEAST_MS)
        share_ms = CONNECT_LEAST_MS;
    return (struct client_door){
        .host = hop->host,
        .address.port = port->number,
        .implicit_tls = port->implicit_tls,
        .no_tls = hop->tls == HOP_TLS_NONE,
        .level = hop->tls == HOP_TLS_VERIFIED ? TLSPOLICY_VERIFY : TLSPOLICY_MAY,
        .connect_ms = many && share_ms < policy->connect_ms ? share_ms : policy->connect_ms,
        .wait_ms = many ? policy->connect_ms : policy->reply_ms,
    };
}

static const char *short_reason(err e)
{
    int number = err_number(e);
    if (e->kind == ERR_TIMEOUT || number == ETIMEDOUT)
        return "no answer";
    if (number == ECONNREFUSED)
        return "refused";
    if (number == ECONNRESET || number == EPIPE)
        return "reset";
    if (e->kind == ERR_SYSTEM)
        return "no way there";
    if (e->kind == ERR_CLOSED)
        return "closed";
    return e->kind == ERR_TLS ? "no TLS" : "no SMTP";
}

/* What each port had against us, for the one who can open one of them. */
struct blocked {
    char told[BLOCKED_BYTES];
    size_t len;
    bool silent; /* one of them may answer another time */
};

static void note_blocked(struct client_session *s, struct blocked *b, uint16_t port, err e)
{
    char why[CLIENT_WHY_BYTES];
    bool answered = e->kind == ERR_PROTOCOL || e->kind == ERR_TLS;
    client_session_explain(s, e, why, sizeof why);
    client_session_tell(s, "!!", "port %d: %s", port, why);
    int n = snprintf(b->told + b->len, sizeof b->told - b->len, "%s%d %s", b->len ? ", " : "", port,
                     short_reason(e));
    b->len += n > 0 ? (size_t)n : 0;
    b->silent |= !answered;
    err_forget();
}

static err try_ports(struct client_session *s, const struct addresses *addresses,
                     const struct client_port *ports, size_t count)
{
    struct blocked blocked = {0};
    for (size_t i = 0; i < count; i++) {
        bool final = false;
        struct client_door door = door_of(s, &ports[i], count > 1, addresses->count);
        err e = try_port(s, addresses, &door, &final);
        if (e == NULL)
            client_ports_note(s->options->ports, s->options->hop.host, ports[i].number);
        if (e == NULL || final || count == 1)
            return e;
        note_blocked(s, &blocked, ports[i].number, e);
    }
    return err_new(blocked.silent ? ERR_TIMEOUT : ERR_PROTOCOL,
                   "no port of %.*s lets us in: %s. Is the name right? Does this network block "
                   "them?",
                   STR_ARG(str_slice(s->options->hop.host, 0, 100)), blocked.told);
}

err client_connect(struct client_session *s)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(DNS_HOST_BYTES_MAX * 4);
    const struct client_options *o = s->options;
    struct client_port ports[CLIENT_PORTS_MAX];
    struct addresses addresses;
    size_t count = client_ports_order(&o->hop, o->security_first,
                                      client_ports_of(o->ports, o->hop.host), ports);
    TRY(check_ports(s, ports, count));
    TRY(find_addresses(s, arena, &addresses));
    return try_ports(s, &addresses, ports, count);
}
