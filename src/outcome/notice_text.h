/* outcome/notice_text.h -- whom a bounce names in words, and what it says of each
 *
 * Line by line, up to where the returned message begins. A recipient is an address that begins a
 * line and stands for itself, one that ends a line which speaks of a recipient, or one in a
 * transcript of the conversation.
 */
#pragma once
#include "outcome/notice.h"

struct outcome_notice_text_rcpt {
    str address;
    str said; /* what follows the address, blanks made one */
    bool stage_known;
    enum smtp_stage stage;
};

struct outcome_notice_text {
    struct outcome_notice_text_rcpt *rcpts;
    size_t rcpt_count, left_out;
    str before;      /* what stands in front of the first recipient */
    str fields;      /* from "Final-Recipient:" or the like on, when those stand in the text */
    str original_id; /* a Message-ID in the text or in what follows it */
    str original_to; /* a To field there, as it stands */
    bool says_undelivered; /* a sentence says of a recipient that delivery failed */
    str refusal;           /* the last one of a transcript, as it came */
    bool stage_known;
    enum smtp_stage stage; /* of the refusal */
};

/* own: the address that the notice was sent to; at the head of a sentence it is no recipient. */
void outcome_notice_text_read(str text, str own, struct arena *,
                              struct outcome_notice_text *ret_text);

/* Which command the words speak of: "in reply to RCPT TO command", "[MAIL_FROM]". */
bool outcome_notice_text_stage(str said, struct arena *, enum smtp_stage *ret_stage);
