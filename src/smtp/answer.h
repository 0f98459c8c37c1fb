/* smtp/answer.h -- what the server will say to a command: one line, decided behind the protocol
 *
 * A value that is filled in on the way: code, enhanced status and a text of ours. What the client
 * sent is never repeated in it.
 */
#pragma once
#include <stdbool.h>

enum { SMTP_ANSWER_TEXT_BYTES = 240 };

struct smtp_answer {
    int code;
    char enhanced[12];
    char text[SMTP_ANSWER_TEXT_BYTES];
    bool close; /* after this reply the connection ends */
};
/* The text is cut when it is too long; close is set to false. */
void smtp_answer_set(struct smtp_answer *, int code, const char *enhanced, const char *text);
void smtp_answer_setf(struct smtp_answer *, int code, const char *enhanced, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static inline bool smtp_answer_ok(const struct smtp_answer *a) { return a->code / 100 <= 3; }
