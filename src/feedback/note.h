/* feedback/note.h -- what was told and is not written yet: bounded, from any thread */
#pragma once
#include "feedback/list.h"
#include "feedback/sent.h"
#include <pthread.h>

enum feedback_note_kind {
    FEEDBACK_NOTE_SENT,    /* it left under a return path */
    FEEDBACK_NOTE_ARRIVED, /* it has strikes, and mail arrived there */
    FEEDBACK_NOTE_HARD,    /* nothing will ever arrive there */
    FEEDBACK_NOTE_STRIKE,
    FEEDBACK_NOTE_SOFT, /* only counted */
};

struct feedback_note {
    struct feedback_note *next;
    enum feedback_note_kind kind;
    size_t bytes;
    int64_t time_ms;
    uint32_t rcpt;
    str queue_id, recipient, sender, text; /* behind the struct, in one piece with it */
    struct envelope_flow flow;
    struct feedback_way way; /* of SENT */
};

struct feedback_notes {
    pthread_mutex_t lock;
    struct feedback_note *first, **last;
    size_t bytes, bytes_max, lost;
};

void feedback_note_init(struct feedback_notes *, size_t bytes_max);
void feedback_note_release(struct feedback_notes *);
/* A copy is kept; what has no room is counted as lost. */
void feedback_note_add(struct feedback_notes *, const struct feedback_note *);
/* All, oldest first, to be freed by mem_free(); NULL: none. *ret_lost: since the last time. */
struct feedback_note *feedback_note_take(struct feedback_notes *, size_t *ret_lost);
