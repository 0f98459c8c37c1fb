#include "base/mem.h"
#include "dns/resolver.h"
#include "dns/unbound.h"
#include "runtime/fiber.h"
#include "tests/test.h"
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A name server of a few lines: UDP on loopback, its own thread. What it answers is in the first
 * label of the question: "nx…", "fail…", "silent…", "late…" (after 200 ms); all else is 192.0.2.1.
 * It strips DNSSEC: no question gets a signature. */
struct fake {
    int fd;
    struct address address;
    pthread_t thread;
    int questions;
    bool closing;
};

static size_t fake_answer(char packet[1500], size_t len)
{
    static const char a_record[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";
    str label = str_slice((str){packet, len}, 13, (size_t)packet[12]);
    size_t end = 12;
    while (end < len && packet[end])
        end += 1 + (size_t)packet[end];
    end += 5;
    bool is_a = end <= len && packet[end - 3] == DNS_A && packet[end - 4] == 0;
    packet[2] = (char)0x81;
    packet[3] = (char)0x80;
    memset(packet + 6, 0, 6); /* no records, not even the OPT */
    if (str_starts_nocase(label, S("silent")))
        return 0;
    if (str_starts_nocase(label, S("late")))
        usleep(200 * 1000);
    if (str_starts_nocase(label, S("nx")))
        packet[3] = (char)0x83;
    else if (str_starts_nocase(label, S("fail")))
        packet[3] = (char)0x82;
    else if (is_a) {
        packet[7] = 1;
        memcpy(packet + end, a_record, sizeof a_record - 1);
        end += sizeof a_record - 1;
    }
    return end;
}

static void *fake_run(void *arg)
{
    struct fake *f = arg;
    for (;;) {
        char packet[1500];
        struct sockaddr_storage from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(f->fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);
        if (__atomic_load_n(&f->closing, __ATOMIC_ACQUIRE))
            return NULL;
        if (n < 17)
            continue;
        __atomic_add_fetch(&f->questions, 1, __ATOMIC_RELAXED);
        size_t len = fake_answer(packet, (size_t)n);
        if (len > 0 && sendto(f->fd, packet, len, 0, (struct sockaddr *)&from, from_len) < 0)
            continue;
    }
}

static void fake_open(struct fake *f)
{
    struct sockaddr_storage s;
    socklen_t len;
    *f = (struct fake){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    CHECK_DONE(address_parse_ip(S("127.0.0.1"), &f->address), "loopback");
    len = address_to_kernel(&f->address, &s);
    CHECK(bind(f->fd, (struct sockaddr *)&s, len) == 0, "bind");
    len = sizeof s;
    CHECK(getsockname(f->fd, (struct sockaddr *)&s, &len) == 0, "getsockname");
    f->address = address_from_kernel(&s, len);
    pthread_create(&f->thread, NULL, fake_run, f);
}

static void fake_close(struct fake *f)
{
    struct sockaddr_storage s;
    socklen_t len = address_to_kernel(&f->address, &s);
    __atomic_store_n(&f->closing, true, __ATOMIC_RELEASE);
    CHECK(sendto(f->fd, "", 1, 0, (struct sockaddr *)&s, len) == 1, "wake the fake");
    pthread_join(f->thread, NULL);
    close(f->fd);
}

struct told {
    int count;
    bool validating;
    char why[100];
};

static void on_changed(void *arg, bool validating, const char *why)
{
    struct told *t = arg;
    t->validating = validating;
    snprintf(t->why, sizeof t->why, "%s", why);
    t->count++;
}

static struct dns_resolver *open_resolver(struct fake *f, enum dns_unbound_validate validate,
                                          struct told *told)
{
    struct dns_transport *t = NULL;
    struct dns_unbound_options o = {
        .servers = DNS_UNBOUND_LIST,
        .list = &f->address,
        .list_count = 1,
        .validate = validate,
        .changed = on_changed,
        .arg = told,
    };
    CHECK_DONE(dns_unbound_open(&o, &t), "open");
    return dns_resolver_open(t, NULL);
}

struct asker {
    struct dns_resolver *resolver;
    struct fake *fake;
    const char *prefix;
};

static void ask(struct asker *k, const char *name, enum dns_type type, int64_t ms,
                enum dns_status want)
{
    struct arena *arena = arena_open(DNS_ANSWER_BYTES_MAX);
    struct dns_answer a = {.status = DNS_BOGUS};
    char whole[100];
    snprintf(whole, sizeof whole, "%s%s.fake.net", name, k->prefix);
    CHECK_DONE(
        dns_resolver_ask(k->resolver, NULL, str_of(whole), type, arena, &a, deadline_after(ms)),
        whole);
    CHECK(a.status == want, whole);
    CHECK(a.security == DNS_INDETERMINATE, whole);
    if (a.status == DNS_OK) {
        CHECK(a.count == 1 && memcmp(a.records[0].ip, "\xc0\0\2\1", 4) == 0, whole);
        CHECK_STR(a.canonical, whole, whole);
        CHECK(a.ttl > 0 && a.ttl <= 60, whole);
    }
    arena_close(arena);
}

static void answers_fiber(void *arg)
{
    struct asker *k = arg;
    ask(k, "a", DNS_A, 20000, DNS_OK);
    ask(k, "b", DNS_MX, 20000, DNS_NODATA);
    ask(k, "nx", DNS_A, 20000, DNS_NXDOMAIN);
    ask(k, "fail", DNS_A, 20000, DNS_SERVFAIL);
    int64_t start = clock_steady_ms();
    ask(k, "silent", DNS_A, 150, DNS_TIMEOUT);
    int64_t took = clock_steady_ms() - start;
    CHECK(took >= 150 && took < 5000, "the deadline holds");
    int before = __atomic_load_n(&k->fake->questions, __ATOMIC_RELAXED);
    ask(k, "a", DNS_A, 20000, DNS_OK);
    CHECK(__atomic_load_n(&k->fake->questions, __ATOMIC_RELAXED) == before, "out of the cache");
}

static void run_loop(void (*entry)(void *), struct asker *k)
{
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "test", entry, k);
    loop_close(loop);
}

TEST(dns_unbound_answers)
{
    struct fake f;
    struct told told = {0};
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_NO, &told);
    struct asker k = {r, &f, "1"};
    run_loop(answers_fiber, &k);
    dns_resolver_close(r);
    CHECK(told.count == 1 && !told.validating, "told once");
    fake_close(&f);
}

static void worker(void *arg) { run_loop(answers_fiber, arg); }

TEST(dns_unbound_two_workers)
{
    struct fake f;
    struct told told = {0};
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_NO, &told);
    struct asker one = {r, &f, "one"}, two = {r, &f, "two"};
    struct thread *a = thread_start("one", worker, &one);
    struct thread *b = thread_start("two", worker, &two);
    thread_join(a);
    thread_join(b);
    dns_resolver_close(r);
    fake_close(&f);
}

static void late_fiber(void *arg)
{
    struct asker *k = arg;
    struct arena *arena = arena_open(DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    err e =
        dns_resolver_ask(k->resolver, NULL, S("late.fake.net"), DNS_A, arena, &a, DEADLINE_NEVER);
    CHECK(e && e->kind == ERR_CANCELED, "canceled in flight");
    arena_close(arena);
}

static void cancel_fiber(void *arg)
{
    struct group g;
    group_init(&g);
    for (int i = 0; i < 5; i++)
        fiber_spawn(&g, "late", late_fiber, arg);
    CHECK_DONE(fiber_sleep(deadline_after(50)), "sleep");
    group_close(&g);
    ask(arg, "after", DNS_A, 20000, DNS_OK); /* the late answer comes before, to nobody */
    ask(arg, "late", DNS_A, 20000, DNS_OK);
}

/* Queries left behind are freed by whoever comes last: the leak check of ASan sees it. */
TEST(dns_unbound_canceled)
{
    struct fake f;
    struct told told = {0};
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_NO, &told);
    struct asker k = {r, &f, ""};
    run_loop(cancel_fiber, &k);
    dns_resolver_close(r);
    fake_close(&f);
}

static void abandon_fiber(void *arg)
{
    struct group g;
    group_init(&g);
    fiber_spawn(&g, "late", late_fiber, arg);
    CHECK_DONE(fiber_sleep(deadline_after(20)), "sleep");
    group_close(&g);
}

TEST(dns_unbound_closed_with_a_question_open)
{
    struct fake f;
    struct told told = {0};
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_NO, &told);
    struct asker k = {r, &f, ""};
    run_loop(abandon_fiber, &k);
    dns_resolver_close(r);
    fake_close(&f);
}

static void stripped_fiber(void *arg) { ask(arg, "good", DNS_A, 20000, DNS_OK); }

/* A server that strips signatures does not turn good mail into deferred mail. */
TEST(dns_unbound_stripped)
{
    struct fake f;
    struct told told = {0};
    if (access("/usr/share/dns/root.key", R_OK) != 0) {
        test_skip("no root key on this machine");
        return;
    }
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_AUTO, &told);
    struct asker k = {r, &f, ""};
    run_loop(stripped_fiber, &k);
    dns_resolver_close(r);
    CHECK(told.count == 1 && !told.validating, "told once");
    CHECK_STR(str_of(told.why), "DNSSEC signatures are stripped on the way", "told why");
    fake_close(&f);
}

static void must_fiber(void *arg)
{
    struct asker *k = arg;
    struct arena *arena = arena_open(DNS_ANSWER_BYTES_MAX);
    struct dns_answer a = {0};
    CHECK_DONE(dns_resolver_ask(k->resolver, NULL, S("good.fake.net"), DNS_A, arena, &a,
                                deadline_after(20000)),
               "must");
    CHECK(a.status == DNS_BOGUS || a.status == DNS_SERVFAIL, "unsigned is not good enough");
    CHECK(a.count == 0, "no records");
    arena_close(arena);
}

TEST(dns_unbound_validation_is_a_must)
{
    struct fake f;
    struct told told = {0};
    if (access("/usr/share/dns/root.key", R_OK) != 0) {
        test_skip("no root key on this machine");
        return;
    }
    fake_open(&f);
    struct dns_resolver *r = open_resolver(&f, DNS_UNBOUND_YES, &told);
    struct asker k = {r, &f, ""};
    run_loop(must_fiber, &k);
    dns_resolver_close(r);
    CHECK(told.count == 1 && told.validating, "told once");
    fake_close(&f);
}

TEST(dns_unbound_refused_options)
{
    struct dns_transport *t = NULL;
    struct dns_unbound_options no_servers = {.servers = DNS_UNBOUND_LIST};
    struct dns_unbound_options no_key = {.validate = DNS_UNBOUND_YES, .root_key = "/nowhere"};
    struct dns_unbound_options no_file = {.validate = DNS_UNBOUND_NO, .resolv_conf = "/nowhere"};
    err e = dns_unbound_open(&no_servers, &t);
    CHECK(e && e->kind == ERR_CONFIG, "an empty list");
    e = dns_unbound_open(&no_key, &t);
    CHECK(e && e->kind == ERR_CONFIG, "no root key");
    e = dns_unbound_open(&no_file, &t);
    CHECK(e && e->kind == ERR_CONFIG, "no resolv.conf");
}
