/* dns/record.h -- what one DNS record says, as plain data
 *
 * Only the types that mail needs. Names are canonical (dns/name.h); everything that came from the
 * network is bounded and was checked before it became a record.
 */
#pragma once
#include "base/arena.h"
#include "dns/name.h"
#include "runtime/address.h"

enum dns_type { /* the numbers of the registry */
                DNS_A = 1,
                DNS_NS = 2,
                DNS_CNAME = 5,
                DNS_SOA = 6,
                DNS_PTR = 12,
                DNS_MX = 15,
                DNS_TXT = 16,
                DNS_AAAA = 28,
                DNS_SRV = 33,
                DNS_TLSA = 52,
};

struct dns_tlsa {
    bool usable; /* false: cut short, or numbers that RFC 7671 gives no meaning */
    uint8_t usage, selector, matching;
    str data;
};

struct dns_record {
    enum dns_type type;
    uint32_t ttl;
    uint16_t preference;   /* MX; SRV: the priority */
    uint16_t weight, port; /* SRV */
    uint32_t minimum;      /* SOA: seconds for which "there is none" is remembered (RFC 2308) */
    str name;              /* MX, SRV, PTR, CNAME, NS, SOA (the primary server): canonical */
    str text;              /* TXT: the segments joined; any byte may be in it */
    uint8_t ip[16];        /* A: the first four; AAAA */
    struct dns_tlsa tlsa;
};

const char *dns_record_type_name(enum dns_type); /* "MX" */
/* False: not a type this program knows. Letters in any case. */
bool dns_record_type_parse(str text, enum dns_type *ret_type);

/* The record in packet[at .. at+size), which may point back into the packet. ret_record->ttl is the
 * caller's to set. ERR_PROTOCOL: malformed. A malformed TLSA is no err but a record that is not
 * usable, because its presence alone has a meaning (RFC 7672 section 2.1.1). */
must_use err dns_record_read(str packet, size_t at, size_t size, enum dns_type, struct arena *,
                             struct dns_record *ret_record);

/* Of an A or AAAA record. */
struct address dns_record_address(const struct dns_record *);
struct dns_record dns_record_copy(const struct dns_record *, struct arena *);
