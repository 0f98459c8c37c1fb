/* cli/bulk_server.h -- where a mailing goes: accounts, logins, their quotas, the warm-up, the pace
 */
#pragma once
#include "cli/bulk_plan.h"

must_use err cli_bulk_server_open(struct cli_bulk_plan *); /* ERR_CONFIG */
