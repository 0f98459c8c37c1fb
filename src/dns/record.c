#include "dns/record.h"
#include <string.h>

static const struct {
    enum dns_type type;
    const char *name;
} types[] = {
    {DNS_A,     "A"    },
    {DNS_NS,    "NS"   },
    {DNS_CNAME, "CNAME"},
    {DNS_SOA,   "SOA"  },
    {DNS_PTR,   "PTR"  },
    {DNS_MX,    "MX"   },
    {DNS_SRV,   "SRV"  },
    {DNS_TXT,   "TXT"  },
    {DNS_AAAA,  "AAAA" },
    {DNS_TLSA,  "TLSA" },
};

const char *dns_record_type_name(enum dns_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "?";
}

bool dns_record_type_parse(str text, enum dns_type *ret_type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_nocase(text, str_of(types[i].name))) {
            *ret_type = types[i].type;
            return true;
        }
    return false;
}

/* The name at packet[at ...], which must end where the record's data ends. */
static err read_name(str packet, size_t at, size_t end, struct arena *arena, str *ret_name)
{
    char text[DNS_NAME_CHARS];
    TRY(dns_name_read(str_slice(packet, 0, end), &at, text));
    if (at != end)
        return err_new(ERR_PROTOCOL, "bytes behind a name");
    *ret_name = arena_str(arena, str_of(text));
    return NULL;
}

static err read_mx(str packet, size_t at, size_t size, struct arena *arena, struct dns_record *r)
{
    if (size < 3)
        return err_new(ERR_PROTOCOL, "an MX record of %zu bytes", size);
    const unsigned char *bytes = (const unsigned char *)packet.ptr + at;
    r->preference = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return read_name(packet, at + 2, at + size, arena, &r->name);
}

enum { SRV_NUMBERS_BYTES = 6 }; /* priority, weight, port (RFC 2782) */

static err read_srv(str packet, size_t at, size_t size, struct arena *arena, struct dns_record *r)
{
    if (size <= SRV_NUMBERS_BYTES)
        return err_new(ERR_PROTOCOL, "an SRV record of %zu bytes", size);
    const unsigned char *bytes = (const unsigned char *)packet.ptr + at;
    r->preference = (uint16_t)(bytes[0] << 8 | bytes[1]);
    r->weight = (uint16_t)(bytes[2] << 8 | bytes[3]);
    r->port = (uint16_t)(bytes[4] << 8 | bytes[5]);
    return read_name(packet, at + SRV_NUMBERS_BYTES, at + size, arena, &r->name);
}

enum { SOA_NUMBERS_BYTES = 20 }; /* serial, refresh, retry, expire, minimum */

static err read_soa(str packet, size_t at, size_t end, struct arena *arena, struct dns_record *r)
{
    char name[DNS_NAME_CHARS];
    str data = str_slice(packet, 0, end), primary;
    TRY(dns_name_read(data, &at, name));
    primary = arena_str(arena, str_of(name));
    TRY(dns_name_read(data, &at, name)); /* whom to write to */
    if (end - at != SOA_NUMBERS_BYTES)
        return err_new(ERR_PROTOCOL, "an SOA record with %zu bytes of numbers", end - at);
    const unsigned char *b = (const unsigned char *)packet.ptr + end - 4;
    r->minimum = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    r->name = primary;
    return NULL;
}

static err read_txt(str data, struct arena *arena, struct dns_record *r)
{
    if (data.len == 0)
        return err_new(ERR_PROTOCOL, "a TXT record without a segment");
    char *text = arena_alloc(arena, data.len); /* always more than is needed */
    size_t len = 0;
    while (data.len > 0) {
        size_t segment = (unsigned char)data.ptr[0];
        if (segment > data.len - 1)
            return err_new(ERR_PROTOCOL, "a TXT segment is cut short");
        memcpy(text + len, data.ptr + 1, segment);
        len += segment;
        data = str_from(data, 1 + segment);
    }
    r->text = (str){text, len};
    return NULL;
}

enum {
    TLSA_HEAD_BYTES = 3,
    TLSA_SHA256_BYTES = 32,
    TLSA_SHA512_BYTES = 64,
};

/* RFC 6698 section 2.1. */
static bool tlsa_makes_sense(const struct dns_tlsa *t)
{
    if (t->usage > 3 || t->selector > 1)
        return false;
    switch (t->matching) {
    case 0:
        return t->data.len > 0;
    case 1:
        return t->data.len == TLSA_SHA256_BYTES;
    case 2:
        return t->data.len == TLSA_SHA512_BYTES;
    default:
        return false;
    }
}

static void read_tlsa(str data, struct arena *arena, struct dns_tlsa *ret_tlsa)
{
    struct dns_tlsa t = {0};
    if (data.len > TLSA_HEAD_BYTES) {
        t.usage = (uint8_t)data.ptr[0];
        t.selector = (uint8_t)data.ptr[1];
        t.matching = (uint8_t)data.ptr[2];
        t.data = arena_str(arena, str_from(data, TLSA_HEAD_BYTES));
        t.usable = tlsa_makes_sense(&t);
    }
    *ret_tlsa = t;
}

static err read_ip(str data, size_t bytes, struct dns_record *r)
{
    if (data.len != bytes)
        return err_new(ERR_PROTOCOL, "an address record of %zu bytes", data.len);
    memcpy(r->ip, data.ptr, bytes);
    return NULL;
}

static err read_data(str packet, size_t at, size_t size, struct arena *arena, struct dns_record *r)
{
    str data = str_slice(packet, at, size);
    switch (r->type) {
    case DNS_A:
        return read_ip(data, 4, r);
    case DNS_AAAA:
        return read_ip(data, 16, r);
    case DNS_MX:
        return read_mx(packet, at, size, arena, r);
    case DNS_SRV:
        return read_srv(packet, at, size, arena, r);
    case DNS_CNAME:
    case DNS_PTR:
    case DNS_NS:
        return read_name(packet, at, at + size, arena, &r->name);
    case DNS_SOA:
        return read_soa(packet, at, at + size, arena, r);
    case DNS_TXT:
        return read_txt(data, arena, r);
    case DNS_TLSA:
        read_tlsa(data, arena, &r->tlsa);
        return NULL;
    }
    return err_new(ERR_PROTOCOL, "a record of type %d", (int)r->type);
}

err dns_record_read(str packet, size_t at, size_t size, enum dns_type type, struct arena *arena,
                    struct dns_record *ret_record)
{
    if (at > packet.len || size > packet.len - at)
        return err_new(ERR_PROTOCOL, "a record is cut short");
    struct dns_record r = {.type = type};
    TRY(read_data(packet, at, size, arena, &r));
    *ret_record = r;
    return NULL;
}

struct address dns_record_address(const struct dns_record *r)
{
    struct sockaddr_storage kernel = {0};
    if (r->type == DNS_A) {
        struct sockaddr_in *in4 = (struct sockaddr_in *)&kernel;
        in4->sin_family = AF_INET;
        memcpy(&in4->sin_addr, r->ip, 4);
        return address_from_kernel(&kernel, sizeof *in4);
    }
    ASSERT(r->type == DNS_AAAA);
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&kernel;
    in6->sin6_family = AF_INET6;
    memcpy(&in6->sin6_addr, r->ip, 16);
    return address_from_kernel(&kernel, sizeof *in6); /* folds an IPv4-mapped one */
}

struct dns_record dns_record_copy(const struct dns_record *from, struct arena *arena)
{
    struct dns_record to = *from;
    to.name = arena_str(arena, from->name);
    to.text = arena_str(arena, from->text);
    to.tlsa.data = arena_str(arena, from->tlsa.data);
    return to;
}
