#include "cli/mta_sts_check.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "tlspolicy/report_record.h"
#include "tlspolicy/sts_record.h"
#include "tlspolicy/target.h"

const char *cli_mta_sts_check_weight_name(enum cli_mta_sts_weight weight)
{
    static const char *const names[] = {"ok", "note", "error", "unknown"};
    return names[weight];
}

void cli_mta_sts_check_add(struct cli_mta_sts_check *c, enum cli_mta_sts_weight weight, str about,
                           str text)
{
    if (c->count < CLI_MTA_STS_FINDINGS_MAX)
        c->findings[c->count++] = (struct cli_mta_sts_finding){weight, about, text};
}

size_t cli_mta_sts_check_count(const struct cli_mta_sts_check *c, enum cli_mta_sts_weight weight)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->findings[i].weight == weight;
    return count;
}

static bool is_unknown(enum dns_status status)
{
    return status == DNS_SERVFAIL || status == DNS_TIMEOUT || status == DNS_BOGUS;
}

/* ---- records of text -------------------------------------------------------------------- */

/* One kind of record, at one name: what begins as it is meant, and there must be one of them. */
struct text_record {
    const char *prefix, *what;
    bool (*is)(str text);
    err (*read)(struct cli_mta_sts_check *, str text);
    enum cli_mta_sts_weight missing;
    const char *advice;
};

static err read_sts(struct cli_mta_sts_check *c, str text)
{
    struct tlspolicy_sts_record r;
    (void)c;
    return tlspolicy_sts_record_parse(text, &r);
}

static err read_report(struct cli_mta_sts_check *c, str text)
{
    struct tlspolicy_report_record r;
    return tlspolicy_report_record_parse(text, c->arena, &r);
}

static const struct text_record text_records[] = {
    {"_mta-sts",   "MTA-STS", tlspolicy_sts_record_is,    read_sts,    CLI_MTA_STS_ERROR,
     "no record begins with \"v=STSv1;\": nobody looks for the policy"   },
    {"_smtp._tls", "TLS-RPT", tlspolicy_report_record_is, read_report, CLI_MTA_STS_NOTE,
     "no record begins with \"v=TLSRPTv1;\": nobody tells you what fails"},
};

static void judge_text(struct cli_mta_sts_check *c, const struct text_record *r, str name,
                       const struct dns_answer *a)
{
    str found = {0};
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        if (r->is(a->records[i].text)) {
            found = a->records[i].text;
            count++;
        }
    err e = count == 1 ? r->read(c, found) : NULL;
    if (count == 0)
        cli_mta_sts_check_add(c, r->missing, name, str_of(r->advice));
    else if (count > 1)
        cli_mta_sts_check_add(
            c, CLI_MTA_STS_ERROR, name,
            arena_printf(c->arena, "%zu %s records count as none", count, r->what));
    else if (e)
        cli_mta_sts_check_add(
            c, CLI_MTA_STS_ERROR, name,
            arena_printf(c->arena, "the %s record: %.*s", r->what, STR_ARG(e->text)));
    else
        cli_mta_sts_check_add(c, CLI_MTA_STS_OK, name, found);
}

static err check_text(struct cli_mta_sts_check *c, const struct text_record *r, deadline until)
{
    struct dns_answer a;
    str name = arena_printf(c->arena, "%s.%.*s", r->prefix, STR_ARG(c->domain));
    TRY(dns_resolver_ask(c->resolver, NULL, name, DNS_TXT, c->arena, &a, until));
    if (is_unknown(a.status))
        cli_mta_sts_check_add(c, CLI_MTA_STS_UNKNOWN, name,
                              str_of(dns_answer_status_name(a.status)));
    else
        judge_text(c, r, name, &a);
    return NULL;
}

/* ---- the policy's host ------------------------------------------------------------------ */

static err check_web_host(struct cli_mta_sts_check *c, deadline until)
{
    struct dns_host host;
    str name = arena_printf(c->arena, "mta-sts.%.*s", STR_ARG(c->domain));
    TRY(dns_host_addresses(c->resolver, NULL, name, DNS_HOST_OF_MX, c->arena, &host, until));
    if (is_unknown(host.status))
        cli_mta_sts_check_add(c, CLI_MTA_STS_UNKNOWN, name,
                              str_of(dns_answer_status_name(host.status)));
    else if (host.status != DNS_OK)
        cli_mta_sts_check_add(c, CLI_MTA_STS_ERROR, name,
                              S("it has no address: nobody can fetch the policy"));
    else if (!tlspolicy_target_all_public(host.addresses, host.count))
        cli_mta_sts_check_add(c, CLI_MTA_STS_ERROR, name,
                              S("an address is not of the public Internet: senders refuse it"));
    else
        cli_mta_sts_check_add(c, CLI_MTA_STS_OK, name,
                              arena_printf(c->arena, "%zu addresses", host.count));
    return NULL;
}

/* ---- the MX hosts ----------------------------------------------------------------------- */

static void judge_hosts(struct cli_mta_sts_check *c, const struct dns_mx *mx)
{
    bool enforced = c->policy->mode == TLSPOLICY_STS_ENFORCE;
    for (size_t i = 0; i < mx->count; i++) {
        bool named = tlspolicy_sts_policy_matches(c->policy, mx->hosts[i].name);
        cli_mta_sts_check_add(c, named ? CLI_MTA_STS_OK : CLI_MTA_STS_ERROR, mx->hosts[i].name,
                              named      ? S("an MX host that the policy names")
                              : enforced ? S("an MX host that the policy does not name: it gets no "
                                             "mail from who obeys it")
                                         : S("an MX host that the policy does not name"));
    }
}

static bool is_used(str pattern, const struct dns_mx *mx)
{
    struct tlspolicy_sts_policy one = {.mx = &pattern, .mx_count = 1};
    for (size_t i = 0; i < mx->count; i++)
        if (tlspolicy_sts_policy_matches(&one, mx->hosts[i].name))
            return true;
    return false;
}

static void judge_patterns(struct cli_mta_sts_check *c, const struct dns_mx *mx)
{
    for (size_t i = 0; i < c->policy->mx_count; i++)
        if (!is_used(c->policy->mx[i], mx))
            cli_mta_sts_check_add(c, CLI_MTA_STS_NOTE, c->policy->mx[i],
                                  S("the policy names it, and no MX record does"));
}

static err check_hosts(struct cli_mta_sts_check *c, deadline until)
{
    struct dns_mx mx;
    TRY(dns_mx_hosts(c->resolver, NULL, c->domain, c->arena, &mx, until));
    if (is_unknown(mx.status))
        cli_mta_sts_check_add(
            c, CLI_MTA_STS_UNKNOWN, c->domain,
            arena_printf(c->arena, "its MX records: %s", dns_answer_status_name(mx.status)));
    else if (mx.count == 0)
        cli_mta_sts_check_add(c, CLI_MTA_STS_ERROR, c->domain, S("it takes no mail"));
    else if (c->policy && c->policy->mode != TLSPOLICY_STS_NONE) {
        judge_hosts(c, &mx);
        judge_patterns(c, &mx);
    }
    return NULL;
}

err cli_mta_sts_check_run(struct cli_mta_sts_check *c, deadline until)
{
    for (size_t i = 0; i < ARRAY_LEN(text_records); i++)
        TRY(check_text(c, &text_records[i], until));
    TRY(check_web_host(c, until));
    return check_hosts(c, until);
}
