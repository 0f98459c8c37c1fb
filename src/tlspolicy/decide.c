#include "tlspolicy/decide.h"
#include <openssl/evp.h>
#include <string.h>

const char *tlspolicy_decide_level_name(enum tlspolicy_level level)
{
    static const char *const names[] = {"may", "encrypt", "verify", "dane"};
    return names[level];
}

static void raise_to(struct tlspolicy_decision *d, enum tlspolicy_level level)
{
    if (d->level < level)
        d->level = level;
}

static void by_dane(const struct tlspolicy_dane *dane, struct tlspolicy_decision *d)
{
    d->source = TLSPOLICY_BY_DANE;
    d->reason = dane->reason;
    if (dane->verdict == TLSPOLICY_DANE_DEFER) {
        d->step = TLSPOLICY_LATER;
        d->failure = TLSPOLICY_DNSSEC_INVALID;
        return;
    }
    bool verify = dane->verdict == TLSPOLICY_DANE_VERIFY;
    d->failure = verify ? TLSPOLICY_SUCCESS : TLSPOLICY_TLSA_INVALID;
    raise_to(d, verify ? TLSPOLICY_DANE : TLSPOLICY_ENCRYPT);
}

static void by_sts(const struct tlspolicy_sts_found *sts, str host, struct tlspolicy_decision *d)
{
    bool enforced = sts->mode == TLSPOLICY_STS_ENFORCE;
    d->source = TLSPOLICY_BY_STS;
    d->reason = sts->reason;
    d->failure = sts->failure;
    d->testing = !enforced;
    if (!tlspolicy_sts_policy_matches(&sts->policy, host)) {
        d->failure = TLSPOLICY_VALIDATION_FAILURE;
        d->reason = S("the MTA-STS policy does not name this host");
        d->step = enforced ? TLSPOLICY_SKIP : TLSPOLICY_USE;
        return;
    }
    if (enforced)
        raise_to(d, TLSPOLICY_VERIFY);
}

/* The recipient's side. */
static void by_policy(const struct tlspolicy_decide_input *in, struct tlspolicy_decision *d)
{
    if (in->dane && in->dane->verdict != TLSPOLICY_DANE_NONE) {
        by_dane(in->dane, d);
    } else if (in->sts && in->sts->mode != TLSPOLICY_STS_NONE) {
        by_sts(in->sts, in->host, d);
    } else {
        d->failure = in->sts ? in->sts->failure : TLSPOLICY_SUCCESS;
        d->reason = S("no policy of the recipient's");
    }
}

/* RFC 8689 section 4.2.1: the host must be the right one by DNSSEC or MTA-STS, and its certificate
 * verified. */
static void by_requiretls(const struct tlspolicy_decide_input *in, struct tlspolicy_decision *d)
{
    bool by_sts = in->sts && in->sts->mode != TLSPOLICY_STS_NONE &&
                  tlspolicy_sts_policy_matches(&in->sts->policy, in->host);
    d->requiretls = true;
    d->testing = false;
    raise_to(d, TLSPOLICY_VERIFY);
    if (d->step != TLSPOLICY_USE || in->named || by_sts)
        return;
    d->step = TLSPOLICY_NEVER;
    d->reason = S("REQUIRETLS: neither DNSSEC nor MTA-STS says that this is the right host");
}

struct tlspolicy_decision tlspolicy_decide(const struct tlspolicy_decide_input *in)
{
    struct tlspolicy_decision d = {.level = in->least, .reason = S("the message asks for no more")};
    if (in->wish != TLSPOLICY_WISH_NO)
        by_policy(in, &d);
    if (in->wish == TLSPOLICY_WISH_REQUIRE)
        by_requiretls(in, &d);
    return d;
}

/* ---- which connection may be used again ------------------------------------------------- */

enum { DIGEST_BYTES = 32, SHOWN_BYTES = 16 };

static void add(EVP_MD_CTX *digest, str text)
{
    uint64_t size = text.len; /* before it, so that no two lists look alike */
    int done = EVP_DigestUpdate(digest, &size, sizeof size) &&
               EVP_DigestUpdate(digest, text.ptr, text.len);
    ASSERT(done);
}

static void digest_of(const struct tlspolicy_dane *dane, uint8_t ret_digest[DIGEST_BYTES])
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    ASSERT(done);
    for (size_t i = 0; i < dane->count; i++) {
        const struct tls_dane_record *r = &dane->records[i];
        const char numbers[] = {(char)r->usage, (char)r->selector, (char)r->matching};
        add(digest, (str){numbers, sizeof numbers});
        add(digest, r->data);
    }
    for (size_t i = 0; i < dane->name_count; i++)
        add(digest, dane->names[i]);
    done = EVP_DigestFinal_ex(digest, ret_digest, NULL);
    ASSERT(done);
    EVP_MD_CTX_free(digest);
}

void tlspolicy_decide_key(const struct tlspolicy_decision *d, const struct tlspolicy_dane *dane,
                          char ret_key[TLSPOLICY_DECIDE_KEY_CHARS])
{
    int n = snprintf(ret_key, TLSPOLICY_DECIDE_KEY_CHARS, "%s%s",
                     tlspolicy_decide_level_name(d->level), d->requiretls ? "+requiretls" : "");
    if (d->level != TLSPOLICY_DANE || dane == NULL || dane->verdict != TLSPOLICY_DANE_VERIFY)
        return;
    uint8_t digest[DIGEST_BYTES];
    digest_of(dane, digest);
    ret_key[n++] = ' ';
    for (size_t i = 0; i < SHOWN_BYTES; i++)
        n += snprintf(ret_key + n, 3, "%02x", digest[i]);
}
