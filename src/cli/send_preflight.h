/* cli/send_preflight.h -- `send --preflight`: will receivers believe who it is from?
 *
 * The DNS is asked before the first mail: SPF of the envelope sender's domain against the server's
 * addresses (with --mx our own), the public key of each --dkim key, DMARC of the author's domain
 * and whether one of the two will speak for it, where bounces go (MX), and with --mx our name
 * (PTR). A provider often hands mail on by other addresses than those it takes it at, so there an
 * SPF that does not name them is a warning only.
 */
#pragma once
#include "cli/send.h"

/* What was found goes to stderr, or as events to stdout. ERR_CONFIG: one of it is an error. */
must_use err cli_send_preflight(struct cli_send *);
