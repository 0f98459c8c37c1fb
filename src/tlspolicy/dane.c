#include "tlspolicy/dane.h"
#include <openssl/err.h>
#include <openssl/x509.h>

enum { /* the numbers of RFC 6698 section 2.1 */
       USAGE_TRUST_ANCHOR = 2,
       USAGE_END_ENTITY = 3,
       SELECTOR_CERTIFICATE = 0,
       MATCHING_FULL = 0,
       MATCHING_SHA256 = 1,
       MATCHING_SHA512 = 2,
};

const char *tlspolicy_dane_verdict_name(enum tlspolicy_dane_verdict verdict)
{
    static const char *const names[] = {"none", "encrypt", "verify", "defer"};
    return names[verdict];
}

/* ---- one answer ------------------------------------------------------------------------- */

/* A record may hold a whole certificate or key: one that nobody can read can never fit. */
static bool can_be_read(const struct dns_tlsa *t)
{
    const uint8_t *at = (const uint8_t *)t->data.ptr, *end = at + t->data.len;
    bool read;
    if (t->selector == SELECTOR_CERTIFICATE) {
        X509 *certificate = d2i_X509(NULL, &at, (long)t->data.len);
        read = certificate && X509_get0_pubkey(certificate);
        X509_free(certificate);
    } else {
        EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)t->data.len);
        read = key != NULL;
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
    return read && at == end;
}

/* Usages 0 and 1 mean roots that the two sides never agreed on (section 3.1.3). */
static bool can_be_used(const struct dns_tlsa *t)
{
    if (!t->usable || (t->usage != USAGE_TRUST_ANCHOR && t->usage != USAGE_END_ENTITY))
        return false;
    return t->matching != MATCHING_FULL || can_be_read(t);
}

/* RFC 7671 section 9: among records of one usage and selector the strongest digest counts. */
static bool is_outdone(const struct tls_dane_record *r, const struct tls_dane_record *all,
                       size_t count)
{
    for (size_t i = 0; i < count && r->matching == MATCHING_SHA256; i++)
        if (all[i].usage == r->usage && all[i].selector == r->selector &&
            all[i].matching == MATCHING_SHA512)
            return true;
    return false;
}

static void drop_outdone(struct tlspolicy_dane *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++)
        if (!is_outdone(&d->records[i], d->records + i, d->count - i) &&
            !is_outdone(&d->records[i], d->records, kept))
            d->records[kept++] = d->records[i];
    d->count = kept;
}

static void take_records(const struct dns_answer *a, struct arena *arena, struct tlspolicy_dane *d)
{
    d->records = ARENA_ARRAY(arena, struct tls_dane_record, a->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct dns_tlsa *t = &a->records[i].tlsa;
        if (can_be_used(t))
            d->records[d->count++] =
                (struct tls_dane_record){t->usage, t->selector, t->matching, t->data};
    }
    d->unusable = a->count - d->count;
    drop_outdone(d);
}

static bool is_unknown(enum dns_status status)
{
    return status == DNS_SERVFAIL || status == DNS_TIMEOUT || status == DNS_BOGUS;
}

struct tlspolicy_dane tlspolicy_dane_judge(const struct dns_answer *a, struct arena *arena)
{
    struct tlspolicy_dane d = {.verdict = TLSPOLICY_DANE_NONE};
    if (is_unknown(a->status)) {
        d.verdict = TLSPOLICY_DANE_DEFER;
        d.reason =
            arena_printf(arena, "the TLSA records: %s (2.1.1)", dns_answer_status_name(a->status));
    } else if (a->status != DNS_OK) {
        d.reason = S("there are no TLSA records (2.2)");
    } else if (a->security != DNS_SECURE) {
        d.reason = arena_printf(arena, "TLSA records in an answer that is %s (2.2)",
                                dns_answer_security_name(a->security));
    } else {
        take_records(a, arena, &d);
        d.ttl = a->ttl;
        d.verdict = d.count ? TLSPOLICY_DANE_VERIFY : TLSPOLICY_DANE_ENCRYPT;
        d.reason = d.count ? arena_printf(arena, "%zu TLSA records of use, %zu of none (2.2)",
                                          d.count, d.unusable)
                           : S("TLSA records, and none of use (2.2)");
    }
    return d;
}

/* ---- all questions about one hop -------------------------------------------------------- */

struct finder {
    struct dns_resolver *resolver;
    struct dns_budget *budget;
    const struct tlspolicy_dane_hop *hop;
    struct arena *arena;
    deadline until;
};

static struct tlspolicy_dane without(enum tlspolicy_dane_verdict verdict, const char *reason)
{
    return (struct tlspolicy_dane){.verdict = verdict, .reason = str_of(reason)};
}

static void add_name(struct tlspolicy_dane *d, str name)
{
    for (size_t i = 0; i < d->name_count; i++)
        if (str_eq(d->names[i], name))
            return;
    if (name.len > 0)
        d->names[d->name_count++] = name;
}

/* RFC 7672 section 3.2.2. Who can forge the way to the host may not choose the name as well. */
static void name_whom_to_expect(const struct finder *f, struct tlspolicy_dane *d)
{
    add_name(d, d->base);
    if (f->hop->mx_security != DNS_SECURE)
        return;
    add_name(d, f->hop->domain);
    add_name(d, f->hop->domain_canonical);
}

static err ask_at(const struct finder *f, str base, struct tlspolicy_dane *ret_dane)
{
    struct dns_answer a;
    str name = arena_printf(f->arena, "_%u._tcp.%.*s", f->hop->port, STR_ARG(base));
    TRY(dns_resolver_ask(f->resolver, f->budget, name, DNS_TLSA, f->arena, &a, f->until));
    *ret_dane = tlspolicy_dane_judge(&a, f->arena);
    if (ret_dane->verdict == TLSPOLICY_DANE_ENCRYPT || ret_dane->verdict == TLSPOLICY_DANE_VERIFY) {
        ret_dane->base = base;
        name_whom_to_expect(f, ret_dane);
    }
    return NULL;
}

/* The addresses lie in an unsigned zone, but the alias that leads there may be signed, and then the
 * host's own name may have records (section 2.2.3). */
static err ask_at_signed_alias(const struct finder *f, struct tlspolicy_dane *ret_dane)
{
    struct dns_answer a;
    TRY(dns_resolver_ask(f->resolver, f->budget, f->hop->host, DNS_CNAME, f->arena, &a, f->until));
    if (is_unknown(a.status)) {
        *ret_dane = without(TLSPOLICY_DANE_DEFER, "the host's alias is not to be had (2.1.1)");
        return NULL;
    }
    if (a.status == DNS_OK && a.security == DNS_SECURE)
        return ask_at(f, f->hop->host, ret_dane);
    *ret_dane = without(TLSPOLICY_DANE_NONE, "the host's alias and addresses are unsigned (2.2.3)");
    return NULL;
}

static err ask_at_both(const struct finder *f, struct tlspolicy_dane *ret_dane)
{
    TRY(ask_at(f, f->hop->host_canonical, ret_dane));
    return ret_dane->verdict == TLSPOLICY_DANE_NONE ? ask_at(f, f->hop->host, ret_dane) : NULL;
}

static err find(const struct finder *f, struct tlspolicy_dane *ret_dane)
{
    const struct tlspolicy_dane_hop *hop = f->hop;
    bool alias = hop->host_canonical.len > 0 && !str_eq(hop->host_canonical, hop->host);
    if (is_unknown(hop->address_status)) {
        *ret_dane = without(TLSPOLICY_DANE_DEFER, "the host's addresses are not to be had (2.1.1)");
        return NULL;
    }
    if (hop->address_status != DNS_OK) {
        *ret_dane = without(TLSPOLICY_DANE_NONE, "the host has no addresses");
        return NULL;
    }
    if (hop->address_security == DNS_SECURE)
        return alias ? ask_at_both(f, ret_dane) : ask_at(f, hop->host, ret_dane);
    if (alias && hop->address_security == DNS_INSECURE)
        return ask_at_signed_alias(f, ret_dane);
    *ret_dane = without(TLSPOLICY_DANE_NONE, "the host's addresses are unsigned (2.2.2)");
    return NULL;
}

err tlspolicy_dane_find(struct dns_resolver *resolver, struct dns_budget *budget,
                        const struct tlspolicy_dane_hop *hop, struct arena *arena,
                        struct tlspolicy_dane *ret_dane, deadline until)
{
    struct finder f = {resolver, budget, hop, arena, until};
    struct tlspolicy_dane d;
    TRY(find(&f, &d));
    *ret_dane = d;
    return NULL;
}

struct tls_dane tlspolicy_dane_tls(const struct tlspolicy_dane *d)
{
    ASSERT(d->verdict == TLSPOLICY_DANE_VERIFY);
    return (struct tls_dane){d->records, d->count, d->names, d->name_count, false};
}
