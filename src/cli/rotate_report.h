/* cli/rotate_report.h -- how far a rotation is, for whoever runs it: what it waits for, and what is
 * next */
#pragma once
#include "cli/dkim_rotate.h"
#include "cli/rotate_keys.h"

/* One run of the command. */
struct cli_rotate {
    struct cli *cli;
    const struct cli_dkim_rotate_options *options;
    const struct config *config;
    struct arena *arena; /* of this round */
    str domain;
    const char *folder; /* STATE/dkim/NAME, open */
    int folder_fd;
    int64_t now_ms;
    struct account_rotation *state;
    struct cli_rotate_key fresh[ACCOUNT_ROTATION_KEYS_MAX], old[ACCOUNT_ROTATION_KEYS_MAX];
    size_t fresh_count, old_count;       /* also when the state is NONE by now */
    struct cli_live_question *questions; /* of the new ones, then of the old ones; NULL: none */
    struct account_rotation_look look;
    bool aborted, finished, clock_was_back, no_server;
    char not_told[300]; /* why the server could not be told; "": it was, or there was no need */
};

/* To stdout, as text or as JSON. */
void cli_rotate_report(const struct cli_rotate *);
/* 0: nothing is to be done by a person now; CLI_FINDINGS: something is; … */
int cli_rotate_report_exit(const struct cli_rotate *);
