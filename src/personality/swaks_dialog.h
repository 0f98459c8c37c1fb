/* personality/swaks_dialog.h -- one conversation, from the connection to its end
 *
 * Runs on a fiber. It is one list of steps in the order of the protocol; each may end it.
 */
#pragma once
#include "dns/resolver.h"
#include "personality/swaks_plan.h"

/* Returns what to exit with. tls: what tls_tool_open() made of the plan, or NULL. */
int personality_swaks_dialog_run(struct swaks_plan *, struct dns_resolver *, struct tls_client *tls,
                                 deadline until);

/* What EHLO said. */
struct swaks_offers {
    bool starttls, pipelining, prdr, auth, xclient;
    str auth_types, xclient_names; /* between blanks */
};
/* The texts live in the arena. */
void personality_swaks_dialog_offers(str reply, struct arena *, struct swaks_offers *ret_offers);
