/* outbound/egress_look.h -- what the world sees of one address of ours
 *
 * Its name in the DNS, which has to lead back to it (FCrDNS) and agree with what we say in EHLO;
 * and whether block lists have it. Private addresses are nobody's business and are not looked at.
 */
#pragma once
#include "dns/ptr.h"
#include "outbound/egress_health.h"

enum {
    OUTBOUND_EGRESS_LOOK_BYTES_MAX = 16 << 10, /* of the arena */
    OUTBOUND_EGRESS_LOOK_QUESTIONS = 2 * (DNS_PTR_NAMES_MAX + 2 + CONFIG_EGRESS_DNSBL_MAX),
};

enum outbound_egress_name {
    EGRESS_NAME_AGREES,
    EGRESS_NAME_OTHER,       /* a good one, but EHLO's does not lead to the address */
    EGRESS_NAME_UNCONFIRMED, /* it does not lead back */
    EGRESS_NAME_NONE,
    EGRESS_NAME_UNKNOWN, /* the DNS could not say */
    EGRESS_NAME_PRIVATE, /* not looked at */
};

struct outbound_egress_look {
    const struct address *address;
    enum outbound_egress_name name;
    str said;    /* the name in the DNS, or empty */
    str *listed; /* "zen.example.org (127.0.0.2)" */
    str *silent; /* lists that could not say */
    size_t listed_count, silent_count;
};

/* ERR_LIMIT, ERR_CANCELED. */
must_use err outbound_egress_look(struct dns_resolver *, struct dns_budget *,
                                  const struct config_egress_watch *, const struct address *,
                                  str hello, struct arena *, struct outbound_egress_look *ret_look,
                                  deadline until);

const char *outbound_egress_look_name(enum outbound_egress_name); /* "agrees" */

/* Add what was seen of one more address of an egress. */
void outbound_egress_look_note(const struct outbound_egress_look *, str hello,
                               struct outbound_egress_finding *);
