/* cli/cmd_domain.c -- smtptool domain: keys for a domain, and what the DNS must say about it */
#include "account/secret.h"
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "cli/domain_keys.h"
#include <string.h>

const char cmd_domain_help[] =
    "usage: smtptool domain add NAME\n"
    "       smtptool domain check NAME [--dns-zone FILE]\n"
    "       smtptool domain ls\n"
    "       smtptool domain rm NAME\n\n"
    "  add     make two keys that sign mail from NAME (RSA of 2048 bits and Ed25519), in "
    "dkim/NAME\n"
    "          of the state folder, and print what to publish, as a zone file\n"
    "  check   say which of these records are live\n"
    "  ls      the domains that have keys, and their selectors\n"
    "  rm      remove the keys that add has made; what is published stays\n\n"
    "A running server takes new keys up when it is told to read its configuration again:\n"
    "\"smtptool config reload\". Publish first: a signature that nobody can check helps nobody.\n\n"
    "options:\n"
    "  --dns-zone FILE   check: ask this zone file, not the DNS\n"
    "  -C, --config F    whose keys: dkim/ in its state folder, and those that it names\n"
    "  --json            check, ls: one JSON object a line\n\n"
    "exit, check: 0 all are live; 1 some are not; 2 the DNS could not say\n"
    "      all: 64 usage; 66 no such zone file; 78 a mistake in the configuration or a key\n\n"
    "examples:\n"
    "  smtptool domain add example.com > example.com.records\n"
    "  smtptool domain check example.com\n";

enum {
    DOMAIN_ARENA_BYTES_MAX = 16 << 20,
    DOMAIN_RECORDS_MAX = CLI_DOMAIN_KEYS_MAX + 8,
    DOMAIN_RECORD_BYTES_MAX = 4096,
    DOMAIN_TTL_QUICK_S = 3600, /* above it a change takes long to be seen */
};

/* A record that receivers look for. */
struct wanted {
    const char *what;
    str name;
    enum dns_type type;
    str text;   /* TXT: as it is to be published; MX: our host */
    str begins; /* TXT: one that begins so is meant */
    str holds;  /* …and must hold this; empty: whatever it says */
    /* What was found. */
    const char *state;
    uint32_t ttl;
};

struct domain_run {
    struct cli *cli;
    const char *dns_zone;
    const struct config *config;
    struct arena *arena;
    struct dns_resolver *resolver;
    str domain;
    struct cli_domain_key keys[CLI_DOMAIN_KEYS_MAX];
    size_t key_count;
    struct wanted wanted[DOMAIN_RECORDS_MAX];
    size_t count;
    err e;
};

static int tell(err e, const char *what)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "domain %s", what);
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

/* ---- what is wanted -------------------------------------------------------------------------- */

static void want(struct domain_run *run, struct wanted w)
{
    ASSERT(run->count < DOMAIN_RECORDS_MAX);
    run->wanted[run->count++] = w;
}

/* Who sends for the domain: this host, and the servers that our routes go through. */
static str spf_policy(struct domain_run *run)
{
    const struct config *c = run->config;
    struct buf text;
    buf_init(&text, DOMAIN_RECORD_BYTES_MAX);
    err e = buf_addf(&text, "v=spf1 a:%.*s", STR_ARG(c->hostname));
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t j = 0; e == NULL && j < c->routes[i].via_count; j++)
            if (!c->routes[i].via[j].lmtp && dns_name_is_host(c->routes[i].via[j].host) &&
                !str_contains(buf_str(&text), c->routes[i].via[j].host))
                e = buf_addf(&text, " a:%.*s", STR_ARG(c->routes[i].via[j].host));
    if (e == NULL)
        e = buf_add(&text, S(" ~all"));
    err_forget(); /* what does not fit is for the operator to write */
    str policy = arena_str(run->arena, buf_str(&text));
    buf_release(&text);
    return policy;
}

static void want_keys(struct domain_run *run)
{
    for (size_t i = 0; i < run->key_count; i++) {
        const struct cli_domain_key *k = &run->keys[i];
        size_t at = str_find_last(str_slice(k->record, 0, k->record.len), ' ');
        str name = arena_printf(run->arena, "%.*s._domainkey.%.*s", STR_ARG(k->selector),
                                STR_ARG(run->domain));
        want(run, (struct wanted){.what = "DKIM",
                                  .name = name,
                                  .type = DNS_TXT,
                                  .text = k->record,
                                  .holds = str_from(k->record, at + 1)});
    }
}

static void want_all(struct domain_run *run)
{
    str d = run->domain;
    struct arena *a = run->arena;
    want_keys(run);
    want(run, (struct wanted){"SPF", d, DNS_TXT, spf_policy(run), S("v=spf1"), {0}, NULL, 0});
    want(run, (struct wanted){
                  "DMARC",
                  arena_printf(a, "_dmarc.%.*s", STR_ARG(d)),
                  DNS_TXT,
                  arena_printf(a, "v=DMARC1; p=none; rua=mailto:postmaster@%.*s", STR_ARG(d)),
                  S("v=DMARC1"),
                  {0},
                  NULL,
                  0});
    want(run, (struct wanted){"MX", d, DNS_MX, run->config->hostname, {0}, {0}, NULL, 0});
    want(run,
         (struct wanted){"MTA-STS",
                         arena_printf(a, "_mta-sts.%.*s", STR_ARG(d)),
                         DNS_TXT,
                         arena_printf(a, "v=STSv1; id=%lld", (long long)(clock_real_ms() / 1000)),
                         S("v=STSv1"),
                         {0},
                         NULL,
                         0});
    want(run, (struct wanted){"TLS-RPT",
                              arena_printf(a, "_smtp._tls.%.*s", STR_ARG(d)),
                              DNS_TXT,
                              arena_printf(a, "v=TLSRPTv1; rua=mailto:postmaster@%.*s", STR_ARG(d)),
                              S("v=TLSRPTv1"),
                              {0},
                              NULL,
                              0});
}

/* ---- add ------------------------------------------------------------------------------------- */

static void print_txt(str text)
{
    while (text.len > 0) { /* a string of a TXT record has at most 255 bytes */
        str part = str_slice(text, 0, 255);
        printf(" \"%.*s\"", STR_ARG(part));
        text = str_from(text, part.len);
    }
}

static void print_records(const struct domain_run *run)
{
    str host = run->config->hostname;
    for (size_t i = 0; i < run->count; i++) {
        const struct wanted *w = &run->wanted[i];
        printf("; %s\n%.*s. IN %s", w->what, STR_ARG(w->name), dns_record_type_name(w->type));
        if (w->type == DNS_MX)
            printf(" 10 %.*s.", STR_ARG(w->text));
        else
            print_txt(w->text);
        putchar('\n');
    }
    printf("; MTA-STS also needs a page, https://mta-sts.%.*s/.well-known/mta-sts.txt:\n"
           ";   version: STSv1\n;   mode: testing\n;   mx: %.*s\n;   max_age: 86400\n",
           STR_ARG(run->domain), STR_ARG(host));
    printf("; PTR: the addresses of %.*s should have that name, and that name these addresses;\n"
           ";   whoever gave you the addresses sets it\n",
           STR_ARG(host));
}

static int run_add(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc;
    err e = cli_make_state(run->config);
    if (e == NULL)
        e = cli_domain_keys_make(run->config, run->domain, clock_real_ms());
    if (e == NULL)
        e = cli_domain_keys_read(run->config, run->domain, run->arena, run->keys, &run->key_count);
    if (e)
        return tell(e, argv[0]);
    want_all(run);
    print_records(run);
    if (!run->cli->quiet)
        fputs("the keys are made; publish these records, then: smtptool config reload\n", stderr);
    return CLI_OK;
}

/* ---- check ----------------------------------------------------------------------------------- */

/* Blanks inside a record mean nothing, and some tools put them into a key. */
static str without_blanks(str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t')
            out[len++] = text.ptr[i];
    return (str){out, len};
}

static bool is_meant(const struct wanted *w, const struct dns_record *r)
{
    return w->type == DNS_MX || str_starts_nocase(r->text, w->begins);
}

static bool is_right(const struct wanted *w, const struct dns_record *r, struct arena *arena)
{
    if (w->type == DNS_MX)
        return str_eq_nocase(r->name, w->text);
    return w->holds.len == 0 || str_contains(without_blanks(r->text, arena), w->holds);
}

static void judge(struct wanted *w, const struct dns_answer *answer, struct arena *arena)
{
    bool known =
        answer->status == DNS_OK || answer->status == DNS_NODATA || answer->status == DNS_NXDOMAIN;
    w->state = known ? "missing" : "unknown";
    w->ttl = answer->ttl;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *r = &answer->records[i];
        if (!is_meant(w, r))
            continue;
        w->state = is_right(w, r, arena) ? "live" : "differs";
        if (strcmp(w->state, "live") == 0)
            return;
    }
}

static void check_fiber(void *arg)
{
    struct domain_run *run = arg;
    struct dns_budget budget;
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    for (size_t i = 0; i < run->count && run->e == NULL; i++) {
        struct wanted *w = &run->wanted[i];
        struct dns_answer answer = {0};
        run->e = dns_resolver_ask(run->resolver, &budget, w->name, w->type, run->arena, &answer,
                                  budget.until);
        if (run->e == NULL)
            judge(w, &answer, run->arena);
    }
}

static void print_check(const struct domain_run *run, const struct wanted *w)
{
    bool live = strcmp(w->state, "live") == 0, there = live || strcmp(w->state, "differs") == 0;
    if (run->cli->json) {
        cli_print_json(json_pack("{ss,so,ss,ss,sI,so}", "record", w->what, "name",
                                 cli_json_str(w->name), "type", dns_record_type_name(w->type),
                                 "state", w->state, "ttl", (json_int_t)(there ? w->ttl : 0),
                                 "wanted", cli_json_str(w->text)));
        return;
    }
    if (run->cli->quiet && live)
        return;
    printf("%-8s %-8s %.*s %s", w->state, w->what, STR_ARG(w->name), dns_record_type_name(w->type));
    if (there)
        printf("   TTL %u s%s", w->ttl,
               w->ttl > DOMAIN_TTL_QUICK_S ? ": a change takes that long to be seen" : "");
    putchar('\n');
    if (!live)
        printf("         publish: %.*s\n", STR_ARG(w->text));
}

static int run_check(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc;
    int code = CLI_OK;
    err e = cli_domain_keys_read(run->config, run->domain, run->arena, run->keys, &run->key_count);
    if (e)
        return tell(e, argv[0]);
    want_all(run);
    code = cli_ask_dns_open(run->cli, run->dns_zone, &run->resolver);
    if (code != CLI_OK)
        return code;
    cli_ask_dns_run("domain check", check_fiber, run);
    dns_resolver_close(run->resolver);
    if (run->e)
        return tell(run->e, argv[0]);
    if (run->key_count == 0) {
        fprintf(stderr, "%s has no keys: \"smtptool domain add %s\"\n", argv[0], argv[0]);
        code = CLI_FINDINGS;
    }
    for (size_t i = 0; i < run->count; i++) {
        const char *state = run->wanted[i].state;
        print_check(run, &run->wanted[i]);
        if (strcmp(state, "live") != 0 && code != CLI_FINDINGS)
            code = strcmp(state, "unknown") == 0 ? CLI_UNKNOWN : CLI_FINDINGS;
    }
    return code;
}

/* ---- ls, rm ---------------------------------------------------------------------------------- */

static void print_domain(void *arg, str domain)
{
    struct domain_run *run = arg;
    size_t count = 0;
    json_t *selectors = json_array();
    run->e =
        run->e ? run->e : cli_domain_keys_read(run->config, domain, run->arena, run->keys, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(selectors, cli_json_str(run->keys[i].selector));
    if (run->cli->json) {
        cli_print_json(
            json_pack("{so,so}", "domain", cli_json_str(domain), "selectors", selectors));
        return;
    }
    cli_print_clean(stdout, domain);
    for (size_t i = 0; i < count; i++) {
        putchar(' ');
        cli_print_clean(stdout, run->keys[i].selector);
    }
    puts(count ? "" : " -");
    json_decref(selectors);
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc, (void)argv;
    err e = cli_domain_keys_walk(run->config, print_domain, run);
    return tell(e ? e : run->e, "ls");
}

static int run_rm(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc;
    return tell(cli_domain_keys_remove(run->config, run->domain), argv[0]);
}

/* ---- */

const struct cli_verb cmd_domain_verbs[] = {
    {"add",   run_add,   1, 1, "NAME"},
    {"check", run_check, 1, 1, "NAME"},
    {"ls",    run_ls,    0, 0, NULL  },
    {"rm",    run_rm,    1, 1, "NAME"},
    {NULL,    NULL,      0, 0, NULL  },
};

static int run_verb(struct domain_run *run, int argc, char **argv)
{
    char name[DNS_NAME_CHARS];
    if (argc > 1) {
        if (!dns_name_canonical(str_of(argv[1]), name) || !dns_name_is_host(str_of(name))) {
            cli_fail("\"%s\" is not a domain", argv[1]);
            return CLI_USAGE;
        }
        run->domain = arena_str(run->arena, str_of(name));
    }
    run->config = cli_config(run->cli);
    if (run->config == NULL)
        return CLI_CONFIG;
    int code =
        cli_run_verb(run->cli, cmd_domain_verbs, ARRAY_LEN(cmd_domain_verbs) - 1, run, argc, argv);
    config_close(run->config);
    return code;
}

int cmd_domain(struct cli *cli, int argc, char **argv)
{
    struct domain_run *run;
    struct arena *arena = arena_open(DOMAIN_ARENA_BYTES_MAX);
    run = ARENA_NEW(arena, struct domain_run);
    *run = (struct domain_run){.cli = cli, .arena = arena};
    const struct cli_option options[] = {
        {.name = "dns-zone", .value = &run->dns_zone},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = run_verb(run, argc - first, argv + first);
    arena_close(arena);
    return code;
}
