/* cli/account.h -- one run of `smtptool account`: what was asked for
 *
 * For cmd_account.c and the account_*.c.
 */
#pragma once
#include "cli/cli.h"
#include "config/preset.h"

struct cli_account_run {
    struct cli *cli;
    struct arena *arena;
    const struct config *config; /* the configuration */
    struct config *own;          /* the user's accounts.yaml */
    struct config_presets presets;
    const char *preset, *server, *name, *user, *host, *licence, *secret, *oauth, *mechanism, *keep,
        *autoconfig, *dns_zone, *ca_file, *client_id, *client_secret_ref;
    bool make_default, yes, all;
};

int cli_account_add(struct cli_account_run *, const char *address);
int cli_account_check_run(struct cli_account_run *,
                          const char *name); /* NULL: the default, or --all */
/* As --all does, but only what the last run did not find. */
int cli_account_check_watch(struct cli_account_run *);
