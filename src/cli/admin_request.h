/* cli/admin_request.h -- one request of the operator's socket, read strictly
 *
 * Bytes in, a value out. Everything that is not known is refused.
 */
#pragma once
#include "base/arena.h"
#include "shaping/warmup.h"

enum { CLI_ADMIN_REQUEST_IDS_MAX = 4000 };

enum cli_admin_verb {
    CLI_ADMIN_LS,
    CLI_ADMIN_HOLD,
    CLI_ADMIN_RELEASE,
    CLI_ADMIN_RETRY,
    CLI_ADMIN_RM,
    CLI_ADMIN_STATS,
    CLI_ADMIN_EGRESS,
    CLI_ADMIN_TRANSCRIPT,
    CLI_ADMIN_RELOAD,
    CLI_ADMIN_STOP,
    CLI_ADMIN_WARMUP,
    CLI_ADMIN_WARMUP_SET,
    CLI_ADMIN_VERBS
};

struct cli_admin_request {
    enum cli_admin_verb verb;
    str to, from, rcpt; /* filters; empty: any */
    str *ids;           /* in their form: queue_id_parse() takes each */
    size_t id_count;
    bool held, all;
    str egress, site; /* of warm-up; empty: all */
    enum warmup_change change;
    bool has_change, has_value;
    int64_t value;
};

const char *cli_admin_request_verb_name(enum cli_admin_verb);

/* Texts live in the arena (256 KiB are enough for the largest request). ERR_PROTOCOL says why not.
 */
must_use err cli_admin_request_parse(str json, struct arena *,
                                     struct cli_admin_request *ret_request);
