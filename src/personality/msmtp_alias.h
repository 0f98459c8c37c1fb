/* personality/msmtp_alias.h -- msmtp's aliases file: "root: me@example.com, cron"
 *
 * A recipient without "@" that stands there is replaced, again and again until what is left has an
 * "@" or stands nowhere; "default" stands for those. Letters do not count alike. "#" begins a
 * remark.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

enum {
    MSMTP_ALIAS_FILE_BYTES_MAX = 1 << 20,
    MSMTP_ALIAS_COUNT_MAX = 10000,
    MSMTP_ALIAS_DEPTH_MAX = 50,    /* of one alias in another */
    MSMTP_ALIAS_STEPS_MAX = 20000, /* of one recipient, dead ends and all */
};

struct msmtp_aliases {
    struct msmtp_alias {
        str name, targets; /* targets as written: commas between them */
    } * items;
    size_t count;
};

/* Texts live in the arena. ERR_CONFIG: "line 3: duplicate alias 'root'". ERR_LIMIT. */
must_use err personality_msmtp_alias_read(str text, struct arena *,
                                          struct msmtp_aliases *ret_aliases);
/* Calls add for each address that the recipient leads to, in the order of the file; for itself when
 * it is no alias. ERR_CONFIG: they lead round in a circle; or add's err. */
must_use err personality_msmtp_alias_expand(const struct msmtp_aliases *, str recipient,
                                            err (*add)(void *arg, str address), void *arg);
