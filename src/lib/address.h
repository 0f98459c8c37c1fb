/* lib/address.h -- from what a caller wrote to the paths of an envelope */
#pragma once
#include "base/arena.h"
#include "message/envelope.h"

enum { LIB_ADDRESS_ARENA_BYTES_MAX = 16 << 20 }; /* for one list of the largest size */

struct lib_address_list {
    struct envelope_rcpt *rcpts;
    size_t count, max;
};

/* Texts live in the arena. An address that is there already is not added again. name is told in
 * errors. ERR_CONFIG, ERR_LIMIT. */
must_use err lib_address_add(const char *name, str address, struct arena *,
                             struct lib_address_list *);
/* "Bob <bob@example.net>, carol@example.net" */
must_use err lib_address_add_mailboxes(const char *name, str value, struct arena *,
                                       struct lib_address_list *);
