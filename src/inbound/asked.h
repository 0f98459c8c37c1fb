/* inbound/asked.h -- what a mail's header asks of this server: fields that speak to us alone
 *
 *     Smtptool-Stream: receipts        Smtptool-Campaign: spring-2026
 *     Smtptool-Tenant: shop            (relay, from a network that belongs to no tenant)
 *     Smtptool-Expires: 4h             or 2026-12-24T18:00:00Z: of no use any more then
 *     MT-Priority: 4                   (RFC 6758) for MAIL's MT-PRIORITY, where a hop lacked it
 *
 * They are read on submission and relay listeners, and never leave with the message. One that is
 * not as it must be, and one that we do not know, refuses the message: a limit or a list that
 * silently does not apply is worse than a mail that comes back. A further field is a row of the
 * table in asked.c.
 */
#pragma once
#include "base/buf.h"
#include "config/config.h"
#include "message/envelope.h"
#include "message/header.h"
#include "smtp/answer.h"

struct inbound_asked {
    bool any; /* there is something to take out */
    bool has_priority;
    int8_t priority;
    int64_t expires_ms;        /* real time; 0: it does not say */
    bool feedback_id;          /* it bears a Feedback-ID already */
    struct envelope_flow flow; /* the tenant: as it is claimed, which nobody has checked yet */
};

/* Texts live in the arena. refusal->code != 0: it says which field is wrong, and why. */
void inbound_asked_read(str fields, struct arena *, struct inbound_asked *ret_asked,
                        struct smtp_answer *refusal);
/* MT-Priority: nobody but a hop that asks for it on our own word sees it. */
bool inbound_asked_is_priority(const struct message_field *);
/* Append all other fields. ERR_LIMIT: out is smaller than the fields. */
must_use err inbound_asked_strip(str fields, struct buf *out);

/* Whose mail it is, by what the client cannot choose: its login, else its network, else the
 * domain of the envelope sender. Empty: nobody's. */
str inbound_asked_tenant(const struct config *, str login, const struct address *peer, str sender);

/* The flow of a message. Only who relays for many, a trusted network that is no tenant's, may name
 * the tenant; else the name must be its own. refusal->code != 0: it is not. */
struct envelope_flow inbound_asked_flow(const struct inbound_asked *, str tenant, bool may_name,
                                        struct smtp_answer *refusal);

/* "Feedback-ID: campaign:stream:tenant:sender", by which Gmail tells complaints apart; nothing for
 * a message that belongs to nobody or bears one. */
str inbound_asked_feedback_id(const struct inbound_asked *, const struct envelope_flow *,
                              const struct config *, struct arena *);
