#include "smtp/verdict.h"

const char *smtp_verdict_stage_name(enum smtp_stage stage)
{
    static const char *const names[] = {
        [SMTP_STAGE_CONNECT] = "connect",  [SMTP_STAGE_GREETING] = "greeting",
        [SMTP_STAGE_HELLO] = "EHLO",       [SMTP_STAGE_STARTTLS] = "STARTTLS",
        [SMTP_STAGE_AUTH] = "AUTH",        [SMTP_STAGE_MAIL] = "MAIL FROM",
        [SMTP_STAGE_RCPT] = "RCPT TO",     [SMTP_STAGE_DATA] = "DATA",
        [SMTP_STAGE_BODY] = "end of data",
    };
    ASSERT((size_t)stage < ARRAY_LEN(names));
    return names[stage];
}
