/* inbound/intake.h -- the content of one mail on its way into the queue
 *
 * The header is collected (bounded), looked at and, on submission, mended once it is whole; the
 * rest goes straight into the queue's draft. Nothing is kept until inbound_intake_commit().
 *
 * What is judged goes past the judge as it came; fields that speak in our name are not stored.
 */
#pragma once
#include "config/config.h"
#include "inbound/asked.h"
#include "mailauth/judge.h"
#include "message/received.h"
#include "queue/queue.h"
#include "smtp/session.h"

struct inbound_intake;

enum { INBOUND_INTAKE_TRACE_BYTES_MAX = 48 << 10 };

/* The field that a message which should be looked at bears; from outside it is left out. */
#define INBOUND_INTAKE_QUARANTINE "X-Smtptool-Quarantine"

struct inbound_intake_rules {
    bool submission; /* fix-ups, and From must be the login's */
    size_t hops_max, header_bytes_max;
    str login, hostname; /* must outlive the intake */
    bool asks;           /* fields that speak to us are read and taken out: inbound/asked.h */
    bool judged;         /* the header is kept, and both go to a mailauth_judge */
    str id;              /* our authserv-id: fields from outside in its name are left out */
    /* May this login use this From address? */
    bool (*may_use)(void *arg, str address);
    void *may_use_arg;
    /* The account that would have to send it and refuses this From address; NULL: it may go. */
    const struct config_account *(*refused_by)(void *arg, str address);
};

/* ERR_LIMIT: no room for another draft. */
must_use err inbound_intake_open(struct queue *, const struct inbound_intake_rules *,
                                 struct inbound_intake **ret_intake);
void inbound_intake_close(struct inbound_intake *); /* accepts NULL; what was not committed goes */

/* A refusal of the content is put into *refusal (code != 0). */
must_use err inbound_intake_write(struct inbound_intake *, str run, struct smtp_answer *refusal,
                                  deadline until);
/* All of it was written: the header ends here if it has not yet. */
must_use err inbound_intake_finish(struct inbound_intake *, struct smtp_answer *refusal,
                                   deadline until);
/* Once it is finished: its header says that it is a delivery status notification (RFC 3464). */
bool inbound_intake_is_bounce(const struct inbound_intake *);
/* Once it is finished: what it asks of us. Nothing unless rules.asks; good until it is closed. */
const struct inbound_asked *inbound_intake_asked(const struct inbound_intake *);
/* Once it is finished: who is to be asked about it, and where the judgement may live. NULL: the
 * message is not judged. */
struct mailauth_judge *inbound_intake_judge(struct inbound_intake *, struct arena **ret_arena);
/* What is asked of the DNS within this budget counts with the drafts (limits.draft_memory). */
void inbound_intake_count(struct inbound_intake *, struct dns_budget *);
/* There was no room for an answer, so the judgement is none: the refusal says so. */
bool inbound_intake_is_full(const struct inbound_intake *, struct smtp_answer *refusal);
/* Of a message that is judged, as it came; until the intake is closed. */
str inbound_intake_header(const struct inbound_intake *);
/* Fields of ours to stand above Received: at most INBOUND_INTAKE_TRACE_BYTES_MAX. */
void inbound_intake_trace(struct inbound_intake *, str fields);
/* The key of the message, which is the intake's from now on. */
void inbound_intake_once(struct inbound_intake *, struct queue_once_claim **);
/* Keep it: see queue_commit(). The envelope's message_id and tls_optional are filled in;
 * received->id, too. */
must_use err inbound_intake_commit(struct inbound_intake *, struct envelope *,
                                   struct message_received *received, queue_id *ret_id,
                                   deadline until);
/* The front of the content, once it is finished: no more than ret_text takes. */
must_use err inbound_intake_front(struct inbound_intake *, struct buf *ret_text, deadline until);
uint64_t inbound_intake_size(const struct inbound_intake *); /* of the content */
