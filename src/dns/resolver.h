/* dns/resolver.h -- ask the DNS a question from a fiber
 *
 * For the questions that mail asks there are mx.h (where does a domain take its mail), host.h (the
 * addresses of a host) and ptr.h (the name of an address); all of them come through here.
 * Coalescing equal questions and caching are the transport's.
 *
 * What the DNS said is data: an err means that our own limit was reached (ERR_LIMIT) or that the
 * fiber is being closed (ERR_CANCELED). A resolver never changes once it is open; all loops
 * share it.
 */
#pragma once
#include "dns/budget.h"
#include "dns/hosts.h"
#include "dns/transport.h"

struct dns_resolver {
    struct dns_transport *transport;
    struct dns_hosts *hosts; /* NULL: none */
};

/* Takes over both; hosts may be NULL. */
struct dns_resolver *dns_resolver_open(struct dns_transport *, struct dns_hosts *);
void dns_resolver_close(struct dns_resolver *); /* the transport first; accepts NULL */

/* Ask for one type of one name, in any spelling. A name that cannot exist in the DNS gives
 * DNS_NXDOMAIN without a question. The answer lives in the arena: at most DNS_ANSWER_BYTES_MAX. */
must_use err dns_resolver_ask(struct dns_resolver *, struct dns_budget *, str name, enum dns_type,
                              struct arena *, struct dns_answer *ret_answer, deadline until);

/* Two types of one name at the same time, for one waiting. */
must_use err dns_resolver_ask_two(struct dns_resolver *, struct dns_budget *, str name,
                                  const enum dns_type types[2], struct arena *,
                                  struct dns_answer ret_answers[2], deadline until);
