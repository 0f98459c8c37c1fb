/* outcome/notice.h -- what came back: bounces, complaints, answers of machines
 *
 * A notification made for programs (RFC 3464) is read as such. Most systems also tell it in words,
 * many in words alone, each in its own; those are read by what they have in common: an address that
 * stands for itself, and near it a reply or a sentence that outcome/rule.h knows. Who the message
 * is from is not proved by any of it: a bounce that is to have consequences must have come to an
 * address that only its own mail carried (outcome/verp.h).
 */
#pragma once
#include "outcome/reply.h"

enum outcome_notice_kind {
    NOTICE_NONE, /* something else: mail of a person, for instance */
    NOTICE_FAILED,
    NOTICE_DELAYED,     /* it is still being tried */
    NOTICE_DELIVERED,   /* a success that was asked for */
    NOTICE_COMPLAINT,   /* "this is spam" (RFC 5965) */
    NOTICE_UNSUBSCRIBE, /* no more, please */
    NOTICE_AUTO_REPLY,  /* on holiday: a machine answered, it is no bounce */
    NOTICE_KINDS
};

enum {
    OUTCOME_NOTICE_BYTES_MAX = 4 << 20,        /* of the message that is looked at */
    OUTCOME_NOTICE_TEXT_BYTES_MAX = 64 << 10,  /* of what is told in words */
    OUTCOME_NOTICE_HTML_BYTES_MAX = 256 << 10, /* of a notice in HTML alone */
    OUTCOME_NOTICE_RCPTS_MAX = 200,
    OUTCOME_NOTICE_SAID_BYTES_MAX = 2000, /* of what is told of one recipient */
    OUTCOME_NOTICE_ARENA_BYTES = 64 << 20,
};

struct outcome_notice_rcpt {
    str address; /* as the notice has it; for an answer: who answers */
    enum outcome_notice_kind kind;
    struct outcome_reply reply;
    struct outcome outcome;
    str said; /* the words that the reply was found in */
};

struct outcome_notice {
    enum outcome_notice_kind kind; /* the worst of its recipients */
    struct outcome_notice_rcpt *rcpts;
    size_t rcpt_count, left_out;
    str original_id; /* the Message-ID of what it is about, or empty */
    str reporting_mta, envid;
    str feedback_type; /* of a complaint */
};

/* Never refuses: what it cannot make out is NOTICE_NONE. The arena has OUTCOME_NOTICE_ARENA_BYTES;
 * texts live in it. */
void outcome_notice_read(str message, struct arena *, struct outcome_notice *ret_notice);
const char *outcome_notice_kind_name(enum outcome_notice_kind); /* "failed" */
