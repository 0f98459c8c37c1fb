/* feedback/arrival.h -- what came to a return path of ours, or to an address of feedback loops
 *
 * A bounce is believed because it came to an address that only its own mail carried; a complaint,
 * too, or because it holds such an address. Whom it is about says our own signature, never a word
 * of the notice: so whoever can make something up can do it to himself alone (attacks 101, 107).
 */
#pragma once
#include "feedback/feedback.h"
#include "outcome/notice.h"

enum {
    FEEDBACK_ARRIVAL_BYTES_MAX = 512 << 10, /* what is looked at of a notice */
};

struct feedback_arrival {
    enum outcome_notice_kind kind;
    bool matched; /* there is a signed return path, and we know what left under it */
    struct feedback_sent_row row; /* when matched */
    struct outcome outcome;       /* of NOTICE_FAILED and NOTICE_DELAYED */
    str said, feedback_type;      /* their words */
};

/* Is it one of bounces.complaints? */
bool feedback_arrival_is_complaints(const struct config *, str address);

struct feedback_arriving {
    const struct feedback_path *path; /* NULL: it came to an address of feedback loops */
    str sender, content;
};
/* Read it, match it, and draw the consequences: when this is done they are on the disk. Texts live
 * in the arena. Waits for a job. */
must_use err feedback_arrival_take(struct feedback *, const struct feedback_arriving *,
                                   struct arena *, struct feedback_arrival *ret_arrival,
                                   deadline until);
