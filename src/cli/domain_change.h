/* cli/domain_change.h -- smtptool domain plan-change: what to do when, by the TTLs as they are now
 */
#pragma once
#include "cli/change_plan.h"
#include "cli/live.h"

enum { CLI_DOMAIN_CHANGE_KINDS = 4 };

struct cli_domain_change_options {
    struct cli_live_options live;
    bool kinds[CLI_DOMAIN_CHANGE_KINDS]; /* by enum cli_change_kind */
    const char *at;                      /* or NULL: as soon as it can be */
};

/* The arena is as large as CLI_LIVE_ARENA_BYTES. Returns what to exit with; what is wrong is told.
 */
int cli_domain_change(struct cli *, const struct config *, str domain,
                      const struct cli_domain_change_options *, struct arena *);
