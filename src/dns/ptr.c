#include "dns/ptr.h"
#include <stdio.h>

/* "1.2.0.192.in-addr.arpa" (RFC 1035 section 3.5), "…ip6.arpa" (RFC 3596 section 2.5). */
static str reverse_name(const struct address *a, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof a->ip * 4];
    if (a->family == ADDRESS_IP4)
        return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", a->ip[3], a->ip[2], a->ip[1],
                            a->ip[0]);
    for (size_t i = 0; i < sizeof a->ip; i++) {
        uint8_t byte = a->ip[sizeof a->ip - 1 - i];
        text[4 * i] = digits[byte & 0x0f];
        text[4 * i + 2] = digits[byte >> 4];
        text[4 * i + 1] = text[4 * i + 3] = '.';
    }
    return arena_printf(arena, "%.*sip6.arpa", (int)sizeof text, text);
}

/* Does the name have the address? */
static err confirm(struct dns_resolver *r, struct dns_budget *budget, const struct address *a,
                   str name, struct arena *arena, struct dns_answer *ret_answer, bool *ret_agrees,
                   deadline until)
{
    enum dns_type type = a->family == ADDRESS_IP4 ? DNS_A : DNS_AAAA;
    bool agrees = false;
    TRY(dns_resolver_ask(r, budget, name, type, arena, ret_answer, until));
    for (size_t i = 0; i < ret_answer->count; i++) {
        struct address b = dns_record_address(&ret_answer->records[i]);
        agrees |= address_eq_ip(a, &b);
    }
    *ret_agrees = agrees;
    return NULL;
}

/* Look at the names until one agrees. A name whose own lookup failed leaves the question open. */
static err confirm_any(struct dns_resolver *r, struct dns_budget *budget, const struct address *a,
                       const struct dns_answer *names, struct arena *arena, struct dns_ptr *p,
                       deadline until)
{
    p->status = DNS_NODATA;
    for (size_t i = 0; i < names->count && i < DNS_PTR_NAMES_MAX; i++) {
        str name = names->records[i].name;
        struct dns_answer forward;
        bool agrees;
        if (!dns_name_is_host(name))
            continue;
        p->claimed = p->claimed.len ? p->claimed : name;
        TRY(confirm(r, budget, a, name, arena, &forward, &agrees, until));
        if (agrees) {
            p->status = DNS_OK;
            p->name = name;
            p->security = dns_answer_weaker(names->security, forward.security);
            return NULL;
        }
        if (forward.status >= DNS_SERVFAIL)
            p->status = forward.status;
    }
    return NULL;
}

err dns_ptr_name(struct dns_resolver *r, struct dns_budget *budget, const struct address *a,
                 struct arena *arena, struct dns_ptr *ret_ptr, deadline until)
{
    struct dns_answer names;
    if (address_is_loopback(a)) {
        *ret_ptr = (struct dns_ptr){DNS_OK, DNS_INSECURE, S("localhost"), S("localhost")};
        return NULL;
    }
    if (a->family != ADDRESS_IP4 && a->family != ADDRESS_IP6) {
        *ret_ptr = (struct dns_ptr){.status = DNS_NXDOMAIN, .security = DNS_INSECURE};
        return NULL;
    }
    TRY(dns_resolver_ask(r, budget, reverse_name(a, arena), DNS_PTR, arena, &names, until));
    struct dns_ptr p = {.status = names.status, .security = names.security};
    if (names.status == DNS_NODATA) /* an empty name: no name either */
        p.status = DNS_NXDOMAIN;
    if (names.status == DNS_OK)
        TRY(confirm_any(r, budget, a, &names, arena, &p, until));
    *ret_ptr = p;
    return NULL;
}
