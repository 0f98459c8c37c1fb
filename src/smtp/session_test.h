/* smtp/session_test.h -- what tests of the server's session share: a backend that keeps all in
 * memory, and a client that says bytes and collects what comes back
 */
#pragma once
#include "smtp/server.h"

enum { SMTP_SESSION_TEST_REPLY_BYTES_MAX = 8 << 20, SMTP_SESSION_TEST_CONTENT_BYTES_MAX = 4 << 20 };

struct smtp_session_test {
    struct smtp_server_options options;
    struct buf content; /* of the message that is coming, then of the last one */
    struct buf replies; /* all that the client has read */
    int mails, rcpts, kept, resets, refusals;
    size_t mail_arena_used; /* at most, seen at RCPT */
    char accepted[200];     /* recipients of the last mail, a blank behind each; cut */
    str mechanisms;
    bool refuse_hello, refuse_begin, refuse_second_rcpt, tls_seen;
    bool fail_done;
    enum err_kind done_kind;
    /* how the client behaves */
    size_t piece;      /* bytes of one write; 0: all at once */
    bool piece_drawn;  /* piece is the most: how many is drawn for each write */
    int64_t pause_ms;  /* between two writes: what was written is read alone */
    bool stays;        /* does not end its side: waits for ours to close */
    bool deaf;         /* reads nothing until the server has gone */
    bool closed;       /* the server closed */
    int64_t lasted_ms; /* until then */
};

void smtp_session_test_init(struct smtp_session_test *);
void smtp_session_test_release(struct smtp_session_test *);
/* One connection of the listener, from its greeting to its end. */
void smtp_session_test_serve(struct smtp_session_test *, struct net_listener *);
/* In a simulation: one connection; counts and replies start anew. */
void smtp_session_test_talk(struct smtp_session_test *, str input);
/* The last code of each reply, one blank between two: "220 250 354 250". */
void smtp_session_test_codes(const struct smtp_session_test *, char *ret_codes, size_t size);
