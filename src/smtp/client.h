/* smtp/client.h -- the client's side of SMTP and LMTP (RFC 5321, 2033)
 *
 * One connection: greet, say hello, STARTTLS, log in, then offer mails one after another. What the
 * server refuses is data: a verdict for each recipient. An err means that the conversation cannot
 * go on; verdicts that were received before it stay valid.
 */
#pragma once
#include "message/envelope.h"
#include "runtime/net.h"
#include "runtime/tls_dane.h"
#include "smtp/capabilities.h"
#include "smtp/refusal.h"
#include "smtp/verdict.h"

enum {
    SMTP_CLIENT_ARENA_BYTES_MAX = 8 << 20,
    SMTP_CLIENT_RCPTS_AT_ONCE = 100,        /* so that neither side's buffers can fill up */
    SMTP_CLIENT_CHUNK_BYTES = 1 << 20,      /* of one BDAT */
    SMTP_CLIENT_BDAT_FROM_BYTES = 64 << 10, /* smaller bodies go by DATA, in one round trip */
};

struct smtp_client_timeouts { /* milliseconds */
    int64_t greeting, command, rcpt, data_init, data_block, data_done;
};

struct smtp_client_options {
    str hello; /* our name */
    bool lmtp;
    struct smtp_client_timeouts timeouts;
    /* Every line, without CRLF and without secrets; NULL: nobody listens. mark: "->", "<-", "==" */
    void (*transcript)(void *arg, const char *mark, str line);
    void *transcript_arg;
};

enum {
    SMTP_CLIENT_SAID_BYTES = 17,
    SMTP_CLIENT_REPEAT_BYTES_MIN = 4, /* shorter ones stand in any text by chance */
};

struct smtp_client {
    struct net_conn *conn;
    struct smtp_client_options options;
    struct arena *arena;   /* what the server said at hello lives here */
    struct arena *replies; /* the last reply of a transaction, whole */
    struct smtp_capabilities capabilities;
    struct smtp_reply last; /* the last reply had; good until the next call, for telling why */
    enum smtp_stage stage;
    deadline until; /* no wait goes past it: DEADLINE_NEVER unless somebody sets it */
    bool esmtp;
    bool after_dot; /* the content was sent whole and no reply has come: nobody knows */
    int mails;
    const struct smtp_offer *ahead; /* whose envelope was said: nothing else may be offered */

    str secret; /* while a login goes on: what no reply may repeat into a log or transcript */
    char said[SMTP_CLIENT_SAID_BYTES]; /* how the last line in base64 began */
};

/* The connection becomes the client's. The options' texts must outlive it. */
void smtp_client_init(struct smtp_client *, struct net_conn *, const struct smtp_client_options *);
void smtp_client_release(struct smtp_client *); /* closes the connection */

/* Each gives the reply; a refusal (4xx, 5xx) is a reply. hello says EHLO (LHLO for LMTP) and, when
 * a server does not know it, HELO; it fills capabilities. */
must_use err smtp_client_greeting(struct smtp_client *, struct smtp_reply *ret_reply);
must_use err smtp_client_hello(struct smtp_client *, struct smtp_reply *ret_reply);

/* After a 220 the handshake follows, and capabilities are forgotten: say hello again. ERR_PROTOCOL
 * when bytes wait behind the 220 (they would pass as said inside TLS), ERR_TLS. */
must_use err smtp_client_starttls(struct smtp_client *, struct tls_client *, str server_name,
                                  enum tls_verify, struct smtp_reply *ret_reply);
/* The same with a certificate that the DNS vouches for. */
must_use err smtp_client_starttls_dane(struct smtp_client *, struct tls_client *,
                                       const struct tls_dane *, struct smtp_reply *ret_reply);

struct smtp_client_login {
    str user, secret;
    bool token;    /* the secret is an OAuth token */
    str mechanism; /* empty: the best that is offered */
    str host;      /* OAUTHBEARER names it */
    uint16_t port;
};
/* ERR_CONFIG: no mechanism that both sides have. */
must_use err smtp_client_login(struct smtp_client *, const struct smtp_client_login *,
                               struct smtp_reply *ret_reply);

struct smtp_offer {
    const struct envelope *envelope;
    const size_t *rcpts; /* indexes into envelope->rcpts */
    size_t rcpt_count;
    bool needs_smtputf8; /* for these recipients: smtp_client_needs_smtputf8() */
    bool requiretls;     /* handed on as such (RFC 8689) */
    uint64_t size;       /* of the body */
    uint8_t found;       /* enum envelope_found, of the body with its trace fields */
    /* The next piece of the body, empty at its end. */
    err (*read)(void *body, str *ret_piece, deadline);
    void *body;
    /* Asked when the end of the content goes out, of a server with PIPELINING: the mail that is
     * offered next, so that its envelope goes along (RFC 2920 section 3.1) and both have one round
     * trip. smtp_client_check() must have passed it. NULL: nobody is asked, or there is none. */
    const struct smtp_offer *(*next)(void *body);
    str once;         /* for a server that keeps keys (XONCE): the same mail has the same one */
    bool ask_to_hold; /* pass envelope->not_before_ms on: the server is to wait, not we */
};

/* Can this server take it at all? NULL, or 5.6.3, 5.6.7, 5.3.4, 5.7.30 (smtp-rules: what a message
 * needs); 5.3.3: it does not know BY=…;R or, asked to, FUTURERELEASE; 5.4.7: too late for BY. */
smtp_refusal smtp_client_check(const struct smtp_client *, const struct smtp_offer *);
bool smtp_client_needs_smtputf8(const struct envelope *, const struct envelope_rcpt *);

/* One transaction. verdicts[i] belongs to rcpts[i]; each is set as soon as it is known. A 421
 * before the dot ends it with ERR_CLOSED and leaves the unanswered undecided. */
must_use err smtp_client_offer(struct smtp_client *, const struct smtp_offer *, struct arena *,
                               struct smtp_verdict *verdicts);

/* MAIL FROM:<>, RCPT TO:<address>, RSET: does the server take this recipient? The reply is the one
 * to RCPT. ERR_PROTOCOL: MAIL was refused, so nothing is known of the recipient. */
must_use err smtp_client_ask(struct smtp_client *, str address, struct arena *,
                             struct smtp_reply *ret_reply, deadline until);
/* Politely, without waiting long; not a word where one envelope was said ahead: the server may be
 * waiting for its content. */
void smtp_client_quit(struct smtp_client *);
