/* personality/swaks_secure.h -- TLS and login, as the options have them
 *
 * Unlike everywhere else in this program certificates are not verified and passwords go in clear
 * when that is what was asked for: whoever tests a server decides.
 */
#pragma once
#include "personality/swaks_plan.h"

must_use err personality_swaks_secure_tls(struct swaks_plan *);
/* May ask for a user name and a password. SWAKS_EXIT_MISSING: none of the types is ours. */
must_use err personality_swaks_secure_auth(struct swaks_plan *);

/* The types that we have, in the order in which they are tried; NULL behind the last. */
const char *personality_swaks_secure_type(size_t index);
/* "NAME, ALIAS": what --auth-map makes of a type. */
str personality_swaks_secure_aliases(const struct swaks_plan *, const char *type);
/* Those that swaks has and we do not, with the reason; NULL behind the last. */
const char *personality_swaks_secure_absent(size_t index, const char **ret_reason);
extern const char *const personality_swaks_secure_versions[TLS_TOOL_VERSIONS];
