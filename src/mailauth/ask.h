/* mailauth/ask.h -- what the checks of one message share
 *
 * One arena for their results, one DNS budget, one deadline, one clock: so that all of them
 * together cost no more than was granted, and a result can be reproduced with the same zone and
 * the same time. The checks run as fibers of one loop and may share an ask; each has its story.
 */
#pragma once
#include "dns/resolver.h"
#include "mailauth/story.h"

struct mailauth_ask {
    struct arena *arena; /* results live there */
    struct dns_resolver *dns;
    struct dns_budget *budget;
    deadline until;
    int64_t now_ms; /* real time, for expiry */
};
