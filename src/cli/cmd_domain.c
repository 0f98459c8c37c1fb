/* cli/cmd_domain.c -- smtptool domain: keys for a domain, and what the DNS must say about it */
#include "account/rotation.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/domain_change.h"
#include "cli/domain_keys.h"
#include "cli/feedback_loops.h"
#include "cli/when.h"
#include <assert.h>
#include <string.h>

const char cmd_domain_help[] =
    "usage: smtptool domain add NAME\n"
    "       smtptool domain check NAME [--dns-zone FILE]\n"
    "       smtptool domain plan-change NAME --mx|--spf|--dkim|--ip [--at TIME]\n"
    "       smtptool domain ls\n"
    "       smtptool domain rm NAME\n\n"
    "  add     make two keys that sign mail from NAME (RSA of 2048 bits and Ed25519), in "
    "dkim/NAME\n"
    "          of the state folder, and print what to publish, as a zone file\n"
    "  check   say which of these records are live, and for how long each is believed (its TTL);\n"
    "          and which providers that mail from NAME goes to would tell us of complaints, and\n"
    "          do not (smtptool feedback-loops)\n"
    "  plan-change\n"
    "          the steps of a change in the DNS with the time of each, by the TTLs as they are "
    "now:\n"
    "          shorten the TTL one old TTL ahead, change, wait, lengthen it again; --mx the hosts "
    "that\n"
    "          take mail, --spf who may send, --dkim new keys, --ip the address of our host\n"
    "  ls      the domains that have keys, and their selectors\n"
    "  rm      remove the keys that add has made; what is published stays\n\n"
    "The name servers of the zone are asked themselves, so that no cache shows old records or the\n"
    "rest of a TTL; where none of them can be had the resolver is asked, and it is said.\n\n"
    "A running server takes new keys up when it is told to read its configuration again:\n"
    "\"smtptool config reload\". Publish first: a signature that nobody can check helps nobody.\n\n"
    "options:\n"
    "  --dns-zone FILE   check, plan-change: ask this zone file, not the DNS\n"
    "  --at TIME         plan-change: when it is to happen: \"2026-12-01 03:00\" (local time), or\n"
    "                    with \"Z\" or \"+01:00\" behind it; default: as soon as it can\n"
    "  --resolver        check, plan-change: ask the resolver, not the zone's own servers\n"
    "  -C, --config F    whose keys: dkim/ in its state folder, and those that it names\n"
    "  --json            check, plan-change, ls: one JSON object a line\n\n"
    "exit, check: 0 all are live; 1 some are not, or a feedback loop is missing; 2 the DNS could\n"
    "      not say\n"
    "      plan-change: 0; 1 the time is too soon for all to see it; 2 the DNS could not say\n"
    "      all: 64 usage; 66 no such zone file; 78 a mistake in the configuration or a key\n\n"
    "examples:\n"
    "  smtptool domain add example.com > example.com.records\n"
    "  smtptool domain check example.com\n"
    "  smtptool domain plan-change example.com --mx --at \"2026-12-01 03:00\"\n";

enum {
    DOMAIN_ARENA_BYTES_MAX = CLI_LIVE_ARENA_BYTES,
    DOMAIN_RECORDS_MAX = CLI_DOMAIN_KEYS_MAX + 8,
    DOMAIN_RECORD_BYTES_MAX = 4096,
    DOMAIN_KEY_DAYS = 365, /* an older one is due for another */
};
static_assert((int)DOMAIN_RECORDS_MAX <= (int)CLI_LIVE_QUESTIONS_MAX, "all can be asked for");
#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* A record that receivers look for. */
struct wanted {
    const char *what;
    str name;
    enum dns_type type;
    str text;           /* TXT: as it is to be published; MX: our host */
    str begins;         /* TXT: one that begins so is meant */
    str holds;          /* …and must hold this; empty: whatever it says */
    const char *change; /* the option of plan-change that it belongs to */
    int64_t made_ms;    /* DKIM: the key's file; 0: not known */
    const char *state;  /* what was found */
};

struct domain_run {
    struct cli *cli;
    struct cli_domain_change_options change;
    const struct config *config;
    struct arena *arena;
    str domain;
    struct cli_domain_key keys[CLI_DOMAIN_KEYS_MAX];
    size_t key_count;
    struct wanted wanted[DOMAIN_RECORDS_MAX];
    struct cli_live_question questions[DOMAIN_RECORDS_MAX]; /* one for each */
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
        for (size_t j = 0; e == NULL && j < c->routes[i].hop_count; j++)
            if (!c->routes[i].hops[j].lmtp && dns_name_is_host(c->routes[i].hops[j].host) &&
                !str_contains(buf_str(&text), c->routes[i].hops[j].host))
                e = buf_addf(&text, " a:%.*s", STR_ARG(c->routes[i].hops[j].host));
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
                                  .holds = str_from(k->record, at + 1),
                                  .change = "dkim",
                                  .made_ms = k->made_ms});
    }
}

static void want_all(struct domain_run *run)
{
    str d = run->domain;
    struct arena *a = run->arena;
    want_keys(run);
    want(run, (struct wanted){.what = "SPF",
                              .name = d,
                              .type = DNS_TXT,
                              .text = spf_policy(run),
                              .begins = S("v=spf1"),
                              .change = "spf"});
    want(run, (struct wanted){.what = "DMARC",
                              .name = arena_printf(a, "_dmarc.%.*s", STR_ARG(d)),
                              .type = DNS_TXT,
                              .text = arena_printf(
                                  a, "v=DMARC1; p=none; rua=mailto:postmaster@%.*s", STR_ARG(d)),
                              .begins = S("v=DMARC1")});
    want(run, (struct wanted){.what = "MX",
                              .name = d,
                              .type = DNS_MX,
                              .text = run->config->hostname,
                              .change = "mx"});
    want(run, (struct wanted){
                  .what = "MTA-STS",
                  .name = arena_printf(a, "_mta-sts.%.*s", STR_ARG(d)),
                  .type = DNS_TXT,
                  .text = arena_printf(a, "v=STSv1; id=%lld", (long long)(clock_real_ms() / 1000)),
                  .begins = S("v=STSv1")});
    want(run, (struct wanted){
                  .what = "TLS-RPT",
                  .name = arena_printf(a, "_smtp._tls.%.*s", STR_ARG(d)),
                  .type = DNS_TXT,
                  .text = arena_printf(a, "v=TLSRPTv1; rua=mailto:postmaster@%.*s", STR_ARG(d)),
                  .begins = S("v=TLSRPTv1")});
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

static const char *judge_answer(const struct wanted *w, const struct dns_answer *answer,
                                struct arena *arena)
{
    bool known =
        answer->status == DNS_OK || answer->status == DNS_NODATA || answer->status == DNS_NXDOMAIN;
    const char *state = known ? "missing" : "unknown";
    for (size_t i = 0; i < answer->count && strcmp(state, "live") != 0; i++)
        if (is_meant(w, &answer->records[i]))
            state = is_right(w, &answer->records[i], arena) ? "live" : "differs";
    return state;
}

/* Of several servers those count that answer; when they do not agree, some of the world does not
 * see it. */
static void judge(struct wanted *w, const struct cli_live_question *q, struct arena *arena)
{
    w->state = "unknown";
    for (size_t i = 0; i < q->said_count; i++) {
        const char *one = judge_answer(w, &q->said[i].answer, arena);
        if (strcmp(one, "unknown") == 0)
            continue;
        bool agrees = strcmp(w->state, "unknown") == 0 || strcmp(w->state, one) == 0;
        w->state = agrees ? one : "differs";
    }
}

static bool is_slow(const struct cli_live_question *q)
{
    return cli_live_ttl(q) > CLI_CHANGE_SLOW_TTL_S;
}

static int64_t age_days(const struct wanted *w)
{
    return w->made_ms ? (clock_real_ms() - w->made_ms) / DAY_MS : 0;
}

static str slow_advice(struct domain_run *run, const struct wanted *w,
                       const struct cli_live_question *q)
{
    char length[CLI_LENGTH_BYTES];
    cli_when_length((int64_t)cli_live_ttl(q) * 1000, length);
    if (str_eq(str_of(w->change), S("dkim")))
        return arena_printf(run->arena,
                            "a change takes %s to be seen: \"smtptool dkim rotate %.*s\" takes new "
                            "names, and waits",
                            length, STR_ARG(run->domain));
    str plan = w->change ? arena_printf(run->arena, " (smtptool domain plan-change %.*s --%s)",
                                        STR_ARG(run->domain), w->change)
                         : S("");
    return arena_printf(run->arena,
                        "a change takes %s to be seen: before a planned one publish it with a TTL "
                        "of %d, that long ahead%.*s",
                        length, CLI_CHANGE_QUICK_TTL_S, STR_ARG(plan));
}

static void print_check_json(struct domain_run *run, const struct wanted *w,
                             const struct cli_live_question *q)
{
    json_t *object = json_pack("{ss,so,ss,ss,sI,sb,sb,ss,so}", "record", w->what, "name",
                               cli_json_str(w->name), "type", dns_record_type_name(w->type),
                               "state", w->state, "ttl", (json_int_t)cli_live_ttl(q), "ttl_whole",
                               (int)cli_live_ttl_whole(q), "slow", (int)is_slow(q), "asked",
                               cli_live_source_name(q->source), "wanted", cli_json_str(w->text));
    if (is_slow(q))
        json_object_set_new(object, "advice", cli_json_str(slow_advice(run, w, q)));
    if (w->made_ms)
        json_object_set_new(object, "key_days", json_integer((json_int_t)age_days(w)));
    cli_print_json(object);
}

static void print_check(struct domain_run *run, const struct wanted *w,
                        const struct cli_live_question *q)
{
    bool live = strcmp(w->state, "live") == 0, old = age_days(w) > DOMAIN_KEY_DAYS;
    if (run->cli->json) {
        print_check_json(run, w, q);
        return;
    }
    if (run->cli->quiet && live)
        return;
    printf("%-8s %-8s %.*s %s", w->state, w->what, STR_ARG(w->name), dns_record_type_name(w->type));
    if (cli_live_ttl(q) > 0)
        printf("   TTL %u s%s", cli_live_ttl(q),
               cli_live_ttl_whole(q) ? "" : " (or more: it is the resolver's)");
    putchar('\n');
    if (!live)
        printf("         publish: %.*s\n", STR_ARG(w->text));
    if (is_slow(q))
        printf("         %.*s\n", STR_ARG(slow_advice(run, w, q)));
    if (old)
        printf(
            "         the key is %lld days old: \"smtptool dkim rotate %.*s\" puts another in its "
            "place\n",
            (long long)age_days(w), STR_ARG(run->domain));
}

static int ask_all(struct domain_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        run->questions[i].name = run->wanted[i].name;
        run->questions[i].type = run->wanted[i].type;
    }
    int code = cli_live_ask(run->cli, &run->change.live, run->arena, run->questions, run->count);
    for (size_t i = 0; code == CLI_OK && i < run->count; i++)
        judge(&run->wanted[i], &run->questions[i], run->arena);
    return code;
}

static err tell_rotation(struct domain_run *run)
{
    struct account_rotation *r = ARENA_NEW(run->arena, struct account_rotation);
    const char *folder =
        arena_chars(run->arena, arena_printf(run->arena, "%.*s/dkim/%.*s",
                                             STR_ARG(run->config->state), STR_ARG(run->domain)));
    TRY(account_rotation_read(folder, run->arena, r));
    if (r->phase != ACCOUNT_ROTATION_NONE && !run->cli->quiet)
        fprintf(stderr,
                "a rotation of its keys is under way: \"smtptool dkim rotate %.*s --status\"\n",
                STR_ARG(run->domain));
    return NULL;
}

/* Missing or not, as far as mail of this domain needs it. */
static void print_loop(struct domain_run *run, const struct cli_feedback_loops *loops,
                       const struct cli_feedback_loop *l)
{
    const char *state = cli_feedback_loops_state_name(cli_feedback_loops_state(loops, l));
    bool works = l->reports > 0;
    if (run->cli->json) {
        cli_print_json(json_pack("{ss,so,so,ss,sI,sI,so,so}", "record", "feedback_loop", "id",
                                 cli_json_str(l->id), "name", cli_json_str(l->name), "state", state,
                                 "recipients", (json_int_t)l->recipients, "reports",
                                 (json_int_t)l->reports, "enrol", cli_json_str(l->enrol), "how",
                                 cli_json_str(l->how)));
        return;
    }
    if (run->cli->quiet && works)
        return;
    printf("%-8s loop     ", state);
    cli_print_clean(stdout, l->name);
    printf(": %lld recipients there lately\n", (long long)l->recipients);
    if (works)
        return;
    fputs("         enrol: ", stdout);
    cli_print_clean(stdout, l->enrol);
    putchar('\n');
}

static int check_loops(struct domain_run *run)
{
    struct cli_feedback_loops loops = {.config = run->config, .sender = run->domain};
    struct arena *arena = arena_open(CLI_FEEDBACK_LOOPS_ARENA_BYTES);
    int code = cli_feedback_loops_read(&loops, arena) ? CLI_OK : CLI_CONFIG;
    for (size_t i = 0; i < loops.count; i++) {
        if (loops.list[i].recipients == 0)
            continue;
        print_loop(run, &loops, &loops.list[i]);
        if (cli_feedback_loops_state(&loops, &loops.list[i]) == LOOP_MISSING)
            code = CLI_FINDINGS;
    }
    arena_close(arena);
    return code;
}

static int run_check(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc;
    err e = cli_domain_keys_read(run->config, run->domain, run->arena, run->keys, &run->key_count);
    if (e)
        return tell(e, argv[0]);
    want_all(run);
    int code = ask_all(run);
    if (code != CLI_OK)
        return code;
    e = tell_rotation(run);
    if (e)
        return tell(e, argv[0]);
    if (run->key_count == 0) {
        fprintf(stderr, "%s has no keys: \"smtptool domain add %s\"\n", argv[0], argv[0]);
        code = CLI_FINDINGS;
    }
    for (size_t i = 0; i < run->count; i++) {
        const char *state = run->wanted[i].state;
        print_check(run, &run->wanted[i], &run->questions[i]);
        if (strcmp(state, "live") != 0 && code != CLI_FINDINGS)
            code = strcmp(state, "unknown") == 0 ? CLI_UNKNOWN : CLI_FINDINGS;
    }
    int loops = check_loops(run);
    return loops == CLI_OK ? code : loops;
}

static int run_plan_change(void *arg, int argc, char **argv)
{
    struct domain_run *run = arg;
    (void)argc, (void)argv;
    return cli_domain_change(run->cli, run->config, run->domain, &run->change, run->arena);
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
    {"add",         run_add,         1, 1, "NAME"                                   },
    {"check",       run_check,       1, 1, "NAME"                                   },
    {"plan-change", run_plan_change, 1, 1, "NAME --mx|--spf|--dkim|--ip [--at TIME]"},
    {"ls",          run_ls,          0, 0, NULL                                     },
    {"rm",          run_rm,          1, 1, "NAME"                                   },
    {NULL,          NULL,            0, 0, NULL                                     },
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
        {.name = "dns-zone", .value = &run->change.live.zone_file       },
        {.name = "resolver", .flag = &run->change.live.resolver         },
        {.name = "mx",       .flag = &run->change.kinds[CLI_CHANGE_MX]  },
        {.name = "spf",      .flag = &run->change.kinds[CLI_CHANGE_SPF] },
        {.name = "dkim",     .flag = &run->change.kinds[CLI_CHANGE_DKIM]},
        {.name = "ip",       .flag = &run->change.kinds[CLI_CHANGE_IP]  },
        {.name = "at",       .value = &run->change.at                   },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = run_verb(run, argc - first, argv + first);
    arena_close(arena);
    return code;
}
