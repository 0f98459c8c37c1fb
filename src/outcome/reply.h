/* outcome/reply.h -- what a server's refusal means
 *
 * A reply's code says little: 550 is said of unknown users, of spam and of blocked addresses alike.
 * What it means is found in its words first (outcome/rule.h), then in its enhanced status, then in
 * its code. Pure: the same for a reply that was just had and for one that a bounce repeats.
 */
#pragma once
#include "outcome/rule.h"
#include "smtp/verdict.h"

struct outcome_reply {
    int code;         /* 550; 0: none is known, as in many bounces */
    str enhanced;     /* "5.1.1", or empty */
    str text;         /* without codes */
    bool stage_known; /* which command it answered */
    enum smtp_stage stage;
    str host; /* who answered: the MX; or empty */
};

struct outcome {
    enum outcome_class class;
    enum outcome_provider provider;
    bool temporary; /* the reply says that later may be better */
    /* Nothing will ever arrive at this address: its class is dead, it was not temporary, and it was
     * certain. "Unknown user" is, where the recipient alone was on the table: at RCPT, by a status
     * that says so, by the words of the mail system itself. Behind the content it is not: some
     * answer so when a recipient's filter refuses. */
    bool hard;
    enum outcome_whose whose;
    enum outcome_advice advice;
    uint32_t wait_seconds;           /* that the reply names; 0: none */
    const struct outcome_rule *rule; /* what it was found by; NULL: by the code alone */
};

enum { OUTCOME_REPLY_ARENA_BYTES = 64 << 10 }; /* what a judgement may need of its arena */

/* The arena is for the words; nothing of it stays in the result. */
struct outcome outcome_reply_judge(const struct outcome_reply *, struct arena *);

/* Read a reply as it stands in a log or a bounce: "550-5.1.1 Text", "#5.1.0 Text", "host mx said:
 * 550 Text". Code and status are cut off, also where they are repeated in further lines; what
 * stands in front of the reply is left out. The text is one line; stage and host are not set. */
struct outcome_reply outcome_reply_read(str text, struct arena *);
