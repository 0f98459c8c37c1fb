/* account/sender.h -- may this login use this sender address?
 *
 * Each user has a list of patterns:
 *     own               the login itself; for a login without "@", login@hostname
 *     bob@example.com   this address
 *     @example.com      every address of this domain (not of those below it)
 *     *                 every address
 * Two spellings of one name are one name: see sasl/name.h.
 */
#pragma once
#include "base/err.h"

enum {
    ACCOUNT_SENDERS_MAX = 64, /* patterns of one user */
    ACCOUNT_SENDER_BYTES_MAX = 320,
};

must_use err account_sender_check(str pattern); /* ERR_CONFIG: not one of the four forms */

/* sender is "local@domain", without angle brackets. The empty one (MAIL FROM:<>) is always
 * allowed: it claims to be nobody. */
bool account_sender_allowed(str login, str hostname, const str *patterns, size_t count, str sender);
