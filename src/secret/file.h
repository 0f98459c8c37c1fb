/* secret/file.h -- a secret that a file holds
 */
#pragma once
#include "secret/secret.h"

enum secret_file_rule {
    SECRET_FILE_NOT_OTHERS, /* every user may neither read nor write it */
    SECRET_FILE_OWNER_ONLY, /* nor the group */
    SECRET_FILE_ANY,        /* whoever may: a token that a cluster mounts */
};

/* All of it, at most SECRET_BYTES_MAX, into an empty buf; line ends stay. A link is followed.
 * ERR_SYSTEM: it cannot be opened or read. ERR_CONFIG: it is none, or others may get at it. */
must_use err secret_file_read(str path, enum secret_file_rule, struct buf *ret_secret);
