/* client/session.h -- one connection to the server: made, greeted, private, logged in
 *
 * For the other files of this folder.
 */
#pragma once
#include "client/client.h"
#include "tlspolicy/decide.h"

/* One way in: where, and what must be had of TLS there. */
struct client_door {
    str host; /* for TLS, and to be told; as long-lived as the options or the session's arena */
    struct address address;
    bool implicit_tls;
    bool no_tls;                       /* not even when it is offered */
    enum tlspolicy_level level;        /* what must be had, beside that */
    const struct tlspolicy_dane *dane; /* with TLSPOLICY_DANE */
    int64_t connect_ms, wait_ms;       /* for the connection; for handshake and greeting, each */
};

/* A mail as it is offered, from before its envelope is said until all is known. */
struct client_offering {
    struct client_session *session;
    struct client_mail *mail;
    struct smtp_offer offer;
    struct smtp_verdict *verdicts;
    size_t *rcpts;
    size_t room; /* of both */
    str content; /* what was not read yet */
};

struct client_session {
    const struct client_options *options;
    struct smtp_client smtp;
    /* The mail whose envelope may go along with the end of the one that is offered; NULL: none. */
    struct client_mail *(*next_now)(struct client_session *);
    struct client_offering *offerings; /* two: this one, and the one ahead; NULL before the first */
    int offered;                       /* which of them is this one */
    struct arena *verdicts;            /* what they say, while a mail is offered */
    size_t verdict_room;               /* recipients it is large enough for */
    char address[ADDRESS_CHARS];       /* of the door, written out */
    bool open;
    bool reached;        /* a connection was had */
    struct arena *arena; /* of the door; lives as long as it is open */
    struct client_door door;
    struct client_times times; /* of what was done last */
    /* What the err that was returned means; CLIENT_SENT: nobody said, see client_outcome_of() */
    enum client_outcome outcome;
    int refused_code; /* of the reply that ended it; 0: none did */
    char refused_enhanced[CLIENT_ENHANCED_CHARS];
};

/* All of it; after an err it may still be open: client_session_close(). */
must_use err client_session_open(struct client_session *);
/* Two of its steps: EHLO, and the TLS that the door asks for. */
must_use err client_session_secure(struct client_session *);
void client_session_close(struct client_session *, bool politely); /* may be closed already */
void client_session_release(struct client_session *);              /* and says goodbye */
void client_session_forget_times(struct client_session *);

/* The err of a reply that ends the session. A 4xx is worth another attempt. */
must_use err client_session_refused(struct client_session *, const struct smtp_reply *,
                                    enum client_outcome);
void client_session_tell(const struct client_session *, const char *mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What an err says, for the user: with its place in the code when that is asked for. */
void client_session_explain(const struct client_session *, err, char *ret_text, size_t size);
