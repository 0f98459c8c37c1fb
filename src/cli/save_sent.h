/* cli/save_sent.h -- `send --save-sent imaps://user@host/Sent`: a copy where the user looks for it
 *
 * IMAP's APPEND with \Seen, by libcurl (http/curl.h): over TLS that is verified, except to this
 * machine. The password is the login's; it is given to the library and stands in no argument and
 * no URL. A copy that cannot be kept is told; the mail has gone out all the same.
 */
#pragma once
#include "cli/send.h"

enum { CLI_SAVE_SENT_MS_MAX = 60 * 1000 };

struct cli_save_sent_place {
    str url;  /* "imaps://mail.example.com/Sent", without the user */
    str user; /* empty: the login's */
};

/* "imaps://user@host[:port]/Folder", "imap://" to this machine; all lives in the arena. ERR_CONFIG
 * says what is wrong: another scheme, a password, no folder. */
must_use err cli_save_sent_parse(str text, struct arena *, struct cli_save_sent_place *ret_place);

/* Before anything is sent. */
must_use err cli_save_sent_check(struct cli_send *);
/* What at least one recipient has. */
must_use err cli_save_sent(struct cli_send *);
