/* secret/keyring.h -- "keyring:SERVICE/USER": the desktop's keyring, by way of secret-tool
 *
 * The attributes are those of the keyring libraries of other languages: service and username.
 */
#pragma once
#include "secret/secret.h"

enum { SECRET_KEYRING_MS_MAX = 10000, SECRET_KEYRING_NAME_CHARS = 256 };

/* ERR_CONFIG: no secret-tool, no such entry, or the keyring stays locked. */
must_use err secret_keyring_read(str service, str user, struct buf *ret_secret);
must_use err secret_keyring_write(str service, str user, str label, str secret);
/* Is there a session that could have a keyring? No promise that it opens. */
bool secret_keyring_likely(void);
