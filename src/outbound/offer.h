/* outbound/offer.h -- one host, one mail, some of its recipients: transactions until all have a
 * verdict
 *
 * As few transactions as the host allows. What was learned stays learned: each recipient's verdict
 * is set as soon as it is known, and an err that follows changes only those that have none.
 */
#pragma once
#include "feedback/feedback.h"
#include "outbound/connect.h"
#include "outbound/from.h"
#include "outcome/reply.h"

enum {
    OUTBOUND_OFFER_RCPTS_MAX = 1000,       /* in one transaction, when the host names no limit */
    OUTBOUND_OFFER_TEXT_BYTES_MAX = 500,   /* of a reply that is kept */
    OUTBOUND_OFFER_CONVERT_MS = 60 * 1000, /* for reading a mail twice from our disk */
};

/* Who signs it, and what one attempt knows already: the same bytes are signed once. */
struct outbound_offer_signing {
    struct outbound_sign_keys *keys;
    const struct config *config;
    bool known;
    struct outbound_sign_result result; /* of the mail as it stands */
};

/* A return path for each recipient (feedback/feedback.h): then each is a transaction of its own. */
struct outbound_offer_returns {
    struct feedback *feedback;
    const struct config *config;
    str queue_id;
    const uint16_t
        *rcpt_indexes; /* beside the envelope's recipients: their places in the message */
};

/* What is to be sent. Its recipients are those that still wait. */
struct outbound_offer_mail {
    const struct envelope *envelope;
    uint64_t size; /* of all that is sent */
    /* The piece that begins at offset; empty at the end. Any err but CANCELED: our copy cannot be
     * read now, which is no fault of the host's. */
    err (*read)(void *arg, uint64_t offset, str *ret_piece, deadline);
    void *arg;
    struct outbound_offer_signing *signing;       /* NULL: it is not signed */
    const struct outbound_offer_returns *returns; /* NULL: the sender stands as it is */
};

/* Who answered. */
struct outbound_offer_peer {
    str host, ip;
    str egress, local_ip;        /* by which of our addresses; may be empty */
    str tls_version, tls_cipher; /* empty: no TLS */
    bool lmtp;                   /* a 250 is the final delivery */
    bool dsn;                    /* it sends its own notifications */
    bool deliver_by;             /* it keeps to BY (RFC 2852) */
};

struct outbound_offer_rcpt {
    struct outbound_verdict verdict;
    bool decided;                           /* DONE, FAIL, DEFER: for this attempt it is over */
    bool heard;                             /* there is a verdict of some host */
    bool unfit;                             /* no host so far could have taken such a message */
    const struct outbound_offer_peer *peer; /* NULL: nobody answered */
    bool judged, classed; /* outbound_judge() has looked at this verdict, and found a class */
    struct outcome outcome;
};

struct outbound_offer {
    struct outbound_connection *connection;
    const struct outbound_offer_mail *mail;
    struct outbound_offer_rcpt *rcpts;   /* beside mail->envelope->rcpts */
    int rcpts_max;                       /* in one transaction; 0: as the host says */
    bool convert;                        /* send seven bits where the host knows no 8BITMIME */
    struct feedback_way way;             /* as the shaper names it, for what comes back later */
    const struct config_account *sender; /* whose rules for From hold there; NULL: nobody's */
    struct arena *arena;                 /* for verdicts' texts */
    /* Indexes of those to be offered; afterwards those that are left for another host, in order. */
    size_t *todo;
    size_t todo_count;
    bool full;   /* set when the host takes no more mails on this connection: it may on another */
    bool failed; /* set when a recipient was not taken; why: by what, when that was no reply */
    str why;
    bool stale; /* set when a connection that had been idle turned out dead: nothing was learned */
    struct outbound_from from; /* what was found about From, and done about it */
};

/* ERR_CANCELED only. The connection is good for more unless net_broken() says otherwise. */
must_use err outbound_offer_run(struct outbound_offer *);

/* A verdict for one that is still open: what says "another host" or nothing final stays open. */
void outbound_offer_set(struct outbound_offer_rcpt *, const struct outbound_verdict *,
                        const struct outbound_offer_peer *);
