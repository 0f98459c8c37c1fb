/* outbound/privacy.h -- how private a session with an MX host was: told once, in two places
 *
 * Each session that got as far as TLS, and each host that a policy forbids, is one event
 * (tls_session) and one count for the TLS reports (RFC 8460), so the two can be compared. A mail
 * that asks for no policy ("TLS-Required: No": reports, too) says nothing about one, and is not
 * told; nor are hosts of a route, which the operator has named.
 */
#pragma once
#include "events/event.h"
#include "outbound/host.h"
#include "tlspolicy/result.h"

struct outbound_tlsrpt;

struct outbound_privacy {
    const struct event_sink *events;
    struct outbound_tlsrpt *reports; /* NULL: nothing is counted */
    const struct config *config;
    str queue_id, domain;
    enum tlspolicy_wish wish;
    struct arena *arena;
};

struct outbound_privacy_seen {
    bool told; /* else the session did not get as far */
    enum tlspolicy_result result;
    str reason, sending_ip;
};

/* What a policy itself has against the session goes before what the session was like. The policy of
 * MTA-STS may be NULL. */
void outbound_privacy_session(const struct outbound_privacy *, const struct outbound_host *,
                              const struct tlspolicy_sts_found *,
                              const struct outbound_privacy_seen *);
/* There is none, by a policy. Accepts NULL. */
void outbound_privacy_passed_over(const struct outbound_privacy *, const struct outbound_host *,
                                  const struct tlspolicy_sts_found *);
