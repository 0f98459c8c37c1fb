/* A text as an SPF record; then its lines as the policies of a.test, b.test and so on, which know
 * each other: a check and a tree over that DNS, in the simulation. */
#include "base/buf.h"
#include "dns/zone.h"
#include "mailauth/spf.h"
#include "mailauth/spf_field.h"
#include "mailauth/spf_record.h"
#include "mailauth/spf_tree.h"
#include "runtime/sim.h"
#include "tests/fuzz.h"

enum { INPUT_BYTES_MAX = 4000, LINES_MAX = 8, ZONE_BYTES_MAX = 64 << 10 };

/* The checks' parts of the DNS: what policies may name. */
static const char fixed_zone[] = "$ORIGIN test.\n"
                                 "a MX 10 b\n"
                                 "a MX 20 x\n"
                                 "a A 192.0.2.1\n"
                                 "b A 192.0.2.2\n"
                                 "b AAAA 2001:db8::2\n"
                                 "h A 192.0.2.2\n"
                                 "f FAIL servfail\n"
                                 "2.2.0.192.in-addr.arpa. PTR h.test.\n"
                                 "2.2.0.192.in-addr.arpa. PTR b.test.\n";

struct run {
    str input;
    struct arena *arena;
    struct dns_resolver *resolver;
    struct dns_zone *zone;
};

/* What was read lies in the text, in its order, and each term reads the same alone. */
static void check_record(str text, struct arena *arena)
{
    struct mailauth_spf_record r, again;
    if (mailauth_spf_record_parse(text, arena, &r))
        return;
    for (size_t i = 0; i < r.count && i < 20; i++) {
        const struct mailauth_spf_term *t = &r.terms[i];
        ASSERT(text.ptr + t->at == t->text.ptr);
        ASSERT(t->at + t->text.len <= text.len);
        ASSERT(t->bits4 <= 32);
        ASSERT(t->bits6 <= 128);
        str alone = arena_printf(arena, "v=spf1 %.*s", STR_ARG(t->text));
        ASSERT(mailauth_spf_record_parse(alone, arena, &again) == NULL);
        ASSERT(again.count == 1);
        ASSERT(again.terms[0].kind == t->kind);
    }
}

static void add_escaped(struct buf *zone, str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (buf_addf(zone, "\\%03u", (unsigned char)text.ptr[i]))
            return;
}

/* The first line is also the sender's local part: macros meet any byte. */
static void make_zone(str input, struct buf *zone)
{
    err e = buf_add(zone, str_of(fixed_zone));
    for (int i = 0; i < LINES_MAX && input.len > 0 && e == NULL; i++) {
        str line;
        str_split(input, '\n', &line, &input);
        e = buf_addf(zone, "%c.test. TXT \"", 'a' + i);
        add_escaped(zone, line);
        if (e == NULL)
            e = buf_add(zone, S("\"\n"));
    }
    ASSERT(e == NULL);
}

static bool is_printable(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return true;
}

static void check_field(const struct mailauth_spf *spf, const struct mailauth_spf_args *args)
{
    struct buf field;
    buf_init(&field, MAILAUTH_SPF_FIELD_BYTES_MAX);
    ASSERT(mailauth_spf_field_write(spf, args, &field) == NULL);
    for (str rest = buf_str(&field), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        ASSERT(line.len > 0 && line.ptr[line.len - 1] == '\r');
        ASSERT(is_printable(str_slice(line, 0, line.len - 1)));
        ASSERT(rest.len == 0 || rest.ptr[0] == ' ');
    }
    buf_release(&field);
}

static void check_once(struct run *r, struct mailauth_ask *ask, const char *ip)
{
    struct address address;
    struct mailauth_story story;
    struct mailauth_spf spf;
    ASSERT(address_parse_ip(str_of(ip), &address) == NULL);
    str local = str_slice(r->input, 0, 70);
    struct mailauth_spf_args args = {
        .ip = &address,
        .helo = str_slice(r->input, 3, 80),
        .sender = arena_printf(r->arena, "%.*s@a.test", STR_ARG(local)),
    };
    mailauth_story_init(&story, r->arena);
    size_t used = arena_used(r->arena);
    ASSERT(mailauth_spf_check(ask, &args, NULL, &spf) == NULL);
    ASSERT(arena_used(r->arena) - used <= MAILAUTH_SPF_BYTES_MAX);
    ASSERT(mailauth_spf_check(ask, &args, &story, &spf) == NULL);
    ASSERT(story.depth == 0);
    ASSERT(spf.result != MAILAUTH_POLICY);
    ASSERT(spf.lookups <= MAILAUTH_SPF_LOOKUPS_MAX + 1);
    ASSERT(spf.void_lookups <= MAILAUTH_SPF_VOID_LOOKUPS_MAX + 1);
    ASSERT(spf.lookups <= MAILAUTH_SPF_LOOKUPS_MAX || spf.result == MAILAUTH_PERMERROR);
    ASSERT(spf.explanation.len <= MAILAUTH_SPF_EXPLANATION_BYTES_MAX);
    ASSERT(is_printable(spf.explanation));
    check_field(&spf, &args);
}

static void run_fiber(void *arg)
{
    struct run *r = arg;
    struct dns_budget budget;
    struct mailauth_spf_tree tree;
    struct mailauth_ask ask = {r->arena, r->resolver, &budget, DEADLINE_NEVER, 0};
    dns_budget_init(&budget, 4 * DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    check_once(r, &ask, "192.0.2.2");
    check_once(r, &ask, "2001:db8::7");
    dns_budget_init(&budget, MAILAUTH_SPF_TREE_QUESTIONS, DNS_BUDGET_MS);
    ASSERT(mailauth_spf_tree_read(&ask, S("a.test"), &tree) == NULL);
    ASSERT(tree.count >= 1);
    ASSERT(tree.count <= MAILAUTH_SPF_TREE_ROWS_MAX);
}

FUZZ(input, arena)
{
    struct run r = {.input = str_slice(input, 0, INPUT_BYTES_MAX)};
    struct buf zone;
    check_record(r.input, arena);
    buf_init(&zone, ZONE_BYTES_MAX);
    make_zone(r.input, &zone);
    ASSERT(dns_zone_parse(buf_str(&zone), "fuzz", &r.zone) == NULL);
    buf_release(&zone);
    r.arena = arena_open(MAILAUTH_SPF_TREE_BYTES_MAX + (4 << 20));
    r.resolver = dns_resolver_open(dns_zone_transport(r.zone), NULL);
    sim_run(1, run_fiber, &r);
    dns_resolver_close(r.resolver);
    arena_close(r.arena);
}
