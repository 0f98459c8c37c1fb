/* outbound/ask.h -- does the next hop know this recipient?
 *
 * For domains with `recipients: ask`: MAIL FROM:<>, RCPT TO, RSET at the domain's `deliver` host,
 * so that we never accept what would have to be returned. One idle connection for each hop is
 * kept; an asker belongs to one worker.
 */
#pragma once
#include "outbound/connect.h"

enum {
    OUTBOUND_ASK_IDLE_MS = 30 * 1000, /* how long a connection waits for the next question */
    OUTBOUND_ASK_QUESTIONS_MAX = 500, /* over one connection */
    OUTBOUND_ASK_MS = 30 * 1000,      /* for one question */
};

struct outbound_asker;

/* On the worker's loop. The options' parts must outlive the asker; its timeouts are cut to
 * OUTBOUND_ASK_MS, because a client is waiting. */
void outbound_ask_open(const struct outbound_connect_options *, struct dns_resolver *,
                       struct outbound_asker **ret_asker);
void outbound_ask_close(struct outbound_asker *); /* when nobody asks any more; accepts NULL */

/* The hop's reply to RCPT (or to MAIL, when it refuses that); texts in the arena. An err: the hop
 * cannot be asked now (451 4.4.1), or CANCELED. */
must_use err outbound_ask_recipient(struct outbound_asker *, const struct config_hop *, str address,
                                    struct arena *, struct smtp_reply *ret_reply, deadline until);
