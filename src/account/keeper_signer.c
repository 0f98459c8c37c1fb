#include "account/keeper_signer.h"
#include <string.h>

static err sign(struct mailauth_dkim_signer *signer,
                const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES], struct buf *out, deadline until)
{
    struct keeper_signer *s = CONTAINER_OF(signer, struct keeper_signer, signer);
    struct keeper_digest d = {
        .domain = s->domain, .selector = s->selector, .algorithm = signer->algorithm};
    memcpy(d.bytes, digest, sizeof d.bytes);
    return keeper_dkim_sign(s->keeper, &d, out, until);
}

void keeper_signer_init(struct keeper_signer *s, const struct keeper *keeper, str domain,
                        const struct keeper_dkim_key *key)
{
    *s = (struct keeper_signer){
        .signer = {.algorithm = key->algorithm, .sign = sign},
        .keeper = keeper,
        .domain = domain,
        .selector = key->selector
    };
}
