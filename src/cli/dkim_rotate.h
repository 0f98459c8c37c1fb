/* cli/dkim_rotate.h -- smtptool dkim rotate: new keys in the place of old ones (account/rotation.h)
 *
 * Each run goes as far as it can and says what it waits for, until when, and what to do then. What
 * was reached is on disk before anything is done about it, so a run may be cut short anywhere.
 */
#pragma once
#include "cli/live.h"

struct cli_dkim_rotate_options {
    struct cli_live_options live;
    const char *word; /* in the place of the date in new selectors; or NULL */
    const char *time; /* as if it were that time; with a zone file only */
    bool status, abort, wait;
};

/* Returns what to exit with; what is wrong is told. */
int cli_dkim_rotate(struct cli *, const char *name, const struct cli_dkim_rotate_options *);
