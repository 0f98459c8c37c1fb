/* outbound/egress_health.h -- which of our addresses may be used now
 *
 * One table for all workers, by the egress's name; any thread may ask. Who watches the addresses
 * (egress_watch.h) writes it. An egress that nobody has spoken about is in.
 */
#pragma once
#include "base/buf.h"
#include "config/config.h"

enum {
    OUTBOUND_EGRESS_REASON_BYTES = 160,
    OUTBOUND_EGRESS_CLEAN_CHECKS = 2, /* in a row, until one that was out is in again */
};

enum outbound_egress_standing {
    EGRESS_UNCHECKED, /* nothing is known */
    EGRESS_CLEAN,
    EGRESS_UNCERTAIN, /* the DNS could not say */
    EGRESS_TAINTED,   /* something is wrong, and on_listed: alert, or its name never was right */
    EGRESS_BACK_SOON, /* out, and its last check was clean */
    EGRESS_OUT,
};

struct outbound_egress_state {
    enum outbound_egress_standing standing;
    bool out;
    int64_t since_ms;   /* real time: of this standing; 0: UNCHECKED */
    int64_t checked_ms; /* real time of the last check; 0: never */
    int clean;          /* clean checks in a row */
    bool name_agreed;   /* the DNS has named its addresses rightly once */
    uint64_t of;        /* what it was said about: another address begins anew */
    char reason[OUTBOUND_EGRESS_REASON_BYTES]; /* of what is wrong, or could not be found out */
};

struct outbound_egress_health;

struct outbound_egress_health *outbound_egress_health_open(void);
void outbound_egress_health_close(struct outbound_egress_health *); /* accepts NULL */

/* UNCHECKED for one that nobody has spoken about, and from a NULL table. */
struct outbound_egress_state outbound_egress_health_get(struct outbound_egress_health *, str name);
void outbound_egress_health_set(struct outbound_egress_health *, str name,
                                const struct outbound_egress_state *);
/* Is any out? Takes no lock: nearly always the answer is no, and each mail asks. */
bool outbound_egress_health_any_out(struct outbound_egress_health *);
/* Another one after each change of who is out; of a NULL table always the same. */
uint64_t outbound_egress_health_version(struct outbound_egress_health *);
/* Forget those that the configuration no longer has. */
void outbound_egress_health_keep(struct outbound_egress_health *, const struct config *);

/* Over a restart: a line for each egress. Reading skips lines that are none; of one that is in it
 * keeps only that its name agreed once, so that it is looked at anew. */
enum { OUTBOUND_EGRESS_HEALTH_BYTES_MAX = 512 << 10 };
must_use err outbound_egress_health_write(struct outbound_egress_health *, struct buf *out);
void outbound_egress_health_read(struct outbound_egress_health *, str text);

const char *outbound_egress_health_name(enum outbound_egress_standing); /* "clean" */

/* What one check has found. */
struct outbound_egress_finding {
    bool wrong_name, listed, uncertain;
    char reason[OUTBOUND_EGRESS_REASON_BYTES];
};

/* Pure: what becomes of an egress with this state after such a check. A name that was never right
 * is only told: nothing was lost that worked. */
struct outbound_egress_state outbound_egress_health_after(const struct outbound_egress_state *,
                                                          const struct outbound_egress_finding *,
                                                          enum config_on_listed, int64_t now_ms);
