/* bulk/token.h -- who is who: keys of a mail, and signed links to unsubscribe with
 *
 * A key names one mail of a campaign to one recipient, the same on every run: it is in the
 * Message-ID, and a server that keeps keys takes a second mail of the same key without keeping it.
 *
 * A link has the address, the campaign and an HMAC-SHA-256 of both under a key of the sender's, so
 * that nobody can unsubscribe somebody else, or find out who is on a list.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    BULK_TOKEN_KEY_CHARS = 33,
    BULK_TOKEN_BYTES_MAX = 1200, /* of a token */
    BULK_TOKEN_SECRET_BYTES_MIN = 16,
    BULK_TOKEN_CAMPAIGN_BYTES_MAX = 48, /* as the envelope's flow has it */
};

/* 32 hexadecimal digits. */
void bulk_token_key(str campaign, str address, char ret_key[BULK_TOKEN_KEY_CHARS]);

/* Signs many links with one key, which is worked into it once. ERR_SYSTEM: the library cannot. */
struct bulk_token_signer;
must_use err bulk_token_signer_open(str secret, struct bulk_token_signer **ret_signer);
void bulk_token_signer_close(struct bulk_token_signer *); /* accepts NULL */

/* "base64url(address).campaign.base64url(signature)" */
must_use err bulk_token_write(struct bulk_token_signer *, str campaign, str address,
                              struct buf *out);
/* From a token, or from any text that holds one behind "u=" or "+": a URL, an address. Texts live
 * in the arena. ERR_PROTOCOL: none, or not signed by this key. */
must_use err bulk_token_read(str secret, str text, struct arena *, str *ret_campaign,
                             str *ret_address);
/* Letters, digits, "-" and "_": it stands in URLs, headers and file names. */
bool bulk_token_is_campaign(str);
