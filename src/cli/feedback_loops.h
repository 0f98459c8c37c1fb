/* cli/feedback_loops.h -- which providers tell us of complaints, and which could
 *
 * The table that ships (feedback-loops.yaml), joined with what the state folder knows: to whose
 * domains mail went lately, and whose reports came.
 */
#pragma once
#include "config/config.h"
#include "config/share.h"

enum {
    CLI_FEEDBACK_LOOPS_MAX = 200,
    CLI_FEEDBACK_LOOPS_DOMAINS_MAX = 200,
    CLI_FEEDBACK_LOOPS_ARENA_BYTES = 2 * CONFIG_YAML_ARENA_BYTES_MAX,
};

struct cli_feedback_loop {
    str id, name, by, sends, enrol, how, source, date;
    str domains[CLI_FEEDBACK_LOOPS_DOMAINS_MAX], from[CLI_FEEDBACK_LOOPS_DOMAINS_MAX];
    size_t domain_count, from_count;
    int64_t recipients; /* of the last days, at its domains */
    int64_t reports, last_ms;
};

struct cli_feedback_loops {
    const struct config *config;
    str sender; /* mail of this domain only; empty: of all */
    struct cli_feedback_loop *list;
    size_t count;
    bool sent_known; /* there is a record of what was sent */
};

/* config and sender are set. False: the operator's own table cannot be read, and stderr says why.
 * Everything lives in the arena. Blocks. */
bool cli_feedback_loops_read(struct cli_feedback_loops *, struct arena *);

enum cli_feedback_loops_state {
    LOOP_WORKS,      /* a report has come */
    LOOP_MISSING,    /* mail went there, and none has */
    LOOP_LOOK,       /* mail went there; what is known stands on a page of theirs */
    LOOP_NOT_NEEDED, /* no mail went there */
    LOOP_UNKNOWN,    /* what is sent is not recorded */
};
enum cli_feedback_loops_state cli_feedback_loops_state(const struct cli_feedback_loops *,
                                                       const struct cli_feedback_loop *);
const char *cli_feedback_loops_state_name(enum cli_feedback_loops_state); /* "works" */
