/* feedback/own.h -- what the files of feedback/ share; nobody else's business */
#pragma once
#include "feedback/feedback.h"
#include "feedback/note.h"
#include "feedback/ring.h"
#include "feedback/set.h"
#include <pthread.h>
#include <stdatomic.h>

struct feedback {
    struct feedback_options options;
    struct feedback_list *list;
    struct feedback_sent *sent;
    struct feedback_set *listed, *struck; /* addresses of entries, and of strikes */
    struct feedback_list_place place;     /* up to where they are in the sets; under writing */
    pthread_mutex_t writing;              /* held while what is pending is written; in jobs only */
    struct feedback_notes notes;
    pthread_mutex_t ring_lock;
    struct feedback_ring ring; /* under it */
    char ring_path[FEEDBACK_PATH_CHARS];
    pthread_mutex_t jobs_lock;
    pthread_cond_t jobs_changed;
    int jobs; /* that are under way, left behind or not */
    deadline look_again, clean_again, write_again;
};

/* One job: it owns all that it touches but the feedback, which waits for it. */
struct feedback_work {
    struct feedback *feedback;
    struct arena *arena;
    err (*run)(struct feedback_work *);

    str address; /* of a check */
    struct envelope_flow flow;
    struct feedback_entry entry;
    bool found;
    void *more; /* of others' works; in the arena */
};
enum { FEEDBACK_WORK_ARENA_BYTES = 80 << 20 };

struct feedback_work *feedback_work_new(struct feedback *, err (*run)(struct feedback_work *));
void feedback_work_cleanup(struct feedback_work **); /* accepts a pointer to NULL */
/* On a fiber a job, else at once. When the wait ended (ERR_CANCELED, ERR_TIMEOUT) the pointer is
 * NULL: it is done yet. */
must_use err feedback_work_do(struct feedback_work **, deadline until);

/* In a job: all that was told is in the databases when this is done. */
must_use err feedback_write_pending(struct feedback *);
/* In a job: put it on the list, for as long as the configuration says, and tell it. */
must_use err feedback_suppress(struct feedback *, struct feedback_entry *, str queue_id,
                               str campaign);
/* Likewise: one that becomes an entry only when it happens again. */
must_use err feedback_strike(struct feedback *, struct feedback_entry *, str queue_id,
                             str campaign);
/* What a refusal for good by a server of others asks for. */
enum feedback_note_kind feedback_note_of(const struct outcome *);
uint32_t feedback_day(int64_t real_ms);
