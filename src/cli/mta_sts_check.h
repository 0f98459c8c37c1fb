/* cli/mta_sts_check.h -- does what a domain publishes fit its MTA-STS policy?
 *
 * The record, the policy's host, the MX hosts and where reports go: each is one finding or more.
 */
#pragma once
#include "dns/resolver.h"
#include "tlspolicy/sts_policy.h"

enum cli_mta_sts_weight {
    CLI_MTA_STS_OK,
    CLI_MTA_STS_NOTE,    /* could be better */
    CLI_MTA_STS_ERROR,   /* senders will not do what was meant */
    CLI_MTA_STS_UNKNOWN, /* the DNS could not say */
};

enum { CLI_MTA_STS_FINDINGS_MAX = 200 };

struct cli_mta_sts_finding {
    enum cli_mta_sts_weight weight;
    str about; /* a name of the DNS */
    str text;
};

struct cli_mta_sts_check {
    struct dns_resolver *resolver;
    struct arena *arena;
    str domain;                                /* canonical */
    const struct tlspolicy_sts_policy *policy; /* NULL: not known, and not judged by */
    struct cli_mta_sts_finding findings[CLI_MTA_STS_FINDINGS_MAX];
    size_t count; /* beyond the maximum nothing is added */
};

const char *cli_mta_sts_check_weight_name(enum cli_mta_sts_weight); /* "error" */
void cli_mta_sts_check_add(struct cli_mta_sts_check *, enum cli_mta_sts_weight, str about,
                           str text);
/* All four. What the DNS says is a finding; an err is a cancellation or a limit of ours. */
must_use err cli_mta_sts_check_run(struct cli_mta_sts_check *, deadline until);
/* How many of this weight. */
size_t cli_mta_sts_check_count(const struct cli_mta_sts_check *, enum cli_mta_sts_weight);
