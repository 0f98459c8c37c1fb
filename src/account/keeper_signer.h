/* account/keeper_signer.h -- a signer whose private key the keeper has: it asks and waits */
#pragma once
#include "account/keeper.h"
#include "mailauth/dkim_signer.h"

struct keeper_signer {
    struct mailauth_dkim_signer signer; /* for struct mailauth_dkim_plan */
    const struct keeper *keeper;
    str domain, selector;
};

/* The texts must outlive it. Its sign() waits, so it is for fibers. */
void keeper_signer_init(struct keeper_signer *, const struct keeper *, str domain,
                        const struct keeper_dkim_key *);
