/* inbound/report_work.h -- the store of reports, asked from a fiber
 *
 * One work is one job: it owns all that it touches, so that the fiber that asked may leave.
 *
 *     CLEANUP(inbound_report_work_cleanup)
 *     struct inbound_report_work *w = inbound_report_work_new(store, run);
 *     w->number = …;
 *     TRY(inbound_report_work_do(&w, until));
 *     … results in w …
 */
#pragma once
#include "inbound/report_letter.h"

enum {
    INBOUND_REPORT_WORK_ARENA_BYTES = 16 << 20,
    INBOUND_REPORT_WORK_CLAIMED_MAX = 10000,
};

struct inbound_report_work {
    struct inbound_report_store *store; /* held */
    struct arena *arena;
    err (*run)(struct inbound_report_work *);

    /* Of samples, which are the work's: mem_free()d with it. */
    struct inbound_report_sample **samples;
    size_t sample_count, late;
    struct inbound_report_added added;

    struct inbound_report_query query;
    struct inbound_report_head *heads;
    size_t head_count;
    int64_t report, number; /* number: a time, or a count */
    struct inbound_report_mail *mails;
    size_t mail_count;
    struct inbound_report_mail mail;
    struct inbound_report_letter letter;
    str path;
    struct buf file, content;
};

/* The store may be NULL for a work that opens it. */
struct inbound_report_work *inbound_report_work_new(struct inbound_report_store *,
                                                    err (*run)(struct inbound_report_work *));
void inbound_report_work_cleanup(struct inbound_report_work **); /* accepts a pointer to NULL */
/* On a fiber it is a job; else it is done here. What it came to is the err. When the wait itself
 * ended (ERR_CANCELED, ERR_TIMEOUT) the work has gone, to be done yet, and the pointer is NULL. */
must_use err inbound_report_work_do(struct inbound_report_work **, deadline until);
/* What a letter says, copied: for a job may not look at another's memory. */
void inbound_report_work_letter(struct inbound_report_work *, const struct inbound_report_letter *);

/* What there is to do; each says which members it takes and gives. */
err inbound_report_work_open(struct inbound_report_work *);     /* path; gives store */
err inbound_report_work_close(struct inbound_report_work *);    /* store */
err inbound_report_work_add(struct inbound_report_work *);      /* samples; gives added */
err inbound_report_work_clean(struct inbound_report_work *);    /* number: now; gives late */
err inbound_report_work_list(struct inbound_report_work *);     /* query; gives heads */
err inbound_report_work_mails(struct inbound_report_work *);    /* report; gives mails */
err inbound_report_work_claimed(struct inbound_report_work *);  /* gives mails */
err inbound_report_work_sent(struct inbound_report_work *);     /* number: since; gives number */
err inbound_report_work_postpone(struct inbound_report_work *); /* report, number: until */
err inbound_report_work_note(struct inbound_report_work *);     /* letter.id, mail */
err inbound_report_work_finish(struct inbound_report_work *);   /* report */
err inbound_report_work_pack(struct inbound_report_work *);     /* letter; gives file */
err inbound_report_work_write(struct inbound_report_work *);    /* letter, file; gives content */
err inbound_report_work_save(
    struct inbound_report_work *); /* path, content; ERR_LIMIT: many files */
