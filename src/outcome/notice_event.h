/* outcome/notice_event.h -- what a sending service tells in JSON (Amazon SES, by mail of SNS)
 *
 * Services that send for others turn bounces into events. This is the form of the one that also
 * sends them by mail: an object, perhaps inside the "Message" of another, with a list of
 * recipients.
 */
#pragma once
#include "outcome/notice.h"

struct outcome_notice_event {
    enum outcome_notice_kind kind;
    str addresses[OUTCOME_NOTICE_RCPTS_MAX];
    str diagnostics[OUTCOME_NOTICE_RCPTS_MAX]; /* the replies, or empty */
    str statuses[OUTCOME_NOTICE_RCPTS_MAX];
    size_t rcpt_count;
    str original_id, feedback_type;
};

/* False: the text is nothing of the kind. Texts live in the arena. */
bool outcome_notice_event_read(str text, struct arena *, struct outcome_notice_event *ret_event);
