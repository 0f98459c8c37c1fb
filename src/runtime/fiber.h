/* runtime/fiber.h -- code that waits, written in a straight line
 *
 * A fiber is a function with a small guarded stack of its own (64 KiB). It runs on one loop, in
 * one thread, for all its life; between two waits nothing else runs on that loop. Every fiber
 * belongs to a group, and a group is closed by the function that opened it.
 *
 * Every wait returns NULL when what was waited for happened, ERR_TIMEOUT at its deadline, and
 * ERR_CANCELED, at once, when the fiber's group is being closed.
 */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"

struct fiber;
struct loop;

struct group {
    struct list members;
    struct fiber *closer; /* who waits in group_close() or group_wait() */
    bool closing;
};

void group_init(struct group *);
/* Cancels all members and runs each to its end. Waits, but not on the outside world: a canceled
 * fiber gets ERR_CANCELED from every wait. Called from a fiber of the same loop. */
void group_close(struct group *);
/* Until every member has ended by itself. */
must_use err group_wait(struct group *, deadline until);
static inline bool group_empty(const struct group *g) { return list_empty(&g->members); }

/* Runs soon, on this loop. The name is a literal: it shows up in logs and the stack census. */
void fiber_spawn(struct group *, const char *name, void (*run)(void *arg), void *arg);

struct fiber *fiber_current(void); /* NULL: not on a fiber */
bool fiber_canceled(void);         /* this fiber should unwind; false outside fibers */
void fiber_cancel(struct fiber *);
size_t fiber_count(void); /* that have not ended, of all loops; from any thread */
const char *fiber_name(const struct fiber *);

must_use err fiber_yield(void);
must_use err fiber_sleep(deadline until); /* NULL at the deadline */

/* A place where fibers of one loop wait for something that their condition describes. Waiters
 * check the condition again after each wait: while (!ready) TRY(gate_wait(&gate, until)); */
struct gate {
    struct list waiters;
};
void gate_init(struct gate *);
must_use err gate_wait(struct gate *, deadline until);
void gate_wake_all(struct gate *);
void gate_wake_one(struct gate *); /* the one that has waited longest */

/* The stack census: how deep did each kind of fiber ever go? Filled when fibers end (tests). */
void fiber_census(void (*tell)(void *arg, const char *name, size_t bytes, size_t count), void *arg);
