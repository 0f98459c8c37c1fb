/* tlspolicy/target.h -- may we connect to an address that a stranger's DNS gave us?
 *
 * Whoever receives mail from us decides which host we fetch a policy from. So only addresses of the
 * public Internet count, and none of those that lead to one by a detour (mapped, translated or
 * tunnelled IPv4). Addresses are checked, never names: what was checked is what is connected to.
 */
#pragma once
#include "runtime/address.h"

bool tlspolicy_target_is_public(const struct address *);
/* All of them; one that is not spoils the rest. False for none at all. */
bool tlspolicy_target_all_public(const struct address *, size_t count);
