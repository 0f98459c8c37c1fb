/* outcome/verp.h -- the return path of one recipient of one message, signed
 *
 *     bounce+0C7Q2MZ81KX4T.3.30m9azvjk7j9xyywv8a6ad1wc@mail.example.com
 *            queue id      |  key, day, HMAC
 *                          recipient's index
 *
 * A bounce that comes back to it names its recipient without a word of it being believed, and
 * cannot be made up by others: HMAC-SHA-256 under a key of ours, cut to 100 bits, over all that
 * stands in it and the host. It expires, so one that leaked is of no use for long. Letters count in
 * any case, for some servers change it; the digits have no i, l, o and u.
 */
#pragma once
#include "base/buf.h"

enum {
    OUTCOME_VERP_LOCAL_BYTES_MAX = 64, /* RFC 5321 section 4.5.3.1.1 */
    OUTCOME_VERP_PREFIX_BYTES_MAX = 15,
    OUTCOME_VERP_QUEUE_ID_BYTES_MAX = 16,
    OUTCOME_VERP_RCPT_MAX = 99999,
    OUTCOME_VERP_KEY_IDS = 32,
    OUTCOME_VERP_KEY_BYTES_MIN = 16,
    OUTCOME_VERP_DAYS_MAX = 1 << 20, /* since 1970 */
};

struct outcome_verp_key {
    uint8_t id; /* below OUTCOME_VERP_KEY_IDS: so that keys can be changed */
    str secret; /* at least OUTCOME_VERP_KEY_BYTES_MIN */
};

struct outcome_verp {
    str queue_id; /* digits and letters; read back in upper case */
    uint32_t rcpt;
    uint32_t day; /* since 1970-01-01: when it was written */
};

enum outcome_verp_result {
    VERP_NONE, /* not of that form: someone else's mail */
    VERP_GOOD,
    VERP_FORGED,      /* of that form, and not ours */
    VERP_EXPIRED,     /* ours, but older than days_max or from tomorrow */
    VERP_UNKNOWN_KEY, /* of a key that we do not have (any more) */
};

/* Append "bounce+...@host". prefix: letters and digits. ERR_LIMIT: out is full, or a part is above
 * its maximum; ERR_CONFIG: prefix or key is not fit. Then nothing was added. */
must_use err outcome_verp_write(str prefix, const struct outcome_verp *, str host,
                                const struct outcome_verp_key *, struct buf *out);

/* Read a recipient that mail came to. *ret_verp: whenever the result is not VERP_NONE; its queue id
 * lies in ret_queue_id. Constant time where secrets are compared. */
enum outcome_verp_result outcome_verp_read(str address, str prefix,
                                           const struct outcome_verp_key *keys, size_t key_count,
                                           uint32_t today, uint32_t days_max,
                                           char ret_queue_id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX],
                                           struct outcome_verp *ret_verp);

const char *outcome_verp_result_name(enum outcome_verp_result); /* "forged" */
