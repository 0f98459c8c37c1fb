/* Real HTTPS on loopback: a server of one thread that answers as a row says. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/sanitize.h"
#include "dns/zone.h"
#include "http/curl.h"
#include "http/serve_test.h"
#include "runtime/confine_calls.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include "tlspolicy/fetch_curl.h"
#include "tlspolicy/sts_fetch.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST "mta-sts.example.com"
#define POLICY "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n"
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"

/* ---- a server --------------------------------------------------------------------------- */

struct server {
    int listener;
    uint16_t port;
    SSL_CTX *context;
    const char *head, *body;
    size_t body_times; /* the body is sent this often */
    bool silent;       /* after the head: nothing until the client leaves */
    bool ending;       /* atomic */
    int requests;      /* atomic */
    struct thread *thread;
};

static void answer(struct server *s, SSL *ssl)
{
    char request[4096] = "";
    int got = SSL_read(ssl, request, sizeof request - 1);
    if (got <= 0)
        return;
    __atomic_add_fetch(&s->requests, 1, __ATOMIC_SEQ_CST);
    bool plain = strncmp(request, "GET /.well-known/mta-sts.txt HTTP/1.1\r\n", 39) == 0 &&
                 strstr(request, "Host: " HOST) != NULL;
    bool moved = strncmp(request, "GET /moved ", 11) == 0; /* who follows a redirect gets it */
    const char *head = plain   ? s->head
                       : moved ? OK_HEAD "\r\n" POLICY
                               : "HTTP/1.1 400 Odd request\r\n\r\n";
    bool open = SSL_write(ssl, head, (int)strlen(head)) > 0;
    for (size_t i = 0; open && plain && i < s->body_times; i++)
        open = SSL_write(ssl, s->body, (int)strlen(s->body)) > 0;
    while (open && s->silent && SSL_read(ssl, request, sizeof request) > 0)
        ;
    SSL_shutdown(ssl);
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct pollfd wait = {s->listener, POLLIN, 0};
    while (!__atomic_load_n(&s->ending, __ATOMIC_SEQ_CST)) {
        if (poll(&wait, 1, 20) <= 0)
            continue;
        int fd = accept(s->listener, NULL, NULL);
        SSL *ssl = SSL_new(s->context);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1)
            answer(s, ssl);
        SSL_free(ssl);
        close(fd);
        ERR_clear_error();
    }
}

static void server_open(struct server *s, const struct http_serve_test_identity *i)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof to;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = bind(s->listener, (struct sockaddr *)&to, sizeof to) == 0 &&
                 listen(s->listener, 10) == 0 &&
                 getsockname(s->listener, (struct sockaddr *)&to, &size) == 0;
    CHECK(bound, "a port on loopback");
    s->port = ntohs(to.sin_port);
    s->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(s->context, i->certificate);
    SSL_CTX_use_PrivateKey(s->context, i->key);
    s->thread = thread_start("server", serve, s);
}

static void server_close(struct server *s)
{
    __atomic_store_n(&s->ending, true, __ATOMIC_SEQ_CST);
    thread_join(s->thread);
    close(s->listener);
    SSL_CTX_free(s->context);
}

/* ---- one fetch -------------------------------------------------------------------------- */

struct fetch_run {
    struct tlspolicy_fetcher *fetcher;
    struct tlspolicy_sts_fetched fetched;
    struct arena *arena;
    const char *zone, *label;
    bool allow_private;
};

static void fetch_fiber(void *arg)
{
    struct fetch_run *run = arg;
    struct dns_zone *zone = NULL;
    CHECK_DONE(dns_zone_parse(str_of(run->zone), "zone", &zone), run->label);
    struct tlspolicy_sts_fetch_options o = {dns_resolver_open(dns_zone_transport(zone), NULL),
                                            run->fetcher, run->allow_private};
    CHECK_DONE(
        tlspolicy_sts_fetch(&o, S("example.com"), run->arena, &run->fetched, deadline_after(20000)),
        run->label);
    dns_resolver_close(o.resolver);
}

static void run_fiber(void (*fiber)(void *), void *arg)
{
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "fetch", fiber, arg);
    loop_close(loop);
}

/* NULL: there is no libcurl on this machine, and the test has said so. */
static struct tlspolicy_fetcher *open_fetcher(const struct tlspolicy_fetch_curl_options *o)
{
    struct tlspolicy_fetcher *fetcher = NULL;
    err e = tlspolicy_fetch_curl_open(o, &fetcher);
    signal(SIGPIPE, SIG_IGN); /* the server writes to clients that have left */
    if (e)
        test_skip("libcurl is not installed");
    err_forget();
    return fetcher;
}

#define LOOPBACK HOST ". A 127.0.0.1\n"
#define A_1024                                                            \
    "x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" \
    "x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"

/* Attacks 172 and 173. */
static const struct fetch_case {
    const char *label, *san;
    int from_days, to_days;
    bool untrusted;
    const char *head, *body;
    size_t body_times;
    bool silent;
    enum tlspolicy_result want;
} cases[] = {
  /* clang-format off */
    {"a policy", "DNS:" HOST, -1, 30, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_SUCCESS},
    {"a policy under a star", "DNS:*.example.com", -1, 30, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_SUCCESS},
    {"a length that is right", "DNS:" HOST, -1, 30, false, OK_HEAD "Content-Length: 63\r\n\r\n", POLICY, 1, false, TLSPOLICY_SUCCESS},
    {"another name", "DNS:www.example.com", -1, 30, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_STS_WEBPKI_INVALID},
    {"the domain's own name", "DNS:example.com", -1, 30, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_STS_WEBPKI_INVALID},
    {"expired", "DNS:" HOST, -30, -1, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_STS_WEBPKI_INVALID},
    {"not yet valid", "DNS:" HOST, 2, 30, false, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_STS_WEBPKI_INVALID},
    {"a root that nobody trusts", "DNS:" HOST, -1, 30, true, OK_HEAD "\r\n", POLICY, 1, false, TLSPOLICY_STS_WEBPKI_INVALID},
    {"301", "DNS:" HOST, -1, 30, false, "HTTP/1.1 301 Moved\r\nLocation: /moved\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n", POLICY, 1, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"302 to a file", "DNS:" HOST, -1, 30, false, "HTTP/1.1 302 Moved\r\nLocation: file:///etc/passwd\r\nConnection: close\r\n\r\n", "", 0, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"404", "DNS:" HOST, -1, 30, false, "HTTP/1.1 404 No\r\nContent-Type: text/plain\r\n\r\n", POLICY, 1, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"a page", "DNS:" HOST, -1, 30, false, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", POLICY, 1, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"no type", "DNS:" HOST, -1, 30, false, "HTTP/1.1 200 OK\r\n\r\n", POLICY, 1, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"garbage", "DNS:" HOST, -1, 30, false, OK_HEAD "\r\n", "garbage", 1, false, TLSPOLICY_STS_POLICY_INVALID},
    {"too large, and says so", "DNS:" HOST, -1, 30, false, OK_HEAD "Content-Length: 131193\r\n\r\n", A_1024, 1024, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"too large, and does not", "DNS:" HOST, -1, 30, false, OK_HEAD "\r\n", A_1024, 1024, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"cut short", "DNS:" HOST, -1, 30, false, OK_HEAD "Content-Length: 1000\r\n\r\n", POLICY, 1, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"silent", "DNS:" HOST, -1, 30, false, OK_HEAD "Content-Length: 1000\r\n\r\n", "version: STSv1\n", 1, true, TLSPOLICY_STS_POLICY_FETCH_ERROR},
    {"not HTTP", "DNS:" HOST, -1, 30, false, "220 mx.example.com ESMTP\r\n", "", 0, false, TLSPOLICY_STS_POLICY_FETCH_ERROR},
  /* clang-format on */
};

static bool run_case(const struct fetch_case *c)
{
    struct http_serve_test_identity other =
        http_serve_test_identity_make("DNS:other.example", -1, 30);
    struct http_serve_test_identity own =
        http_serve_test_identity_make(c->san, c->from_days, c->to_days);
    struct server server = {
        .head = c->head, .body = c->body, .body_times = c->body_times, .silent = c->silent};
    char roots[40];
    http_serve_test_roots(c->untrusted ? &other : &own, roots);
    server_open(&server, &own);
    struct tlspolicy_fetch_curl_options o = {str_of(roots), server.port, c->silent ? 300 : 10000,
                                             true};
    struct fetch_run run = {.fetcher = open_fetcher(&o),
                            .arena = arena_open(1 << 20),
                            .zone = LOOPBACK,
                            .label = c->label,
                            .allow_private = true};
    if (run.fetcher) {
        run_fiber(fetch_fiber, &run);
        run.fetcher->close(run.fetcher);
        CHECK(run.fetched.result == c->want, c->label);
        CHECK((run.fetched.reason.len == 0) == (c->want == TLSPOLICY_SUCCESS), c->label);
        CHECK(__atomic_load_n(&server.requests, __ATOMIC_SEQ_CST) <= 1, c->label);
    }
    server_close(&server);
    arena_close(run.arena);
    unlink(roots);
    http_serve_test_identity_release(&own);
    http_serve_test_identity_release(&other);
    return run.fetcher != NULL;
}

TEST(tlspolicy_fetch_curl_cases)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (!run_case(&cases[i]))
            return;
}

/* Attacks 167, 170, 171: the fetcher itself refuses, whatever its caller has checked. */
static void ask_for_private(void *arg)
{
    struct fetch_run *run = arg;
    struct address both[2];
    struct tlspolicy_fetcher_answer a = {0};
    CHECK_DONE(address_parse_ip(S("8.8.8.8"), &both[0]), "public");
    CHECK_DONE(address_parse_ip(S("127.0.0.1"), &both[1]), "private");
    struct tlspolicy_fetcher_request r = {S(HOST), S("/x"), both, 2};
    CHECK_DONE(run->fetcher->fetch(run->fetcher, &r, run->arena, &a, deadline_after(1000)),
               "mixed");
    CHECK(a.result == TLSPOLICY_FETCHER_FORBIDDEN, "mixed");
    r = (struct tlspolicy_fetcher_request){S(HOST), S("/x"), &both[1], 1};
    CHECK_DONE(run->fetcher->fetch(run->fetcher, &r, run->arena, &a, deadline_after(1000)), "one");
    CHECK(a.result == TLSPOLICY_FETCHER_FORBIDDEN, "private");
}

TEST(tlspolicy_fetch_curl_forbidden)
{
    struct tlspolicy_fetch_curl_options o = {0};
    struct fetch_run run = {.fetcher = open_fetcher(&o), .arena = arena_open(1 << 20)};
    if (run.fetcher) {
        run_fiber(ask_for_private, &run);
        run.fetcher->close(run.fetcher);
    }
    arena_close(run.arena);
}

/* ---- several at a time, and one that leaves --------------------------------------------- */

static void leaving_fiber(void *arg)
{
    struct fetch_run *run = arg;
    struct address to;
    struct tlspolicy_fetcher_answer a;
    CHECK_DONE(address_parse_ip(S("127.0.0.1"), &to), "loopback");
    struct tlspolicy_fetcher_request r = {S(HOST), S("/.well-known/mta-sts.txt"), &to, 1};
    err e = run->fetcher->fetch(run->fetcher, &r, run->arena, &a, deadline_after(60000));
    CHECK(e && e->kind == ERR_CANCELED, "canceled");
}

static void group_fiber(void *arg)
{
    struct fetch_run *run = arg;
    struct group group;
    group_init(&group);
    for (int i = 0; i < 3; i++)
        fiber_spawn(&group, "leaving", leaving_fiber, run);
    CHECK_DONE(fiber_sleep(deadline_after(50)), "under way");
    group_close(&group);
}

/* The transfers outlive their fibers, and end long before their minute is over. */
TEST(tlspolicy_fetch_curl_canceled)
{
    struct http_serve_test_identity own = http_serve_test_identity_make("DNS:" HOST, -1, 30);
    struct server server = {.head = OK_HEAD "Content-Length: 1000\r\n\r\n", .silent = true};
    char roots[40];
    http_serve_test_roots(&own, roots);
    server_open(&server, &own);
    struct tlspolicy_fetch_curl_options o = {str_of(roots), server.port, 0, true};
    struct fetch_run run = {.fetcher = open_fetcher(&o), .arena = arena_open(1 << 20)};
    if (run.fetcher) {
        run_fiber(group_fiber, &run);
        run.fetcher->close(run.fetcher);
    }
    server_close(&server);
    arena_close(run.arena);
    unlink(roots);
    http_serve_test_identity_release(&own);
}

/* ---- where `serve` fetches -------------------------------------------------------------- */

/* In a child that has given up the system calls that a server does without: libcurl is opened
 * before, its thread runs behind the filter. */
static int fetch_confined(struct fetch_run *run, const struct tlspolicy_fetch_curl_options *o)
{
    const struct http_curl *curl;
    bool confined = false;
    if (http_curl_open(&curl))
        return 2;
    if (confine_calls_apply(&confined))
        return 3;
    if (tlspolicy_fetch_curl_open(o, &run->fetcher))
        return 4;
    run_fiber(fetch_fiber, run);
    run->fetcher->close(run->fetcher);
    return run->fetched.result == TLSPOLICY_SUCCESS ? 0 : 5;
}

TEST(tlspolicy_fetch_curl_confined)
{
    const struct http_curl *curl;
#if defined(WITH_ASAN) || defined(WITH_TSAN)
    return test_skip("sanitizers need more system calls");
#endif
    if (http_curl_open(&curl)) {
        err_forget();
        return test_skip("libcurl is not installed");
    }
    struct http_serve_test_identity own = http_serve_test_identity_make("DNS:" HOST, -1, 30);
    struct server server = {.head = OK_HEAD "\r\n", .body = POLICY, .body_times = 1};
    char roots[40];
    int status = -1;
    http_serve_test_roots(&own, roots);
    server_open(&server, &own);
    struct tlspolicy_fetch_curl_options o = {str_of(roots), server.port, 10000, true};
    struct fetch_run run = {
        .arena = arena_open(1 << 20), .zone = LOOPBACK, .label = "confined", .allow_private = true};
    pid_t child = fork();
    if (child == 0)
        _exit(fetch_confined(&run, &o));
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "a child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it has fetched the policy");
    server_close(&server);
    arena_close(run.arena);
    unlink(roots);
    http_serve_test_identity_release(&own);
}
