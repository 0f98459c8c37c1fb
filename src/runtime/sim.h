/* runtime/sim.h -- the simulation: virtual time, a network in memory, threads as fibers
 *
 * sim_run() replaces the clock, the network and the threads (files: runtime/sim_fs.h), seeds all
 * randomness and runs one fiber and all that it starts, on one loop. When nothing is ready, time
 * jumps to the next timer; so five days pass in no time, and the same seed gives the same run.
 */
#pragma once
#include "runtime/net.h"

void sim_run(uint64_t seed, void (*entry)(void *arg), void *arg);
bool sim_active(void);

int64_t sim_start_real_ms(void);   /* the date on which every simulation begins */
void sim_jump_date(int64_t by_ms); /* the operator moves the date; waiting is not affected */
/* Abort when the loop takes more turns within one virtual second: somebody spins. 0: no limit, as
 * at the start of each run. */
void sim_limit_turns(uint64_t per_second);

/* The network. Addresses need not exist: whoever listens on one is there. */
struct sim_net_rules {
    size_t read_bytes_max;  /* each read gives at most so many; 0: no limit (attack 8: 1) */
    size_t pipe_bytes_max;  /* in flight in one direction; 0: 64 KiB. Then the writer waits */
    int64_t latency_ms_max; /* bytes arrive after a drawn time up to this */
    unsigned stall_one_in;  /* one time in so many they were lost and are sent again; 0: never */
    int64_t stall_ms_max;   /* then they arrive after a drawn time up to this */
};
void sim_net_set_rules(const struct sim_net_rules *);
void sim_net_set_source(const struct address *); /* of connections made without a from */
void sim_net_silence(const struct address *);    /* connects to it are never answered */
void sim_net_reset_all(void);                    /* every connection breaks (a crash) */
/* The cable is out: every connection breaks, and nobody reaches anybody until it is in again. */
void sim_net_cut(bool out);
void sim_net_reset(struct net_conn *);     /* this one; its peer sees a reset */
void sim_net_end_write(struct net_conn *); /* half close: the peer reads the end */
size_t sim_net_open_count(void);           /* sockets that are open, for leak checks */
