/* secret/vault_answer.h -- what Vault says, as it came over HTTP */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct secret_vault_answer {
    int64_t lease_ms; /* 0: none is told */
    int version;      /* of the secret; 0: none is told */
};

/* The field of a version of a KV v2 secret, appended; without a field's name the only one there is.
 * ERR_CONFIG: no such field, or the version was deleted. ERR_PROTOCOL: it is no such answer. */
must_use err secret_vault_answer_secret(str body, str field, struct buf *out,
                                        struct secret_vault_answer *ret_answer);
/* A 404 of KV v2 says by its body whether a version was deleted. */
bool secret_vault_answer_deleted(str body);
/* The token of a login, appended. ERR_PROTOCOL */
must_use err secret_vault_answer_login(str body, struct buf *out,
                                       struct secret_vault_answer *ret_answer);
/* "permission denied": its errors in words, cut; empty: it has none. */
str secret_vault_answer_why(str body, struct arena *);
