/* oauth/entry.h -- one login that was made: what is kept of it, and when its token is renewed
 *
 * Kept as one JSON object, sealed (oauth/store.h). Times are of this machine: a token's life counts
 * from when it came here, so a provider's clock does not matter.
 */
#pragma once
#include "base/buf.h"
#include "oauth/answer.h"
#include "oauth/provider.h"

enum {
    OAUTH_ENTRY_NAME_CHARS = 64,
    OAUTH_ENTRY_BYTES_MAX = 48 * 1024,
    OAUTH_ENTRY_EARLY_MS = 5 * 60 * 1000, /* before its end a token is renewed, … */
    OAUTH_ENTRY_EARLY_PERCENT = 10, /* or when this much of its life is left, if that is less */
};

enum oauth_entry_flow { OAUTH_FLOW_DEVICE, OAUTH_FLOW_LOOPBACK, OAUTH_FLOW_CLIENT };

struct oauth_entry {
    str provider; /* a key of the table, or the issuer's URL */
    str token, revoke;
    str client_id, client_secret_ref; /* a reference, or empty: a public client */
    bool basic;
    str scopes; /* as asked for */
    str user;   /* whose mailbox, or empty */
    str ca_file;
    enum oauth_entry_flow flow;

    str access, refresh, granted;
    int64_t got_ms, ends_ms; /* real time */
    int64_t login_ms;        /* when the user was there last */
    int64_t tried_ms;        /* the last refresh, whatever came of it */
    str trouble;             /* why that one failed; empty: it did not */
    bool login_again;        /* it never will: the user has to log in */
};

/* Letters, digits, ".", "-", "_" and "@"; it is part of a file's name. */
bool oauth_entry_name_ok(str name);

must_use err oauth_entry_write(const struct oauth_entry *, struct buf *out);
/* Texts live in the arena. ERR_DAMAGED */
must_use err oauth_entry_read(str json, struct arena *, struct oauth_entry *ret_entry);

/* The token is to be renewed now, or before it is used. A clock that went back makes it due. */
bool oauth_entry_is_due(const struct oauth_entry *, int64_t now_ms);
int64_t oauth_entry_due_ms(const struct oauth_entry *);
bool oauth_entry_is_over(const struct oauth_entry *, int64_t now_ms);
/* What was granted takes its place; a refresh token that was not sent anew stays (RFC 6749 section
 * 6). The answer's texts must outlive the entry. */
void oauth_entry_take(struct oauth_entry *, const struct oauth_token_answer *, int64_t now_ms);

const char *oauth_entry_flow_name(enum oauth_entry_flow);
