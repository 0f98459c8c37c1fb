/* cli/sent.h -- what went out from here: the user's own record, sent.db below $XDG_STATE_HOME
 * (SQLite)
 *
 * One row for each mail and one for each of its recipients: when, from whom, by which server, and
 * what that said. Contents only when asked for. Bounded: the oldest go. A key given by the user
 * (--idempotency-key) is kept with its recipients, so that nobody who has a mail by that key gets
 * it again; while a send with a key is under way, a second one with it is turned away.
 */
#pragma once
#include "client/client.h"

enum {
    CLI_SENT_MAILS_MAX = 10000,
    CLI_SENT_CONTENT_BYTES_MAX = 8 << 20, /* of one; a longer one is not kept */
    CLI_SENT_KEY_BYTES_MAX = 200,
    CLI_SENT_CLAIM_MS = 2 * 3600 * 1000, /* a claim older than that is nobody's any more */
};

struct cli_sent;

struct cli_sent_mail {
    int64_t id, at_ms;
    str key, message_id, sender, subject, server, outcome, why;
    int64_t bytes, rcpt_count;
    str content; /* empty: not kept */
};
struct cli_sent_rcpt {
    str address, status, reply; /* "sent", "250 2.0.0 queued" */
};

/* ERR_SYSTEM: it is not there (without make), or cannot be made. */
must_use err cli_sent_open(const char *path, bool make, struct cli_sent **ret_sent);
void cli_sent_close(struct cli_sent *); /* accepts NULL */

/* From now on the key is this process's. ERR_CANCELED: another one has it. */
must_use err cli_sent_claim(struct cli_sent *, str key);
void cli_sent_unclaim(struct cli_sent *, str key);
/* Recipients that were accepted under that key get their verdict; how many are still open. */
must_use err cli_sent_settle(struct cli_sent *, str key, struct client_mail *, size_t *ret_open);

/* One mail, when all is known of it. */
must_use err cli_sent_note(struct cli_sent *, str key, const struct client_mail *, str server,
                           bool with_content);

/* The newest first; from: below this id (0: from the newest). Texts live until `each` returns. */
must_use err cli_sent_list(struct cli_sent *, int64_t from, int most,
                           void (*each)(void *arg, const struct cli_sent_mail *), void *arg);
/* By its number or Message-ID. *ret_found: there is one. */
must_use err cli_sent_find(struct cli_sent *, str what, struct arena *, bool *ret_found,
                           struct cli_sent_mail *ret_mail);
must_use err cli_sent_rcpts(struct cli_sent *, int64_t id,
                            void (*each)(void *arg, const struct cli_sent_rcpt *), void *arg);
