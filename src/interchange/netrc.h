/* interchange/netrc.h -- ~/.netrc and ~/.authinfo as accounts
 *
 * The form is secret/netrc.h's, and "port", which authinfo has. It holds logins of all kinds: those
 * of mail servers are taken, by their port, their name or a preset, and the others named.
 */
#pragma once
#include "interchange/import.h"

/* ERR_CONFIG: "line 3: …". No err and no note holds a password. */
must_use err interchange_netrc_read(struct interchange_import *, str text);
