/* smtp/verdict.h -- what a server said of one recipient, and at which point of the conversation
 *
 * A verdict is plain data. What is to be done about it (next host, later, bounce) is decided
 * elsewhere: outbound/verdict.h.
 */
#pragma once
#include "smtp/reply.h"

enum smtp_stage {
    SMTP_STAGE_CONNECT,
    SMTP_STAGE_GREETING,
    SMTP_STAGE_HELLO,
    SMTP_STAGE_STARTTLS,
    SMTP_STAGE_AUTH,
    SMTP_STAGE_MAIL,
    SMTP_STAGE_RCPT,
    SMTP_STAGE_DATA, /* the reply to DATA itself */
    SMTP_STAGE_BODY, /* the reply to the final dot, or to BDAT */
};

enum { SMTP_VERDICT_TEXT_BYTES_MAX = 2000 }; /* of a reply: a server may say 64 KiB to each RCPT */

struct smtp_verdict {
    bool decided;
    enum smtp_stage stage;
    struct smtp_reply reply; /* texts in the arena that smtp_client_offer() was given; cut */
};

const char *smtp_verdict_stage_name(enum smtp_stage); /* "MAIL FROM", "end of data" */
