/* cli/change_plan.h -- when to do what, so that a change in the DNS is seen by all at a known time
 *
 * The world believes a record for its TTL. So the TTL is made short first, one old TTL ahead; after
 * the change the old and the new are both seen for the short time; and in the end the TTL is made
 * long again. No clock, no DNS: the times come from what is given.
 */
#pragma once
#include "base/str.h"

enum {
    CLI_CHANGE_QUICK_TTL_S = 300,
    CLI_CHANGE_SLOW_TTL_S = 3600,   /* above it a change takes long to be seen */
    CLI_CHANGE_WATCH_S = 24 * 3600, /* before the TTL is made long again: the way back is short */
    CLI_CHANGE_STEPS_MAX = 8,
};

enum cli_change_kind { CLI_CHANGE_MX, CLI_CHANGE_SPF, CLI_CHANGE_DKIM, CLI_CHANGE_IP };

struct cli_change {
    enum cli_change_kind kind;
    int64_t now_ms;
    int64_t at_ms;  /* when it is to happen; 0: as soon as it can */
    uint32_t ttl_s; /* the longest that the records have now; DKIM: or that of "there is none" */
    bool absent;    /* there are none yet, and the TTL is that of "there is none" */
    int64_t give_up_ms; /* for how long our queue tries to deliver */
};

enum cli_change_step {
    CLI_CHANGE_PREPARE, /* what must work before anybody is sent there */
    CLI_CHANGE_SHORTEN,
    CLI_CHANGE_DO,
    CLI_CHANGE_SEEN,   /* from here on nobody sees the old one */
    CLI_CHANGE_REMOVE, /* what the old one pointed to may go */
    CLI_CHANGE_LENGTHEN,
};

struct cli_change_plan {
    struct {
        enum cli_change_step step;
        int64_t at_ms;
    } steps[CLI_CHANGE_STEPS_MAX]; /* in the order of their times */
    size_t count;
    int64_t earliest_ms; /* a change before it is seen late: some go on with the old one */
    int64_t seen_ms;     /* by all */
    bool too_soon;
};

void cli_change_plan_make(const struct cli_change *, struct cli_change_plan *ret_plan);

/* What to do in that step, in words for that kind of change. */
const char *cli_change_plan_words(enum cli_change_kind, enum cli_change_step);
const char *cli_change_plan_kind_name(enum cli_change_kind); /* "mx" */
const char *cli_change_plan_step_name(enum cli_change_step); /* "shorten" */
