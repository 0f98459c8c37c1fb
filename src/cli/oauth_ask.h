/* cli/oauth_ask.h -- telling a person where to log in, and opening a browser when told to */
#pragma once
#include "base/err.h"

struct cli_oauth_ask {
    bool quiet;
    const char *browser; /* a command, without a shell; NULL: the address is only shown */
};

/* For oauth/login.h: arg is a struct cli_oauth_ask *. Talk goes to stderr. */
void cli_oauth_ask_show(void *arg, str url, str user_code);

/* "90s", "15m": 1 s to an hour. ERR_CONFIG */
must_use err cli_oauth_ask_wait(str text, int64_t *ret_ms);
