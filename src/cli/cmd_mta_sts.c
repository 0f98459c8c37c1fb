/* cli/cmd_mta_sts.c -- smtptool mta-sts: make an MTA-STS policy, and see whether one works */
#include "cli/ask_dns.h"
#include "cli/commands.h"
#include "cli/mta_sts_check.h"
#include "config/value.h"
#include "tlspolicy/fetch_curl.h"
#include "tlspolicy/sts_fetch.h"
#include "tlspolicy/sts_record.h"
#include <string.h>

const char cmd_mta_sts_help[] =
    "usage: smtptool mta-sts policy --mx HOST [--mx HOST]... [--mode MODE] [DOMAIN]\n"
    "       smtptool mta-sts check DOMAIN [--file FILE]\n\n"
    "  policy   print a policy (RFC 8461), the record that announces it, and where to put them; "
    "with "
    "a\n"
    "           domain, say also what is there already and whether it fits\n"
    "  check    fetch a domain's policy as senders do, and see whether it is right and fits the "
    "MX\n"
    "           hosts\n\n"
    "options:\n"
    "  --mx HOST         policy: a host that may take the domain's mail; \"*.example.com\" for "
    "any\n"
    "                    one label; may stand several times\n"
    "  --mode MODE       policy: testing (the default: what fails is reported and delivered),\n"
    "                    enforce (what fails is not delivered), or none (to end a policy)\n"
    "  --max-age TIME    policy: how long senders hold to it; 7d when not given\n"
    "  --id ID           policy: the record's id, letters and digits; the time when not given\n"
    "  --file FILE       check: read the policy from this file, not from the web server\n"
    "  --timeout TIME    all that is asked for takes at most so long; 90s when not given\n"
    "  --dns-zone FILE   ask this zone file, not the DNS\n"
    "  -q                policy: the file alone; check: mistakes alone\n"
    "  --json            one JSON object\n\n"
    "exit: 0 all is right; 1 something is not; 2 could not be found out\n"
    "      64 usage; 66 no such file; 78 a mistake in the zone or the configuration\n\n"
    "examples:\n"
    "  smtptool mta-sts policy --mx mx1.example.com --mx mx2.example.com --mode enforce\n"
    "  smtptool mta-sts policy -q --mx \"*.mx.example.com\" > .well-known/mta-sts.txt\n"
    "  smtptool mta-sts policy --mx mx1.example.com example.com --dns-zone planned.zone\n"
    "  smtptool mta-sts check example.com\n";

enum {
    STS_ARENA_BYTES_MAX = 16 << 20,
    STS_MX_OPTIONS_MAX = 64,
    STS_MS_MAX = 600 * 1000, /* a fetch may take a minute; 90 s when nothing is said */
    STS_DAYS_SHORT = 1,      /* a max_age below it protects little (RFC 8461 section 3.2: weeks) */
};

struct sts_run {
    struct cli *cli;
    const char *mode, *max_age, *id, *file, *dns_zone, *timeout;
    int64_t wait_ms;
    str mx[STS_MX_OPTIONS_MAX];
    size_t mx_count, mx_left_out;
    struct arena *arena;
    str domain; /* empty: none was named */
    struct tlspolicy_sts_policy policy;
    str record_id;
    struct cli_mta_sts_check check;
    struct tlspolicy_fetcher *fetcher; /* NULL: nothing is fetched */
    err e;
};

static void add_mx(void *arg, const char *value)
{
    struct sts_run *run = arg;
    if (run->mx_count < STS_MX_OPTIONS_MAX)
        run->mx[run->mx_count++] = str_of(value);
    else
        run->mx_left_out++;
}

static bool take_domain(struct sts_run *run, const char *text)
{
    char name[DNS_NAME_CHARS];
    bool fine = dns_name_canonical(str_of(text), name) && dns_name_is_host(str_of(name));
    if (fine)
        run->domain = arena_str(run->arena, str_of(name));
    else
        cli_fail("\"%s\" is not a domain", text);
    return fine;
}

/* ---- what is said of a domain ----------------------------------------------------------- */

static json_t *findings_json(const struct sts_run *run)
{
    json_t *list = json_array();
    for (size_t i = 0; i < run->check.count; i++) {
        const struct cli_mta_sts_finding *f = &run->check.findings[i];
        json_array_append_new(
            list, json_pack("{ss,so,so}", "weight", cli_mta_sts_check_weight_name(f->weight),
                            "about", cli_json_str(f->about), "text", cli_json_str(f->text)));
    }
    return list;
}

static void print_findings(const struct sts_run *run)
{
    for (size_t i = 0; i < run->check.count; i++) {
        const struct cli_mta_sts_finding *f = &run->check.findings[i];
        if (run->cli->quiet && f->weight < CLI_MTA_STS_ERROR)
            continue;
        printf("%-8s", cli_mta_sts_check_weight_name(f->weight));
        cli_print_clean(stdout, f->about);
        fputs(": ", stdout);
        cli_print_clean(stdout, f->text);
        putchar('\n');
    }
}

static int exit_of(const struct sts_run *run)
{
    if (cli_mta_sts_check_count(&run->check, CLI_MTA_STS_ERROR) > 0)
        return CLI_FINDINGS;
    return cli_mta_sts_check_count(&run->check, CLI_MTA_STS_UNKNOWN) > 0 ? CLI_UNKNOWN : CLI_OK;
}

/* With the resolver open, in a fiber; what went wrong is told. */
static int ask_all(struct sts_run *run, void (*fiber)(void *))
{
    int code = cli_ask_dns_open(run->cli, run->dns_zone, &run->check.resolver);
    if (code != CLI_OK)
        return code;
    run->check.arena = run->arena;
    run->check.domain = run->domain;
    cli_ask_dns_run("mta-sts", fiber, run);
    dns_resolver_close(run->check.resolver);
    if (run->e) {
        cli_fail_err(run->e, "mta-sts");
        return cli_exit_of(run->e);
    }
    return CLI_OK;
}

/* ---- policy ----------------------------------------------------------------------------- */

static bool take_mode(struct sts_run *run)
{
    run->policy.mode = TLSPOLICY_STS_TESTING;
    if (run->mode == NULL || tlspolicy_sts_policy_mode_parse(str_of(run->mode), &run->policy.mode))
        return true;
    cli_fail("--mode: \"%s\" is not enforce, testing or none", run->mode);
    return false;
}

static bool take_timeout(struct sts_run *run)
{
    err e = config_value_duration(run->timeout ? str_of(run->timeout) : S("90s"), &run->wait_ms);
    bool fine = e == NULL && run->wait_ms > 0 && run->wait_ms <= STS_MS_MAX;
    err_forget();
    if (!fine)
        cli_fail("--timeout is a time of at most 10 minutes, as 30s, not \"%s\"", run->timeout);
    return fine;
}

static bool take_max_age(struct sts_run *run)
{
    int64_t ms;
    err e = config_value_duration(run->max_age ? str_of(run->max_age) : S("7d"), &ms);
    if (e)
        cli_fail_err(e, "--max-age");
    else if (ms / 1000 > TLSPOLICY_STS_MAX_AGE_S)
        cli_fail("--max-age: more than a year, which is the most (RFC 8461 section 3.2)");
    else
        run->policy.max_age_s = (uint32_t)(ms / 1000);
    return e == NULL && ms / 1000 <= TLSPOLICY_STS_MAX_AGE_S;
}

static bool take_patterns(struct sts_run *run)
{
    for (size_t i = 0; i < run->mx_count; i++)
        if (!tlspolicy_sts_policy_is_pattern(run->mx[i])) {
            cli_fail("--mx: \"%.*s\" is not the name of a host, nor \"*.\" and a domain",
                     STR_ARG(run->mx[i]));
            return false;
        }
    if (run->mx_left_out)
        cli_fail("more than %d --mx", STS_MX_OPTIONS_MAX);
    else if (run->mx_count == 0 && run->policy.mode != TLSPOLICY_STS_NONE)
        cli_fail("mta-sts policy needs --mx; see \"smtptool mta-sts --help\"");
    else
        return true;
    return false;
}

/* "20261121T191500": the time, as the RFC's own examples have it. */
static bool take_id(struct sts_run *run)
{
    char date[CLOCK_RFC3339_BYTES], id[CLOCK_RFC3339_BYTES];
    size_t len = 0;
    clock_rfc3339(clock_real_ms(), date);
    for (size_t i = 0; i < 19; i++)
        if (char_is_alnum(date[i]))
            id[len++] = date[i];
    run->record_id = run->id ? str_of(run->id) : arena_str(run->arena, (str){id, len});
    struct tlspolicy_sts_record r;
    str record = arena_printf(run->arena, "v=STSv1; id=%.*s;", STR_ARG(run->record_id));
    err e = tlspolicy_sts_record_parse(record, &r);
    if (e)
        cli_fail_err(e, "--id");
    return e == NULL;
}

static str policy_text(const struct sts_run *run)
{
    struct buf text;
    buf_init(&text, TLSPOLICY_STS_POLICY_BYTES_MAX);
    err e = tlspolicy_sts_policy_write(&run->policy, &text);
    ASSERT(e == NULL); /* the patterns are few, and each is a name */
    str kept = arena_str(run->arena, buf_str(&text));
    buf_release(&text);
    return kept;
}

static void print_policy(const struct sts_run *run, str text)
{
    str d = run->domain.len ? run->domain : S("DOMAIN");
    if (run->cli->quiet) {
        fwrite(text.ptr, 1, text.len, stdout);
        return;
    }
    printf("1. Publish this file, of type text/plain, with a certificate for mta-sts.%.*s, at\n"
           "   https://mta-sts.%.*s/.well-known/mta-sts.txt\n\n",
           STR_ARG(d), STR_ARG(d));
    for (str line; text.len > 0;) {
        str_split(text, '\n', &line, &text);
        printf("%.*s\n", STR_ARG(str_trim(line)));
    }
    printf("\n2. Then this record; give it another id whenever the file changes:\n\n"
           "_mta-sts.%.*s. IN TXT \"v=STSv1; id=%.*s;\"\n",
           STR_ARG(d), STR_ARG(run->record_id));
    printf("\n3. And this one, to be told what fails (RFC 8460):\n\n"
           "_smtp._tls.%.*s. IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@%.*s\"\n",
           STR_ARG(d), STR_ARG(d));
    if (run->policy.mode == TLSPOLICY_STS_TESTING)
        printf("\nWhen the reports are clean, make it \"mode: enforce\".\n");
    if (run->policy.max_age_s < STS_DAYS_SHORT * 86400)
        printf("\nA max_age of less than a day protects little: weeks are usual.\n");
}

static void policy_fiber(void *arg)
{
    struct sts_run *run = arg;
    run->check.policy = &run->policy;
    run->e = cli_mta_sts_check_run(&run->check, deadline_after(run->wait_ms));
}

static int tell_policy(struct sts_run *run)
{
    str text = policy_text(run);
    int code = run->domain.len ? ask_all(run, policy_fiber) : CLI_OK;
    if (code != CLI_OK)
        return code;
    if (run->cli->json) {
        cli_print_json(json_pack("{so,so,so,so}", "domain", cli_json_str(run->domain), "policy",
                                 cli_json_str(text), "id", cli_json_str(run->record_id), "findings",
                                 findings_json(run)));
        return exit_of(run);
    }
    print_policy(run, text);
    if (run->check.count > 0 && !run->cli->quiet) {
        printf("\nWhat is there now:\n\n");
        print_findings(run);
    }
    return exit_of(run);
}

static int run_policy(void *arg, int argc, char **argv)
{
    struct sts_run *run = arg;
    if (!take_mode(run) || !take_max_age(run) || !take_patterns(run) || !take_id(run))
        return CLI_USAGE;
    run->policy.mx = run->mx;
    run->policy.mx_count = run->mx_count;
    if (argc > 0 && !take_domain(run, argv[0]))
        return CLI_USAGE;
    return tell_policy(run);
}

/* ---- check ------------------------------------------------------------------------------ */

static str web_name(const struct sts_run *run)
{
    return arena_printf(run->arena, "https://mta-sts.%.*s/.well-known/mta-sts.txt",
                        STR_ARG(run->domain));
}

static void take_policy(struct sts_run *run, str about, enum tlspolicy_result result, str reason)
{
    if (result == TLSPOLICY_SUCCESS) {
        run->check.policy = &run->policy;
        cli_mta_sts_check_add(&run->check, CLI_MTA_STS_OK, about,
                              arena_printf(run->arena, "mode %s, max_age %u s",
                                           tlspolicy_sts_policy_mode_name(run->policy.mode),
                                           run->policy.max_age_s));
        return;
    }
    cli_mta_sts_check_add(
        &run->check, CLI_MTA_STS_ERROR, about,
        arena_printf(run->arena, "%s: %.*s", tlspolicy_result_name(result), STR_ARG(reason)));
}

static err fetch_policy(struct sts_run *run, deadline until)
{
    struct tlspolicy_sts_fetch_options o = {run->check.resolver, run->fetcher, false};
    struct tlspolicy_sts_fetched f;
    TRY(tlspolicy_sts_fetch(&o, run->domain, run->arena, &f, until));
    run->policy = f.policy;
    take_policy(run, web_name(run), f.result, f.reason);
    return NULL;
}

static void check_fiber(void *arg)
{
    struct sts_run *run = arg;
    deadline until = deadline_after(run->wait_ms);
    if (run->fetcher)
        run->e = fetch_policy(run, until);
    if (run->e == NULL)
        run->e = cli_mta_sts_check_run(&run->check, until);
}

/* From a file: nothing is fetched. */
static int read_policy(struct sts_run *run)
{
    struct buf text;
    buf_init(&text, TLSPOLICY_STS_POLICY_BYTES_MAX + 1);
    err e = cli_read_file(run->file, &text);
    if (e) {
        cli_fail_err(e, "%s", run->file);
        buf_release(&text);
        return CLI_NO_INPUT;
    }
    e = tlspolicy_sts_policy_parse(buf_str(&text), run->arena, &run->policy);
    take_policy(run, str_of(run->file), e ? TLSPOLICY_STS_POLICY_INVALID : TLSPOLICY_SUCCESS,
                e ? arena_str(run->arena, e->text) : S(""));
    buf_release(&text);
    return CLI_OK;
}

static int open_policy(struct sts_run *run)
{
    struct tlspolicy_fetch_curl_options o = {0};
    if (run->file)
        return read_policy(run);
    err e = tlspolicy_fetch_curl_open(&o, &run->fetcher);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "the policy");
    return cli_exit_of(e);
}

static int run_check(void *arg, int argc, char **argv)
{
    struct sts_run *run = arg;
    (void)argc;
    if (!take_domain(run, argv[0]))
        return CLI_USAGE;
    int code = open_policy(run);
    if (code == CLI_OK)
        code = ask_all(run, check_fiber);
    if (run->fetcher)
        run->fetcher->close(run->fetcher);
    if (code != CLI_OK)
        return code;
    if (run->cli->json)
        cli_print_json(json_pack("{so,so}", "domain", cli_json_str(run->domain), "findings",
                                 findings_json(run)));
    else
        print_findings(run);
    return exit_of(run);
}

/* ---- the command ------------------------------------------------------------------------ */

const struct cli_verb cmd_mta_sts_verbs[] = {
    {"policy", run_policy, 0, 1, "[DOMAIN]"},
    {"check",  run_check,  1, 1, "DOMAIN"  },
    {NULL,     NULL,       0, 0, NULL      },
};

int cmd_mta_sts(struct cli *cli, int argc, char **argv)
{
    struct arena *arena = arena_open(STS_ARENA_BYTES_MAX);
    struct sts_run *run = ARENA_NEW(arena, struct sts_run);
    run->cli = cli;
    run->arena = arena;
    const struct cli_option options[] = {
        {.name = "mx", .each = add_mx, .arg = run},
        {.name = "mode",            .value = &run->mode            },
        {.name = "max-age",            .value = &run->max_age},
        {.name = "id",            .value = &run->id                 },
        {.name = "file",            .value = &run->file},
        {.name = "dns-zone",            .value = &run->dns_zone             },
        {.name = "timeout",            .value = &run->timeout},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0 && !take_timeout(run))
        code = CLI_USAGE;
    else if (first >= 0)
        code = cli_run_verb(cli, cmd_mta_sts_verbs, ARRAY_LEN(cmd_mta_sts_verbs) - 1, run,
                            argc - first, argv + first);
    arena_close(arena);
    return code;
}
