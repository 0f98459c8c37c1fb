/* feedback/list.h -- addresses that nothing is sent to any more, in SQLite
 * (STATE/feedback/suppress.db)
 *
 * An entry is for a tenant and a stream, or for all of them (empty); it has a reason, a time at
 * which it ends, and the words of whoever gave the reason. Beside the entries stand strikes:
 * refusals for good that do not prove that an address is gone, until there are enough of them. And
 * what came back is counted for each campaign.
 *
 * Everything here blocks: it is called in jobs and by commands, also beside a running server.
 * Changes are synced. Threads may share a list. Errs: ERR_DAMAGED, ERR_TIMEOUT (locked for too
 * long), ERR_LIMIT (full), ERR_CONFIG (made by a newer version, no address), ERR_SYSTEM.
 */
#pragma once
#include "base/arena.h"
#include "message/envelope.h"

enum {
    FEEDBACK_LIST_ENTRIES_MAX = 10000000,
    FEEDBACK_LIST_SOURCE_BYTES_MAX = 500,
    FEEDBACK_LIST_STRIKE_DAYS = 30,
    FEEDBACK_LIST_ADDRESS_CHARS = 512,
    FEEDBACK_LIST_LOOPS_MAX = 1000, /* domains that reports came from */
    FEEDBACK_LIST_BATCH_MAX = 1000, /* entries of one change */
    FEEDBACK_LIST_COUNT_DAYS = 400, /* counts of campaigns are kept */
};

enum feedback_reason {
    FEEDBACK_HARD_BOUNCE, /* nothing will ever arrive there */
    FEEDBACK_REPEATED,    /* refused for good, again and again */
    FEEDBACK_COMPLAINT,
    FEEDBACK_UNSUBSCRIBE,
    FEEDBACK_MANUAL,
    FEEDBACK_REASONS
};
const char *feedback_list_reason_name(enum feedback_reason); /* "hard_bounce" */
bool feedback_list_reason_find(str name, enum feedback_reason *ret_reason);

struct feedback_entry {
    str address;        /* "local@domain", in the form that is compared */
    str tenant, stream; /* empty: all */
    enum feedback_reason reason;
    int64_t since_ms, expires_ms; /* expires 0: never */
    int64_t count;                /* how often a reason was given */
    str source;                   /* the reply, who asked, a file's name */
};

/* The form in which addresses are compared and kept: in lower case and in one Unicode normal form.
 * False: it is no "local@domain". */
bool feedback_list_fold(str address, char ret_chars[FEEDBACK_LIST_ADDRESS_CHARS], str *ret_address);

struct feedback_list;
must_use err feedback_list_open(const char *path, bool make, struct feedback_list **ret_list);
void feedback_list_close(struct feedback_list *); /* accepts NULL */

/* Changes between these are synced together. One thread at a time; end() keeps what was done. */
must_use err feedback_list_batch_begin(struct feedback_list *);
must_use err feedback_list_batch_end(struct feedback_list *);

/* All or none. One that is there is counted; the weightier reason and the later end stay. */
must_use err feedback_list_add(struct feedback_list *, const struct feedback_entry *, size_t count,
                               size_t *ret_new);
/* A refusal that proves nothing alone. *ret_listed: there were `again` of them within 30 days, so
 * it has become an entry. */
must_use err feedback_list_strike(struct feedback_list *, const struct feedback_entry *, int again,
                                  bool *ret_listed);
must_use err feedback_list_arrived(struct feedback_list *, str address); /* no strikes any more */

/* scope NULL: all entries of the address; else the one of exactly this tenant and stream. */
must_use err feedback_list_remove(struct feedback_list *, str address,
                                  const struct envelope_flow *scope, size_t *ret_count);
/* Is this recipient to be left alone, for this tenant and stream? Texts live in the arena. */
must_use err feedback_list_find(struct feedback_list *, str address, const struct envelope_flow *,
                                int64_t now_ms, struct arena *, struct feedback_entry *ret_entry,
                                bool *ret_found);

struct feedback_list_query {
    str address;       /* folded; empty: any */
    const str *tenant; /* NULL: any */
    bool reason_given;
    enum feedback_reason reason;
    int64_t most; /* 0: all */
};
/* By address. Until the callback returns an err; the entry is good during the call. */
must_use err feedback_list_each(struct feedback_list *, const struct feedback_list_query *,
                                err (*each)(void *arg, const struct feedback_entry *), void *arg);

/* Addresses of entries and of strikes made behind *place, which moves on; 0 at first. */
struct feedback_list_place {
    int64_t entry, strike;
};
must_use err feedback_list_new(struct feedback_list *, struct feedback_list_place *place,
                               void (*each)(void *arg, str address, bool strike), void *arg);
must_use err feedback_list_clean(struct feedback_list *, int64_t now_ms); /* what has ended goes */

/* ---- what came back, for each campaign and day (UTC) ---- */

enum feedback_count {
    FEEDBACK_COUNT_HARD,
    FEEDBACK_COUNT_SOFT,
    FEEDBACK_COUNT_COMPLAINTS,
    FEEDBACK_COUNT_UNSUBSCRIBES,
    FEEDBACK_COUNT_AUTO_REPLIES,
    FEEDBACK_COUNTS
};
struct feedback_campaign {
    struct envelope_flow flow;
    int64_t day; /* the last one */
    int64_t counts[FEEDBACK_COUNTS];
};
must_use err feedback_list_count(struct feedback_list *, const struct envelope_flow *,
                                 enum feedback_count, int64_t now_ms);
/* A report came from a feedback loop; domain: of its envelope sender. */
must_use err feedback_list_heard(struct feedback_list *, str domain, bool matched, int64_t now_ms);
struct feedback_loop {
    str domain;
    int64_t last_ms, count, matched;
};
must_use err feedback_list_loops(struct feedback_list *,
                                 err (*each)(void *arg, const struct feedback_loop *), void *arg);
/* Sums since that day, the newest campaign first. */
must_use err feedback_list_campaigns(struct feedback_list *, int64_t since_day,
                                     err (*each)(void *arg, const struct feedback_campaign *),
                                     void *arg);
