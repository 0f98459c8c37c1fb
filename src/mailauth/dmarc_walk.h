/* mailauth/dmarc_walk.h -- climbing the DNS for DMARC records (RFC 9989 section 4.10)
 *
 *     _dmarc.a.mail.example.com, _dmarc.mail.example.com, _dmarc.example.com, _dmarc.com
 *
 * At most eight questions: a name of eight labels or more goes on with its last seven. The walk
 * ends early at a record with psd=y or psd=n, and nowhere else: a record on the way is kept, and
 * the choice is made at the end. One walk answers both questions: where is the policy, and what
 * is the domain of the organization.
 *
 * Several walks of one message share their answers: no name is asked for twice.
 */
#pragma once
#include "mailauth/ask.h"
#include "mailauth/dmarc_record.h"

enum {
    MAILAUTH_DMARC_WALK_QUESTIONS_MAX = 8,
    MAILAUTH_DMARC_WALK_LABELS = 7,        /* of a longer name, behind its first question */
    MAILAUTH_DMARC_WALK_ANSWERS_MAX = 128, /* kept for the other walks of a message */
};

/* What stands at one name. */
struct mailauth_dmarc_answer {
    str domain; /* without "_dmarc." */
    enum dns_status status;
    const struct mailauth_dmarc_record *record; /* NULL: no record of use */
    bool several;                               /* more than one: none counts */
};

/* The walks of one message. */
struct mailauth_dmarc_walks {
    struct mailauth_ask *ask;
    struct mailauth_story *story; /* may be NULL */
    struct mailauth_dmarc_answer *answers;
    size_t count, questions;
};

struct mailauth_dmarc_walk {
    str domain; /* where it began */
    const struct mailauth_dmarc_answer *steps[MAILAUTH_DMARC_WALK_QUESTIONS_MAX];
    size_t count;
    str unknown;        /* the name whose answer could not be had: then nothing below is known */
    str organizational; /* section 4.10.2; the domain itself when no record says otherwise */
    /* Section 4.10.1: of the domain, of its organization, or of the public suffix above that; NULL:
     * DMARC is not applied. Known before the walk ended when it stands at the domain itself. */
    const struct mailauth_dmarc_answer *policy;
};

void mailauth_dmarc_walk_init(struct mailauth_dmarc_walks *, struct mailauth_ask *,
                              struct mailauth_story *);

/* The record at "_dmarc." and the domain, which is canonical. Several records there are none
 * (section 4.10, step 2). err: the budget is used up (ERR_LIMIT), or ERR_CANCELED. */
must_use err mailauth_dmarc_walk_ask(struct mailauth_dmarc_walks *, str domain,
                                     const struct mailauth_dmarc_answer **ret_answer);

/* The whole walk from a canonical domain. A DNS error is not an err: see unknown. */
must_use err mailauth_dmarc_walk(struct mailauth_dmarc_walks *, str domain,
                                 struct mailauth_dmarc_walk *ret_walk);

/* The answer gives neither records nor their absence. */
bool mailauth_dmarc_walk_is_unknown(enum dns_status);
