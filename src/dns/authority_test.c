#include "dns/authority.h"
#include "dns/zone.h"
#include "tests/test.h"
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A name server as zones have them: it answers with authority and recurses for nobody. The TXT
 * record of each name is "here", with a TTL of a day; a name that begins with "nx" is not there. */
struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    bool closing;
};

static size_t answer(char packet[1500], size_t len)
{
    static const char record[] = "\xc0\x0c\0\x10\0\1\0\1\x51\x80\0\5\4here";
    str label = str_slice((str){packet, len}, 13, (size_t)packet[12]);
    size_t end = 12;
    while (end < len && packet[end])
        end += 1 + (size_t)packet[end];
    end += 5;
    packet[2] = (char)(0x84 | (packet[2] & 1)); /* AA; RD as it came */
    packet[3] = 0;                              /* no RA */
    memset(packet + 6, 0, 6);
    if (str_starts_nocase(label, S("nx"))) {
        packet[3] = 3;
        return end;
    }
    packet[7] = 1;
    memcpy(packet + end, record, sizeof record - 1);
    return end + sizeof record - 1;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (;;) {
        char packet[1500];
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(s->fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
        if (__atomic_load_n(&s->closing, __ATOMIC_ACQUIRE))
            return NULL;
        if (n >= 17 && sendto(s->fd, packet, answer(packet, (size_t)n), 0, (struct sockaddr *)&from,
                              from_len) < 0)
            continue;
    }
}

static void open_server(struct server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *s = (struct server){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    CHECK(bind(s->fd, (struct sockaddr *)&at, len) == 0, "bind");
    CHECK(getsockname(s->fd, (struct sockaddr *)&at, &len) == 0, "getsockname");
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, serve, s);
}

static void close_server(struct server *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(s->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    __atomic_store_n(&s->closing, true, __ATOMIC_RELEASE);
    CHECK(sendto(s->fd, "", 1, 0, (struct sockaddr *)&at, sizeof at) == 1, "wake it");
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static const char zone_text[] = "$ORIGIN example.net.\n"
                                "@ 7200 SOA ns1 ops 1 2 3 4 900\n"
                                "@ NS ns1\n"
                                "@ NS ns2.example.org.\n"
                                "@ NS nowhere\n"
                                "ns1 AAAA 2001:db8::1\n"
                                "ns1 A 127.0.0.1\n"
                                "ns2.example.org. AAAA ::1\n"
                                "part SOA ns1 ops 1 2 3 4 60\n"
                                "part NS ns1\n"
                                "bad FAIL servfail\n"
                                "alone.test. SOA ns ops 1 2 3 4 5\n";

struct finding {
    struct dns_resolver *resolver;
    struct arena *arena;
    const char *name;
    struct dns_authority *authority;
    uint16_t port;
};

static void find(void *arg)
{
    struct finding *f = arg;
    CHECK_DONE(dns_authority_find(f->resolver, NULL, str_of(f->name), f->port, f->arena,
                                  f->authority, deadline_after(10000)),
               f->name);
}

static void run(void (*entry)(void *), void *arg)
{
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "test", entry, arg);
    loop_close(loop);
}

static struct finding open_finding(struct dns_authority *authority, uint16_t port)
{
    struct dns_zone *zone = NULL;
    struct finding f = {.arena = arena_open(1 << 20), .authority = authority, .port = port};
    CHECK_DONE(dns_zone_parse(str_of(zone_text), "zone.txt", &zone), "zone");
    f.resolver = dns_resolver_open(dns_zone_transport(zone), NULL);
    return f;
}

static void close_finding(struct finding *f)
{
    dns_resolver_close(f->resolver);
    arena_close(f->arena);
}

TEST(dns_authority_find)
{
    static const struct {
        const char *name, *zone;
        enum dns_status status;
        uint32_t negative;
        size_t count;
    } cases[] = {
        {"example.net",                   "example.net",      DNS_OK,       900, 2},
        {"_domainkey.example.net",        "example.net",      DNS_OK,       900, 2},
        {"a.b.c.example.net",             "example.net",      DNS_OK,       900, 2},
        {"s._domainkey.part.example.net", "part.example.net", DNS_OK,       60,  1},
        {"bad.example.net",               "",                 DNS_SERVFAIL, 0,   0},
        {"example.com",                   "",                 DNS_NXDOMAIN, 0,   0},
        {"alone.test",                    "alone.test",       DNS_NODATA,   5,   0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_authority a = {0};
        struct finding f = open_finding(&a, 53);
        f.name = cases[i].name;
        run(find, &f);
        CHECK(a.status == cases[i].status, cases[i].name);
        CHECK_STR(a.zone, cases[i].zone, cases[i].name);
        CHECK(a.negative_ttl == cases[i].negative, cases[i].name);
        CHECK(a.count == cases[i].count, cases[i].name);
        for (size_t j = 0; j < a.count; j++)
            CHECK(a.servers[j].address.port == 53, cases[i].name);
        if (a.count > 0)
            CHECK(a.servers[0].address.family == ADDRESS_IP4, "IPv4 when there is one");
        close_finding(&f);
    }
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void ask_one(struct finding *f, const char *name, enum dns_status status)
{
    struct dns_answer answer = {.status = DNS_BOGUS};
    CHECK_DONE(dns_authority_ask(&f->authority->servers[0], NULL, str_of(name), DNS_TXT, f->arena,
                                 &answer, deadline_after(10000)),
               name);
    CHECK(answer.status == status, name);
    if (status == DNS_OK && answer.status == DNS_OK) {
        CHECK_STR(answer.records[0].text, "here", name);
        CHECK(answer.ttl == 86400, "the whole TTL");
    }
}

static void ask(void *arg)
{
    ask_one(arg, "s._domainkey.example.net", DNS_OK);
    ask_one(arg, "nx._domainkey.example.net", DNS_NXDOMAIN);
    ((struct finding *)arg)->authority->servers[0].silent = true;
    ask_one(arg, "other.example.net", DNS_TIMEOUT);
}

TEST(dns_authority_ask)
{
    struct server s;
    struct dns_authority a = {0};
    open_server(&s);
    struct finding f = open_finding(&a, s.port);
    f.name = "example.net";
    run(find, &f);
    dns_authority_open(&a);
    CHECK(a.count == 2 && a.servers[0].resolver != NULL, "open");
    run(ask, &f);
    dns_authority_close(&a);
    CHECK(a.servers[0].resolver == NULL, "closed");
    close_finding(&f);
    close_server(&s);
}
