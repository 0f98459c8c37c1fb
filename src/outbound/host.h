/* outbound/host.h -- the hosts of a route, one after another, each with one address
 *
 * A walk asks the DNS only as far as somebody walks it. For the MX of a domain it goes by
 * preference and never reaches ourselves: a host that is us, and all that are no better, are
 * dropped (RFC 5321 section 5.1), because they would send the mail back here. What an MX host says
 * by DANE is asked for when its turn has come; one whose DNS cannot say is passed over (RFC 7672).
 * What the domain says by MTA-STS is asked for before the first; hosts that it does not name are
 * passed over (RFC 8461).
 */
#pragma once
#include "dns/host.h"
#include "dns/mx.h"
#include "message/envelope.h"
#include "outbound/route.h"
#include "outbound/verdict.h"
#include "tlspolicy/decide.h"

struct outbound_privacy;

enum {
    OUTBOUND_HOST_ADDRESSES_MAX = 4, /* that are tried of one host, IPv6 and IPv4 in turns */
    OUTBOUND_HOST_TRIES_MAX = 12,    /* in one walk */
    OUTBOUND_HOST_GROUP_MAX = DNS_MX_HOSTS_MAX, /* of one preference */
    OUTBOUND_HOST_POLICY_MS = 70 * 1000,        /* for a policy that must be fetched first */
};

struct outbound_host {
    str name; /* for TLS and the log: "mx1.example.net", the path of a Unix socket */
    struct address address;
    bool lmtp, implicit_tls;
    enum config_hop_tls tls;
    bool mx;                           /* found by MX, on port 25 */
    enum tlspolicy_level level;        /* what the recipient's side demands, beside that */
    const struct tlspolicy_dane *dane; /* with TLSPOLICY_DANE */
    str policy; /* a word for these two (tlspolicy_decide_key()); empty: of a route's host */
    const struct tlspolicy_decision *decision; /* NULL: of a route's host, or an address literal */
    bool requiretls; /* the mail demands it: what cannot carry it on is no host for it */
    bool clear;      /* TLS failed here: this once without it */
    const struct config_account *account; /* NULL: no login */
    const struct config_egress *egress;   /* by which it is reached; NULL: the system's choice */
    int hop;                              /* which of the route's hops; -1: none, it is an MX */
};

/* Who we are, so that mail is not sent in circles. */
struct outbound_host_self {
    str hostname;
    const struct address *addresses; /* that we listen on; wildcards say nothing */
    size_t address_count;
    uint16_t mx_port; /* where MX hosts listen: 25; tests need another */
};

struct outbound_host_group { /* hosts of one preference, or one hop */
    str name;
    const struct address *addresses;
    size_t count, next;
    bool by_mx;                  /* its DANE is to be asked for, until it was */
    const struct dns_host *host; /* what is known of it then */
    enum tlspolicy_level level;
    const struct tlspolicy_dane *dane;
    const struct tlspolicy_decision *decision;
    str policy;
};

struct outbound_host_walk {
    const struct outbound_route *route;
    const struct outbound_host_self *self;
    struct dns_resolver *resolver;
    struct dns_budget *budget;
    struct arena *arena;
    const struct config_egress *egress; /* the same; hosts that it cannot reach are passed over */
    struct tlspolicy_sts *sts;          /* to be set after begin; NULL: MTA-STS is not asked for */
    enum tlspolicy_wish wish;           /* of the mail; likewise */
    const struct outbound_privacy *privacy; /* who is told of hosts that are passed over; likewise.
                                             * NULL: nobody */
    const struct tlspolicy_sts_found *policy;
    struct dns_mx mx;
    bool begun, ended;
    size_t next;                       /* hop or MX host that is not in the group yet */
    struct outbound_host_group *group; /* OUTBOUND_HOST_GROUP_MAX of them */
    size_t group_count, group_next;
    int tries;
    struct outbound_verdict verdict; /* when the walk ended without a host: why */
};

/* All of it must outlive the walk. Texts of hosts live in the arena or the configuration. */
void outbound_host_begin(struct outbound_host_walk *, const struct outbound_route *,
                         const struct outbound_host_self *, struct dns_resolver *,
                         struct dns_budget *, struct arena *);

/* The next host. False in *ret_found: there is none (any more); walk->verdict tells what became of
 * the hosts that had no address, or of the domain: FAIL or DEFER. ERR_CANCELED. */
must_use err outbound_host_next(struct outbound_host_walk *, bool *ret_found,
                                struct outbound_host *ret_host, deadline until);

/* Does what was true when a connection to this host was made still hold, and is it what the mail
 * wants? The policy is the host's word for it then; hosts of a route have none, and fit without a
 * question. May be asked before the first host or between two. ERR_CANCELED. */
must_use err outbound_host_still(struct outbound_host_walk *, str name, str policy, bool *ret_same,
                                 deadline until);

/* What a mail asks for. */
enum tlspolicy_wish outbound_host_wish(const struct envelope *);

/* Is this address one of ours, as seen by mail that goes to an MX host? */
bool outbound_host_is_self(const struct outbound_host_self *, const struct address *);
