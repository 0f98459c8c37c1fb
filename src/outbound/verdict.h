/* outbound/verdict.h -- what a refusal or a failure means for a recipient
 *
 * Pure: a table (docs/delivery.md shows it to operators). A reply or an err goes in, what is to be
 * done comes out, with the status to tell. A refusal is data; an err never erases a verdict.
 */
#pragma once
#include "smtp/client.h"

enum outbound_verdict_action {
    OUTBOUND_DONE = 1,    /* delivered */
    OUTBOUND_NEXT_HOST,   /* another host at once; when none is left: wait */
    OUTBOUND_CLEAR_ONCE,  /* the same host once more, without TLS */
    OUTBOUND_AGAIN_NOW,   /* this host, in a new transaction */
    OUTBOUND_DEFER,       /* wait; no other host at once */
    OUTBOUND_FAIL,        /* for good */
    OUTBOUND_PAUSE_ROUTE, /* our login is wrong: nobody's mail is tried, none is given up */
};

enum { OUTBOUND_VERDICT_STATUS_BYTES = 12 }; /* "5.999.999" and NUL */

struct outbound_verdict {
    enum outbound_verdict_action action;
    char status[OUTBOUND_VERDICT_STATUS_BYTES]; /* of the class that the action has */
    struct smtp_reply reply;                    /* code 0: nobody answered */
    enum smtp_stage stage;                      /* which command that reply was to */
    str reason;                                 /* then: our own words */
    bool unsure; /* the content was sent whole and is unanswered: it may have arrived */
    bool ours;   /* our address or our proxy failed: no host is to blame, and none is named */
};

/* In what situation it happened. */
struct outbound_verdict_facts {
    enum smtp_stage stage;
    bool tls_required;
    bool others_accepted; /* this transaction has accepted recipients */
    bool after_dot;       /* the content was sent whole and is unanswered */
};

/* Of a reply: at the end of the data any, before that one that refuses. Texts are borrowed. */
struct outbound_verdict outbound_verdict_of_reply(const struct outbound_verdict_facts *,
                                                  const struct smtp_reply *);
/* Of an err, which is not ERR_CANCELED. Its description goes into the arena. */
struct outbound_verdict outbound_verdict_of_err(const struct outbound_verdict_facts *, err,
                                                struct arena *);
/* Of what we found out ourselves: the text is borrowed. */
struct outbound_verdict outbound_verdict_of_ours(enum outbound_verdict_action, const char *status,
                                                 str reason);

/* An err's description without the place in the source: senders read it. */
str outbound_verdict_without_place(str text);

/* "550 5.1.1 No such user", or the reason; in the arena. */
str outbound_verdict_text(const struct outbound_verdict *, struct arena *);
