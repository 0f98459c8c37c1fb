/* cli/egress_view.h -- what a person wants to know of an egress, in words
 *
 * Who may leave by it, beside whom, and how much; from the configuration alone.
 */
#pragma once
#include "base/buf.h"
#include "config/config.h"

enum { CLI_EGRESS_VIEW_BYTES_MAX = 256 << 10 };

/* Does this machine have the address now? Tries to bind a socket to it. */
bool cli_egress_view_is_here(const struct address *);

/* "192.0.2.10, 2001:db8::10", or "as the system chooses". */
must_use err cli_egress_view_addresses(const struct config_egress *, struct buf *out);
/* "tenants acme; senders example.com", or nothing. */
must_use err cli_egress_view_dedicated(const struct config_egress *, struct buf *out);
/* "bulk 3 of 4, other 1 of 2", or nothing. */
must_use err cli_egress_view_pools(const struct config *, const struct config_egress *,
                                   struct buf *out);
/* Whose mail it takes beside others': "route 1 (to *)", or nothing: nobody's. */
must_use err cli_egress_view_shared(const struct config *, const struct config_egress *,
                                    struct buf *out);
