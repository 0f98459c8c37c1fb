/* outcome/notice_kind.h -- does a message look like a bounce, or like a machine's answer?
 *
 * By its header alone: who it is from, what it is called, and the fields of RFC 3834 and of those
 * who went before it.
 */
#pragma once
#include "base/arena.h"

struct outcome_notice_kind_facts {
    bool from_daemon;    /* MAILER-DAEMON, postmaster, or nobody at all */
    bool bounce_subject; /* "Returned mail", "Undeliverable", "failure notice" */
    bool delay_subject;  /* "Delivery delayed", "Warning" */
    bool auto_reply;     /* a field or the subject says that a machine answers */
    bool auto_certain;   /* a field says so */
    bool unsubscribe;    /* the subject is that word alone */
    str from, to;        /* the addresses, or empty */
    str failed;          /* X-Failed-Recipients, as it stands; or empty */
    str about;           /* In-Reply-To, or the last of References: a Message-ID, or empty */
};

void outcome_notice_kind_read(str header, struct arena *,
                              struct outcome_notice_kind_facts *ret_facts);
