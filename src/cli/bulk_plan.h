/* cli/bulk_plan.h -- what was told made into what runs: texts, list, server, login
 */
#pragma once
#include "bulk/run.h"
#include "cli/bulk_args.h"
#include "secret/secret.h"

struct cli_bulk_plan {
    struct cli *cli;
    struct cli_bulk_args args;
    struct arena *arena;
    const struct config *config;
    struct bulk_run_options options;
    struct bulk_choose_var vars[CLI_BULK_ARGS_ITEMS_MAX];
    struct bulk_list_column_type types[BULK_LIST_TYPES_MAX];
    str from_domains[CLI_BULK_ARGS_ITEMS_MAX];
    char folder[500], list[500];
    struct buf passwords[BULK_WAYS_MAX], key; /* wiped by release */
    struct config *own;                       /* the user's accounts */
    struct config *warmup;                    /* that holds the plan */
    char use[1024];                           /* the file that accounts' use is counted in */
    struct feedback_list *suppression;
    struct dns_resolver *resolver;
    struct tls_client *tls;
    const struct config_account *accounts[BULK_WAYS_MAX]; /* NULL: none */
    struct config_account first;                          /* a copy, with --from-policy */
};

/* The list and who is left out: enough for `clean`. All of these: ERR_CONFIG. */
must_use err cli_bulk_plan_list(struct cli_bulk_plan *);
must_use err cli_bulk_plan_letter(struct cli_bulk_plan *);
must_use err cli_bulk_plan_folder(struct cli_bulk_plan *, const char *operand);
must_use err cli_bulk_plan_key(struct cli_bulk_plan *); /* that signs links, when one is named */
must_use err cli_bulk_plan_dns(struct cli_bulk_plan *); /* opened, when it is not yet */
/* Of an option; NULL text: untouched. */
must_use err cli_bulk_plan_count(const char *option, const char *text, uint64_t most,
                                 uint64_t *ret_count);
must_use err cli_bulk_plan_time(const char *option, const char *text, int64_t *ret_ms);
str cli_bulk_plan_reference(struct cli_bulk_plan *, str reference); /* a file's path in full */
void cli_bulk_plan_release(struct cli_bulk_plan *);
