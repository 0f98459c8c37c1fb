/* cli/account_token.h -- what a login by token takes, in lines that can be typed as they stand */
#pragma once
#include "cli/account.h"

struct cli_account_token {
    str name; /* of the login: the account's, or what --oauth said */
    str address;
    str server; /* a URL: whose tokens does it take? */
};

void cli_account_token_show(struct cli_account_run *, const struct cli_account_token *, FILE *out);

/* `smtptool oauth login` with what run says. CLI_OK: the login is there. */
int cli_account_token_login(struct cli_account_run *, const struct cli_account_token *);

/* False: nobody has made this login yet, here or for the server. True also where nobody can tell.
 */
bool cli_account_token_exists(struct cli_account_run *, str name);
