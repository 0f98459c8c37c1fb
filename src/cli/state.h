/* cli/state.h -- the state folder: what lies where, and who owns it
 *
 *     STATE/            root's (or ours), sticky; the user's group may make names in it
 *     STATE/spool/      the user's: queue/
 *     STATE/accounts.db, STATE/oauth/ the keeper's
 *     STATE/tls.crt .key made at the first start when no certificate is configured; the user's
 *     STATE/mta-sts/    the user's: policies of other domains, when outbound.mta_sts is on
 *     STATE/events/     the user's: events.jsonl and its old files, unless events.to is elsewhere
 *     STATE/reports/    the user's: reports.db, tls.db, and dry-run/ with reports that were
 *                       not sent; tls/ with mails that carry those of others
 *     STATE/shaping/    the user's: shaping.db: warm-up, quotas, what sites have taught us;
 *                       egress.txt: which of our addresses are out
 *     STATE/transcripts/ the user's: what was said in attempts that failed
 *     STATE/feedback/   the user's: suppress.db, sent.db and verp.keys (feedback/feedback.h)
 *     STATE/admin.sock  the operator's socket
 */
#pragma once
#include "config/config.h"

enum { CLI_STATE_PATH_CHARS = 512 };

struct cli_state {
    char folder[CLI_STATE_PATH_CHARS], spool[CLI_STATE_PATH_CHARS];
    char certificate[CLI_STATE_PATH_CHARS], key[CLI_STATE_PATH_CHARS];
    char accounts[CLI_STATE_PATH_CHARS], reports[CLI_STATE_PATH_CHARS];
    char policies[CLI_STATE_PATH_CHARS], shaping[CLI_STATE_PATH_CHARS];
    char shaping_file[CLI_STATE_PATH_CHARS]; /* in it, as the next */
    char egress_file[CLI_STATE_PATH_CHARS];
    char transcripts[CLI_STATE_PATH_CHARS];
    char feedback[CLI_STATE_PATH_CHARS];
};

/* ERR_CONFIG: the path is too long. */
must_use err cli_state_paths(const struct config *, struct cli_state *ret_state);

/* Make what is missing, and give the user of the configuration what is his when we are root. The
 * folder of the event file is made when it lies in the state folder. ERR_CONFIG: it is the state
 * folder, or one above it, by whatever path: accounts.db would be the main process's to read.
 * Blocks; before rights are given up. */
must_use err cli_state_prepare(const struct config *, const struct cli_state *);
