/* tests/torture.h -- the crash and fault proof of the queue: what its parts share
 *
 * A run works on a queue in the simulation and keeps a ledger of what was promised: which message
 * was acknowledged, which recipient settled. Whatever is done to the disk then, torture_judge()
 * opens what is left of it and holds it to the ledger. docs/torture.md says what is enumerated.
 */
#pragma once
#include "queue/queue_test.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"

enum {
    TORTURE_MESSAGES_MAX = 320,
    TORTURE_DELIVERIES_MAX = 3,
    TORTURE_RCPTS_MAX = 3,             /* of one delivery */
    TORTURE_MANY = 2000,               /* deliveries of a message whose envelope goes to a file */
    TORTURE_KEYS_MS = 6 * 3600 * 1000, /* how long keys are kept */
};

enum torture_fate { TORTURE_UNKNOWN, TORTURE_ACCEPTED, TORTURE_REFUSED };
enum torture_rcpt { TORTURE_WAITING, TORTURE_SETTLING, TORTURE_FINISHED };

struct torture_delivery {
    uint8_t rcpt_count;
    uint8_t rcpts[TORTURE_RCPTS_MAX]; /* enum torture_rcpt */
    bool state_known;                 /* the two below were acknowledged, nothing asked since */
    uint32_t attempts;
    int64_t due_ms;
};

struct torture_message {
    uint8_t fate; /* enum torture_fate */
    bool keyed;   /* it was given a key */
    bool many;    /* TORTURE_MANY deliveries of one recipient each; only the first is settled */
    uint8_t delivery_count;
    int16_t reports; /* the message that this DSN is about, or -1 */
    int16_t reports_delivery;
    uint32_t size;
    int64_t accepted_ms; /* with a key */
    struct torture_delivery deliveries[TORTURE_DELIVERIES_MAX];
};

struct torture_ledger {
    int count;
    struct torture_message messages[];
};

struct torture_run { /* one queue at work */
    struct sim_fs *fs;
    struct queue *queue;
    struct schedule *schedule;
    struct torture_ledger *ledger;
    int stops, resumes, quarantined;
    int keyed_from; /* earlier messages have no keys */
    uint64_t accepted, refused;
    uint64_t too_early;  /* a 250 for what came while the store had stopped */
    int64_t patience_ms; /* how long a commit or settling is waited for; 0: for ever */
    struct event_sink sink;
};

void torture_run_open(struct torture_run *); /* a new disk and an empty ledger */
void torture_run_close(struct torture_run *);
must_use err torture_queue_open(struct torture_run *); /* on the disk in use */
void torture_queue_close(struct torture_run *);        /* accepts a run without one */

/* Commit message `count` of the ledger. False: it was refused. */
struct torture_plan {
    uint32_t size;
    uint8_t deliveries, rcpts; /* each */
    bool many;
};
bool torture_commit(struct torture_run *, const struct torture_plan *);

enum torture_outcome { TORTURE_DEFER, TORTURE_DELIVER, TORTURE_BOUNCE, TORTURE_EXPIRE };
/* Take this delivery (false: it is not due) and settle its first `rcpts` waiting recipients so; the
 * others are deferred by due_in_ms. A bounce and an expiry come with a DSN of that size. */
struct torture_settlement {
    int message, delivery;
    enum torture_outcome outcome;
    int rcpts;
    int64_t due_in_ms;
    uint32_t dsn_size;
};
bool torture_settle(struct torture_run *, const struct torture_settlement *);

/* The bytes of a message follow from its number; they look like nothing that the log holds. */
str torture_body(int message, uint32_t size);
struct torture_ledger *torture_ledger_copy(const struct torture_ledger *);

/* ---- judging ---- */

struct torture_verdict {
    uint64_t states, failed;    /* opened; of them wrong */
    uint64_t calls, bytes_read; /* the most that one opening took */
    uint64_t bodies;            /* compared byte for byte */
    uint64_t keys;              /* that were known */
};

struct torture_harm { /* where bits were flipped or torn off */
    int messages;     /* that are not as promised */
    bool harmed[TORTURE_MESSAGES_MAX];
    int held;        /* of these are there and cannot be opened */
    uint64_t alarms; /* that were raised */
};

struct torture_claim {
    const struct torture_ledger *ledger;
    bool may_return;               /* what was refused when the store stopped may be there again */
    bool again;                    /* close it and look a second time */
    const char *replay;            /* words that replay this state */
    struct torture_harm *ret_harm; /* NULL: nothing may be harmed */
    void (*opened)(void *arg, struct queue *); /* while it is open; NULL: nothing to look at */
    void *arg;
};
/* Open what is on this disk (which is changed by that) and hold it to the ledger: I1 nothing that
 * was acknowledged is lost, I2 what is there is whole, I3 nothing that is finished comes back, I4
 * opening takes a bounded number of calls, I5 keys are known exactly of what was accepted. On a
 * fiber of the simulation. */
bool torture_judge(struct sim_fs *, const struct torture_claim *, struct torture_verdict *);

/* ---- the parts: each prints its lines and adds to the counts ---- */

struct torture_options {
    bool verbose;
    bool slice; /* a sample that fits into `make test` */
    uint64_t seed;
    const char *only; /* a story of the part; NULL: all */
    long op;          /* only the state after this operation; -1: all */
    const char *mode; /* with op: only this mode and draw */
    uint64_t draw;
};
struct torture_counts {
    uint64_t passed, failed;
};
/* A fault point that is not the queue's: the listeners' are in torture_service.c, those of the
 * reports to others in tests/talk/mailauth/report-crash.talk. */
bool torture_is_elsewhere(const char *fault_point);

void torture_power(const struct torture_options *, struct torture_counts *);
void torture_flip(const struct torture_options *, struct torture_counts *);
void torture_format(const struct torture_options *, struct torture_counts *);
void torture_fault(const struct torture_options *, struct torture_counts *);
void torture_service(const struct torture_options *, struct torture_counts *);
