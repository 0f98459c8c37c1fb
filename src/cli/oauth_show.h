/* cli/oauth_show.h -- what `smtptool oauth` prints: never a token */
#pragma once
#include "oauth/entry.h"
#include "oauth/login.h"

void cli_oauth_show_entry(str name, const struct oauth_entry *, bool json);
void cli_oauth_show_provider(const struct oauth_provider *, bool json); /* one line */
void cli_oauth_show_steps(const struct oauth_provider *);
void cli_oauth_show_trial(const struct oauth_login *); /* one that went well */
