/* tests/sim/plan.h -- what kind of world a seed makes
 *
 * Everything is drawn at the start: how many clients and mails, which remote servers and what they
 * can, how long there are faults and which, and our own configuration.
 */
#pragma once
#include "base/arena.h"

enum {
    SIM_PLAN_REMOTES = 6, /* the last two: the mailboxes behind us (LMTP), and the smart host */
    SIM_PLAN_DOMAINS = 5, /* that remote servers take mail for */
    SIM_PLAN_MAILBOX = SIM_PLAN_REMOTES - 2,
    SIM_PLAN_SMART_HOST = SIM_PLAN_REMOTES - 1,
};

/* Who commits: the fiber that asks, or the spool's thread (docs/adr/0013). */
enum sim_plan_alone { SIM_ALONE_NEVER, SIM_ALONE_ALWAYS, SIM_ALONE_DRAWN, SIM_ALONE_WAYS };

struct sim_plan_remote {
    const char *host, *address;
    bool lmtp;
    bool pipelining, dsn, chunking, eight_bit, old; /* old: does not know EHLO */
    uint64_t size_max;                              /* 0: SIZE is not offered */
    int rcpt_max;                                   /* LIMITS RCPTMAX; 0: none */
};

struct sim_plan {
    unsigned size; /* 1: small; a multiple for bigger worlds */
    int clients, mails_each;
    int64_t chaos_ms;        /* faults end then */
    int64_t calm_between_ms; /* about so long from one fault to the next */
    int64_t give_up_ms, warn_after_ms, longest_ms;
    unsigned crash_weight, disk_weight, network_weight, remote_weight, name_weight, stop_weight;
    int64_t latency_ms_max;
    size_t read_bytes_max, pipe_bytes_max;
    bool smart_host; /* else by MX */
    enum sim_plan_alone alone;
    struct sim_plan_remote remotes[SIM_PLAN_REMOTES];
    str config, zone;
};

/* From the seeded randomness. Texts live in the arena. */
void sim_plan_draw(struct sim_plan *, unsigned size, struct arena *);

/* Draws that everybody needs. Never two in the arguments of one call: each compiler has its own
 * order for these, and a seed is to be the same world with all of them. */
bool sim_plan_chance(unsigned percent);
int64_t sim_plan_between(int64_t low, int64_t high); /* both included */
int64_t
sim_plan_about_ms(int64_t ms); /* from an eighth of it to four times it, small ones as often */
