/* account/keeper_call.h -- one call of the seam: what goes to the keeper and what comes back
 *
 * The seam's functions differ in little: each makes a request, has it asked, and takes the
 * result out of the reply. They are here; how it is asked is keeper_local.c's and
 * keeper_remote.c's.
 */
#pragma once
#include "account/keeper_wire.h"

/* A request or its answer, with everything they point to. It may hold a password or a secret: all
 * of it is wiped at the end. */
struct keeper_call {
    struct keeper_request request;
    struct buf asked; /* the request's texts */
    struct arena *arena;
    struct keeper_reply reply; /* its texts are in the arena and in answered */
    struct buf answered;
};

/* A copy of the request, which must be within the limits of keeper_wire.h: ERR_LIMIT. */
must_use err keeper_call_open(const struct keeper_request *, struct keeper_call **ret_call);
void keeper_call_close(struct keeper_call *); /* accepts NULL */

/* Who asks. ask() waits; on success the caller closes the call. */
struct keeper_caller {
    err (*ask)(struct keeper_caller *, const struct keeper_request *, struct keeper_call **ret_call,
               deadline);
    struct keeper seam; /* filled by keeper_call_init() */
};
void keeper_call_init(struct keeper_caller *,
                      err (*ask)(struct keeper_caller *, const struct keeper_request *,
                                 struct keeper_call **ret_call, deadline));
