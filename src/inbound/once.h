/* inbound/once.h -- mail that comes with a key of its sender's, and comes again (XONCE)
 *
 * A key names one mail to one recipient. Who sends it again, because our answer was not heard, is
 * answered as the first time, and nothing is queued. Keys are told apart by tenant, login and,
 * where nobody logs in, address: of a stranger's key nothing can be learned.
 *
 * The content of a repeat is not compared, as its Date and boundaries may differ; its sender and
 * recipient are: another mail under the same key is refused.
 */
#pragma once
#include "queue/once.h"
#include "smtp/session.h"

struct inbound_session;

struct inbound_once { /* of one mail */
    struct queue_once_claim *claim;
    bool keyed, repeats;
    struct queue_once_known known; /* when it repeats */
};

/* MAIL was good so far. */
void inbound_once_mail(struct inbound_session *, const struct smtp_mail *, struct smtp_answer *);
/* True: nothing else is to be asked about this recipient; the answer says what becomes of it. */
bool inbound_once_rcpt(struct inbound_session *, str to, struct smtp_answer *);
void inbound_once_begin(struct inbound_session *); /* the intake gets the key */
void inbound_once_answer(struct inbound_session *, struct smtp_answer *); /* to a repeat */
void inbound_once_end(struct inbound_session *);                          /* of the mail */
