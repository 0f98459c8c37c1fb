#include "smtp/answer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy(const char *text, char *ret_copy, size_t size)
{
    size_t len = strnlen(text, size - 1);
    memcpy(ret_copy, text, len);
    ret_copy[len] = '\0';
}

void smtp_answer_set(struct smtp_answer *a, int code, const char *enhanced, const char *text)
{
    a->code = code;
    a->close = false;
    copy(enhanced, a->enhanced, sizeof a->enhanced);
    copy(text, a->text, sizeof a->text);
}

void smtp_answer_setf(struct smtp_answer *a, int code, const char *enhanced, const char *fmt, ...)
{
    char text[SMTP_ANSWER_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    smtp_answer_set(a, code, enhanced, text);
}
