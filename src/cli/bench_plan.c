#include "cli/bench_plan.h"
#include "base/codec.h"
#include "base/rand.h"
#include "config/value.h"
#include "secret/resolver.h"
#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    DEFAULT_MESSAGE_BYTES = 10 * 1000,
    DEFAULT_TIMEOUT_MS = 60 * 1000,
    LOGIN_BYTES_MAX = 4096,
    LINE_BYTES = 72, /* of the body, with CRLF */
};

/* ---- where to --------------------------------------------------------------------------- */

static err look_up(const struct config_hop *hop, struct address *ret_to)
{
    char host[CONFIG_VALUE_HOST_BYTES_MAX + 1];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (!str_to_chars(hop->host, host, sizeof host))
        return err_new(ERR_CONFIG, "the server's name is too long");
    int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed)
        return err_new(ERR_CONFIG, "look up %s: %s", host, gai_strerror(failed));
    struct sockaddr_storage at = {0};
    memcpy(&at, found->ai_addr, found->ai_addrlen);
    *ret_to = address_from_kernel(&at, found->ai_addrlen);
    ret_to->port = hop->port;
    freeaddrinfo(found);
    return NULL;
}

static err find_server(struct bench_plan *p, const struct bench_plan_options *o)
{
    if (o->server == NULL)
        return err_new(ERR_CONFIG, "--server URL is missing");
    TRY(config_value_hop(str_of(o->server), p->arena, &p->hop));
    if (p->hop.unix_socket) {
        p->to = (struct address){.family = ADDRESS_UNIX};
        if (!str_to_chars(p->hop.host, p->to.path, sizeof p->to.path))
            return err_new(ERR_CONFIG, "the socket's path is too long");
        return NULL;
    }
    TRY(look_up(&p->hop, &p->to));
    char text[ADDRESS_CHARS];
    address_format(&p->to, text);
    if (!address_is_loopback(&p->to) && !o->own_server)
        return err_new(ERR_CONFIG,
                       "%s is not this machine: load is sent to loopback addresses only, unless "
                       "--i-own-this-server says that its owner agrees",
                       text);
    return NULL;
}

static err prepare_tls(struct bench_plan *p, const struct bench_plan_options *o)
{
    p->starttls = o->tls && !p->hop.implicit_tls;
    if (!p->starttls && !p->hop.implicit_tls)
        return NULL;
    bool verified = o->ca || !address_is_loopback(&p->to);
    p->verify = verified ? TLS_VERIFY_NAME : TLS_VERIFY_NONE;
    return tls_client_open(str_of(o->ca), &p->tls_client);
}

/* ---- what to say ------------------------------------------------------------------------ */

static err add_plain(struct buf *out, str user, str secret)
{
    TRY(buf_add_char(out, '\0'));
    TRY(buf_add(out, user));
    TRY(buf_add_char(out, '\0'));
    return buf_add(out, secret);
}

/* AUTH PLAIN (RFC 4616) in one line. */
static err add_login(struct buf *out, str user, str secret)
{
    struct buf plain;
    buf_init(&plain, LOGIN_BYTES_MAX);
    err e = add_plain(&plain, user, secret);
    if (e == NULL)
        e = buf_add(out, S("AUTH PLAIN "));
    if (e == NULL)
        e = codec_base64_encode(buf_str(&plain), out);
    if (e == NULL)
        e = buf_add(out, S("\r\n"));
    secret_wipe(&plain);
    return e;
}

static err prepare_login(struct bench_plan *p, const struct bench_plan_options *o)
{
    if (o->user == NULL && o->secret == NULL)
        return NULL;
    if (o->user == NULL || o->secret == NULL)
        return err_new(ERR_CONFIG, "--user and --secret belong together");
    if (p->tls_client == NULL && !address_is_loopback(&p->to))
        return err_new(ERR_CONFIG, "a password goes to another machine with --tls only");
    struct buf secret;
    buf_init(&secret, SECRET_BYTES_MAX);
    err e = secret_resolver_once(NULL, str_of(o->secret), &secret, NULL);
    if (e == NULL)
        e = add_login(&p->auth, str_of(o->user), buf_str(&secret));
    secret_wipe(&secret);
    return e;
}

static err check_address(const char *option, str address, str *ret_local, str *ret_domain)
{
    size_t at = str_find_last(address, '@');
    if (at == STR_NONE || at == 0 || at + 1 == address.len || address.len > BENCH_ADDRESS_BYTES_MAX)
        return err_new(ERR_CONFIG, "%s: not user@domain", option);
    for (size_t i = 0; i < address.len; i++)
        if (address.ptr[i] <= ' ' || address.ptr[i] > '~' || strchr("<>\"\\", address.ptr[i]))
            return err_new(ERR_CONFIG, "%s: plain addresses only", option);
    *ret_local = str_slice(address, 0, at);
    *ret_domain = str_from(address, at + 1);
    return NULL;
}

struct addresses {
    str from, local, domain;
    int rcpts, domains;
};

/* Recipient i of a variant: the first is the address itself, others have a number in front. */
static err add_rcpt(struct buf *out, const struct addresses *a, int variant, int i)
{
    int domain = (variant + i) % a->domains + 1;
    TRY(buf_add(out, S("RCPT TO:<")));
    TRY(buf_add(out, a->local));
    if (i > 0)
        TRY(buf_addf(out, "%d", i));
    TRY(buf_add_char(out, '@'));
    if (a->domains > 1)
        TRY(buf_addf(out, "d%d.", domain));
    TRY(buf_add(out, a->domain));
    return buf_add(out, S(">\r\n"));
}

static err make_variant(struct bench_plan *p, const struct addresses *a, int variant,
                        struct buf *text)
{
    struct bench_commands *c = &p->variants[variant];
    c->count = a->rcpts + 2;
    c->starts = ARENA_ARRAY(p->arena, uint32_t, (size_t)c->count + 1);
    buf_clear(text);
    TRY(buf_addf(text, "MAIL FROM:<%.*s>\r\n", STR_ARG(a->from)));
    for (int i = 0; i < a->rcpts; i++) {
        c->starts[i + 1] = (uint32_t)text->len;
        TRY(add_rcpt(text, a, variant, i));
    }
    c->starts[c->count - 1] = (uint32_t)text->len;
    TRY(buf_add(text, S("DATA\r\n")));
    c->starts[c->count] = (uint32_t)text->len;
    c->bytes = arena_str(p->arena, buf_str(text));
    return NULL;
}

static err prepare_commands(struct bench_plan *p, const struct bench_plan_options *o)
{
    struct addresses a = {.rcpts = o->rcpts ? o->rcpts : 1, .domains = o->domains ? o->domains : 1};
    str local, domain;
    a.from = str_of(o->from ? o->from : "bench@source.test");
    TRY(check_address("--from", a.from, &local, &domain));
    TRY(check_address("--to", str_of(o->to ? o->to : "rcpt@bench.test"), &a.local, &a.domain));
    if (a.rcpts * a.domains > BENCH_COMMANDS_MAX)
        return err_new(ERR_CONFIG, "--rcpts times --domains must not exceed %d",
                       BENCH_COMMANDS_MAX);
    p->rcpts = a.rcpts;
    p->variant_count = (size_t)a.domains;
    p->variants = ARENA_ARRAY(p->arena, struct bench_commands, p->variant_count);
    struct buf text;
    buf_init(&text, BENCH_ARENA_BYTES_MAX);
    err e = NULL;
    for (int i = 0; i < a.domains && e == NULL; i++)
        e = make_variant(p, &a, i, &text);
    buf_release(&text);
    return e;
}

/* ---- the message ------------------------------------------------------------------------ */

str bench_plan_head(uint64_t number, char ret_head[BENCH_HEAD_BYTES])
{
    int len = snprintf(ret_head, BENCH_HEAD_BYTES, "Message-ID: <%016llx.%016llx@bench.test>\r\n",
                       (unsigned long long)rand_process_key()[0], (unsigned long long)number);
    ASSERT(len > 0);
    ASSERT(len < BENCH_HEAD_BYTES);
    return (str){ret_head, (size_t)len};
}

static err add_lines(struct buf *out, size_t left)
{
    static const char letters[] =
        "The quick brown fox jumps over the lazy dog while load is on the server.";
    static_assert(sizeof letters > LINE_BYTES - 2, "one line");
    while (left > 0) {
        size_t take = left < LINE_BYTES ? left : LINE_BYTES;
        if (left - take == 1) /* a CRLF needs two */
            take--;
        TRY(buf_add(out, (str){letters, take - 2}));
        TRY(buf_add(out, S("\r\n")));
        left -= take;
    }
    return NULL;
}

static err prepare_message(struct bench_plan *p, const struct bench_plan_options *o)
{
    char head[BENCH_HEAD_BYTES], date[CLOCK_RFC5322_BYTES];
    p->message_bytes = o->message_bytes ? o->message_bytes : DEFAULT_MESSAGE_BYTES;
    if (p->message_bytes < BENCH_MESSAGE_BYTES_MIN || p->message_bytes > BENCH_MESSAGE_BYTES_MAX)
        return err_new(ERR_CONFIG, "--size must be %d bytes to %d MiB", BENCH_MESSAGE_BYTES_MIN,
                       BENCH_MESSAGE_BYTES_MAX >> 20);
    struct buf text;
    buf_init(&text, BENCH_MESSAGE_BYTES_MAX);
    clock_rfc5322(clock_real_ms(), date);
    err e = buf_addf(&text,
                     "Date: %s\r\nFrom: bench@source.test\r\nTo: undisclosed-recipients:;\r\n"
                     "Subject: a message of smtptool bench\r\n\r\n",
                     date);
    size_t used = text.len + bench_plan_head(0, head).len;
    if (e == NULL)
        e = add_lines(&text, (size_t)p->message_bytes - used);
    if (e == NULL)
        p->body = arena_str(p->arena, buf_str(&text));
    buf_release(&text);
    return e;
}

/* ---- the whole -------------------------------------------------------------------------- */

static err prepare(struct bench_plan *p, const struct bench_plan_options *o)
{
    TRY(find_server(p, o));
    TRY(prepare_tls(p, o));
    TRY(prepare_login(p, o));
    TRY(prepare_commands(p, o));
    return prepare_message(p, o);
}

err bench_plan_open(const struct bench_plan_options *o, struct bench_plan *ret_plan)
{
    struct bench_plan p = {.arena = arena_open(BENCH_ARENA_BYTES_MAX)};
    buf_init(&p.auth, 8192);
    p.timeout_ms = o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
    err e = prepare(&p, o);
    p.hello = p.hop.lmtp ? S("LHLO client.bench.test\r\n") : S("EHLO client.bench.test\r\n");
    if (e)
        bench_plan_release(&p);
    else
        *ret_plan = p;
    return e;
}

void bench_plan_release(struct bench_plan *p)
{
    secret_wipe(&p->auth);
    tls_client_close(p->tls_client);
    arena_close(p->arena);
}
