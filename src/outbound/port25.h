/* outbound/port25.h -- is the way to port 25 blocked here?
 *
 * Most clouds, homes and VPS let nobody connect to port 25 outside, and say so by silence. When
 * hosts of several unrelated networks did not answer a connect and none ever did, mail to MX hosts
 * waits as a whole, and once an hour one connect finds out whether it is open now. One for the
 * server; any thread may call.
 */
#pragma once
#include "events/event.h"
#include "runtime/address.h"

enum {
    OUTBOUND_PORT25_NETWORKS = 3,              /* that are silent: /16 of IPv4, /32 of IPv6 */
    OUTBOUND_PORT25_PROBE_MS = 60 * 60 * 1000, /* between two looks */
    OUTBOUND_PORT25_TRUSTED_MS =
        24 * 60 * 60 * 1000, /* after an answer silence is theirs so long */
};

/* What operators are told, wherever it stands. */
#define OUTBOUND_PORT25_ADVICE                                                                  \
    "outbound port 25 looks blocked here (most clouds, homes and VPS do); set a smart host on " \
    "587: routes: [{ to: \"*\", via: \"smtp://relay.example.net:587\", account: … }]"

struct outbound_port25;

struct outbound_port25 *outbound_port25_open(const struct event_sink *); /* the sink may be NULL */
void outbound_port25_close(struct outbound_port25 *);                    /* accepts NULL */

/* All accept NULL: then nothing is known and nothing waits. */
void outbound_port25_answered(struct outbound_port25 *, const struct address *); /* or refused */
void outbound_port25_silent(struct outbound_port25 *, const struct address *);

/* May mail go to an MX host now? While it is blocked this is true for one caller an hour. */
bool outbound_port25_may_try(struct outbound_port25 *);
/* Would outbound_port25_may_try() be true? */
bool outbound_port25_is_open(struct outbound_port25 *);
/* Real time of the next look; 0: it is not blocked. */
int64_t outbound_port25_next_ms(struct outbound_port25 *);
