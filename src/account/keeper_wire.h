/* account/keeper_wire.h -- requests and replies of the keeper as bytes
 *
 * A frame is its length in four bytes (big-endian, without itself) and a body. Numbers are
 * big-endian, texts have their length in four bytes before them. Each text has its maximum, and a
 * body with bytes left over is refused. Each side trusts the other's frames no more than a peer's.
 */
#pragma once
#include "account/keeper.h"

enum {
    KEEPER_FRAME_BYTES_MAX = 96 * 1024, /* a secret of 64 KiB fits; and all senders do */
    KEEPER_FRAME_HEADER_BYTES = 4,
    KEEPER_REFERENCE_BYTES_MAX = 4096,
    KEEPER_WHY_BYTES_MAX = 512,
    KEEPER_CHALLENGE_BYTES_MAX = 2048,
    KEEPER_DOMAIN_BYTES_MAX = 255,
    KEEPER_SELECTOR_BYTES_MAX = 255,
};

enum keeper_op {
    KEEPER_CHECK_LOGIN = 1,
    KEEPER_SCRAM_LOOKUP,
    KEEPER_SECRET,
    KEEPER_DKIM_KEYS,
    KEEPER_DKIM_SIGN,
    KEEPER_SECRET_AGAIN, /* as SECRET, but what was given before was refused */
};

struct keeper_request {
    uint32_t id; /* the asker's; the reply has it, too */
    enum keeper_op op;
    struct keeper_claim claim;   /* CHECK_LOGIN; SCRAM_LOOKUP uses user and scope */
    str reference;               /* SECRET, SECRET_AGAIN */
    struct keeper_digest digest; /* DKIM_SIGN; DKIM_KEYS uses domain */
};

struct keeper_reply {
    uint32_t id;
    enum keeper_op op;
    bool failed; /* then kind, number and why, and nothing else */
    enum err_kind kind;
    int number;
    str why;
    struct keeper_verdict verdict; /* CHECK_LOGIN, SCRAM_LOOKUP */
    struct sasl_scram_verifier verifier;
    str secret;
    struct keeper_dkim_keys keys; /* DKIM_KEYS */
    str signature;                /* DKIM_SIGN */
};

/* One frame is taken off *input. False: it is not whole yet. ERR_LIMIT: its length is above the
 * maximum or zero, so nothing behind it can be trusted. */
must_use err keeper_wire_take(str *input, str *ret_body, bool *ret_whole);

/* Append a whole frame. ERR_LIMIT: a text is above its maximum. */
must_use err keeper_wire_add_request(const struct keeper_request *, struct buf *out);
must_use err keeper_wire_add_reply(const struct keeper_reply *, struct buf *out);

/* Texts borrow from the body; the list of senders is in the arena. ERR_PROTOCOL, ERR_LIMIT. */
must_use err keeper_wire_read_request(str body, struct keeper_request *ret_request);
must_use err keeper_wire_read_reply(str body, struct arena *, struct keeper_reply *ret_reply);

/* A failed reply as an err of this side. */
must_use err keeper_wire_err(const struct keeper_reply *);
