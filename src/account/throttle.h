/* account/throttle.h -- slow down whoever guesses passwords, without locking anybody out
 *
 * Failed logins are counted for each address (an IPv6 address by its /64) and for each account. A
 * count drains evenly, so that `per_minute` failures are forgotten in a minute.
 *
 *  - An address with many failures is first delayed, then told to come back later (454 4.7.0).
 *  - An account with many failures is closed only to addresses that have failed, too: an address
 *    without failures is neither delayed nor refused, whatever others did to the account. So
 *    nobody can lock a user out, and a guesser has one try from each fresh address.
 *  - Success wipes nothing: else one's own account would wash an address clean between guesses.
 *
 * Logins that are being checked count for their address, so opening many connections at once wins
 * nothing. Memory is bounded: the entry unused for longest makes room. No clock, no threads: the
 * caller gives the time (clock_steady_ms()) and owns the object.
 */
#pragma once
#include "runtime/address.h"

struct account_throttle;

enum account_throttle_outcome {
    ACCOUNT_THROTTLE_RIGHT,
    ACCOUNT_THROTTLE_WRONG,
    ACCOUNT_THROTTLE_UNKNOWN, /* nobody could tell: the backend is down, the client went away */
};

struct account_throttle_answer {
    bool refused;     /* 454 4.7.0 at once; do not call _end() */
    int64_t delay_ms; /* wait this long before the password is checked */
};

enum {
    ACCOUNT_THROTTLE_ENTRIES_MAX = 65536, /* of 80 bytes or so */
    ACCOUNT_THROTTLE_DELAY_MS_MAX = 8000,
};

struct account_throttle *account_throttle_open(int per_minute, size_t entries_max);
void account_throttle_close(struct account_throttle *); /* accepts NULL */

/* Before a login is checked. Each one that was not refused is ended exactly once. */
struct account_throttle_answer account_throttle_begin(struct account_throttle *,
                                                      const struct address *peer, str user,
                                                      int64_t now_ms);
void account_throttle_end(struct account_throttle *, const struct address *peer, str user,
                          enum account_throttle_outcome, int64_t now_ms);

size_t account_throttle_entries(const struct account_throttle *);
