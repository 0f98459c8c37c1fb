/* outbound/tlsrpt_job.h -- the store of TLS reports, asked from a fiber
 *
 * One job owns all that it touches, so that the fiber that asked may leave.
 *
 *     CLEANUP(outbound_tlsrpt_job_cleanup)
 *     struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(store, outbound_tlsrpt_job_list);
 *     j->number = …;
 *     TRY(outbound_tlsrpt_job_do(&j, until));
 *     … results in j …
 */
#pragma once
#include "outbound/tlsrpt_store.h"
#include "tlspolicy/report_mail.h"

enum {
    OUTBOUND_TLSRPT_JOB_ARENA_BYTES = 64 << 20,
};

struct outbound_tlsrpt_job {
    struct outbound_tlsrpt_store *store; /* held */
    struct arena *arena;
    err (*run)(struct outbound_tlsrpt_job *);

    struct outbound_tlsrpt_sample **samples; /* the job's: mem_free()d with it */
    size_t sample_count, left_out;
    struct outbound_tlsrpt_query query;
    struct outbound_tlsrpt_head *heads, head;
    size_t head_count;
    struct outbound_tlsrpt_note *notes, note;
    size_t note_count;
    enum report_day_state state;
    int64_t number; /* a time, or a count */
    str path, report_id, org, contact;
    struct buf json, packed;
};

/* The store may be NULL for a job that opens it, or needs none. */
struct outbound_tlsrpt_job *outbound_tlsrpt_job_new(struct outbound_tlsrpt_store *,
                                                    err (*run)(struct outbound_tlsrpt_job *));
void outbound_tlsrpt_job_cleanup(struct outbound_tlsrpt_job **); /* accepts a pointer to NULL */
/* On a fiber it is a job; else it is done here. When the wait itself ended (ERR_CANCELED,
 * ERR_TIMEOUT) it has gone, to be done yet, and the pointer is NULL. */
must_use err outbound_tlsrpt_job_do(struct outbound_tlsrpt_job **, deadline until);

/* What there is to do; each says which members it takes, and gives. */
err outbound_tlsrpt_job_open(struct outbound_tlsrpt_job *);   /* path; store */
err outbound_tlsrpt_job_close(struct outbound_tlsrpt_job *);  /* store */
err outbound_tlsrpt_job_add(struct outbound_tlsrpt_job *);    /* samples; left_out */
err outbound_tlsrpt_job_list(struct outbound_tlsrpt_job *);   /* query; heads */
err outbound_tlsrpt_job_clean(struct outbound_tlsrpt_job *);  /* number: now; number: late ones */
err outbound_tlsrpt_job_sent(struct outbound_tlsrpt_job *);   /* number: since; number */
err outbound_tlsrpt_job_notes(struct outbound_tlsrpt_job *);  /* head.id; notes */
err outbound_tlsrpt_job_note(struct outbound_tlsrpt_job *);   /* head.id, report_id, note */
err outbound_tlsrpt_job_settle(struct outbound_tlsrpt_job *); /* head.id, state, number: due */
/* head, report_id, org, contact; json, and packed. The texts live in the arena. */
err outbound_tlsrpt_job_write(struct outbound_tlsrpt_job *);
/* path, json: into a file, in a folder that is not full (ERR_LIMIT: report/folder.h). */
err outbound_tlsrpt_job_save(struct outbound_tlsrpt_job *);
