#include "mailauth/dmarc_test.h"
#include "runtime/fiber.h"
#include "tests/test.h"

struct bench {
    struct mailauth_ask ask;
    void (*body)(struct mailauth_ask *, void *);
    void *arg;
};

static void bench_fiber(void *arg)
{
    struct bench *b = arg;
    b->ask.until = deadline_after(50);
    b->body(&b->ask, b->arg);
}

uint64_t mailauth_dmarc_test_on(const char *text, void (*body)(struct mailauth_ask *, void *),
                                void *arg)
{
    struct dns_zone *zone = NULL;
    struct dns_budget budget;
    CHECK_DONE(dns_zone_parse(str_of(text), "zone", &zone), text);
    struct bench b = {.body = body, .arg = arg};
    b.ask.arena = arena_open(4 << 20);
    b.ask.dns = dns_resolver_open(dns_zone_transport(zone), NULL);
    b.ask.budget = &budget;
    b.ask.now_ms = 1795250896000;
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "dmarc", bench_fiber, &b);
    loop_close(loop);
    uint64_t questions = dns_zone_questions(zone);
    dns_resolver_close(b.ask.dns);
    arena_close(b.ask.arena);
    return questions;
}
