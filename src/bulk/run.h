/* bulk/run.h -- a mailing, from its list to its last verdict
 *
 * Rows are read one by one, judged (segment, sample, hygiene, suppression, had it before), made
 * into mails and offered over several connections (client/client.h). No more than two mails for
 * each connection exist at a time, so memory does not depend on the list.
 *
 * Who was killed at any moment and runs again sends to nobody a second time: a recipient about
 * whom nobody knows (journal.h) is offered again only to a server that keeps keys, unless
 * in_doubt_send says otherwise.
 */
#pragma once
#include "bulk/choose.h"
#include "bulk/letter.h"
#include "bulk/tally.h"
#include "bulk/ways.h"
#include "feedback/list.h"

enum {
    BULK_RUN_PASSES_MAX = 10,
    BULK_RUN_PAUSE_LEAST = 100, /* mails before a rate means anything */
    BULK_RUN_WHY_BYTES = 400,
};

struct bulk_run_options {
    struct bulk_ways_options ways;
    struct bulk_choose_options choose;
    struct bulk_letter_options letter;
    const char *folder;
    int split;             /* so many equal parts; 0: none */
    str split_by;          /* or a field */
    uint64_t limit;        /* mails of this run; 0: no limit */
    uint64_t wave;         /* mails of one; 0: no waves */
    int64_t wave_every_ms; /* from begin to begin */
    double rate;           /* mails a second; 0: no limit */
    str pause_on;          /* "bounce > 3% or complaint > 0.1%" */
    int passes;            /* over those that were refused for now */
    int64_t pass_wait_ms;  /* before the second; then twice as long */
    bool in_doubt_send;    /* offer again what may have been taken, whoever the server is */
    /* The mail as it goes out: signed, say. An err: this row makes no mail. NULL: as it is. */
    err (*finish)(void *arg, struct buf *content);
    void *finish_arg;
};

enum bulk_run_end {
    BULK_RUN_DONE,
    BULK_RUN_PAUSED,   /* by pause_on, or control */
    BULK_RUN_CANCELED, /* by control, or a signal */
    BULK_RUN_NO_SERVER,
    BULK_RUN_FAILED, /* journal, list: why says what */
};

struct bulk_run; /* one that is under way, for those who watch it */

struct bulk_run_look {
    const struct bulk_tally *tally;
    double progress; /* 0 to 1, of the list */
    int pass;
    uint64_t sent_now; /* in this run */
    int64_t elapsed_ms;
    int64_t left_ms;     /* as far as limits tell; -1: nothing limits it but the server */
    const char *limits;  /* what they are, with the time that it takes; or NULL */
    const char *waiting; /* "next wave in 12 min", or NULL */
    const char *trouble; /* the last refusal or failure, or NULL */
};

/* On a fiber. watch (may be NULL) is called a few times a second. stop: set by a signal handler;
 * may be NULL. ret_tally: zeroed by the caller. ERR_CONFIG: nothing was begun. */
must_use err bulk_run(const struct bulk_run_options *,
                      void (*watch)(void *arg, const struct bulk_run_look *), void *arg,
                      const volatile int *stop, struct bulk_tally *ret_tally,
                      enum bulk_run_end *ret_end, char ret_why[BULK_RUN_WHY_BYTES]);

/* Without a journal and a server: the mails of the first rows that would get one. each returns
 * false for enough. */
must_use err bulk_run_preview(const struct bulk_run_options *,
                              bool (*each)(void *arg, const struct bulk_list_row *, str mail,
                                           const char *why),
                              void *arg, struct bulk_tally *ret_tally);
