/* cli/dkim_rotate.h -- smtptool dkim rotate: new keys in the place of old ones (account/rotation.h)
 *
 * Each run goes as far as it can and says what it waits for, until when, and what to do then. What
 * was reached is on disk before anything is done about it, so a run may be cut short anywhere.
 */
#pragma once
#include "cli/rotate_keys.h"

struct cli_dkim_rotate_options {
    struct cli_live_options live;
    const char *word; /* in the place of the date in new selectors; or NULL */
    const char *time; /* as if it were that time; with a zone file only */
    bool status, abort, wait;
};

/* Returns what to exit with; what is wrong is told. */
int cli_dkim_rotate(struct cli *, const char *name, const struct cli_dkim_rotate_options *);

/* ---- for rotate_report.c --------------------------------------------------------------------- */

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
int cli_rotate_exit(const struct cli_rotate *);
