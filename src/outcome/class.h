/* outcome/class.h -- what can become of a mail, and what each of it asks for
 *
 * A class is the answer to "why": it is the same whether a server said it in a reply or a bounce
 * told it days later. Beside it stands whose trouble it is and what to do about it. What is known
 * of one reply (temporary or not, certain or not) is outcome/reply.h.
 */
#pragma once
#include "base/str.h"

enum outcome_class {
    OUTCOME_DELIVERED,
    OUTCOME_BAD_MAILBOX,      /* the domain is right, nobody of that name is there */
    OUTCOME_MOVED,            /* was there once, and is no longer */
    OUTCOME_BAD_DOMAIN,       /* no such domain, or none that mail can be sent to */
    OUTCOME_NO_MAIL,          /* the domain takes no mail at all: null MX (RFC 7505), 521 */
    OUTCOME_DISABLED_MAILBOX, /* is there, and takes no mail now */
    OUTCOME_MAILBOX_FULL,
    OUTCOME_FILTERED, /* unknown, or refused by the recipient: said only after the content */
    OUTCOME_GREYLIST,
    OUTCOME_RATE,                 /* too much mail, or too fast */
    OUTCOME_TOO_MANY_CONNECTIONS, /* at once */
    OUTCOME_TOO_MANY_RECIPIENTS,  /* in one mail */
    OUTCOME_BLOCKED_IP,           /* the address that we send from */
    OUTCOME_REVERSE_DNS,          /* the name of that address is missing or does not agree */
    OUTCOME_BLOCKED_SENDER,       /* the sender's address or domain */
    OUTCOME_AUTH,                 /* SPF, DKIM or DMARC */
    OUTCOME_SPAM,                 /* the content looks like spam */
    OUTCOME_VIRUS,                /* the content looks dangerous */
    OUTCOME_POLICY,               /* a rule of theirs, and no more is said */
    OUTCOME_RELAY,                /* not a server for that recipient */
    OUTCOME_LOGIN,                /* a login is missing or wrong */
    OUTCOME_TLS,
    OUTCOME_CONTENT, /* malformed, or of a kind they cannot take */
    OUTCOME_TOO_BIG,
    OUTCOME_LOOP,
    OUTCOME_PROTOCOL, /* a command was not understood, or came at the wrong time */
    OUTCOME_DNS,      /* a question to the DNS was not answered */
    OUTCOME_NETWORK,  /* no connection, or it broke */
    OUTCOME_SYSTEM,   /* their server is in trouble */
    OUTCOME_EXPIRED,  /* tried for as long as it is tried, and given up */
    OUTCOME_TRANSIENT_OTHER,
    OUTCOME_PERMANENT_OTHER,
    OUTCOME_CLASSES
};

/* Whose trouble it is: who can change it. */
enum outcome_whose {
    OUTCOME_NOBODYS,
    OUTCOME_RECIPIENTS,
    OUTCOME_OUR_CONTENT,
    OUTCOME_OUR_ADDRESS, /* the one that we send from, and how much it sends */
    OUTCOME_OUR_DOMAIN,  /* the sender's */
    OUTCOME_OUR_SETUP,
    OUTCOME_THEIR_SERVER,
    OUTCOME_THE_NETWORK,
    OUTCOME_UNKNOWN_WHOSE
};

enum outcome_advice {
    OUTCOME_NOTHING,
    OUTCOME_SUPPRESS,          /* send nothing there again */
    OUTCOME_SUPPRESS_IF_AGAIN, /* not when it happens once more */
    OUTCOME_RETRY,             /* later, as usual */
    OUTCOME_SLOW_DOWN,         /* fewer messages or connections for a while */
    OUTCOME_PAUSE_SITE,        /* nothing to that site from this address until it is mended */
    OUTCOME_FIX_AUTH,          /* SPF, DKIM, DMARC */
    OUTCOME_FIX_REVERSE_DNS,
    OUTCOME_FIX_SENDER,
    OUTCOME_FIX_CONTENT,
    OUTCOME_FIX_LOGIN,
    OUTCOME_FIX_TLS,
    OUTCOME_FIX_ROUTE,
    OUTCOME_CONTACT /* ask those who run that server */
};

struct outcome_class_facts {
    const char *name; /* "bad_mailbox": for events and programs; never changes */
    bool dead;        /* when it is certain and not temporary, nothing will ever arrive there */
    enum outcome_whose whose;
    enum outcome_advice advice;
    const char *meaning; /* a sentence for people */
};

const struct outcome_class_facts *outcome_class_of(enum outcome_class);
bool outcome_class_find(str name, enum outcome_class *ret_class);

const char *outcome_class_whose(enum outcome_whose);   /* "our_content" */
const char *outcome_class_advice(enum outcome_advice); /* "fix_auth" */
const char *outcome_class_to_do(enum outcome_advice);  /* a sentence for people */
