#include "dns/ptr.h"
#include <stdio.h>

str dns_ptr_reversed(const struct address *a, str zone, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof a->ip * 4];
    if (a->family == ADDRESS_IP4)
        return arena_printf(arena, "%u.%u.%u.%u.%.*s", a->ip[3], a->ip[2], a->ip[1], a->ip[0],
                            STR_ARG(zone));
    for (size_t i = 0; i < sizeof a->ip; i++) {
        uint8_t byte = a->ip[sizeof a->ip - 1 - i];
        text[4 * i] = digits[byte & 0x0f];
        text[4 * i + 2] = digits[byte >> 4];
        text[4 * i + 1] = text[4 * i + 3] = '.';
    }
    return arena_printf(arena, "%.*s%.*s", (int)sizeof text, text, STR_ARG(zone));
}

/* RFC 1035 section 3.5, RFC 3596 section 2.5. */
static str reverse_name(const struct address *a, struct arena *arena)
{
    return dns_ptr_reversed(a, a->family == ADDRESS_IP4 ? S("in-addr.arpa") : S("ip6.arpa"), arena);
}

/* One lookup: who asks, about what. */
struct lookup {
    struct dns_resolver *resolver;
    struct dns_budget *budget;
    const struct address *address;
    struct arena *scratch;
    deadline until;
};

/* Does the name have the address? A lookup that failed is left in *ret_forward. */
static err confirm(const struct lookup *l, str name, struct dns_answer *ret_forward,
                   bool *ret_agrees)
{
    enum dns_type type = l->address->family == ADDRESS_IP4 ? DNS_A : DNS_AAAA;
    struct dns_answer a;
    bool agrees = false;
    TRY(dns_resolver_ask(l->resolver, l->budget, name, type, l->scratch, &a, l->until));
    for (size_t i = 0; i < a.count; i++) {
        struct address b = dns_record_address(&a.records[i]);
        agrees |= address_eq_ip(l->address, &b);
    }
    *ret_forward = a;
    *ret_agrees = agrees;
    return NULL;
}

/* Look at the names until one agrees. A name whose own lookup failed leaves the question open. */
static err confirm_any(const struct lookup *l, const struct dns_answer *names, struct dns_ptr *p)
{
    p->status = DNS_NODATA;
    for (size_t i = 0; i < names->count && i < DNS_PTR_NAMES_MAX; i++) {
        str name = names->records[i].name;
        struct dns_answer forward;
        bool agrees;
        if (!dns_name_is_host(name))
            continue;
        p->claimed = p->claimed.len ? p->claimed : name;
        TRY(confirm(l, name, &forward, &agrees));
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

/* The reverse zone's names, confirmed; what is found lies in the scratch arena. */
static err look_up(const struct lookup *l, struct dns_ptr *ret_ptr)
{
    struct dns_answer names;
    TRY(dns_resolver_ask(l->resolver, l->budget, reverse_name(l->address, l->scratch), DNS_PTR,
                         l->scratch, &names, l->until));
    struct dns_ptr p = {.status = names.status, .security = names.security};
    if (names.status == DNS_NODATA) /* no name either */
        p.status = DNS_NXDOMAIN;
    if (names.status == DNS_OK)
        TRY(confirm_any(l, &names, &p));
    *ret_ptr = p;
    return NULL;
}

err dns_ptr_name(struct dns_resolver *r, struct dns_budget *budget, const struct address *a,
                 struct arena *arena, struct dns_ptr *ret_ptr, deadline until)
{
    if (address_is_loopback(a)) {
        *ret_ptr = (struct dns_ptr){DNS_OK, DNS_INSECURE, S("localhost"), S("localhost")};
        return NULL;
    }
    if (a->family != ADDRESS_IP4 && a->family != ADDRESS_IP6) {
        *ret_ptr = (struct dns_ptr){.status = DNS_NXDOMAIN, .security = DNS_INSECURE};
        return NULL;
    }
    CLEANUP(arena_cleanup)
    struct arena *scratch = arena_open((DNS_PTR_NAMES_MAX + 2) * DNS_ANSWER_BYTES_MAX);
    struct lookup l = {r, budget, a, scratch, until};
    struct dns_ptr p;
    TRY(look_up(&l, &p));
    p.name = arena_str(arena, p.name);
    p.claimed = arena_str(arena, p.claimed);
    *ret_ptr = p;
    return NULL;
}
