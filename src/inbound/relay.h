/* inbound/relay.h -- whose mail goes where: the rule that makes no open relay
 *
 * Pure. A login may send anywhere; a trusted network may, through a `relay` listener; everybody
 * else reaches our own domains only. It is decided on the parsed domain, never on a text (attacks
 * 61-71).
 */
#pragma once
#include "config/config.h"
#include "smtp/path.h"

enum inbound_relay {
    INBOUND_RELAY_OWN,     /* one of our domains takes it, and this recipient is known */
    INBOUND_RELAY_ASK,     /* likewise, if the next hop knows the recipient */
    INBOUND_RELAY_AWAY,    /* for elsewhere, and this peer may */
    INBOUND_RELAY_UNKNOWN, /* our domain, no such recipient: 550 5.1.1 */
    INBOUND_RELAY_DENIED,  /* for elsewhere, and this peer may not: 554 5.7.1 */
};

struct inbound_relay_peer {
    enum config_role role;
    bool logged_in, trusted;
};

bool inbound_relay_trusted(const struct config *, const struct address *peer);
const struct config_domain *inbound_relay_domain(const struct config *, str domain);
enum inbound_relay inbound_relay_judge(const struct config *, const struct inbound_relay_peer *,
                                       const struct smtp_path *to);

/* One line for the log at start: who may send what through this listener. */
void inbound_relay_describe(const struct config *, const struct config_listener *, char *ret_text,
                            size_t size);
