/* personality/post.h -- one message to one server, for programs that hand over and end
 *
 * The client (client/client.h) with a loop, a resolver and TLS of its own. Blocks.
 */
#pragma once
#include "client/client.h"

struct post {
    struct client_options options; /* resolver and tls are opened here */
    str ca_file;                   /* empty: the system's roots */
    struct client_mail mail;       /* content, envelope, arena and verdicts are the caller's */
};

/* The usual options: nothing is tried twice, the names of this machine count. */
void personality_post_init(struct post *, str hello, struct arena *);
/* The outcome is in the mail. An err: it could not begin (ERR_CONFIG: roots that cannot be read).
 */
must_use err personality_post_run(struct post *);

/* Something else on a loop with the same resolver: sessions of another kind. */
must_use err personality_post_with(struct post *, void (*entry)(void *arg), void *arg);

/* sysexits: 0, 67, 68, 69, 75, 76, 77. */
int personality_post_exit(enum client_outcome);
/* The reply that decided, of the recipient that stands worst; NULL: none came. */
const struct smtp_reply *personality_post_reply(const struct post *, size_t *ret_rcpt);
/* ERR_CONFIG: no address. *ret_envelope gets one more recipient; once is enough for each. */
must_use err personality_post_add_rcpt(struct envelope *, str address, struct arena *);
struct envelope *personality_post_envelope(struct arena *);
uint8_t personality_post_found(str content); /* enum envelope_found */
