/* queue/fsck.h -- every byte of a spool that nobody has open, checked
 *
 * Headers, metas, envelopes and bodies of all records, and all body files, against their CRCs.
 * Nothing is changed: opening repairs what can be, and keeps damaged bytes in quarantine/.
 */
#pragma once
#include "base/err.h"

struct queue_fsck {
    uint64_t segments, records, messages, bytes, files;
    uint64_t torn;    /* bytes of a last batch that was never acknowledged */
    uint64_t damaged; /* places; each was told */
};

/* Blocks. ERR_LIMIT: the spool is in use. */
must_use err queue_fsck(const char *folder, void (*tell)(void *arg, const char *where, err),
                        void *arg, struct queue_fsck *ret_result);
