/* cli/send_sign.h -- `send --dkim DOMAIN:SELECTOR:KEY`: the message with a signature of ours
 */
#pragma once
#include "cli/send.h"

struct cli_send_sign_key {
    str domain, selector;
    struct mailauth_dkim_private *private;
};

/* KEY is a path, or "file:", "env:", "command:"; all lives in the arena. ERR_CONFIG says what is
 * wrong with it. ret_keys holds CLI_SEND_KEYS_MAX. */
must_use err cli_send_sign_keys(struct cli_send *, struct arena *,
                                struct cli_send_sign_key *ret_keys);

/* Put the signatures of all keys above the header. */
must_use err cli_send_sign(struct cli_send *, struct buf *content);
/* The same by keys that were read before. */
must_use err cli_send_sign_by(const struct cli_send_sign_key *, size_t count, struct buf *content);
