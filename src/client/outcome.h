/* client/outcome.h -- what became of a mail, in one word
 *
 * It says what to do now; why it is so stands in the verdicts and in the mail's why.
 */
#pragma once
#include "base/err.h"

enum client_outcome {
    CLIENT_SENT,       /* all recipients were accepted */
    CLIENT_LATER,      /* a 4xx or no connection, and the retries are used up */
    CLIENT_NO_USER,    /* a recipient was refused for good */
    CLIENT_REFUSED,    /* refused for good, but not for the recipient */
    CLIENT_NO_HOST,    /* the server's name has no address */
    CLIENT_NO_CHANNEL, /* no trusted channel, or no SMTP */
    CLIENT_NO_LOGIN,   /* the login was refused, or no mechanism fits */
    CLIENT_OUTCOMES,
};

const char *client_outcome_name(enum client_outcome); /* "sent", "later", "no_user" ... */
/* Of two: what a user wants to hear of both. A final one counts more than one for now, the first
 * one more than the next. */
enum client_outcome client_outcome_worse(enum client_outcome, enum client_outcome next);
/* Of an err that no reply explains. CLIENT_LATER: it may do better another time. */
enum client_outcome client_outcome_of(err);
