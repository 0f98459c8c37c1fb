/* tlspolicy/dane.h -- DANE for SMTP: what the DNS says of a host's TLS (RFC 7672, 7671, 6698)
 *
 * A host that has TLSA records, in answers that DNSSEC vouches for, can do TLS: mail to it goes
 * encrypted or not at all, and where a record can be used the certificate must fit it. Without such
 * records nothing is promised. An answer that fails validation, or does not come, may hide them:
 * the host is not used now.
 */
#pragma once
#include "dns/resolver.h"
#include "runtime/tls_dane.h"

enum tlspolicy_dane_verdict {
    TLSPOLICY_DANE_NONE,    /* DANE does not apply here */
    TLSPOLICY_DANE_ENCRYPT, /* TLS is a must, whoever answers: no record can be used */
    TLSPOLICY_DANE_VERIFY,  /* TLS is a must, and the certificate must fit */
    TLSPOLICY_DANE_DEFER,   /* the DNS could not say: another host, or later */
};

enum { TLSPOLICY_DANE_NAMES_MAX = 3 };

struct tlspolicy_dane {
    enum tlspolicy_dane_verdict verdict;
    str base;                        /* the name that has the records; empty: there are none */
    struct tls_dane_record *records; /* that can be used; the weaker of two digests is left out */
    size_t count, unusable;
    str names[TLSPOLICY_DANE_NAMES_MAX]; /* that a certificate of usage 2 may be for; base first */
    size_t name_count;
    uint32_t ttl; /* seconds, of the records; 0: there are none */
    str reason;   /* for a person, with the section of RFC 7672 */
};

const char *tlspolicy_dane_verdict_name(enum tlspolicy_dane_verdict); /* "verify" */

/* What an answer to the question for TLSA records comes to. Pure. All lives in the arena or in the
 * answer. base and names are not set. */
struct tlspolicy_dane tlspolicy_dane_judge(const struct dns_answer *, struct arena *);

/* What is known of the next hop before TLS begins. Names are canonical (dns/name.h). */
struct tlspolicy_dane_hop {
    str domain;           /* where the mail is to go: a recipient's domain or a route's host */
    str domain_canonical; /* behind its CNAMEs; empty: the same */
    enum dns_security mx_security;  /* of the way from the domain to the host; secure when the
                                     * operator named the host */
    str host;                       /* the MX host, or the domain itself */
    str host_canonical;             /* behind its CNAMEs; empty: the same */
    enum dns_status address_status; /* of the host's addresses */
    enum dns_security address_security;
    uint16_t port;
};

/* Ask for what is needed, three questions at most, and judge it (sections 2.1, 2.2 and 3.2). What
 * is not a host with secure addresses is never asked for TLSA records: many old name servers would
 * not answer. A budget may be NULL. ERR_CANCELED; ERR_LIMIT: the budget. */
must_use err tlspolicy_dane_find(struct dns_resolver *, struct dns_budget *,
                                 const struct tlspolicy_dane_hop *, struct arena *,
                                 struct tlspolicy_dane *ret_dane, deadline until);

/* For tls_connect_dane(); the verdict must be VERIFY. Points into it. */
struct tls_dane tlspolicy_dane_tls(const struct tlspolicy_dane *);
