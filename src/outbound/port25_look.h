/* outbound/port25_look.h -- is the way to port 25 blocked here? asked at start
 *
 * Before anybody's mail has to find out: one host of each of several large providers, which have
 * nothing to do with each other, is connected to on port 25, and the connection is closed without a
 * word. Only when none answers and enough of them were silent is the way taken to be blocked
 * (outbound/port25.h); without a DNS that answers nothing is known, and nothing is said. Providers
 * whose mail goes by a smart host are not asked, so a server that sends nothing by MX asks nobody.
 */
#pragma once
#include "config/config.h"
#include "dns/resolver.h"
#include "outbound/port25.h"

enum {
    OUTBOUND_PORT25_LOOK_SITES = 5,
    OUTBOUND_PORT25_LOOK_QUESTIONS = 8,  /* to the DNS, for one site */
    OUTBOUND_PORT25_LOOK_DNS_MS = 20000, /* for one site */
    OUTBOUND_PORT25_LOOK_CONNECT_MS = 30000,
    OUTBOUND_PORT25_LOOK_BYTES_MAX = 256 << 10,
};

/* All of it must outlive the fiber. */
struct outbound_port25_look {
    const struct config *(*config)(void *arg); /* the present one, held */
    void *config_arg;
    struct dns_resolver *resolver;
    struct outbound_port25 *port25;
    uint16_t mx_port; /* 0: 25 */
};

/* A fiber's whole life, one in a server: it looks once. */
void outbound_port25_look_run(void *look);
