/* tests/sim/remote.h -- the servers that ours delivers to
 *
 * Each speaks SMTP (the mailboxes: LMTP) as its plan says and keeps to the policy of each address.
 * What goes wrong depends on its mood, which changes while there are faults.
 */
#pragma once
#include "runtime/net.h"
#include "tests/sim/ledger.h"
#include "tests/sim/plan.h"

enum sim_mood {
    SIM_MOOD_WELL,
    SIM_MOOD_FLAKY, /* any step may go wrong in any way */
    SIM_MOOD_SLOW,
    SIM_MOOD_MUTE, /* takes connections and says nothing */
    SIM_MOOD_DOWN, /* nobody listens */
    SIM_MOODS,
};

struct sim_remote {
    const struct sim_plan_remote *plan;
    struct sim_ledger *ledger;
    struct net_listener *listener; /* NULL: down */
    struct group sessions;
    enum sim_mood mood;
    int64_t hold_ms_max; /* the network's, both ways together */
};

void sim_remote_open(struct sim_remote *, const struct sim_plan_remote *, struct sim_ledger *);
void sim_remote_close(struct sim_remote *);
/* DOWN breaks all that is under way. On a fiber. */
void sim_remote_set_mood(struct sim_remote *, enum sim_mood);
