/* inbound/listener.h -- the fiber that accepts: one for each listener and worker */
#pragma once
#include "inbound/inbound.h"

struct inbound_listener {
    struct inbound *in;
    struct net_listener *net;
    size_t index;           /* in the configuration's listeners */
    struct group *sessions; /* of this worker; the listener's fiber adds to it */
};

enum {
    INBOUND_LISTENER_PAUSE_MS = 200,      /* after EMFILE and the like (attack 95) */
    INBOUND_LISTENER_TELL_MS = 60 * 1000, /* how often the log hears of it at most */
};

/* A fiber's own function: runs until canceled. */
void inbound_listener_run(void *listener);
