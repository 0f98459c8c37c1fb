/* message/lint_rules.h -- the table of message/lint.h: rules, and what sets each of them off */
#pragma once
#include "message/lint.h"

/* Rules that code decides. Those behind LINT_FLAGGED come from a flag of a parser. */
enum message_lint_rules_id {
    LINT_NO_FROM,
    LINT_NO_DATE,
    LINT_NO_MESSAGE_ID,
    LINT_TWICE,
    LINT_BAD_FROM,
    LINT_BAD_ADDRESS,
    LINT_NO_SENDER,
    LINT_BAD_DATE,
    LINT_ODD_DATE,
    LINT_WRONG_WEEKDAY,
    LINT_FAR_DATE,
    LINT_BAD_MESSAGE_ID,
    LINT_BCC,
    LINT_RETURN_PATH,
    LINT_NO_RECIPIENT,
    LINT_NO_SUBJECT,
    LINT_LONG_HEADER_LINE,
    LINT_WIDE_HEADER_LINE,
    LINT_WORD_IN_ADDRESS,
    LINT_UNSUBSCRIBE,
    LINT_REPLY_TO_ELSEWHERE,
    LINT_UNALIGNED_SENDER,
    LINT_UNALIGNED_SIGNATURE,
    LINT_NO_CHARSET,
    LINT_UNKNOWN_CHARSET,
    LINT_WRONG_CHARSET,
    LINT_HTML_ONLY,
    LINT_UNUSED_IMAGE,
    LINT_8BIT_BODY,
    LINT_BINARY_BODY,
    LINT_LONG_BODY_LINE,
    LINT_NO_FINAL_LINE_END,
    LINT_FLAGGED,
};

struct message_lint_rules_row {
    struct message_lint_rule rule;
    uint8_t field, word; /* enum message_field_flag, message_encoded_word_flag */
    uint8_t decode;      /* enum message_decode_flag */
    uint16_t param;      /* enum message_param_flag */
    uint32_t mime;       /* enum message_mime_flag */
};
extern const struct message_lint_rules_row message_lint_rules_table[];
extern const size_t message_lint_rules_count;
