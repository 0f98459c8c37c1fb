/* feedback/feedback.h -- what comes back about mail that we sent, and what follows from it
 *
 * Joins the suppression list (list.h), what left under which return path (sent.h) and the keys that
 * sign those (ring.h) for all workers. The way in asks it at each recipient and gives it what
 * arrives (arrival.h); the way out asks it before each attempt and tells it what became of it. What
 * is told never waits: it is written in batches, by a fiber, within a second or two.
 *
 * When a database fails, only addresses that may be on the list wait; all other mail flows.
 */
#pragma once
#include "base/clock.h"
#include "config/config.h"
#include "events/event.h"
#include "feedback/list.h"
#include "feedback/sent.h"
#include "outcome/reply.h"
#include "outcome/verp.h"

enum {
    FEEDBACK_GATHER_MS = 1000,             /* how often what was told is written */
    FEEDBACK_LOOK_MS = 60 * 1000,          /* how often others' changes are looked for */
    FEEDBACK_CLEAN_MS = 60 * 60 * 1000,    /* how often what is too old goes */
    FEEDBACK_PENDING_BYTES_MAX = 32 << 20, /* told and not written yet; what is more is lost */
    FEEDBACK_PATH_CHARS = 600,
    FEEDBACK_WORK_MS = 60 * 1000,
    FEEDBACK_PATHS_MAX = 50, /* return paths that are tried in one text */
};

struct feedback;

/* All of it must outlive the feedback. */
struct feedback_options {
    const char *folder;                        /* STATE/feedback: it is there */
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    const struct event_sink *events;
    /* A recipient has complained of mail that left by that way, for the first time of that mail. On
     * any thread; it may not wait. NULL: nobody wants to know. */
    void (*complained)(void *arg, const struct feedback_way *);
    void *complained_arg;
};

/* Reads the keys and every address of the list: blocks. */
must_use err feedback_open(const struct feedback_options *, struct feedback **ret_feedback);
/* When its fiber and all who ask it have ended: what was told is written. Accepts NULL. */
void feedback_close(struct feedback *);
void feedback_run(void *feedback); /* a fiber's whole life */

/* ---- the suppression list ---- */

/* Is this recipient to be left alone? Without an entry for the address it never waits. A feedback
 * that is NULL has no entries. Texts live in the arena. */
must_use err feedback_check(struct feedback *, str address, const struct envelope_flow *,
                            struct arena *, struct feedback_entry *ret_entry, bool *ret_found,
                            deadline until);
/* "hard_bounce on 2026-11-21" */
str feedback_entry_words(const struct feedback_entry *, struct arena *);
/* Another process has changed the list: see it now. */
must_use err feedback_refresh(struct feedback *, deadline until);

/* ---- what the way out learned ---- */

enum feedback_fate { FEEDBACK_ARRIVED, FEEDBACK_FAILED };
struct feedback_learned {
    const struct envelope *envelope;
    str queue_id, recipient;
    uint32_t rcpt; /* its place in the message */
    enum feedback_fate fate;
    bool answered;          /* FAILED: a server of others said so */
    struct outcome outcome; /* likewise */
    str text;               /* what was said */
};
/* Never waits; accepts NULL. */
void feedback_learn(struct feedback *, const struct feedback_learned *);

/* ---- return paths ---- */

struct feedback_path {
    char queue_id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX + 1];
    uint32_t rcpt;
};
/* Does mail of this envelope leave under one? Not what has no sender, what we only pass on, and our
 * own notifications. */
bool feedback_path_wanted(const struct config *, const struct envelope *);
struct feedback_leaving {
    const struct envelope *envelope;
    str queue_id, recipient;
    uint32_t rcpt; /* its place in the message */
    struct feedback_way way;
};
/* The return path of what is about to leave, for a bounce may be faster than the reply to it: so it
 * is also noted here who it is. Texts live in the arena. ERR_CONFIG, ERR_LIMIT: it cannot be
 * written. */
must_use err feedback_path_write(struct feedback *, const struct config *,
                                 const struct feedback_leaving *, struct arena *, str *ret_address);
/* VERP_NONE: nothing at our bounce domain of that form. */
enum outcome_verp_result feedback_path_read(struct feedback *, const struct config *, str address,
                                            struct feedback_path *ret_path);
/* The first return path of ours anywhere in the text; false: there is none. */
bool feedback_path_find(struct feedback *, const struct config *, str text,
                        struct feedback_path *ret_path);
