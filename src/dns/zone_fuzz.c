/* Any text as a zone file: an error or a zone that can be asked. */
#include "dns/zone.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct dns_zone *z;
    if (dns_zone_parse(input, "fuzz", &z))
        return;
    static const char *const names[] = {".", "a", "b.a", "x.y.a"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_answer a = dns_zone_answer(z, str_of(names[i]), DNS_MX, arena);
        ASSERT((a.count > 0) == (a.status == DNS_OK));
    }
    dns_zone_close(z);
}
