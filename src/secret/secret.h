/* secret/secret.h -- secrets by reference: "file:/etc/smtptool/relay.secret", "env:RELAY_SECRET"
 *
 * A configuration names where a secret is and never holds it. All kinds of references, and what is
 * remembered of them, are secret/resolver.h's. These calls block (a file may lie on a slow disk):
 * they belong in the keeper or on the job pool.
 */
#pragma once
#include "base/buf.h"

enum {
    SECRET_BYTES_MAX = 64 * 1024,
    SECRET_PATH_BYTES_MAX = 1024,
};

/* What the reference names, without one trailing line end, added to an empty buf made for
 * SECRET_BYTES_MAX or more. ERR_CONFIG says what is wrong: no such kind, not set, empty, a
 * file that others may read. No err holds the secret. */
must_use err secret_read(str reference, struct buf *ret_secret);

void secret_wipe(struct buf *); /* overwrite and release */
void secret_trim(struct buf *); /* cut one "\n" or "\r\n" off the end */
