/* mailauth/judge.h -- everything about one message at once: SPF, DKIM, ARC, then DMARC
 *
 * Open with the header, let the body pass, finish on a fiber: SPF, DKIM and ARC ask the DNS side by
 * side, all under the ask's one budget and one deadline, and DMARC says what they come to.
 *
 *     TRY(mailauth_judge_open(header, arena, &judge));
 *     mailauth_judge_add(judge, bytes); ... as often as there are bytes of the body
 *     TRY(mailauth_judge_finish(judge, &ask, &peer, NULL, &judgement));
 *     TRY(mailauth_judge_write(&judgement, S("mx.example.net"), false, arena, &out));
 *
 * Who sends a message decides what the first three ask, so a quarter of the questions, the time and
 * the room for answers is kept from them: a policy cannot be got around by having it asked for too
 * late.
 *
 * Of ARC nothing follows unless the newest sealer is one that we trust, and it says that DMARC
 * passed when the message was with it: then a failure of ours is what that sealer's changes made.
 * When it says otherwise, and the sealer before it is trusted as well, that one is asked, and so
 * on.
 */
#pragma once
#include "base/buf.h"
#include "mailauth/arc.h"
#include "mailauth/dkim.h"
#include "mailauth/dmarc.h"
#include "mailauth/spf.h"

enum {
    MAILAUTH_JUDGE_DMARC_SHARE = 4, /* one part in so many is DMARC's own */
    MAILAUTH_JUDGE_REASON_BYTES_MAX = 220,
    MAILAUTH_JUDGE_FIELD_BYTES_MAX = 40 << 10,
    /* Of the arena: the header's fields twice over, and all answers that a budget has room for. */
    MAILAUTH_JUDGE_BYTES_MAX = 96 << 20,
};

struct mailauth_judge_peer {
    const struct address *ip;   /* NULL: not known, so nothing is asked of SPF */
    str helo, sender, receiver; /* as in mailauth/spf.h */
    const str *sealers;         /* whose ARC is believed: canonical domains */
    size_t sealer_count;
};

/* How each came to its result. Any may be NULL. */
struct mailauth_judge_stories {
    struct mailauth_story *spf, *dkim, *arc, *dmarc;
};

struct mailauth_judgement {
    struct mailauth_judge_peer peer;
    struct mailauth_spf_args spf_args;
    struct mailauth_spf spf; /* NONE without an address */
    struct mailauth_dkim_verdict dkim;
    struct mailauth_arc_result arc;
    struct mailauth_dmarc_from from;
    struct mailauth_dmarc dmarc;

    str believed; /* the sealer whose word stands above DMARC's failure; empty: none's */
    /* A trusted sealer's word might stand above it, but a key could not be had now. */
    bool sealer_unknown;
    /* What is asked for, or follows: REJECT also for a permerror, when nobody can tell whose
     * message it is; NONE when a sealer is believed. Never ABSENT. */
    enum mailauth_dmarc_policy disposition;
    str reason; /* one line of ASCII for people, about DMARC */
    int questions;
};

struct mailauth_judge;

/* The header lives until finish. ERR_LIMIT: above the maxima of message/header.h. */
must_use err mailauth_judge_open(str header, struct arena *, struct mailauth_judge **ret_judge);
void mailauth_judge_add(struct mailauth_judge *, str body_bytes);

/* Once. Results live in the ask's arena, and the peer must live as long. stories may be NULL.
 * ERR_CANCELED only. */
must_use err mailauth_judge_finish(struct mailauth_judge *, const struct mailauth_ask *,
                                   const struct mailauth_judge_peer *,
                                   const struct mailauth_judge_stories *,
                                   struct mailauth_judgement *ret_judgement);

/* The results in one word: of several signatures the one that says the most, as
 * "pass" before "fail". */
enum mailauth_result mailauth_judge_dkim(const struct mailauth_judgement *);

/* Append our Authentication-Results: at most MAILAUTH_JUDGE_FIELD_BYTES_MAX. utf8: the message may
 * have UTF-8 in its header. */
must_use err mailauth_judge_write(const struct mailauth_judgement *, str id, bool utf8,
                                  struct arena *, struct buf *out);
