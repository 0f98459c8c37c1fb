/* outbound/from.h -- is the author in From one that the account may write as?
 *
 * A provider whose login we use replaces another From, refuses it, or passes it on: its preset says
 * which. So it is looked at before anything is sent, and what the account's from_policy says is
 * done about it. Pure, but for the stream, which is one of the steps of outbound/offer.h.
 */
#pragma once
#include "outbound/sign.h"

enum { OUTBOUND_FROM_TOLD_MAX = 512 };

struct outbound_from {
    enum config_from_policy act; /* OFF: nothing is asked, nothing is known, or it agrees */
    str from;                    /* else the first author that the account is not */
    str text;                    /* …and what to tell, with the provider's rule */
};

/* May that account write as this address? True as well when no address of the account is known. */
bool outbound_from_fits(const struct config_account *, str address);

/* An address of the account's own; empty: none is known. */
str outbound_from_address(const struct config_account *);

/* All From fields of a header, as far as it was read; texts live in the arena. The account may be
 * NULL. A header without any author agrees with everybody. */
void outbound_from_judge(const struct config_account *, str header, struct arena *,
                         struct outbound_from *ret_from);

/* Do the accounts of all these hops refuse it? Then one of them, else NULL. */
const struct config_account *outbound_from_refused(const struct config_hop *hops, size_t count,
                                                   str address);

/* The header with the account's address in one From, under the author's name, and the author in
 * Reply-To unless there is one. The account has an address: the configuration saw to that. */
str outbound_from_rewrite(const struct config_account *, str header, struct arena *);

/* What somebody reads, with another header in front. */
struct outbound_from_stream {
    struct outbound_sign_source inner;
    str header; /* to be given instead of so many bytes of what is read */
    uint64_t replaced;
    str given; /* of the header, still to come */
    uint64_t passed;
};
void outbound_from_stream_init(struct outbound_from_stream *,
                               const struct outbound_sign_source *inner, str header,
                               uint64_t replaced);
void outbound_from_stream_rewind(void *stream);
must_use err outbound_from_stream_read(void *stream, str *ret_piece, deadline);

/* What was told already, as far as it is remembered: one worker's. */
struct outbound_from_told {
    uint64_t seen[OUTBOUND_FROM_TOLD_MAX];
};
/* True once for an account and an author. NULL remembers nothing. */
bool outbound_from_told_first(struct outbound_from_told *, str account, str from);
