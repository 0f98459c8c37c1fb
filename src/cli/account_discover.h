/* cli/account_discover.h -- where does this address hand over its mail? What is found, and by what
 *
 * In this order: the preset that has its domain; SRV records (RFC 6186, RFC 8314); the provider's
 * autoconfiguration file (client/autoconfig.h); the preset of who runs its MX hosts. A name is
 * never made up: what nobody says is not tried.
 */
#pragma once
#include "cli/cli.h"
#include "config/preset.h"

enum { CLI_ACCOUNT_SERVERS_MAX = CONFIG_ACCOUNT_SERVERS_MAX };

struct cli_account_search {
    str address; /* "me@example.com" */
    const struct config_presets *presets;
    const char *dns_zone;   /* NULL: the real DNS, and the autoconfiguration is asked for, too */
    const char *autoconfig; /* its URL, in place of the usual two; or NULL */
    const char *ca_file;    /* for it; or NULL */
};

struct cli_account_found {
    const struct config_preset *preset; /* NULL: servers are what was found; both: it is not one */
    str servers[CLI_ACCOUNT_SERVERS_MAX];
    size_t server_count;
    str user;                   /* empty: nobody said */
    bool password, oauth, open; /* logins that were named; none of them: nobody said */
    str origin;                 /* by what: "the SRV records of example.com"; empty: not found */
    str tried;                  /* where nothing was found, for telling */
};

/* Texts live in the arena. CLI_OK, found or not; else what to exit with: told. Blocks. */
int cli_account_discover(struct cli *, const struct cli_account_search *, struct arena *,
                         struct cli_account_found *ret_found);
