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
    struct buf password, key; /* wiped by release */
    struct feedback_list *suppression;
    struct dns_resolver *resolver;
};

/* The list and who is left out: enough for `clean`. All of these: ERR_CONFIG. */
must_use err cli_bulk_plan_list(struct cli_bulk_plan *);
must_use err cli_bulk_plan_letter(struct cli_bulk_plan *);
must_use err cli_bulk_plan_server(struct cli_bulk_plan *);
must_use err cli_bulk_plan_folder(struct cli_bulk_plan *, const char *operand);
must_use err cli_bulk_plan_key(struct cli_bulk_plan *); /* that signs links, when one is named */
void cli_bulk_plan_release(struct cli_bulk_plan *);
