/* feedback/sent.h -- what left under which return path, for as long as a bounce may take (SQLite,
 * STATE/feedback/sent.db)
 *
 * A signed return path names a message and the place of a recipient in it; when the bounce comes
 * the message has left the queue. Here stands who it was. Written in batches and without a sync: a
 * power cut may lose the last seconds, and with them only that those bounces can be matched.
 *
 * Everything here blocks. Errs as for feedback/list.h.
 */
#pragma once
#include "base/arena.h"
#include "message/envelope.h"

enum { FEEDBACK_SENT_DROP_MAX = 20000 /* rows that are removed at once */ };
#define FEEDBACK_SENT_BYTES_MAX (8LL << 30)

/* Which way it left, as the shaper names it; empty: nobody knows. */
struct feedback_way {
    str egress, site, provider;
};
struct feedback_sent_row {
    str queue_id;
    uint32_t rcpt; /* its place in the message */
    uint32_t day;  /* since 1970 */
    str recipient, sender;
    struct envelope_flow flow;
    struct feedback_way way;
};

struct feedback_sent;
must_use err feedback_sent_open(const char *path, bool make, struct feedback_sent **ret_sent);
void feedback_sent_close(struct feedback_sent *); /* accepts NULL */
must_use err feedback_sent_add(struct feedback_sent *, const struct feedback_sent_row *const *rows,
                               size_t count);
/* Texts live in the arena. */
must_use err feedback_sent_find(struct feedback_sent *, str queue_id, uint32_t rcpt, struct arena *,
                                struct feedback_sent_row *ret_row, bool *ret_found);
/* Somebody has complained of it. *ret_first: for the first time. */
must_use err feedback_sent_complain(struct feedback_sent *, str queue_id, uint32_t rcpt,
                                    bool *ret_first);
/* How many recipients of each domain, all days together. sender: of mail from that domain, in small
 * letters; empty: of all. */
must_use err feedback_sent_domains(struct feedback_sent *, str sender,
                                   err (*each)(void *arg, str domain, int64_t count), void *arg);
/* Some of what is older goes; *ret_more: there is more of it. */
must_use err feedback_sent_drop(struct feedback_sent *, uint32_t before_day, bool *ret_more);
