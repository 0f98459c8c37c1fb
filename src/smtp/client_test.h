/* smtp/client_test.h -- what tests of the client's session share: a server that says bytes,
 * whatever it is asked, and a client that goes all its way and notes what it heard
 */
#pragma once
#include "base/buf.h"

enum {
    SMTP_CLIENT_TEST_HEARD_BYTES_MAX = 4 << 20,
    SMTP_CLIENT_TEST_TOLD_BYTES_MAX = 4 << 20,
};

/* What the client wants of the server: bits of one byte, so that a fuzzer can choose. */
enum smtp_client_test_wish {
    SMTP_CLIENT_TEST_LMTP = 1,
    SMTP_CLIENT_TEST_LOGIN = 2,
    SMTP_CLIENT_TEST_LOGIN_SECOND = 4, /* which mechanism: three bits with the next two */
    SMTP_CLIENT_TEST_LOGIN_THIRD = 8,
    SMTP_CLIENT_TEST_LARGE = 16,  /* a body that goes by BDAT where it can */
    SMTP_CLIENT_TEST_BINARY = 32, /* and one that must */
    SMTP_CLIENT_TEST_ASK = 64,
    SMTP_CLIENT_TEST_UTF8 = 128,
};

struct smtp_client_test {
    unsigned wishes;
    size_t piece;     /* of what the server says; each is read alone; 0: all at once */
    bool piece_drawn; /* piece is the most: how many is drawn for each */
    struct buf heard; /* by the server */
    struct buf told;  /* replies, verdicts, errs: one line each */
};

void smtp_client_test_init(struct smtp_client_test *);
void smtp_client_test_release(struct smtp_client_test *);
/* In a simulation: greeting, hello, login, two mails, a question, goodbye, as far as it goes. */
void smtp_client_test_talk(struct smtp_client_test *, str says);
