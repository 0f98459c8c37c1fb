#include "cli/live.h"
#include "cli/ask_dns.h"
#include "dns/authority.h"

enum {
    DNS_PORT = 53,
    QUESTIONS_MAX = 2000, /* a budget for all: bounds are CLI_LIVE_… already */
    ASK_MS = 120 * 1000,
};

struct known_zone {
    str asked; /* the name from which it was looked for */
    struct dns_authority authority;
};

struct asking {
    const struct cli_live_options *options;
    struct dns_resolver *resolver;
    struct dns_budget budget;
    struct arena *arena;
    struct cli_live_question *questions;
    size_t count;
    struct known_zone *zones;
    size_t zone_count;
    bool failed;
    char why[300];
};

/* ---- which zones ----------------------------------------------------------------------------- */

/* A question for the SOA record of a name that is about to be made would have the resolver remember
 * that it is not there: such names (their labels begin with "_", or stand before one) are left
 * out. */
static str zone_hint(str name)
{
    str rest = name, label, hint = name;
    while (rest.len > 0) {
        str_split(rest, '.', &label, &rest);
        if (label.len > 0 && label.ptr[0] == '_')
            hint = rest;
    }
    return hint.len > 0 ? hint : name;
}

static struct known_zone *zone_of(struct asking *a, str name)
{
    str hint = zone_hint(name);
    for (size_t i = 0; i < a->zone_count; i++)
        if (str_eq(a->zones[i].asked, hint))
            return &a->zones[i];
    return NULL;
}

static err find_zones(struct asking *a)
{
    for (size_t i = 0; i < a->count && a->zone_count < CLI_LIVE_ZONES_MAX; i++) {
        if (zone_of(a, a->questions[i].name))
            continue;
        struct known_zone *z = &a->zones[a->zone_count];
        z->asked = zone_hint(a->questions[i].name);
        TRY(dns_authority_find(a->resolver, &a->budget, z->asked, DNS_PORT, a->arena, &z->authority,
                               deadline_after(ASK_MS)));
        a->zone_count++;
    }
    return NULL;
}

/* An err ends with its fiber. */
static void keep_err(struct asking *a, err e)
{
    a->failed = e != NULL;
    if (e)
        cli_describe(e, a->why, sizeof a->why);
}

static void find_fiber(void *arg)
{
    struct asking *a = arg;
    keep_err(a, find_zones(a));
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool is_said(enum dns_status status)
{
    return status == DNS_OK || status == DNS_NODATA || status == DNS_NXDOMAIN;
}

static err ask_servers(struct asking *a, struct cli_live_question *q, struct dns_authority *zone)
{
    for (size_t i = 0; i < zone->count && i < CLI_LIVE_SERVERS_MAX; i++) {
        struct dns_authority_server *server = &zone->servers[i];
        struct cli_live_said *said = &q->said[q->said_count];
        char ip[ADDRESS_CHARS];
        TRY(dns_authority_ask(server, &a->budget, q->name, q->type, a->arena, &said->answer,
                              deadline_after(ASK_MS)));
        address_format_ip(&server->address, ip);
        said->who = arena_printf(a->arena, "%.*s %s", STR_ARG(server->name), ip);
        q->said_count++;
    }
    return NULL;
}

static err ask_resolver(struct asking *a, struct cli_live_question *q)
{
    const char *file = a->options->zone_file;
    q->said[0].who = file ? arena_printf(a->arena, "the file %s", file) : S("the resolver");
    q->source = file ? CLI_LIVE_FILE : CLI_LIVE_RESOLVER;
    q->said_count = 1;
    return dns_resolver_ask(a->resolver, &a->budget, q->name, q->type, a->arena, &q->said[0].answer,
                            deadline_after(ASK_MS));
}

static err ask(struct asking *a, struct cli_live_question *q)
{
    struct known_zone *z = zone_of(a, q->name);
    bool answered = false;
    q->said_count = 0;
    q->source = CLI_LIVE_SERVERS;
    q->negative_known = z && z->authority.zone.len > 0;
    q->negative_ttl = q->negative_known ? z->authority.negative_ttl : CLI_LIVE_NEGATIVE_S;
    if (z && a->options->zone_file == NULL && !a->options->resolver)
        TRY(ask_servers(a, q, &z->authority));
    for (size_t i = 0; i < q->said_count; i++)
        answered |= is_said(q->said[i].answer.status);
    return answered ? NULL : ask_resolver(a, q);
}

static void ask_fiber(void *arg)
{
    struct asking *a = arg;
    err e = NULL;
    for (size_t i = 0; i < a->count && e == NULL; i++)
        e = ask(a, &a->questions[i]);
    keep_err(a, e);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int fail(const struct asking *a)
{
    cli_fail("the DNS: %s", a->why);
    return CLI_UNKNOWN;
}

int cli_live_ask(struct cli *cli, const struct cli_live_options *options, struct arena *arena,
                 struct cli_live_question *questions, size_t count)
{
    ASSERT(count <= CLI_LIVE_QUESTIONS_MAX);
    struct asking a = {
        .options = options,
        .arena = arena,
        .questions = questions,
        .count = count,
        .zones = ARENA_ARRAY(arena, struct known_zone, CLI_LIVE_ZONES_MAX),
    };
    int code = cli_ask_dns_open(cli, options->zone_file, &a.resolver);
    if (code != CLI_OK)
        return code;
    dns_budget_init(&a.budget, QUESTIONS_MAX, ASK_MS);
    cli_ask_dns_run("find the name servers", find_fiber, &a);
    bool servers = options->zone_file == NULL && !options->resolver;
    for (size_t i = 0; servers && i < a.zone_count; i++)
        dns_authority_open(&a.zones[i].authority);
    if (!a.failed)
        cli_ask_dns_run("ask for records", ask_fiber, &a);
    for (size_t i = 0; i < a.zone_count; i++)
        dns_authority_close(&a.zones[i].authority);
    dns_resolver_close(a.resolver);
    return a.failed ? fail(&a) : CLI_OK;
}

uint32_t cli_live_ttl(const struct cli_live_question *q)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < q->said_count; i++)
        if (q->said[i].answer.status == DNS_OK && q->said[i].answer.ttl > longest)
            longest = q->said[i].answer.ttl;
    return longest;
}

bool cli_live_ttl_whole(const struct cli_live_question *q)
{
    return q->source != CLI_LIVE_RESOLVER;
}

const char *cli_live_source_name(enum cli_live_source source)
{
    static const char *const names[] = {"servers", "resolver", "file"};
    return names[source];
}
