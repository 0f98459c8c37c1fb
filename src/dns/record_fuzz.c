/* Any bytes as a reply packet: bounded, and what is believed holds its promises. The first byte
 * chooses the type that was asked for; the question is the packet's own. */
#include "dns/answer.h"
#include "tests/fuzz.h"
#include <string.h>

static void check_name(str name)
{
    char again[DNS_NAME_CHARS];
    if (name.len == 0)
        return; /* another type's field */
    ASSERT(dns_name_canonical(name, again));
    ASSERT(str_eq(name, str_of(again))); /* canonical stays canonical */
    for (size_t i = 0; i < name.len; i++) {
        ASSERT(name.ptr[i] > 0x20);
        ASSERT(name.ptr[i] < 0x7f);
    }
}

static void check_record(const struct dns_record *r, enum dns_type type)
{
    ASSERT(r->type == type);
    check_name(r->name);
    if (type == DNS_MX || type == DNS_PTR || type == DNS_CNAME || type == DNS_NS ||
        type == DNS_SOA || type == DNS_SRV)
        ASSERT(r->name.len > 0);
    if (r->tlsa.usable)
        ASSERT(r->tlsa.data.len > 0);
}

FUZZ(input, arena)
{
    static const enum dns_type types[] = {DNS_A,    DNS_AAAA,  DNS_MX, DNS_TXT, DNS_PTR,
                                          DNS_TLSA, DNS_CNAME, DNS_NS, DNS_SOA, DNS_SRV};
    char name[DNS_NAME_CHARS];
    size_t at = 12;
    if (input.len < 1)
        return;
    enum dns_type type = types[(unsigned char)input.ptr[0] % ARRAY_LEN(types)];
    str packet = str_from(input, 1);
    if (packet.len > 65535 || dns_name_read(packet, &at, name))
        return;
    check_name(str_of(name));
    size_t before = arena_used(arena);
    struct dns_answer a;
    if (dns_answer_parse(packet, str_of(name), type, arena, &a))
        return;
    ASSERT(arena_used(arena) - before <= DNS_ANSWER_BYTES_MAX);
    ASSERT((a.count > 0) == (a.status == DNS_OK));
    check_name(a.canonical);
    for (size_t i = 0; i < a.count; i++)
        check_record(&a.records[i], type);
    struct dns_answer copy = dns_answer_copy(&a, arena);
    ASSERT(copy.count == a.count);
}
