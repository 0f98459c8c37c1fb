#include "smtp/answer.h"
#include <stdarg.h>
#include <stdio.h>

void smtp_answer_set(struct smtp_answer *a, int code, const char *enhanced, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    *a = (struct smtp_answer){.code = code};
    snprintf(a->enhanced, sizeof a->enhanced, "%s", enhanced);
    vsnprintf(a->text, sizeof a->text, fmt, args);
    va_end(args);
}
