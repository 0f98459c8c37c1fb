/* personality/swaks_link.h -- the way to the target: a network socket, a Unix socket or a child
 *
 * The child of --pipe gets one end of a socket pair as stdin and stdout. A command without signs
 * that mean something to a shell is started without one.
 */
#pragma once
#include "dns/resolver.h"
#include "personality/swaks_plan.h"
#include "runtime/net.h"

/* Tells what it does. NULL conn: it was told why not, and *ret_exit is what to exit with. */
must_use err personality_swaks_link_open(struct swaks_plan *, struct dns_resolver *,
                                         struct net_conn **ret_conn, int *ret_exit);
bool personality_swaks_link_needs_dns(const struct swaks_plan *);
void personality_swaks_link_closed(struct swaks_plan *); /* tells that we closed it */
void personality_swaks_link_lost(struct swaks_plan *);   /* tells that the other side did */

/* True: only a shell understands it. False: words between blanks, and that is all. */
bool personality_swaks_link_needs_shell(str command);
