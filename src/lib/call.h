/* lib/call.h -- what every call of the API does first and last
 *
 *     struct lib_call call;
 *     if (!lib_call_begin(&call, &m->busy, ret_error))
 *         return SMTPTOOL_MISUSE;
 *     return lib_call_end(&call, set_subject(m, subject));
 *
 * The host's threads are not ours: errs made in a call live in a ring that goes with it. The first
 * call of the process makes the library quiet, and has jobs done on the loop's own thread, so that
 * no thread of ours outlives a call.
 */
#pragma once
#include "base/err.h"
#include "lib/smtptool.h"

enum { LIB_CALL_TEXT_BYTES = 700, LIB_CALL_ENHANCED_CHARS = 12 };

struct smtptool_error {
    int kind, code;
    char enhanced[LIB_CALL_ENHANCED_CHARS];
    char text[LIB_CALL_TEXT_BYTES];
};

struct lib_call {
    struct err_ring *ring; /* that was current before */
    bool *busy;
    struct smtptool_error **ret_error;
};

/* False: another call is using the handle; then *ret_error is set. busy may be NULL. */
bool lib_call_begin(struct lib_call *, bool *busy, struct smtptool_error **ret_error);
int lib_call_end(struct lib_call *, err); /* the kind of the err, which becomes the error */
/* The same with what a server said. */
int lib_call_end_with(struct lib_call *, const struct smtptool_error *);

/* For a call that did not begin. */
int lib_call_misuse(struct smtptool_error **ret_error, const char *what);
int lib_call_kind_of(err);
