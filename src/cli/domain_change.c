#include "cli/domain_change.h"
#include "base/clock.h"
#include "cli/domain_keys.h"
#include "cli/when.h"

enum { LENGTH_CHARS = 14 }; /* "364 days 23 h" */

struct change {
    struct cli *cli;
    const struct config *config;
    const struct cli_domain_change_options *options;
    struct arena *arena;
    str domain;
    int64_t now_ms, at_ms; /* at: 0: as soon as it can be */
    enum cli_change_kind kind;
    struct cli_live_question questions[CLI_DOMAIN_KEYS_MAX];
    size_t count;
};

/* What the records are believed for now. */
struct belief {
    uint32_t ttl_s;
    bool known, whole, there;
};

static void want(struct change *c, str name, enum dns_type type)
{
    ASSERT(c->count < CLI_DOMAIN_KEYS_MAX);
    c->questions[c->count].name = name;
    c->questions[c->count++].type = type;
}

static err want_keys(struct change *c)
{
    struct cli_domain_key keys[CLI_DOMAIN_KEYS_MAX];
    size_t count = 0;
    TRY(cli_domain_keys_read(c->config, c->domain, c->arena, keys, &count));
    for (size_t i = 0; i < count; i++)
        want(c,
             arena_printf(c->arena, "%.*s._domainkey.%.*s", STR_ARG(keys[i].selector),
                          STR_ARG(c->domain)),
             DNS_TXT);
    if (count == 0)
        return err_new(ERR_CONFIG, "%.*s has no keys: \"smtptool domain add %.*s\"",
                       STR_ARG(c->domain), STR_ARG(c->domain));
    return NULL;
}

static err want_records(struct change *c)
{
    c->count = 0;
    switch (c->kind) {
    case CLI_CHANGE_MX:
        want(c, c->domain, DNS_MX);
        break;
    case CLI_CHANGE_SPF:
        want(c, c->domain, DNS_TXT);
        break;
    case CLI_CHANGE_IP:
        want(c, c->config->hostname, DNS_A);
        want(c, c->config->hostname, DNS_AAAA);
        break;
    case CLI_CHANGE_DKIM:
        return want_keys(c);
    }
    return NULL;
}

/* A record that is not there is believed not to be, and a new name is such a one. */
static struct belief weigh(const struct change *c)
{
    struct belief b = {.known = true, .whole = true};
    uint32_t negative = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct cli_live_question *q = &c->questions[i];
        bool said = false;
        for (size_t j = 0; j < q->said_count; j++) {
            enum dns_status status = q->said[j].answer.status;
            said |= status == DNS_OK || status == DNS_NODATA || status == DNS_NXDOMAIN;
            b.there |= status == DNS_OK;
        }
        b.known &= said;
        b.whole &= cli_live_ttl_whole(q);
        b.ttl_s = cli_live_ttl(q) > b.ttl_s ? cli_live_ttl(q) : b.ttl_s;
        negative = q->negative_ttl > negative ? q->negative_ttl : negative;
    }
    if ((!b.there || c->kind == CLI_CHANGE_DKIM) && negative > b.ttl_s)
        b.ttl_s = negative;
    return b;
}

/* ---- telling --------------------------------------------------------------------------------- */

static json_t *time_json(int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_rfc3339(ms, text);
    return json_string(text);
}

static json_t *records_json(const struct change *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        const struct cli_live_question *q = &c->questions[i];
        json_array_append_new(list, json_pack("{so,ss,sI,ss}", "name", cli_json_str(q->name),
                                              "type", dns_record_type_name(q->type), "ttl",
                                              (json_int_t)cli_live_ttl(q), "asked",
                                              cli_live_source_name(q->source)));
    }
    return list;
}

static void print_json(const struct change *c, const struct belief *b,
                       const struct cli_change_plan *p)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(steps, json_pack("{ss,so,ss}", "step",
                                               cli_change_plan_step_name(p->steps[i].step), "at",
                                               time_json(p->steps[i].at_ms), "text",
                                               cli_change_plan_words(c->kind, p->steps[i].step)));
    cli_print_json(json_pack("{so,ss,sI,sb,so,so,so,so,sb}", "domain", cli_json_str(c->domain),
                             "kind", cli_change_plan_kind_name(c->kind), "ttl",
                             (json_int_t)b->ttl_s, "ttl_whole", (int)b->whole, "records",
                             records_json(c), "steps", steps, "earliest", time_json(p->earliest_ms),
                             "seen", time_json(p->seen_ms), "too_soon", (int)p->too_soon));
}

static void print_records(const struct change *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct cli_live_question *q = &c->questions[i];
        printf("  %.*s %s: ", STR_ARG(q->name), dns_record_type_name(q->type));
        if (cli_live_ttl(q) > 0)
            printf("TTL %u s", cli_live_ttl(q));
        else
            printf("%s; that is believed for %u s",
                   dns_answer_status_name(q->said[0].answer.status), q->negative_ttl);
        printf(" (asked: %.*s%s)\n", STR_ARG(q->said[0].who),
               q->said_count > 1 ? " and others" : "");
    }
}

static void print_step(const struct change *c, enum cli_change_step step, int64_t at_ms)
{
    char at[CLI_WHEN_BYTES], length[CLI_LENGTH_BYTES];
    cli_when_local(at_ms, at);
    cli_when_length(at_ms - c->now_ms, length);
    bool now = at_ms == c->now_ms;
    printf("%s  %s%-*s %s\n", at, now ? "" : "in ", now ? LENGTH_CHARS + 3 : LENGTH_CHARS,
           now ? "now" : length, cli_change_plan_words(c->kind, step));
}

static void print_plan(const struct change *c, const struct belief *b,
                       const struct cli_change_plan *p)
{
    char earliest[CLI_WHEN_BYTES];
    printf("%.*s, change of %s:\n", STR_ARG(c->domain), cli_change_plan_kind_name(c->kind));
    print_records(c);
    if (!b->whole)
        puts("  (no name server of the zone could be asked itself: these may be the rest of a "
             "longer TTL)");
    for (size_t i = 0; i < p->count; i++)
        print_step(c, p->steps[i].step, p->steps[i].at_ms);
    cli_when_local(p->earliest_ms, earliest);
    if (p->too_soon)
        printf("too soon: some will go on with the old records after the change; from %s on nobody "
               "would\n",
               earliest);
}

/* ---- */

static int tell(err e, const struct change *c)
{
    cli_fail_err(e, "domain plan-change %.*s", STR_ARG(c->domain));
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

static int plan_one(struct change *c)
{
    err e = want_records(c);
    if (e)
        return tell(e, c);
    int code = cli_live_ask(c->cli, &c->options->live, c->arena, c->questions, c->count);
    if (code != CLI_OK)
        return code;
    struct belief b = weigh(c);
    if (!b.known) {
        cli_fail("%.*s: the DNS could not say for how long its records are believed now (%s)",
                 STR_ARG(c->domain), cli_change_plan_kind_name(c->kind));
        return CLI_UNKNOWN;
    }
    struct cli_change change = {
        .kind = c->kind,
        .now_ms = c->now_ms,
        .at_ms = c->at_ms,
        .ttl_s = b.ttl_s,
        .absent = !b.there,
        .give_up_ms = c->config->retry.give_up_ms,
    };
    struct cli_change_plan plan;
    cli_change_plan_make(&change, &plan);
    if (c->cli->json)
        print_json(c, &b, &plan);
    else
        print_plan(c, &b, &plan);
    return plan.too_soon ? CLI_FINDINGS : CLI_OK;
}

static bool read_at(struct change *c)
{
    if (c->options->at == NULL)
        return true;
    if (!cli_when_parse(str_of(c->options->at), &c->at_ms)) {
        cli_fail("--at: \"%s\" is not a time such as \"2026-12-01 03:00\" or "
                 "\"2026-12-01T03:00Z\"",
                 c->options->at);
        return false;
    }
    if (c->at_ms < c->now_ms) {
        cli_fail("--at: %s is over", c->options->at);
        return false;
    }
    return true;
}

int cli_domain_change(struct cli *cli, const struct config *config, str domain,
                      const struct cli_domain_change_options *options, struct arena *arena)
{
    struct change *c = ARENA_NEW(arena, struct change);
    c->cli = cli;
    c->config = config;
    c->options = options;
    c->arena = arena;
    c->domain = domain;
    c->now_ms = clock_real_ms() / 1000 * 1000;
    int code = CLI_OK;
    bool any = false;
    if (!read_at(c))
        return CLI_USAGE;
    for (int kind = 0; kind < CLI_DOMAIN_CHANGE_KINDS; kind++) {
        if (!options->kinds[kind])
            continue;
        any = true;
        c->kind = (enum cli_change_kind)kind;
        int one = plan_one(c);
        code = one > code ? one : code;
    }
    if (!any)
        cli_fail("plan-change of what? --mx, --spf, --dkim or --ip");
    return any ? code : CLI_USAGE;
}
