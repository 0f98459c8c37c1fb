/* interchange/way.h -- one account, made ready to be written for another program
 *
 * Every value is clean when it is here (interchange/quote.h), its host is a name or an IPv4
 * address, and its TLS is what the account's is: what a program could only do with less is refused
 * in its writer. A way that takes TLS when it is offered is written as one that must have it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"

struct interchange_way {
    str label; /* the account's name, as it may stand in comments and names of others */
    str host;
    uint16_t port;
    bool implicit_tls;
    bool clear;        /* no TLS at all: this machine, or no login */
    str user;          /* empty: no login, and then no secret */
    str mechanism;     /* empty: the best that is offered */
    bool token;        /* what it logs in with is a token, not a password */
    str secret;        /* the reference */
    str command;       /* prints the secret; empty: it is in the variable */
    str variable;      /* where a program of one's own takes it from */
    str from;          /* the address to write as; may be empty */
    str ca_file;       /* empty: the system's */
    bool strengthened; /* the account takes TLS when it is offered */
};

/* The account's first server that speaks SMTP. from and ca_file may be empty. ERR_CONFIG says what
 * another program cannot be told. Texts live in the arena. */
must_use err interchange_way_of(const struct config_account *, str from, str ca_file,
                                struct arena *, struct interchange_way *ret_way);

/* Refuse, with a sentence, a mechanism that the program does not speak: words are those it does,
 * "PLAIN LOGIN XOAUTH2". Of a token without a mechanism, XOAUTH2. */
must_use err interchange_way_check(const struct interchange_way *, const char *program,
                                   const char *words);
/* For what sends a mail by itself: an address to write as must be known. */
must_use err interchange_way_check_from(const struct interchange_way *);
/* The mechanism to name; empty: none. */
str interchange_way_mechanism(const struct interchange_way *);
/* "# SMTP_PASSWORD=\"$(cat /x)\" node mail.js": how the variable gets its value, as a comment. The
 * line of a command that its language's comments could not hold is left out. */
must_use err interchange_way_hint(const struct interchange_way *, const char *comment,
                                  const char *then, struct buf *out);
