/* tests/sim/ledger.h -- the truth: who was promised what, and what became of it
 *
 * Every recipient and every sender has an address of its own, so that whoever is told of one finds
 * its line here. Each entry is checked against the invariants when it is made; what can only be
 * judged when all is over is judged by sim_ledger_audit(). A broken invariant ends the run.
 *
 * acknowledged   our server said 250 to the content: each of its recipients must be delivered, or
 *                its failure told to the sender, or (where nobody may be told) end in an event
 * in doubt       the content was sent whole, and no reply was read: all or nothing
 * refused, unsent  nothing of it may ever be seen
 */
#pragma once
#include "base/arena.h"
#include "base/table.h"
#include "message/dsn.h"
#include "message/envelope.h"
#include "queue/id.h"

enum sim_fate { SIM_FATE_UNSENT, SIM_FATE_DOUBT, SIM_FATE_REFUSED, SIM_FATE_ACKNOWLEDGED };

/* What remote servers say of an address. */
enum sim_policy {
    SIM_POLICY_TAKE,
    SIM_POLICY_DEFER,        /* so many times, then take */
    SIM_POLICY_DEFER_ALWAYS, /* until it expires */
    SIM_POLICY_REJECT,       /* at RCPT */
    SIM_POLICY_REJECT_LATE,  /* after the content (SMTP: with all others of the transaction) */
};

enum { SIM_LEDGER_ADDRESS_BYTES = 64, SIM_LEDGER_DISTURBANCES_MAX = 4096 };

/* Something that a remote server took. Until the client has gone on in good order, it may not have
 * heard of it. */
struct sim_take {
    int count; /* of all of this kind; the rest is of the newest */
    int64_t at_ms;
    bool confirmed;
};

struct sim_address {
    char text[SIM_LEDGER_ADDRESS_BYTES];
    struct sim_mail *mail;
    bool is_sender;
    enum sim_policy policy;
    int deferrals;  /* that are left */
    uint8_t notify; /* as given at RCPT */
    bool offered;   /* our server accepted the RCPT, or may have: */
    bool offer_known;
    bool refused;     /* a remote server said 5xx to it, or to its transaction */
    bool ended;       /* an event said bounced or expired */
    bool maybe_ended; /* one of a process without power said so: it may be on the disk, or not */
    bool unfit;       /* a remote server cannot carry it */
    int64_t known_ms; /* when our server last said that it is delivered */
    struct sim_take taken, told[DSN_EXPANDED + 1];
};

struct sim_mail {
    int number;
    enum envelope_origin origin;
    enum sim_fate fate;
    struct sim_address *sender; /* NULL: the null path */
    struct sim_address *rcpts[20];
    size_t rcpt_count;
    str content;
    int64_t sent_real_ms; /* when the client began */
    bool refused_in_fault, crashed_since;
    bool repeated;  /* its client sends it again under the same key, as it is in doubt */
    queue_id queue; /* the name that our server gave it, once it was seen; else empty */
};

/* A time in which our server could not be expected to remember: a crash, a stop, a disk fault. */
struct sim_disturbance {
    int64_t from_ms, to_ms;
};

struct sim_ledger {
    struct arena *arena;
    struct table addresses;
    struct sim_mail **mails;
    size_t mail_count;
    struct sim_disturbance disturbances[SIM_LEDGER_DISTURBANCES_MAX];
    size_t disturbance_count;
    int64_t give_up_ms, warn_after_ms;
    size_t content_bytes;
};

void sim_ledger_init(struct sim_ledger *, struct arena *, size_t mails_max);
void sim_ledger_release(struct sim_ledger *);

struct sim_mail *sim_ledger_add_mail(struct sim_ledger *);
struct sim_address *sim_ledger_add_address(struct sim_ledger *, struct sim_mail *, bool is_sender,
                                           str domain);

/* The client's side. */
void sim_ledger_begin(struct sim_mail *); /* from now on it is being sent */
void sim_ledger_doubt(struct sim_mail *); /* its last bytes are about to leave */
void sim_ledger_answer(struct sim_ledger *, struct sim_mail *, int code); /* to the content */

/* Our server's side. */
void sim_ledger_disturb(struct sim_ledger *, bool begins); /* they may overlap; each ends once */
void sim_ledger_crashed(struct sim_ledger *);
void sim_ledger_known(struct sim_ledger *, str address); /* delivered, and that is written down */
/* Bounced or expired, says an event; for_sure: of a process that has power. */
void sim_ledger_ended(struct sim_ledger *, str address, bool for_sure);

/* The remote servers' side. NULL: nobody ever wrote to it, and that breaks an invariant. */
struct sim_address *sim_ledger_find(struct sim_ledger *, str address);
/* One recipient of one transaction was taken: its content and sender are checked. */
void sim_ledger_take(struct sim_ledger *, struct sim_address *, str sender, str content);
/* The client has gone on: it knows. */
void sim_ledger_confirm(struct sim_ledger *, struct sim_address *, str content);

/* When the queue is empty and nothing is under way any more. */
void sim_ledger_audit(struct sim_ledger *);
