#include "dns/resolver.h"
#include "base/mem.h"

struct dns_resolver *dns_resolver_open(struct dns_transport *transport, struct dns_hosts *hosts)
{
    struct dns_resolver *r = MEM_NEW(struct dns_resolver);
    r->transport = transport;
    r->hosts = hosts;
    return r;
}

void dns_resolver_close(struct dns_resolver *r)
{
    if (r == NULL)
        return;
    dns_transport_close(r->transport);
    dns_hosts_close(r->hosts);
    mem_free(r);
}

err dns_resolver_ask(struct dns_resolver *r, struct dns_budget *budget, str name,
                     enum dns_type type, struct arena *arena, struct dns_answer *ret_answer,
                     deadline until)
{
    char canonical[DNS_NAME_CHARS];
    if (!dns_name_canonical(name, canonical)) {
        *ret_answer = dns_answer_none(DNS_NXDOMAIN, DNS_INSECURE);
        return NULL;
    }
    TRY(dns_budget_take(budget));
    until = dns_budget_deadline(budget, until);
    struct dns_query *q = dns_transport_start(r->transport, canonical, type, until);
    return dns_transport_wait(q, budget, arena, ret_answer, until);
}

err dns_resolver_ask_two(struct dns_resolver *r, struct dns_budget *budget, str name,
                         const enum dns_type types[2], struct arena *arena,
                         struct dns_answer ret_answers[2], deadline until)
{
    char canonical[DNS_NAME_CHARS];
    struct dns_answer first, second;
    if (!dns_name_canonical(name, canonical)) {
        ret_answers[0] = ret_answers[1] = dns_answer_none(DNS_NXDOMAIN, DNS_INSECURE);
        return NULL;
    }
    TRY(dns_budget_take(budget));
    TRY(dns_budget_take(budget));
    until = dns_budget_deadline(budget, until);
    struct dns_query *a = dns_transport_start(r->transport, canonical, types[0], until);
    struct dns_query *b = dns_transport_start(r->transport, canonical, types[1], until);
    err e = dns_transport_wait(a, budget, arena, &first, until);
    if (e) {
        dns_transport_leave(b);
        return e;
    }
    TRY(dns_transport_wait(b, budget, arena, &second, until));
    ret_answers[0] = first;
    ret_answers[1] = second;
    return NULL;
}
