#include "outbound/egress_look.h"
#include <stdio.h>
#include <string.h>

struct look {
    struct dns_resolver *resolver;
    struct dns_budget *budget;
    struct arena *arena, *scratch;
    deadline until;
    struct outbound_egress_look *seen;
};

/* ---- its name ---------------------------------------------------------------------------- */

/* Does our name in EHLO lead to the address, though the address has another name? */
static err judge_hello(struct look *l, str hello)
{
    const struct address *a = l->seen->address;
    struct dns_answer answer;
    TRY(dns_resolver_ask(l->resolver, l->budget, hello, a->family == ADDRESS_IP4 ? DNS_A : DNS_AAAA,
                         l->scratch, &answer, l->until));
    l->seen->name = answer.status >= DNS_SERVFAIL ? EGRESS_NAME_UNKNOWN : EGRESS_NAME_OTHER;
    for (size_t i = 0; i < answer.count; i++) {
        struct address b = dns_record_address(&answer.records[i]);
        if (address_eq_ip(a, &b))
            l->seen->name = EGRESS_NAME_AGREES;
    }
    return NULL;
}

static err look_at_name(struct look *l, str hello)
{
    struct dns_ptr p;
    TRY(dns_ptr_name(l->resolver, l->budget, l->seen->address, l->arena, &p, l->until));
    l->seen->said = p.name.len ? p.name : p.claimed;
    l->seen->name = p.status == DNS_OK         ? EGRESS_NAME_AGREES
                    : p.status == DNS_NODATA   ? EGRESS_NAME_UNCONFIRMED
                    : p.status == DNS_NXDOMAIN ? EGRESS_NAME_NONE
                                               : EGRESS_NAME_UNKNOWN;
    bool other = p.status == DNS_OK && !str_eq_nocase(p.name, hello);
    return other ? judge_hello(l, hello) : NULL;
}

/* ---- block lists ------------------------------------------------------------------------- */

/* RFC 5782 section 2.1: an entry is an address in 127.0.0.0/8; anything else is no list's answer.
 * 127.255.255.0/24 is how lists say that they do not answer such an asker. */
static void judge_list(struct look *l, str zone, const struct dns_answer *answer)
{
    struct outbound_egress_look *seen = l->seen;
    bool silent = answer->status >= DNS_SERVFAIL;
    for (size_t i = 0; i < answer->count; i++) {
        struct address code = dns_record_address(&answer->records[i]);
        char text[ADDRESS_CHARS];
        bool refusal = code.ip[0] == 127 && code.ip[1] == 255 && code.ip[2] == 255;
        silent |= refusal;
        if (code.ip[0] != 127 || refusal)
            continue;
        address_format_ip(&code, text);
        seen->listed[seen->listed_count++] =
            arena_printf(l->arena, "%.*s (%s)", STR_ARG(zone), text);
        return;
    }
    if (silent)
        seen->silent[seen->silent_count++] = zone;
}

static err look_at_lists(struct look *l, const struct config_egress_watch *watch)
{
    size_t count = watch->dnsbl_count;
    l->seen->listed = ARENA_ARRAY(l->arena, str, count);
    l->seen->silent = ARENA_ARRAY(l->arena, str, count);
    for (size_t i = 0; i < count; i++) {
        struct dns_answer answer;
        str name = dns_ptr_reversed(l->seen->address, watch->dnsbl[i], l->scratch);
        TRY(dns_resolver_ask(l->resolver, l->budget, name, DNS_A, l->scratch, &answer, l->until));
        judge_list(l, watch->dnsbl[i], &answer);
        arena_reset(l->scratch);
    }
    return NULL;
}

err outbound_egress_look(struct dns_resolver *resolver, struct dns_budget *budget,
                         const struct config_egress_watch *watch, const struct address *a,
                         str hello, struct arena *arena, struct outbound_egress_look *ret_look,
                         deadline until)
{
    struct outbound_egress_look seen = {.address = a, .name = EGRESS_NAME_PRIVATE};
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct look l = {resolver, budget, arena, scratch, until, &seen};
    if (!address_is_private(a)) {
        TRY(look_at_name(&l, hello));
        TRY(look_at_lists(&l, watch));
    }
    *ret_look = seen;
    return NULL;
}

const char *outbound_egress_look_name(enum outbound_egress_name name)
{
    static const char *const names[] = {
        [EGRESS_NAME_AGREES] = "agrees",           [EGRESS_NAME_OTHER] = "other",
        [EGRESS_NAME_UNCONFIRMED] = "unconfirmed", [EGRESS_NAME_NONE] = "none",
        [EGRESS_NAME_UNKNOWN] = "unknown",         [EGRESS_NAME_PRIVATE] = "private",
    };
    return names[name];
}

/* ---- one more for the whole -------------------------------------------------------------- */

static void tell_name(const struct outbound_egress_look *l, const char *ip, str hello, char *out,
                      size_t size)
{
    switch (l->name) {
    case EGRESS_NAME_OTHER:
        snprintf(out, size, "%s is called %.*s in the DNS, and %.*s does not lead to it", ip,
                 STR_ARG(l->said), STR_ARG(hello));
        return;
    case EGRESS_NAME_UNCONFIRMED:
        snprintf(out, size, "%s is called %.*s in the DNS, which does not lead back to it", ip,
                 STR_ARG(l->said));
        return;
    case EGRESS_NAME_NONE:
        snprintf(out, size, "%s has no name in the DNS (PTR)", ip);
        return;
    default:
        snprintf(out, size, "the DNS could not say how %s is called", ip);
    }
}

void outbound_egress_look_note(const struct outbound_egress_look *l, str hello,
                               struct outbound_egress_finding *f)
{
    char ip[ADDRESS_CHARS];
    bool wrong = l->name == EGRESS_NAME_OTHER || l->name == EGRESS_NAME_UNCONFIRMED ||
                 l->name == EGRESS_NAME_NONE;
    bool silent = l->silent_count > 0, unknown = l->name == EGRESS_NAME_UNKNOWN;
    bool told = f->listed || f->wrong_name;
    address_format_ip(l->address, ip);
    if (l->listed_count > 0 && !f->listed) /* the worst is told first */
        snprintf(f->reason, sizeof f->reason, "%s is listed by %.*s", ip, STR_ARG(l->listed[0]));
    else if (wrong && !told)
        tell_name(l, ip, hello, f->reason, sizeof f->reason);
    else if (unknown && !told)
        tell_name(l, ip, hello, f->reason, sizeof f->reason);
    else if (silent && !told)
        snprintf(f->reason, sizeof f->reason, "%.*s could not say whether it has %s",
                 STR_ARG(l->silent[0]), ip);
    f->listed |= l->listed_count > 0;
    f->wrong_name |= wrong;
    f->uncertain |= silent || unknown;
}
