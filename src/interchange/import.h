/* interchange/import.h -- what another program's file says about logins, as accounts of ours
 *
 * A reader makes accounts, and a note for every setting that does not come along: which line, and
 * what to do about it. Nothing is run and nothing asked while it reads. TLS never becomes less than
 * it was: where a file has none, the account has it, and a note says so.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    INTERCHANGE_FILE_BYTES_MAX = 1 << 20,
    INTERCHANGE_ACCOUNTS_MAX = 500,
    INTERCHANGE_NOTES_MAX = 1000,
    INTERCHANGE_ARENA_BYTES_MAX = 64 << 20, /* for a file and all that is made of it */
};

struct interchange_account {
    str name; /* as it is called there; may be no name of ours */
    size_t line;
    str server;        /* a URL of ours, which config_value_hop() takes */
    str user;          /* never empty */
    str secret;        /* a reference, or the password itself; empty: it is not there */
    bool secret_clear; /* it is the password itself */
    str mechanism;     /* empty: the best that is offered */
    str from;          /* the address that mail goes out as; may be empty */
    bool is_default;
};

struct interchange_note {
    str file; /* empty: the one that was given */
    size_t line;
    str option; /* as it is called there */
    str advice;
};

struct interchange_import {
    struct arena *arena; /* texts live there, also those of secrets */
    struct interchange_account *accounts;
    struct interchange_note *notes;
    size_t count, note_count;
    str file;        /* whose lines are read now, for notes; empty: the one that was given */
    str only;        /* the account, or netrc's machine, that alone is wanted; empty: all */
    bool home_netrc; /* a netrc is where "netrc:" looks, so its passwords may stay there */
    /* A file that this one includes. NULL: none is read. */
    err (*include)(void *arg, str path, struct arena *, str *ret_text);
    /* Does the netrc have a password for that login? NULL: nobody knows, and it is taken for so. */
    bool (*netrc_has)(void *arg, str host, str user);
    /* Is this a server of a provider that is known? NULL: nobody knows any. */
    bool (*known_host)(void *arg, str host);
    void *arg;
};

struct interchange_import_reader {
    const char *program; /* "msmtp" */
    err (*read)(struct interchange_import *, str text);
    /* Where its file is, below $XDG_CONFIG_HOME ("+") or the home ("~"); ends with NULL. */
    const char *const *places;
};
extern const struct interchange_import_reader interchange_import_table[];     /* ends with NULL */
const struct interchange_import_reader *interchange_import_find(str program); /* or NULL */

/* The rest of the struct stays as it is. */
void interchange_import_init(struct interchange_import *, struct arena *);

/* Of the same line and option, one. Above the maximum they are counted no more. */
void interchange_import_note(struct interchange_import *, size_t line, str option, const char *fmt,
                             ...) __attribute__((format(printf, 4, 5)));

/* What a file says about one server. */
struct interchange_import_server {
    enum { INTERCHANGE_TLS_NONE, INTERCHANGE_TLS_STARTTLS, INTERCHANGE_TLS_IMPLICIT } tls;
    str host;      /* a name or an address */
    uint64_t port; /* 0: not said */
    bool lmtp;
    size_t line; /* for notes, with the option that chose it */
    str option;
};
/* Its URL. False: it is none for an account, and a note says why. */
bool interchange_import_url(struct interchange_import *, const struct interchange_import_server *,
                            str *ret_url);
/* One account more. False, with a note: its user is missing or not clean, or there are too many. */
bool interchange_import_add(struct interchange_import *, const struct interchange_account *);
/* A mechanism as others call it: "scram-sha-256", "ANY". Empty: the best. False, with a note. */
bool interchange_import_mechanism(struct interchange_import *, size_t line, str option, str word,
                                  str *ret_mechanism);
