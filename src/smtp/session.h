/* smtp/session.h -- one conversation with a client, and the seam to what stands behind it
 *
 * smtp/server.h speaks the protocol; whether a peer, a login, a sender or a recipient is welcome
 * and what becomes of a message is the backend's decision (inbound/). A backend function answers
 * by filling in its smtp_answer: a refusal is an answer, not an err. An err means trouble of ours:
 * the client hears 451 and the session goes on, unless the connection is gone.
 */
#pragma once
#include "runtime/net.h"
#include "runtime/tls.h"
#include "smtp/answer.h"
#include "smtp/command.h"
#include "smtp/line.h"
#include "smtp/scan.h"

struct smtp_session;

enum {
    SMTP_SESSION_HELLO_BYTES = 256,
    SMTP_SESSION_ARENA_BYTES_MAX = 256 * 1024,
    SMTP_SESSION_MAIL_ARENA_BYTES_MAX = 24 << 20, /* see the static_assert in server.c */
    SMTP_SESSION_COMMAND_ARENA_BYTES_MAX = 128 * 1024,
};

struct smtp_backend {
    /* May this peer talk to us? 220, or 421/554. */
    err (*greet)(struct smtp_session *, struct smtp_answer *, deadline);
    /* After EHLO or HELO; the name is in session->hello. After a refusal all is as it was. */
    err (*hello)(struct smtp_session *, struct smtp_answer *, deadline);
    /* The mechanisms to offer now, blank between two; "" or NULL: none. */
    const char *(*mechanisms)(struct smtp_session *);
    /* Offer XONCE now? Asked where options->once is set only; NULL: yes. */
    bool (*offers_once)(struct smtp_session *);
    /* Hold the login dialog (smtp_server_challenge) and say 235, 535, 454 …; sets session->login.
     */
    err (*login)(struct smtp_session *, str mechanism, const str *initial, struct smtp_answer *,
                 deadline);
    /* The mail's texts live in mail_arena. */
    err (*mail)(struct smtp_session *, const struct smtp_mail *, struct smtp_answer *, deadline);
    /* The recipient's texts live in command_arena: what is kept is copied to mail_arena, so that
     * refused recipients, of which there may be any number, cost nothing. */
    err (*rcpt)(struct smtp_session *, const struct smtp_rcpt *, struct smtp_answer *, deadline);
    /* The content begins: 354 for "go on" (also before the first chunk of BDAT), or a refusal. */
    err (*begin)(struct smtp_session *, struct smtp_answer *, deadline);
    err (*content)(struct smtp_session *, str run, deadline);
    /* All of it was there and well-formed. The answer stands for all recipients. ERR_TIMEOUT and
     * ERR_CANCELED: it may be kept or not, so the client hears nothing and must ask again. Any
     * other: it was not kept, which the client hears as 452 when space is short, else as 451. */
    err (*done)(struct smtp_session *, const struct smtp_scan *, struct smtp_answer *, deadline);
    /* The transaction is over, however it ended. Never waits; called for each begun one. */
    void (*reset)(struct smtp_session *);
    /* A command was refused or the session ended: for events. May be NULL. */
    void (*refused)(struct smtp_session *, const char *verb, int code, const char *enhanced,
                    str text);
};

struct smtp_server_options {
    str hostname;
    struct tls_server *tls; /* NULL: STARTTLS is not offered */
    bool tls_required;      /* nothing but EHLO, NOOP, STARTTLS and QUIT before TLS */
    bool login_offered, login_required;
    uint64_t message_bytes_max;
    int recipients_max;
    bool once;             /* XONCE is known; where logins are offered, to who has logged in */
    int64_t hold_ms_max;   /* HOLDFOR and HOLDUNTIL (RFC 4865), for who has logged in; 0: none */
    int messages_max;      /* on one connection; 0: no limit */
    int junk_commands_max; /* between two messages: NOOP and the like, and whatever got a 5xx */
    int64_t command_ms, data_ms, done_ms;
    int bytes_per_second_min;
};

enum smtp_phase {
    SMTP_PHASE_NEW = 1,   /* no EHLO yet, or none since TLS began */
    SMTP_PHASE_READY = 2, /* between two mails */
    SMTP_PHASE_MAIL = 4,  /* MAIL was accepted, no RCPT yet */
    SMTP_PHASE_RCPT = 8,
    SMTP_PHASE_CHUNKS = 16, /* between two BDATs */
    SMTP_PHASE_DEAD = 32,   /* a BDAT failed: only RSET, EHLO or QUIT lead out (smtp-rules) */
    SMTP_PHASE_CLOSED = 64,
};

struct smtp_session {
    struct net_conn *conn;
    const struct smtp_server_options *options;
    const struct smtp_backend *backend;
    void *context; /* the backend's own */

    enum smtp_phase phase;
    bool esmtp;
    char hello[SMTP_SESSION_HELLO_BYTES]; /* canonical; empty before EHLO */
    str login;                            /* empty: nobody; lives in arena */
    struct arena *arena;                  /* as long as the session; NULL until needed */

    struct arena *command_arena; /* as long as the command; NULL between two */
    struct arena *mail_arena;    /* as long as the mail; NULL between two */
    struct smtp_mail mail;
    int rcpt_count;
    uint64_t content_bytes; /* handed to the backend or thrown away */
    struct smtp_scan scan;
    struct smtp_answer failure; /* code != 0: what the content will be refused with */
    bool begun, spoke_early;
    bool wordless; /* the connection ends, and nothing more may be said on it */

    int messages, junk_commands;
    struct smtp_line_reader lines;
};
