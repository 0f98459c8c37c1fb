/* tests/sim/stage.h -- everything of one run: our server in its world, who writes to it, who it
 * writes to, and what goes wrong */
#pragma once
#include "tests/sim/ledger.h"
#include "tests/sim/plan.h"
#include "tests/sim/remote.h"
#include "tests/world.h"

struct sim_stage {
    uint64_t seed;
    unsigned size;
    bool verbose; /* our server's log to stderr */
    const char *folder;
    struct arena *arena;
    struct sim_plan plan;
    struct sim_ledger ledger;
    struct world world;
    struct event_sink sink;
    struct sim_remote remotes[SIM_PLAN_REMOTES];
    struct group clients, faults;
    struct gate something; /* a crash */
    bool crashed, up;
    bool calm; /* no new faults */
    bool
        disk_was_troubled; /* since our server was started: its rest is removed at the next start */
    struct sim_fs *next;   /* what the disk has after the crash */
    uint64_t operations_left; /* of the disk, until the power goes; 0: it stays */
    int64_t date_moved_ms;    /* when the date last jumped; 0: never */
    size_t memory_before, memory_most;
};

/* A server is started and stopped once, so that what libraries keep for good is there before the
 * runs, which are forked, begin to count their memory. */
void sim_stage_warm_up(const char *folder);
/* One run, in a process that has done nothing else yet. Does not return when an invariant breaks.
 */
void sim_stage_play(struct sim_stage *);
